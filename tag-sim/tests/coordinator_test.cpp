// Coordinator and sleeping tags, frame by frame, on a clock moved by hand.
#include "tag-sim/core/coordinator.hpp"

#include <gtest/gtest.h>

#include "tag-sim/core/shelf.hpp"
#include "tag-sim/tests/manual_scheduler.hpp"

namespace esl::sim {
namespace {

using namespace std::chrono_literals;
using namespace tagwire;
namespace pd = price_display;
using znp::Kind;
using znp::Message;

class CoordinatorTest : public ::testing::Test {
protected:
    void make(unsigned tags, const Rates& rates = {}) {
        plan_.set_all(rates);
        for (unsigned i = 0; i < tags; ++i) {
            coordinator_.add(shelf_.add({TagId::eui64(0x00124B001C000001 + i), "price-display", 40, 24,
                                         image::Palette::bwr, 15s, 3000}),
                             1s);
        }
        shelf_.apply_faults();
    }
    void receive(const Bytes& bytes) {
        for (const auto& frame : unframer_.push(bytes)) heard_.push_back(znp::decode(frame).value());
    }
    // Takes the first heard message of that kind and name, moving the clock for at most `within`.
    std::optional<Message> expect(Kind kind, std::string_view name, std::chrono::milliseconds within = 20s) {
        for (auto waited = 0ms; waited <= within; waited += 10ms) {
            for (auto at = heard_.begin(); at != heard_.end(); ++at) {
                if (!at->is(kind, name)) continue;
                auto out = *at;
                heard_.erase(at);
                return out;
            }
            scheduler_.advance(10ms);
        }
        return std::nullopt;
    }
    std::optional<Message> ask(const Message& request) {
        coordinator_.frame(znp::to_frame(request));
        return expect(Kind::srsp, request.name(), 0ms);
    }
    void write_nv(std::uint16_t item, const Bytes& value) {
        (void)ask({Kind::sreq, "sys.osalNvItemInit", {{"item", item}, {"length", value.size()}, {"value", Bytes{}}}});
        EXPECT_EQ(ask({Kind::sreq, "sys.osalNvWriteExt", {{"item", item}, {"value", value}}})->u8("status"), 0);
    }
    void form() {
        write_nv(nv::kPanId, {0x63, 0x1A});
        write_nv(nv::kChannels, {0x00, 0x80, 0x00, 0x00});
        write_nv(nv::kExtendedPanId, {8, 7, 6, 5, 4, 3, 2, 1});
        write_nv(nv::kPreconfiguredKey, Bytes(16, 0xA5));
        (void)ask({Kind::sreq, "app_cnf.bdbStartCommissioning", {{"mode", 4}}});
        ASSERT_EQ(expect(Kind::areq, "zdo.stateChangeInd")->u8("state"), 9);
    }
    // Opens the network until one tag has joined; its network address.
    std::uint16_t join_one() {
        (void)ask({Kind::sreq, "zdo.mgmtPermitJoinReq", {{"mode", 0x0F}, {"dst", 0xFFFC}, {"duration", 60}}});
        const auto announced = expect(Kind::areq, "zdo.endDeviceAnnceInd");
        EXPECT_TRUE(announced);
        return announced ? announced->u16("nwk") : 0;
    }
    void send(std::uint16_t nwk, const pd::ToTag& command) {
        EXPECT_EQ(ask({Kind::sreq,
                       "af.dataRequest",
                       {{"dst", nwk},
                        {"dstEndpoint", 1},
                        {"srcEndpoint", 1},
                        {"cluster", pd::kCluster},
                        {"trans", ++trans_},
                        {"data", pd::encode(command, trans_)}}})
                      ->u8("status"),
                  0);
    }
    // The next command of the tag's, skipping reports and default responses.
    std::optional<pd::FromTag> command(std::chrono::milliseconds within = 30s) {
        for (int i = 0; i < 50; ++i) {
            const auto message = expect(Kind::areq, "af.incomingMsg", within);
            if (!message) return std::nullopt;
            const auto known = pd::decode_from_tag(zcl::decode_frame(message->bytes("data")).value());
            if (known) return *known;
        }
        return std::nullopt;
    }
    // The next show response, past repetitions of what came before.
    std::optional<pd::FromTag> shown_response() {
        for (int i = 0; i < 10; ++i) {
            auto said = command();
            if (!said || std::holds_alternative<pd::ShowRsp>(*said)) return said;
        }
        return std::nullopt;
    }
    // Serves blocks until the pull ends.
    std::optional<pd::LoadEnd> serve(std::uint16_t nwk, const Bytes& bytes) {
        for (int i = 0; i < 1000; ++i) {
            const auto said = command();
            if (!said) return std::nullopt;
            if (const auto* end = std::get_if<pd::LoadEnd>(&*said)) return *end;
            const auto* wanted = std::get_if<pd::BlockReq>(&*said);
            if (wanted == nullptr || wanted->offset >= bytes.size()) return std::nullopt;
            ++blocks_;
            const auto size = std::min<std::size_t>(wanted->max, bytes.size() - wanted->offset);
            const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(wanted->offset);
            send(nwk,
                 pd::BlockRsp{0, wanted->image, wanted->offset, Bytes(from, from + static_cast<std::ptrdiff_t>(size))});
        }
        return std::nullopt;
    }
    image::TagImage sample() {
        image::TagImage out{40, 24};
        for (unsigned i = 0; i < 24; ++i) out.set(i, i, image::Colour::red);
        return out;
    }

