// The radio on real lines: a TCP connection and a pseudo-terminal, with the in-memory coordinator at the other end.
#include "ap-agent/adapters/znp/radio.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/write.hpp>
#include <fstream>
#include <optional>

#include "ap-agent/adapters/znp/tests/fake_stick.hpp"
#include "common/testing/testing.hpp"

namespace esl::ap::znp::testing {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

// The stick on a file descriptor: a socket or the master side of a pseudo-terminal.
class StickOnLine {
public:
    StickOnLine(asio::io_context& io, FakeStick& stick, int fd) : stick_(stick), stream_(io, fd) { read(); }
    void say(const Bytes& bytes) { asio::write(stream_, asio::buffer(bytes)); }

private:
    void read() {
        stream_.async_read_some(asio::buffer(buffer_), [this](boost::system::error_code error, std::size_t size) {
            if (error) return;
            const auto out = stick_.exchange(BytesView(buffer_).first(size));
            if (!out.empty()) asio::write(stream_, asio::buffer(out));
            read();
        });
    }
    FakeStick& stick_;
    asio::posix::stream_descriptor stream_;
    std::array<std::uint8_t, 512> buffer_{};
};

class RadioTest : public ::testing::Test, public RadioListener {
protected:
    void on_sighting(TagRadio&, const TagSighting& sighting) override { sightings_.push_back(sighting); }
    void on_radio_state(TagRadio&, RadioState state, const std::string& why) override {
        states_.emplace_back(state);
        whys_.push_back(why);
    }

    bool run_until(const std::function<bool()>& condition, std::chrono::milliseconds deadline = 20s) {
        const auto end = std::chrono::steady_clock::now() + deadline;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > end) return false;
            io_.run_one_for(50ms);
            if (io_.stopped()) io_.restart();
        }
        return true;
    }
    bool is(RadioState state) const { return !states_.empty() && states_.back() == state; }

    // A listener that puts the stick on every connection made to it.
    std::string listen() {
        acceptor_.emplace(io_, asio::ip::tcp::endpoint(asio::ip::make_address("127.0.0.1"), port_));
        port_ = acceptor_->local_endpoint().port();
        accept();
        return "tcp://127.0.0.1:" + std::to_string(port_);
    }
    void accept() {
        acceptor_->async_accept([this](boost::system::error_code error, asio::ip::tcp::socket peer) {
            if (error) return;
            line_ = std::make_unique<StickOnLine>(io_, stick_, peer.release());
            accept();
        });
    }
    std::unique_ptr<TagRadio> make(const std::string& port) {
        auto radio = make_radio(io_.get_executor(), {.port = port, .data_dir = folder_ / "znp"}, clock_);
        radio->start(*this);
        return radio;
    }
    void stop(TagRadio& radio) {
        bool stopped = false;
        radio.stop([&] { stopped = true; });
        EXPECT_FALSE(stopped);  // later, not inside
        EXPECT_TRUE(run_until([&] { return stopped; }));
    }
    void join(FakeTag& tag) {
        line_->say(stick_.join(tag));
        const auto before = sightings_.size();
        ASSERT_TRUE(run_until([&] { return sightings_.size() > before; }));
    }
    UpdateRequest picture() {
        image::TagImage image(32, 16);
        for (unsigned i = 0; i < 32; ++i) image.set(i, i * 7 % 16, image::Colour::red);
        UpdateRequest request;
        request.tag = TagId::eui64(7);
        request.image_id = image.crc();
        request.image = std::make_shared<image::TagImage>(std::move(image));
        return request;
    }

    asio::io_context io_;
    SystemClock clock_;
    esl::testing::TempDir folder_;
    FakeStick stick_;
    std::optional<asio::ip::tcp::acceptor> acceptor_;
    std::uint16_t port_ = 0;
    std::unique_ptr<StickOnLine> line_;
    std::vector<RadioState> states_;
    std::vector<std::string> whys_;
    std::vector<TagSighting> sightings_;
};

