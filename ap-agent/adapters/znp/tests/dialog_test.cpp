#include "ap-agent/adapters/znp/dialog.hpp"

#include <gtest/gtest.h>

#include "ap-agent/adapters/znp/nv.hpp"
#include "ap-agent/adapters/znp/task.hpp"
#include "ap-agent/ports/tag_radio.hpp"
#include "common/testing/testing.hpp"

namespace esl::ap::znp {
namespace {

using namespace std::chrono_literals;
using wire::Kind;
using wire::Message;

const Bytes kPing{0xFE, 0x00, 0x21, 0x01, 0x20};                       // SREQ SYS ping
const Bytes kPingReply{0xFE, 0x02, 0x61, 0x01, 0x79, 0x07, 0x1C};      // SRSP, capabilities 0779
const Bytes kStateChange{0xFE, 0x01, 0x45, 0xC0, 0x09, 0x8D};          // AREQ ZDO stateChangeInd 9
const Bytes kUnknown{0xFE, 0x03, 0x60, 0x00, 0x02, 0x21, 0x01, 0x41};  // SRSP RPC error about ping

class DialogTest : public ::testing::Test {
protected:
    Task<> ask(std::string* said) {
        const auto reply = co_await dialog_.request(Message(Kind::sreq, "sys.ping"));
        *said += reply ? "ping " + std::to_string(reply->u16("capabilities")) : reply.error().message();
    }
    Task<> listen(std::string* said) {
        const auto heard =
            co_await dialog_.expect([](const Message& m) { return m.name() == "zdo.stateChangeInd"; }, 10s);
        *said += heard ? "state " + std::to_string(heard->u8("state")) : heard.error().message();
    }

