#include "ap-agent/adapters/bluez/gicisky_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ap-agent/adapters/bluez/bluez_bus.hpp"
#include "common/testing/testing.hpp"

namespace esl::ap::bluez {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Session = GiciskySession;
using Actions = Session::Actions;

const Bytes kAskBlockSize{0x01};
const Bytes kBlockSize{0x01, 0xF4, 0x00};  // 244: 240 bytes of data and a header of 4
const Bytes kAnnounced{0x02, 0x00, 0x00};
const Bytes kBegin{0x03};
const Bytes kAllReceived{0x05, 0x08};

Bytes wanted(std::uint8_t part) {
    return {0x05, 0x00, part, 0x00, 0x00, 0x00};
}

struct SessionTest : ::testing::Test {
    esl::testing::ManualClock clock;
    Bytes coded = image();
    Session session{clock, coded, false, {}};

    // 500 bytes: parts of 240, 240 and 20.
    static Bytes image() {
        Bytes out(500);
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(i * 7);
        return out;
    }
    [[nodiscard]] Bytes part(std::uint8_t n) const {
        Bytes out{n, 0x00, 0x00, 0x00};
        const auto from = std::size_t{n} * 240;
        const auto to = std::min<std::size_t>(from + 240, coded.size());
        for (auto i = from; i < to; ++i) out.push_back(coded[i]);
        return out;
    }
    void reach_sending() {
        (void)session.start();
        (void)session.notified(kBlockSize);
        (void)session.notified(kAnnounced);
    }
    static const Session::Failed& failure(const Actions& actions) {
        EXPECT_EQ(actions.size(), 1u);
        return std::get<Session::Failed>(actions.at(0));
    }
};

TEST_F(SessionTest, SaysEveryByteOfAnUndisturbedTransfer) {
    EXPECT_EQ(session.start(), (Actions{Session::WriteCommand{kAskBlockSize}, Session::Wake{5s}}));
    EXPECT_EQ(session.notified(kBlockSize), (Actions{Session::WriteCommand{{0x02,                    // announce
                                                                            0xF4, 0x01, 0x00, 0x00,  // 500 bytes
                                                                            0x00, 0x00, 0x00}},
                                                     Session::Wake{5s}}));
    EXPECT_EQ(session.notified(kAnnounced), (Actions{Session::WriteCommand{kBegin}, Session::Wake{5s}}));
    clock.advance(40ms);
    EXPECT_EQ(session.notified(wanted(0)),
              (Actions{Session::Started{}, Session::WritePart{part(0)}, Session::Wake{50ms}}));
    EXPECT_EQ(session.notified(wanted(1)), (Actions{Session::WritePart{part(1)}, Session::Wake{50ms}}));
    EXPECT_EQ(session.notified(wanted(2)), (Actions{Session::WritePart{part(2)}, Session::Wake{50ms}}));
    EXPECT_EQ(session.notified(kAllReceived), (Actions{Session::Delivered{}}));
    EXPECT_TRUE(session.over());
    EXPECT_EQ(session.parts_sent(), 3u);
    EXPECT_TRUE(session.disconnected().empty());  // as tags do now
}

TEST_F(SessionTest, AChunkedImageIsAnnouncedInSixBytes) {
    Session chunked(clock, coded, true, {});
    (void)chunked.start();
    EXPECT_EQ(chunked.notified(kBlockSize),
              (Actions{Session::WriteCommand{{0x02, 0xF4, 0x01, 0x00, 0x00, 0x01}}, Session::Wake{5s}}));
}

TEST_F(SessionTest, WaitsFirstForTagsThatWantAPause) {
    Session slow(clock, coded, false, {.settle = 1s});
    EXPECT_EQ(slow.start(), (Actions{Session::Wake{1s}}));
    EXPECT_TRUE(slow.notified(kBlockSize).empty());
    EXPECT_EQ(slow.woken(), (Actions{Session::WriteCommand{kAskBlockSize}, Session::Wake{5s}}));
}

TEST_F(SessionTest, PausesBeforeEachPartAfterAFailedAttempt) {
    Session careful(clock, coded, false, {.pause = 50ms});
    (void)careful.start();
    (void)careful.notified(kBlockSize);
    (void)careful.notified(kAnnounced);
    EXPECT_EQ(careful.notified(wanted(0)), (Actions{Session::Wake{50ms}}));
    const auto actions = careful.woken();
    ASSERT_EQ(actions.size(), 3u);
    EXPECT_EQ(actions[1], Session::Action(Session::WritePart{part(0)}));
}

TEST_F(SessionTest, SendsWhateverPartIsAskedFor) {
    reach_sending();
    (void)session.notified(wanted(0));
    const auto jump = session.notified(wanted(2));
    EXPECT_EQ(jump.at(0), Session::Action(Session::WritePart{part(2)}));
    EXPECT_EQ(session.notified(wanted(1)).at(0), Session::Action(Session::WritePart{part(1)}));
    EXPECT_EQ(session.notified(kAllReceived), (Actions{Session::Delivered{}}));
}

TEST_F(SessionTest, RepeatsAPartThatIsNotAnsweredAndThenGivesUp) {
    reach_sending();
    clock.advance(40ms);
    (void)session.notified(wanted(0));
    const std::vector<std::chrono::milliseconds> waits{100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms};
    for (const auto wait : waits)
        EXPECT_EQ(session.woken(), (Actions{Session::WritePart{part(0)}, Session::Wake{wait}}));
    const auto last = session.woken();
    EXPECT_EQ(failure(last).error, RadioError::timeout);
    EXPECT_THAT(failure(last).detail, HasSubstr("after part 0 of 3"));
}

TEST_F(SessionTest, IsPatientWithASlowTag) {
    (void)session.start();
    for (const auto& notice : {kBlockSize, kAnnounced}) {
        clock.advance(900ms);
        (void)session.notified(notice);
    }
    clock.advance(900ms);
    const auto actions = session.notified(wanted(0));
    // Mean 900 ms; the deviation began at 450 ms and fell by a quarter twice: 900 + 4 * 253.125.
    EXPECT_EQ(actions.back(), Session::Action(Session::Wake{1913ms}));
    EXPECT_EQ(session.usual_answer(), 1913ms);
}

TEST_F(SessionTest, RepeatsACommandThatIsNotAnswered) {
    (void)session.start();
    EXPECT_EQ(session.woken().at(0), Session::Action(Session::WriteCommand{kAskBlockSize}));
    (void)session.notified(kBlockSize);
    EXPECT_EQ(session.woken().at(0),
              Session::Action(Session::WriteCommand{{0x02, 0xF4, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00}}));
    (void)session.notified(kAnnounced);
    EXPECT_EQ(session.woken().at(0), Session::Action(Session::WriteCommand{kBegin}));
}

TEST_F(SessionTest, ALateAnswerToARepeatedPartDoesNotDoubleWhatFollows) {
    reach_sending();
    (void)session.notified(wanted(0));
    (void)session.woken();  // the answer was only late
    EXPECT_EQ(session.notified(wanted(1)).at(0), Session::Action(Session::WritePart{part(1)}));
    EXPECT_TRUE(session.notified(wanted(1)).empty());  // the second answer
    EXPECT_EQ(session.notified(wanted(2)).at(0), Session::Action(Session::WritePart{part(2)}));
    EXPECT_EQ(session.notified(kAllReceived), (Actions{Session::Delivered{}}));
}

TEST_F(SessionTest, TheSamePartAskedThreeTimesIsAStall) {
    reach_sending();
    (void)session.notified(wanted(1));
    (void)session.notified(wanted(1));
    const auto third = session.notified(wanted(1));
    EXPECT_EQ(failure(third).error, RadioError::timeout);
    EXPECT_THAT(failure(third).detail, HasSubstr("stalled at part 1 of 3"));
}

TEST_F(SessionTest, ATagThatJumpsAboutForEverIsStoppedToo) {
    reach_sending();
    Actions last;
    for (int i = 0; i < 1000 && !session.over(); ++i) last = session.notified(wanted(static_cast<std::uint8_t>(i % 2)));
    EXPECT_EQ(failure(last).error, RadioError::timeout);
    EXPECT_LE(session.parts_sent(), 3u * 3u + 16u);
}

TEST_F(SessionTest, APartBeyondTheEndIsNoSuccess) {
    reach_sending();
    EXPECT_EQ(session.notified(wanted(3)).size(), 1u);  // just past the end: the last word is still to come
    EXPECT_FALSE(session.over());
    const auto beyond = session.notified(wanted(4));
    EXPECT_EQ(failure(beyond).error, RadioError::rejected);
}

TEST_F(SessionTest, NamesTheCodeThatTheTagGives) {
    reach_sending();
    (void)session.notified(wanted(0));
    const auto actions = session.notified(Bytes{0x05, 0x03});
    EXPECT_EQ(failure(actions).error, RadioError::rejected);
    EXPECT_EQ(failure(actions).code, 3);
    EXPECT_TRUE(session.notified(wanted(1)).empty());
}

TEST_F(SessionTest, AnUnusableBlockSizeIsRefused) {
    (void)session.start();
    const auto actions = session.notified(Bytes{0x01, 0x14, 0x00});
    EXPECT_EQ(failure(actions).error, RadioError::rejected);
    EXPECT_THAT(failure(actions).detail, HasSubstr("20"));
}

TEST_F(SessionTest, EveryTruncationOfANoticeIsRefusedOrHarmless) {
    esl::testing::for_every_truncation(wanted(0), [this](BytesView cut) {
        Session fresh(clock, coded, false, {});
        (void)fresh.start();
        (void)fresh.notified(kBlockSize);
        (void)fresh.notified(kAnnounced);
        const auto actions = fresh.notified(cut);
        ASSERT_EQ(actions.size(), 1u);
        EXPECT_TRUE(std::holds_alternative<Session::Failed>(actions[0])) << cut.size();
    });
}

TEST_F(SessionTest, ALinkLostAtEachStepSaysWhere) {
    const std::vector<std::pair<Bytes, std::string>> steps{
        {{}, "block size"}, {kBlockSize, "announcement"}, {kAnnounced, "begin"}, {wanted(0), "after part 0"}};
    for (std::size_t n = 0; n < steps.size(); ++n) {
        Session fresh(clock, coded, false, {});
        (void)fresh.start();
        for (std::size_t i = 1; i <= n; ++i) (void)fresh.notified(steps[i].first);
        const auto actions = fresh.disconnected();
        EXPECT_EQ(failure(actions).error, RadioError::radio);
        EXPECT_THAT(failure(actions).detail, HasSubstr(steps[n].second));
        EXPECT_TRUE(fresh.disconnected().empty());
    }
}

TEST_F(SessionTest, AFailedWriteEndsIt) {
    reach_sending();
    (void)session.notified(wanted(0));
    const auto actions = session.write_failed(RadioError::gone, "org.bluez.Error.NotReady");
    EXPECT_EQ(failure(actions).error, RadioError::gone);
    EXPECT_TRUE(session.woken().empty());
}

TEST(BluezErrors, MeanSomethingForTheTag) {
    EXPECT_EQ(meaning_of("org.bluez.Error.Failed", true), RadioError::unreachable);
    EXPECT_EQ(meaning_of("org.bluez.Error.Failed", false), RadioError::radio);
    EXPECT_EQ(meaning_of("org.bluez.Error.NotReady", true), RadioError::gone);
    EXPECT_EQ(meaning_of("org.freedesktop.DBus.Error.ServiceUnknown", false), RadioError::gone);
    EXPECT_EQ(meaning_of("org.bluez.Error.NotPermitted", false), RadioError::rejected);
    EXPECT_EQ(meaning_of("com.example.New", false), RadioError::radio);
}

}  // namespace
}  // namespace esl::ap::bluez