TEST_F(RadioTest, ComesUpOverTcpServesATagAndStops) {
    const auto radio = make(listen());
    ASSERT_TRUE(run_until([&] { return is(RadioState::up); }));
    EXPECT_EQ(radio->state(), RadioState::up);
    join(stick_.add_tag(7, 0x77));
    EXPECT_EQ(radio->tags_heard(), 1U);
    std::optional<UpdateOutcome> outcome;
    bool started = false;
    auto request = picture();
    request.started = [&] { started = true; };
    radio->update(std::move(request), [&](UpdateOutcome o) { outcome = std::move(o); });
    ASSERT_TRUE(run_until([&] { return outcome.has_value(); }));
    EXPECT_TRUE(outcome->displayed());
    EXPECT_TRUE(started);
    stop(*radio);
}

TEST_F(RadioTest, ComesUpOnASerialPort) {
    const esl::testing::Pty pty;
    line_ = std::make_unique<StickOnLine>(io_, stick_, ::dup(pty.master()));
    const auto radio = make(pty.path());
    EXPECT_EQ(radio->name(), "znp:" + pty.path());
    ASSERT_TRUE(run_until([&] { return is(RadioState::up); }));
    join(stick_.add_tag(7, 0x77));
    std::optional<UpdateOutcome> outcome;
    radio->update(picture(), [&](UpdateOutcome o) { outcome = std::move(o); });
    ASSERT_TRUE(run_until([&] { return outcome.has_value(); }));
    EXPECT_TRUE(outcome->displayed());
    stop(*radio);
}

TEST_F(RadioTest, ASerialPortIsForOneRadioAtATime) {
    const esl::testing::Pty pty;
    line_ = std::make_unique<StickOnLine>(io_, stick_, ::dup(pty.master()));
    auto first = make(pty.path());
    ASSERT_TRUE(run_until([&] { return is(RadioState::up); }));
    auto second = make_radio(io_.get_executor(), {.port = pty.path(), .data_dir = folder_ / "other"}, clock_);
    second->start(*this);
    ASSERT_TRUE(run_until([&] { return is(RadioState::gone); }));
    EXPECT_EQ(whys_.back(), "in use by another process");
    EXPECT_EQ(second->state(), RadioState::gone);
    EXPECT_EQ(first->state(), RadioState::up);
    stop(*first);
    ASSERT_TRUE(run_until([&] { return second->state() == RadioState::up; }));  // as soon as it is free
    stop(*second);
}

TEST_F(RadioTest, KeepsItsFilesToItselfAndRemembersTagsOverARestart) {
    const auto port = listen();
    {
        const auto radio = make(port);
        ASSERT_TRUE(run_until([&] { return is(RadioState::up); }));
        join(stick_.add_tag(7, 0x77));
        stop(*radio);
    }
    for (const auto* name : {"znp/network.json", "znp/tags.json"}) {
        struct stat status{};
        ASSERT_EQ(::stat((folder_ / name).c_str(), &status), 0) << name;
        EXPECT_EQ(status.st_mode & 0777, 0600U) << name;
    }
    states_.clear();
    stick_.seen.clear();
    const auto radio = make(port);
    ASSERT_TRUE(run_until([&] { return is(RadioState::up); }));
    EXPECT_EQ(stick_.seen["app_cnf.bdbStartCommissioning"], 0);
    std::optional<UpdateOutcome> outcome;  // without any join or interview
    radio->update(picture(), [&](UpdateOutcome o) { outcome = std::move(o); });
    ASSERT_TRUE(run_until([&] { return outcome.has_value(); }));
    EXPECT_TRUE(outcome->displayed());
    EXPECT_EQ(stick_.seen["zdo.nodeDescReq"], 0);
    stop(*radio);
}

