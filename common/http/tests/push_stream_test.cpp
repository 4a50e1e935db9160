#include "common/http/push_stream.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace esl::http {
namespace {

TEST(PushStream, GivesUpAPeerThatTakesNothing) {
    PushStream stream(10);
    EXPECT_TRUE(stream.post("12345"));
    EXPECT_FALSE(stream.post("678901"));
    EXPECT_TRUE(stream.closed());
    EXPECT_TRUE(stream.was_slow());
    EXPECT_EQ(stream.take().end, PushStream::End::aborted);
}

TEST(PushStream, WaitsForRoomWhenAskedTo) {
    PushStream stream(4);
    ASSERT_TRUE(stream.post("1234"));
    std::jthread taker([&] { EXPECT_EQ(stream.take().bytes, "1234"); });
    EXPECT_TRUE(stream.push("56", std::chrono::seconds(20)));
    EXPECT_EQ(stream.take().bytes, "56");
    ASSERT_TRUE(stream.post("1234"));
    EXPECT_FALSE(stream.push("5", std::chrono::milliseconds(1)));
}

TEST(PushStream, LetsOnePieceAboveTheBoundThroughWhenItIsAlone) {
    PushStream stream(4);
    EXPECT_TRUE(stream.push("123456", std::chrono::milliseconds(1)));
}

TEST(PushStream, WakesItsConnectionAndNotAfterDetach) {
    PushStream stream;
    int woken = 0;
    stream.attach([&] { ++woken; });
    stream.post("a");
    stream.finish();
    EXPECT_EQ(woken, 2);
    stream.detach();
    EXPECT_FALSE(stream.post("b"));
    stream.finish();
    EXPECT_EQ(woken, 2);
}

TEST(PushStream, KeepsWhatWasPushedBeforeItsEnd) {
    PushStream stream;
    stream.post("a");
    stream.finish();
    EXPECT_FALSE(stream.post("b"));
    const auto batch = stream.take();
    EXPECT_EQ(batch.bytes, "a");
    EXPECT_EQ(batch.end, PushStream::End::finished);
}

TEST(ServerSentEvent, CannotBeBrokenByItsData) {
    EXPECT_EQ(server_sent_event("job", "one\ntwo", "7"), "id: 7\nevent: job\ndata: one\ndata: two\n\n");
    EXPECT_EQ(server_sent_event("a\nb", "x\r", "1\n2"), "id: 12\nevent: ab\ndata: x\n\n");
    EXPECT_EQ(server_sent_event("", ""), "data: \n\n");
}

}  // namespace
}  // namespace esl::http
