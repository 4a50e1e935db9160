// The golden messages of tests/golden/contract as bytes and as values. Codec, service and agent are tested against the
// same files, so that none of them can change the wire alone.
#pragma once

#include <sstream>
#include <string>

#include "common/contract/messages.hpp"
#include "common/testing/testing.hpp"

namespace esl::contract::golden {

// "tests/golden/contract/<name>.hex": hex digits, blanks, and `#` to the end of the line. Tests run in the source tree.
inline Bytes bytes_of(const std::string& name) {
    std::istringstream in(testing::read_file("tests/golden/contract/" + name + ".hex"));
    std::string hex;
    for (std::string line; std::getline(in, line);) {
        for (const char c : line.substr(0, line.find('#'))) {
            if (c != ' ') hex += c;
        }
    }
    return from_hex(hex).value();
}

inline const TagId kBle = TagId::eui48(0xFFFF92103A07);
inline const TagId kZigbee = TagId::eui64(0x00124B0001020304);
inline constexpr auto kAt = std::int64_t{1'767'225'600'000};

inline Downlink tasks() {
    Task t;
    t.tag = kBle;
    t.version = 2;
    t.job = "j";
    t.image_id = 0x8106CA04;
    t.width = 5;
    t.height = 2;
    t.palette = image::Palette::bwry;
    t.image = {0xAA, 0xBB};
    t.epoch = 1;
    t.not_before = from_millis(kAt);
    return Tasks{{t}};
}
inline Uplink result() {
    TaskResult r;
    r.tag = kZigbee;
    r.version = 2;
    r.job = "j";
    r.state = TaskState::displayed;
    r.image_id = 0x8106CA04;
    r.epoch = 1;
    r.attempts = 1;
    r.at = from_millis(kAt);
    return ResultReport{"a", {r}};
}
inline Downlink lease() {
    return Lease{.full = true, .add = {{kBle, 3}}, .drop = {kZigbee}};
}
inline Downlink config() {
    return ApConfig{.store = "s1", .full_report_seconds = 600};
}
inline Downlink command() {
    return Command{.id = "1", .kind = CommandKind::led, .tag = kBle, .colour = "red", .seconds = 60};
}
inline Uplink tags() {
    Sighting s;
    s.tag = kBle;
    s.radio = "bluez";
    s.model = "gicisky-0033";
    s.width = 296;
    s.height = 128;
    s.palette = image::Palette::bwr;
    s.rssi = -60;
    s.battery_mv = 2900;
    s.battery_percent = 80;
    s.firmware = "8101";
    s.shown_image_id = 0x8106CA04;
    s.at = from_millis(kAt);
    return TagsReport{.ap = "a", .full = true, .tags = {s}};
}
inline Uplink hello() {
    return ApHello{.ap = "a",
                   .software = "ap-agent 1",
                   .boot = "b",
                   .radios = {{.name = "bluez:hci0", .state = "up", .tags = 1}},
                   .queued = 2,
                   .at = from_millis(kAt)};
}
inline Uplink health() {
    return ApHealth{.ap = "a",
                    .radios = {{.name = "bluez:hci0", .state = "up", .tags = 1, .refused = 7}},
                    .queued = 2,
                    .uptime_seconds = 300,
                    .at = from_millis(kAt)};
}
inline Uplink offline() {
    return ApOffline{.ap = "a", .boot = "b"};
}
inline Uplink answer() {
    return CommandAnswer{.ap = "a", .id = "1", .ok = false, .detail = "no"};
}

}  // namespace esl::contract::golden