    esl::testing::ManualClock clock_;
    Dialog dialog_{clock_};
    Tasks tasks_;
    std::string said_;
};

TEST_F(DialogTest, MatchesAReplyHoweverItIsCutAndWhateverIsBetween) {
    Bytes wire{0x00, 0xFE, 0x99};  // junk, also a start byte that begins nothing
    wire.insert(wire.end(), kStateChange.begin(), kStateChange.end());
    wire.insert(wire.end(), kPingReply.begin(), kPingReply.end());
    esl::testing::for_every_split(wire, [&](BytesView a, BytesView b) {
        Dialog dialog(clock_);
        Tasks tasks;
        std::string said;
        const auto ask = [](Dialog* d, std::string* out) -> Task<> {
            const auto reply = co_await d->request(Message(Kind::sreq, "sys.ping"));
            *out += reply ? "ping " + std::to_string(reply->u16("capabilities")) : reply.error().message();
        };
        int events = 0;
        dialog.on_message = [&](const Message& m) { events += m.name() == "zdo.stateChangeInd" ? 1 : 0; };
        tasks.spawn(ask(&dialog, &said));
        EXPECT_EQ(dialog.take_output(), kPing);
        dialog.receive(a);
        dialog.receive(b);
        clock_.advance(kInsideFrame);  // the junk promised more than there is
        dialog.tick();
        EXPECT_EQ(said, "ping 1913");
        EXPECT_EQ(events, 1);
        EXPECT_EQ(dialog.dropped_bytes(), 3U);
        EXPECT_EQ(dialog.next_deadline(), std::nullopt);
    });
}

TEST_F(DialogTest, SendsOneRequestAtATime) {
    std::string second;
    tasks_.spawn(ask(&said_));
    tasks_.spawn(ask(&second));
    EXPECT_EQ(dialog_.take_output(), kPing);
    dialog_.receive(kPingReply);
    EXPECT_EQ(said_, "ping 1913");
    EXPECT_EQ(second, "");
    EXPECT_EQ(dialog_.take_output(), kPing);
    dialog_.receive(kPingReply);
    EXPECT_EQ(second, "ping 1913");
}

TEST_F(DialogTest, ARequestWithoutReplyTimesOutAfterSixSecondsAndTheNextGoesOut) {
    std::string second;
    tasks_.spawn(ask(&said_));
    tasks_.spawn(ask(&second));
    (void)dialog_.take_output();
    clock_.advance(5'999ms);
    dialog_.tick();
    EXPECT_EQ(said_, "");
    EXPECT_EQ(dialog_.next_deadline(), clock_.steady() + 1ms);
    clock_.advance(1ms);
    dialog_.tick();
    EXPECT_EQ(said_, "tag gave no answer in time: sys.ping: no reply");
    EXPECT_EQ(dialog_.take_output(), kPing);
    dialog_.receive(kPingReply);
    EXPECT_EQ(second, "ping 1913");
}

TEST_F(DialogTest, ACommandThatTheCoordinatorDoesNotKnowIsRejectedByName) {
    tasks_.spawn(ask(&said_));
    dialog_.receive(kUnknown);
    EXPECT_EQ(said_, "tag rejected the request: sys.ping: the coordinator does not know it");
}

TEST_F(DialogTest, ARequestThatWasGivenUpIsNotSent) {
    tasks_.spawn(ask(&said_));
    {
        Tasks given_up;
        std::string nobody;
        given_up.spawn(ask(&nobody));
    }
    (void)dialog_.take_output();
    dialog_.receive(kPingReply);
    EXPECT_TRUE(dialog_.take_output().empty());
}

TEST_F(DialogTest, EventsEndTheWaitsForThem) {
    std::string other;
    tasks_.spawn(listen(&said_));
    tasks_.spawn(listen(&other));
    dialog_.receive(kStateChange);
    EXPECT_EQ(said_, "state 9");
    EXPECT_EQ(other, "state 9");
    tasks_.spawn(listen(&said_));
    clock_.advance(10s);
    dialog_.tick();
    EXPECT_EQ(said_, "state 9tag gave no answer in time");
}

TEST_F(DialogTest, ClosingEndsEveryWaitAndEveryLaterOne) {
    std::string later;
    tasks_.spawn(ask(&said_));
    tasks_.spawn(listen(&said_));
    dialog_.close("unplugged");
    EXPECT_EQ(said_, "radio is gone: unpluggedradio is gone: unplugged");
    tasks_.spawn(ask(&later));
    EXPECT_EQ(later, "radio is gone: unplugged");
    tasks_.reap();
    EXPECT_EQ(tasks_.size(), 0U);
}

TEST_F(DialogTest, MessagesOutsideTheTableAreCountedAndDropped) {
    dialog_.receive(Bytes{0xFE, 0x00, 0x5F, 0x77, 0x28});              // no such command
    dialog_.receive(Bytes{0xFE, 0x00, 0x45, 0xC0, 0x85});              // stateChangeInd without its state
    dialog_.receive(Bytes{0xFE, 0x02, 0x45, 0xC0, 0x09, 0x00, 0x8E});  // and with a byte too many
    EXPECT_EQ(dialog_.unknown_messages(), 3U);
}

TEST_F(DialogTest, WhatATaskThrowsComesOutOfReap) {
    const auto thrower = [](Dialog* d) -> Task<> {
        (void)co_await d->sleep(1s);
        throw std::runtime_error("disk full");
    };
    tasks_.spawn(thrower(&dialog_));
    clock_.advance(1s);
    dialog_.tick();
    EXPECT_THROW(tasks_.reap(), std::runtime_error);
    EXPECT_EQ(tasks_.size(), 0U);
}

TEST(Nib, IsReadInBothForms) {
    for (const bool aligned : {false, true}) {
        Bytes nib(aligned ? 116 : 110, 0);
        nib[aligned ? 24 : 22] = 20;                                   // channel
        nib[aligned ? 36 : 33] = 0x62, nib[aligned ? 37 : 34] = 0x1A;  // PAN 1A62
        for (std::size_t i = 0; i < 8; ++i) nib[(aligned ? 57 : 53) + i] = static_cast<std::uint8_t>(i + 1);
        const auto read = parse_nib(nib);
        ASSERT_TRUE(read);
        EXPECT_EQ(read->channel, 20);
        EXPECT_EQ(read->pan, 0x1A62);
        EXPECT_EQ(read->ext_pan, 0x0807060504030201U);
        nib[aligned ? 24 : 22] = 0;
        EXPECT_FALSE(parse_nib(nib));  // not formed yet
    }
    EXPECT_FALSE(parse_nib(Bytes(111, 1)));
    EXPECT_FALSE(parse_nib({}));
}

}  // namespace
}  // namespace esl::ap::znp