    testing::ManualScheduler scheduler_;
    FaultPlan plan_{3};
    Shelf shelf_{scheduler_, plan_, Speed{1}};
    Coordinator coordinator_{scheduler_, plan_, Speed{1}, [this](const Bytes& b) { receive(b); }};
    znp::Unframer unframer_;
    std::vector<Message> heard_;
    std::uint8_t trans_ = 0;
    int blocks_ = 0;
};

TEST_F(CoordinatorTest, FormsTheNetworkThatTheHostHasConfigured) {
    make(0);
    EXPECT_EQ(ask({Kind::sreq, "sys.osalNvLength", {{"item", nv::kNib}}})->u16("length"), 0);
    form();
    const auto info = ask({Kind::sreq, "zdo.extNwkInfo"});
    EXPECT_EQ(info->u16("pan"), 0x1A63);
    EXPECT_EQ(info->u8("channel"), 15);
    EXPECT_EQ(info->number("extPan"), 0x0102030405060708U);
    const auto nib = ask({Kind::sreq, "sys.osalNvReadExt", {{"item", nv::kNib}}})->bytes("value");
    ASSERT_EQ(nib.size(), 116U);
    EXPECT_EQ(nib[24], 15);                                                // channel
    EXPECT_EQ(to_hex(BytesView{nib}.subspan(36, 2)), "631A");              // PAN id
    EXPECT_EQ(to_hex(BytesView{nib}.subspan(57, 8)), "0807060504030201");  // extended PAN id
    EXPECT_EQ(
        ask({Kind::sreq, "sys.osalNvReadExt", {{"item", nv::kActiveKey}}})->bytes("value"),
        (Bytes{0, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5, 0xA5}));
}

TEST_F(CoordinatorTest, AResetForgetsTheNetworkOnlyWhenTheStartupOptionSaysSo) {
    make(1);
    form();
    (void)join_one();
    coordinator_.frame(znp::to_frame({Kind::areq, "sys.resetReq", {{"type", 1}}}));
    ASSERT_TRUE(expect(Kind::areq, "sys.resetInd"));
    EXPECT_TRUE(coordinator_.memory().nv.formed());
    EXPECT_EQ(ask({Kind::sreq, "util.getDeviceInfo"})->u8("state"), 0);
    EXPECT_EQ(ask({Kind::sreq, "zdo.startupFromApp"})->u8("status"), 0);
    ASSERT_TRUE(expect(Kind::areq, "zdo.stateChangeInd"));
    EXPECT_EQ(ask({Kind::sreq, "util.getDeviceInfo"})->words("associated").size(), 1U);
    write_nv(nv::kStartupOption, {0x03});
    coordinator_.frame(znp::to_frame({Kind::areq, "sys.resetReq", {{"type", 1}}}));
    ASSERT_TRUE(expect(Kind::areq, "sys.resetInd"));
    EXPECT_FALSE(coordinator_.memory().nv.formed());
    EXPECT_TRUE(coordinator_.memory().joined.empty());
}

TEST_F(CoordinatorTest, TagsJoinOnlyWhileTheNetworkIsOpen) {
    make(3);
    form();
    EXPECT_FALSE(expect(Kind::areq, "zdo.endDeviceAnnceInd", 30s));
    (void)ask({Kind::sreq, "zdo.mgmtPermitJoinReq", {{"duration", 60}}});
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(expect(Kind::areq, "zdo.endDeviceAnnceInd", 15s)) << i;
    EXPECT_EQ(coordinator_.figures().joined_now, 3U);
}

TEST_F(CoordinatorTest, ATagPullsAnImageAndAnswersShowAfterItsRefresh) {
    make(1);
    form();
    const auto nwk = join_one();
    const auto image = sample();
    const auto bytes = image::deflate(image);
    send(nwk,
         pd::ImageNotify{image.crc(), 1, static_cast<std::uint32_t>(bytes.size()), pd::Format::zlib, pd::kOnlyByShow});
    EXPECT_EQ(serve(nwk, bytes), (pd::LoadEnd{0, image.crc(), 1}));
    EXPECT_EQ(shelf_.tags().front()->shown_id(), 0U);
    send(nwk, pd::Show{1, pd::kNow});
    const auto asked_at = scheduler_.clock().steady();
    const auto shown = shown_response();
    EXPECT_GE(scheduler_.clock().steady() - asked_at, 15s);  // nothing before the refresh has ended
    ASSERT_TRUE(shown);
    EXPECT_EQ(*shown, (pd::FromTag{pd::ShowRsp{0, 1, image.crc()}}));
    EXPECT_EQ(shelf_.tags().front()->shown(), image);
}

TEST_F(CoordinatorTest, TheEndOfAPullIsSaidAgainUntilSomethingFollows) {
    make(1);
    form();
    const auto nwk = join_one();
    const auto image = sample();
    const auto bytes = image::deflate(image);
    send(nwk,
         pd::ImageNotify{image.crc(), 0, static_cast<std::uint32_t>(bytes.size()), pd::Format::zlib, pd::kOnlyByShow});
    const pd::FromTag end = *serve(nwk, bytes);
    EXPECT_EQ(command(), end);
    EXPECT_EQ(command(), end);
    EXPECT_EQ(command(10s), std::nullopt);
}

TEST_F(CoordinatorTest, AnImageThatIsNotWhatItsIdSaysIsNotTaken) {
    make(1);
    form();
    const auto nwk = join_one();
    const auto bytes = image::deflate(sample());
    send(nwk, pd::ImageNotify{0x12345678, 0, static_cast<std::uint32_t>(bytes.size()), pd::Format::zlib, pd::kNow});
    EXPECT_EQ(serve(nwk, bytes), (pd::LoadEnd{zcl::status::kInvalidImage, 0x12345678, 0}));
    send(nwk, pd::Show{0, pd::kNow});
    EXPECT_EQ(shown_response(), (pd::FromTag{pd::ShowRsp{zcl::status::kNoImage, 0, 0}}));
}

TEST_F(CoordinatorTest, WithLostFramesAndWrongPartsTheImageStillArrives) {
    Rates rates;
    rates.of(Fault::notify_lost) = 20;
    rates.of(Fault::wrong_part) = 20;
    make(1);
    form();
    const auto nwk = join_one();
    plan_.set_all(rates);
    image::TagImage image{40, 24};
    const Bytes bytes(image.bytes().begin(), image.bytes().end());
    send(nwk,
         pd::ImageNotify{image.crc(), 0, static_cast<std::uint32_t>(bytes.size()), pd::Format::raw, pd::kOnlyByShow});
    const auto end = serve(nwk, bytes);
    // The end itself may be what got lost; the image is in the slot all the same.
    if (end) EXPECT_EQ(end->status, 0);
    EXPECT_EQ(shelf_.tags().front()->counters().images, 1U);
    EXPECT_GT(blocks_, static_cast<int>(bytes.size() / pd::kMaxBlock));
}

TEST_F(CoordinatorTest, ADataRequestToATagWithoutPowerExpires) {
    make(1);
    form();
    const auto nwk = join_one();
    shelf_.tags().front()->cut_power();
    send(nwk, pd::Refresh{});
    EXPECT_FALSE(expect(Kind::areq, "af.dataConfirm", 7s));
    EXPECT_EQ(expect(Kind::areq, "af.dataConfirm", 2s)->u8("status"), znp::status::kTransactionExpired);
}

TEST_F(CoordinatorTest, StatusesOfThePlanComeBackAsConfirmations) {
    for (const auto& [fault, status] : {std::pair{Fault::channel_access_failure, znp::status::kChannelAccessFailure},
                                        std::pair{Fault::no_ack, znp::status::kMacNoAck},
                                        std::pair{Fault::transaction_expired, znp::status::kTransactionExpired}}) {
        if (shelf_.size() == 0) {
            make(1);
            form();
            (void)join_one();
        }
        Rates rates;
        rates.of(fault) = 100;
        plan_.set_all(rates);
        send(coordinator_.memory().joined.begin()->second, pd::Refresh{});
        EXPECT_EQ(expect(Kind::areq, "af.dataConfirm")->u8("status"), status) << name(fault);
    }
}

TEST_F(CoordinatorTest, ATagOfLowBatteryRefusesAnImage) {
    make(1);
    form();
    const auto nwk = join_one();
    Rates rates;
    rates.of(Fault::low_battery) = 100;
    plan_.set_all(rates);
    shelf_.apply_faults();
    send(nwk, pd::ImageNotify{1, 0, 100, pd::Format::zlib, pd::kNow});
    for (int i = 0; i < 20; ++i) {
        const auto message = expect(Kind::areq, "af.incomingMsg");
        ASSERT_TRUE(message);
        const auto frame = zcl::decode_frame(message->bytes("data")).value();
        if (frame.header.command != zcl::kDefaultResponse) continue;
        EXPECT_EQ(zcl::decode_default_response(frame.payload)->status, pd::kLowBattery);
        return;
    }
    FAIL() << "no answer";
}

TEST_F(CoordinatorTest, ChecksInWithWhatItShows) {
    make(1);
    form();
    (void)join_one();
    const auto message = expect(Kind::areq, "af.incomingMsg", 61s);
    ASSERT_TRUE(message);
    const auto frame = zcl::decode_frame(message->bytes("data")).value();
    EXPECT_EQ(frame.header.command, zcl::kReportAttributes);
    const auto report = zcl::decode_report_attributes(frame.payload).value();
    ASSERT_FALSE(report.empty());
    EXPECT_EQ(report[0].id, pd::attribute::kShownImage);
    EXPECT_EQ(report[0].number(), 0U);
}

TEST_F(CoordinatorTest, WhatItDoesNotUnderstandIsAnsweredWithAnRpcError) {
    make(0);
    coordinator_.frame({0x21, 0xEE, {}});
    const auto unknown = expect(Kind::srsp, "rpc.error", 0ms);
    ASSERT_TRUE(unknown);
    EXPECT_EQ(unknown->u8("error"), 2);
    EXPECT_EQ(unknown->u8("cmd1"), 0xEE);
    coordinator_.frame({0x21, 0x13, {0x01}});  // half an item id
    EXPECT_EQ(expect(Kind::srsp, "rpc.error", 0ms)->u8("error"), 4);
    coordinator_.frame({0x3F, 0x01, {}});
    EXPECT_EQ(expect(Kind::srsp, "rpc.error", 0ms)->u8("error"), 1);
    EXPECT_EQ(coordinator_.figures().not_understood, 3U);
}

TEST_F(CoordinatorTest, NvItemsAreBoundedAndReadBackInPieces) {
    make(0);
    EXPECT_EQ(ask({Kind::sreq, "sys.osalNvItemInit", {{"item", 0x0F00}, {"length", 60000}}})->u8("status"),
              znp::status::kNvOperationFailed);
    EXPECT_EQ(ask({Kind::sreq, "sys.osalNvItemInit", {{"item", 0x0F00}, {"length", 300}}})->u8("status"),
              znp::status::kNvItemCreated);
    EXPECT_EQ(ask({Kind::sreq, "sys.osalNvWriteExt", {{"item", 0x0F00}, {"offset", 299}, {"value", Bytes{1, 2}}}})
                  ->u8("status"),
              znp::status::kInvalidParameter);
    EXPECT_EQ(ask({Kind::sreq, "sys.osalNvWriteExt", {{"item", 0x0F00}, {"offset", 298}, {"value", Bytes{1, 2}}}})
                  ->u8("status"),
              0);
    EXPECT_EQ(ask({Kind::sreq, "sys.osalNvReadExt", {{"item", 0x0F00}}})->bytes("value").size(), 240U);
    EXPECT_EQ(to_hex(ask({Kind::sreq, "sys.osalNvReadExt", {{"item", 0x0F00}, {"offset", 297}}})->bytes("value")),
              "FF0102");
    EXPECT_EQ(ask({Kind::sreq, "sys.osalNvReadExt", {{"item", 0x0F00}, {"offset", 301}}})->u8("status"),
              znp::status::kInvalidParameter);
}

}  // namespace
}  // namespace esl::sim