TEST_F(RadioTest, SaysGoneWithTheReasonAndComesBackByItself) {
    const auto port = listen();
    acceptor_->close();
    const auto radio = make(port);
    ASSERT_TRUE(run_until([&] { return is(RadioState::gone); }));
    EXPECT_THAT(whys_.back(), ::testing::HasSubstr("refused"));
    std::optional<UpdateOutcome> outcome;
    radio->update(picture(), [&](UpdateOutcome o) { outcome = std::move(o); });
    EXPECT_FALSE(outcome);
    ASSERT_TRUE(run_until([&] { return outcome.has_value(); }));
    EXPECT_EQ(outcome->failure->error, RadioError::gone);
    listen();
    ASSERT_TRUE(run_until([&] { return is(RadioState::up); }));
    auto& tag = stick_.add_tag(7, 0x77);
    join(tag);
    // The line breaks in the middle of an update.
    tag.ignores_notify = true;
    outcome.reset();
    radio->update(picture(), [&](UpdateOutcome o) { outcome = std::move(o); });
    ASSERT_TRUE(run_until([&] { return tag.notifies == 1; }));
    line_.reset();
    ASSERT_TRUE(run_until([&] { return is(RadioState::gone) && outcome; }));
    EXPECT_EQ(outcome->failure->error, RadioError::gone);
    ASSERT_TRUE(run_until([&] { return is(RadioState::up); }));
    stop(*radio);
}

TEST_F(RadioTest, StoppingCancelsWhatIsUnderWay) {
    const auto radio = make(listen());
    ASSERT_TRUE(run_until([&] { return is(RadioState::up); }));
    auto& tag = stick_.add_tag(7, 0x77);
    join(tag);
    tag.refreshes_slowly = true;
    std::vector<RadioError> errors;
    radio->update(picture(), [&](UpdateOutcome o) { errors.push_back(o.failure->error); });
    radio->update(picture(), [&](UpdateOutcome o) { errors.push_back(o.failure->error); });
    ASSERT_TRUE(run_until([&] { return tag.shows == 1; }));
    stop(*radio);
    EXPECT_TRUE(run_until([&] { return errors.size() == 2; }));
    EXPECT_THAT(errors, ::testing::ElementsAre(RadioError::busy, RadioError::cancelled));
}

TEST_F(RadioTest, ABadNetworkFileIsNamedAndNeverOverwritten) {
    std::filesystem::create_directories(folder_ / "znp");
    std::ofstream(folder_ / "znp/network.json") << R"({"format":1,"pan":"12"})";
    const auto radio = make(listen());
    ASSERT_TRUE(run_until([&] { return is(RadioState::gone); }));
    EXPECT_THAT(whys_.back(), ::testing::HasSubstr("network file: malformed: pan"));
    EXPECT_EQ(esl::testing::read_file(folder_ / "znp/network.json"), R"({"format":1,"pan":"12"})");
    stop(*radio);
}

TEST_F(RadioTest, ABadTagFileIsPutAside) {
    std::filesystem::create_directories(folder_ / "znp");
    std::ofstream(folder_ / "znp/tags.json") << "not JSON";
    const auto radio = make(listen());
    ASSERT_TRUE(run_until([&] { return is(RadioState::up); }));
    EXPECT_EQ(esl::testing::read_file(folder_ / "znp/tags.json.bad"), "not JSON");
    stop(*radio);
}

TEST_F(RadioTest, RefusesAPortThatIsNone) {
    EXPECT_THROW((void)make_radio(io_.get_executor(), {.port = "COM3", .data_dir = folder_.path()}, clock_),
                 std::invalid_argument);
}

TEST_F(RadioTest, MayBeDestroyedWithoutStop) {
    auto radio = make(listen());
    ASSERT_TRUE(run_until([&] { return is(RadioState::up); }));
    bool called = false;
    radio->update(picture(), [&](const UpdateOutcome&) {});  // unknown tag: answered at once, but later
    auto& tag = stick_.add_tag(7, 0x77);
    join(tag);
    tag.ignores_notify = true;
    radio->update(picture(), [&](const UpdateOutcome&) { called = true; });
    radio.reset();
    (void)run_until([] { return false; }, 200ms);
    EXPECT_FALSE(called);
}

}  // namespace
}  // namespace esl::ap::znp::testing
