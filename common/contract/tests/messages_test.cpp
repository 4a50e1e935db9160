#include "common/contract/messages.hpp"

#include <gtest/gtest.h>

#include <random>

#include "common/testing/testing.hpp"

namespace esl::contract {
namespace {

Task full_task() {
    Task t;
    t.tag = TagId::eui48(0xFFFF92103A07);
    t.version = 42;
    t.job = "01234567-89ab-7000-8000-0123456789ab";
    t.image_id = 0xDEADBEEF;
    t.width = 296;
    t.height = 128;
    t.palette = image::Palette::bwr;
    t.image = {1, 2, 3};
    t.slot = 1;
    t.epoch = 7;
    t.priority = 0;
    t.not_before = from_millis(1'767'225'600'000);
    t.expires = from_millis(1'767'229'200'000);
    return t;
}

TaskResult failed_result() {
    TaskResult r;
    r.tag = TagId::eui64(0x00124B0001020304);
    r.version = 3;
    r.job = "j";
    r.state = TaskState::failed;
    r.epoch = 1;
    r.failure = FailClass::unreachable;
    r.code = -0xF0;
    r.detail = "no answer";
    r.attempts = 5;
    r.at = from_millis(1);
    r.started = from_millis(0);
    return r;
}

Sighting sighting() {
    Sighting s;
    s.tag = TagId::eui48(1);
    s.event = TagEvent::joined;
    s.radio = "bluez";
    s.model = "gicisky-0033";
    s.width = 296;
    s.height = 128;
    s.palette = image::Palette::bwr;
    s.rssi = -71;
    s.battery_mv = 2900;
    s.battery_percent = 88;
    s.firmware = "8101";
    s.shown_image_id = 5;
    s.at = from_millis(9);
    return s;
}

TEST(Contract, EveryMessageToTheApComesBackAsItWas) {
    auto plain = full_task();
    plain.slot = 0;
    plain.priority = 5;
    plain.not_before.reset();
    plain.expires.reset();
    const Downlink all[] = {
        Tasks{{full_task(), plain}},
        Tasks{},
        Command{.id = "c", .kind = CommandKind::led, .tag = TagId::eui48(5), .colour = "red", .seconds = 30},
        Command{.id = "c", .kind = CommandKind::permit_join, .tag = std::nullopt, .colour = "", .seconds = 60},
        Lease{.full = true, .add = {{TagId::eui48(1), 9}, {TagId::eui64(1), 10}}, .drop = {TagId::eui48(2)}},
        TimeNotice{from_millis(1'767'225'600'000)},
        ApConfig{.store = "zagreb-01", .full_report_seconds = 600},
    };
    for (const auto& message : all) EXPECT_EQ(decode_downlink(encode(message)).value(), message) << message.index();
}

TEST(Contract, EveryMessageFromTheApComesBackAsItWas) {
    const Uplink all[] = {
        ResultReport{"GID_esl_ap@@@1", {failed_result()}},
        TagsReport{"a", true, {sighting()}},
        ApHello{.ap = "a",
                .software = "0.1.0",
                .boot = "b",
                .radios = {{"bluez:hci0", "up", 100}},
                .queued = 3,
                .at = from_millis(8)},
        ApHealth{.ap = "a", .radios = {}, .queued = 3, .uptime_seconds = 10, .at = from_millis(8)},
        ApLog{.ap = "a", .level = "warn", .message = "m", .at = from_millis(8)},
        ApOffline{"a", "b"},
        CommandAnswer{"a", "c", false, "no such tag"},
    };
    for (const auto& message : all) EXPECT_EQ(decode_uplink(encode(message)).value(), message) << message.index();
}

TEST(Contract, ErrorsNameThePathAndTheFault) {
    auto wrong = full_task();
    wrong.width = 5000;
    EXPECT_EQ(decode_downlink(encode(Downlink{Tasks{{full_task(), wrong}}})).error().message(),
              "malformed: tasks[1].width: expected a number from 0 to 1600");
    auto result = failed_result();
    result.failure = FailClass::none;
    EXPECT_EQ(decode_uplink(encode(Uplink{ResultReport{"a", {result}}})).error().message(),
              "malformed: results[0].class: goes with the state failed, and only with it");
    EXPECT_EQ(decode_uplink(encode(Downlink{TimeNotice{}})).error().message(), "unknown kind of message: 'time'");
    EXPECT_EQ(
        decode_downlink(encode(Downlink{ApConfig{.store = "No Such", .full_report_seconds = 0}})).error().message(),
        "malformed: store: 'No Such' is not a store id");
    EXPECT_EQ(decode_downlink(Bytes{0xA1, 0x61, 'v', 0x02}).error().message(), "unsupported contract version: 2");
    EXPECT_EQ(decode_downlink(Bytes{0x80}).error().message(), "malformed: : expected a map");
    EXPECT_TRUE(decode_downlink(Bytes(300'000, 0)).error().is(ContractError::too_large));
}

TEST(Contract, NothingTruncatedIsAccepted) {
    const auto wire = encode(Downlink{Tasks{{full_task()}}});
    testing::for_every_truncation(wire, [](BytesView cut) { EXPECT_FALSE(decode_downlink(cut).has_value()); });
    auto longer = wire;
    longer.push_back(0);
    EXPECT_FALSE(decode_downlink(longer).has_value());
}

TEST(Contract, HostileNestingAndLengthsAreRefusedBeforeDecoding) {
    EXPECT_NE(decode_downlink(Bytes(200'000, 0x81)).error().about().find("nested too deep"), std::string::npos);
    EXPECT_NE(
        decode_downlink(Bytes{0x9B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}).error().about().find("more items"),
        std::string::npos);
    EXPECT_NE(
        decode_downlink(Bytes{0x5B, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}).error().about().find("longer"),
        std::string::npos);
    EXPECT_NE(decode_downlink(Bytes{0x9F, 0xFF}).error().about().find("indefinite"), std::string::npos);
}

TEST(Contract, NoSingleChangedByteCrashesTheDecoder) {
    std::mt19937 random(20261122);
    const auto down = encode(Downlink{Tasks{{full_task()}}});
    const auto up = encode(Uplink{TagsReport{"a", true, {sighting(), sighting()}}});
    for (int i = 0; i < 2'000; ++i) {
        for (auto wire : {down, up}) {
            wire[random() % wire.size()] = static_cast<std::uint8_t>(random());
            (void)decode_downlink(wire);
            (void)decode_uplink(wire);
        }
    }
}

TEST(Contract, TheBoundOfATaskIsNeverBelowItsSize) {
    auto task = full_task();
    task.version = static_cast<std::uint64_t>(INT64_MAX);
    task.epoch = static_cast<std::uint64_t>(INT64_MAX);
    task.image.assign(5000, 0xAB);
    const auto one = encode(Downlink{Tasks{{task}}}).size();
    const auto two = encode(Downlink{Tasks{{task, task}}}).size();
    EXPECT_LE(two - one, encoded_bound(task));
}

}  // namespace
}  // namespace esl::contract
