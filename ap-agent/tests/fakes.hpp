// A shelf of tags, a radio and a broker that a test holds in its hands.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ap-agent/adapters/sqlite/sqlite_store.hpp"
#include "ap-agent/core/agent.hpp"
#include "ap-agent/ports/tag_radio.hpp"
#include "ap-agent/ports/uplink.hpp"
#include "common/contract/messages.hpp"
#include "common/core/clock.hpp"
#include "common/testing/testing.hpp"

namespace esl::ap::testing {

inline const TagId kTag = TagId::eui48(0xFFFF92103A07);
inline constexpr const char* kClient = "GID_esl_ap@@@A1";

inline image::TagImage picture(unsigned seed) {
    image::TagImage out(16, 8);
    for (unsigned i = 0; i < 16 * 8; ++i) {
        if ((i * 7 + seed * 13 + i * seed) % 5 == 0) out.set(i % 16, i / 16, image::Colour::black);
    }
    out.set(seed % 16, seed / 16 % 8, image::Colour::red);
    return out;
}

inline contract::Task task(TagId tag, std::uint64_t version, unsigned seed, std::uint64_t epoch = 1) {
    const auto image = picture(seed);
    contract::Task out;
    out.tag = tag;
    out.version = version;
    out.job = "job-" + tag.text() + "-" + std::to_string(version);
    out.image_id = image.crc();
    out.width = image.width();
    out.height = image.height();
    out.palette = image::Palette::bwr;
    out.image = image::deflate(image);
    out.epoch = epoch;
    return out;
}

// What really hangs on the shelf: survives the agent, as tags do.
struct Shelf {
    std::map<TagId, std::uint32_t> shown;
    std::map<TagId, std::vector<std::uint32_t>> history;
    void show(TagId tag, std::uint32_t image) {
        shown[tag] = image;
        history[tag].push_back(image);
    }
};

// Keeps what it is given until the test says how it went.
class FakeRadio final : public TagRadio {
public:
    FakeRadio(boost::asio::io_context& io, Shelf& shelf) : io_(io), shelf_(shelf) {}

    [[nodiscard]] std::string name() const override { return "fake:0"; }
    [[nodiscard]] std::string_view kind() const override { return "fake"; }
    [[nodiscard]] TagId::Kind serves() const override { return TagId::Kind::eui48; }
    [[nodiscard]] RadioState state() const override { return state_; }
    [[nodiscard]] std::uint32_t tags_heard() const override { return 0; }
    [[nodiscard]] std::uint64_t refused() const override { return refused_; }
    void start(RadioListener& listener) override { listener_ = &listener; }
    void stop(std::function<void()> stopped) override {
        while (!updates.empty()) fail(updates.begin()->first, RadioError::cancelled);
        boost::asio::post(io_, std::move(stopped));
    }
    void update(UpdateRequest request, UpdateDone done) override {
        const auto tag = request.tag;
        if (updates.contains(tag)) {
            UpdateOutcome outcome;
            outcome.failure = UpdateOutcome::Failure{RadioError::busy, 0, "busy"};
            return boost::asio::post(io_, [done, outcome] { done(outcome); });
        }
        ++given;
        updates[tag] = {std::move(request), std::move(done)};
    }
    void cancel(TagId tag) override {
        cancelled.push_back(tag);
        if (obey_cancel && updates.contains(tag)) fail(tag, RadioError::cancelled);
    }
    void led(LedRequest request, CommandDone done) override {
        leds.push_back(request);
        boost::asio::post(io_, [done] { done({}); });
    }
    void permit_join(std::chrono::seconds, CommandDone done) override {
        boost::asio::post(io_, [done] { done(esl::fail(RadioError::unsupported)); });
    }
    void unbind(TagId, CommandDone done) override {
        boost::asio::post(io_, [done] { done({}); });
    }

    // ---- the test's side
    void begin_bytes(TagId tag) {
        if (updates.at(tag).first.started) updates.at(tag).first.started();
    }
    void display(TagId tag) {
        auto [request, done] = take(tag);
        shelf_.show(tag, request.image_id);
        UpdateOutcome outcome;
        outcome.attempts = 1;
        outcome.started = from_millis(1);
        boost::asio::post(io_, [done, outcome] { done(outcome); });
    }
    // The tag shows it, but nobody hears so.
    void display_unheard(TagId tag) {
        auto [request, done] = take(tag);
        shelf_.show(tag, request.image_id);
    }
    void fail(TagId tag, RadioError error, bool started = false, std::uint32_t attempts = 1) {
        auto [request, done] = take(tag);
        UpdateOutcome outcome;
        outcome.failure = UpdateOutcome::Failure{error, 7, "test"};
        outcome.attempts = attempts;
        if (started) outcome.started = from_millis(1);
        boost::asio::post(io_, [done, outcome] { done(outcome); });
    }
    void hear(TagId tag, std::optional<std::uint32_t> shown = {}, bool restarted = false) {
        TagSighting s;
        s.tag = tag;
        s.model = "gicisky-0033";
        s.width = 16;
        s.height = 8;
        s.palette = image::Palette::bwr;
        s.rssi = -60;
        s.battery_mv = 2900;
        s.shown_image_id = shown;
        s.restarted = restarted;
        listener_->on_sighting(*this, s);
    }
    void set_state(RadioState state) {
        state_ = state;
        listener_->on_radio_state(*this, state, "test");
    }

    std::map<TagId, std::pair<UpdateRequest, UpdateDone>> updates;
    std::vector<TagId> cancelled;
    std::vector<LedRequest> leds;
    int given = 0;
    bool obey_cancel = true;

private:
    std::pair<UpdateRequest, UpdateDone> take(TagId tag) {
        auto node = updates.extract(tag);
        if (node.empty()) throw std::logic_error("the radio has no update of this tag");
        return std::move(node.mapped());
    }
    boost::asio::io_context& io_;
    Shelf& shelf_;
    RadioListener* listener_ = nullptr;
    std::uint64_t refused_ = 0;
    RadioState state_ = RadioState::up;
};

// Keeps what was published; acknowledges when told to, or at once.
class FakeUplink final : public Uplink {
public:
    explicit FakeUplink(boost::asio::io_context& io) : io_(io) {}
    void publish(contract::ReportKind kind, Bytes payload, Done done) override {
        largest = std::max(largest, payload.size());
        auto message = contract::decode_uplink(payload).value();
        if (auto* report = std::get_if<contract::ResultReport>(&message); report != nullptr && reachable) {
            for (auto& r : report->results) results.push_back(r);
        }
        if (reachable) messages.emplace_back(kind, std::move(message));
        if (!done) return;
        if (!acknowledge) return held.push_back(std::move(done));
        boost::asio::post(io_, [done = std::move(done)] { done({}); });
    }
    void set_store(const std::string& s) override { store = s; }

    [[nodiscard]] int count(contract::TaskState state) const {
        int out = 0;
        for (const auto& r : results) out += r.state == state ? 1 : 0;
        return out;
    }
    template <class T>
    [[nodiscard]] std::vector<T> of() const {
        std::vector<T> out;
        for (const auto& [kind, message] : messages) {
            if (const auto* m = std::get_if<T>(&message)) out.push_back(*m);
        }
        return out;
    }

    bool acknowledge = true;
    bool reachable = true;
    std::vector<Done> held;
    std::vector<contract::TaskResult> results;
    std::vector<std::pair<contract::ReportKind, contract::Uplink>> messages;
    std::string store;
    std::size_t largest = 0;

private:
    boost::asio::io_context& io_;
};

// The real store, of which the power is cut after so many batches: later ones are neither written nor answered.
class FailingStore final : public AgentStore {
public:
    FailingStore(boost::asio::io_context& io, const std::filesystem::path& data, std::size_t batches)
        : inner_(boost::asio::any_io_executor(io.get_executor()), data), left_(batches) {}
    [[nodiscard]] Snapshot load() override { return inner_.load(); }
    void write(StoreBatch batch, Done done) override {
        if (left_ == 0) {
            cut = true;
            return;
        }
        --left_;
        ++written;
        inner_.write(std::move(batch), std::move(done));
    }
    [[nodiscard]] std::size_t backlog() const override { return inner_.backlog(); }

    bool cut = false;
    std::size_t written = 0;

private:
    SqliteStore inner_;
    std::size_t left_;
};

// One life of an agent process on a data folder.
struct Life {
    Life(esl::testing::ManualClock& manual, const std::filesystem::path& data, Shelf& shelf, AgentOptions options = {},
         std::size_t batches = 1'000'000)
        : clock(manual),
          store(io, data, batches),
          radio(io, shelf),
          uplink(io),
          agent(clock, store, uplink, named(options), {}) {
        agent.add_radio(radio);
        agent.start();
        agent.on_connected();
        settle();
    }
    static AgentOptions named(AgentOptions options) {
        options.client_id = kClient;
        options.boot = "boot";
        return options;
    }
    // Runs until nothing moves any more: the store's thread has answered and the executor is empty.
    void settle() {
        std::size_t idle = 0;
        (void)esl::testing::wait_until([&] {
            io.restart();
            const auto ran = io.poll();
            (void)agent.tick();
            idle = ran == 0 && store.backlog() == 0 ? idle + 1 : 0;
            return idle >= 2;
        });
    }
    void give(std::vector<contract::Task> tasks) {
        agent.on_message(contract::encode(contract::Downlink(contract::Tasks{std::move(tasks)})));
        settle();
    }
    void give(const contract::Downlink& message) {
        agent.on_message(contract::encode(message));
        settle();
    }
    void pass(std::chrono::milliseconds time) {
        clock.advance(time);
        settle();
    }
    [[nodiscard]] std::optional<contract::TaskResult> last(TagId tag = kTag) const {
        for (auto it = uplink.results.rbegin(); it != uplink.results.rend(); ++it) {
            if (it->tag == tag) return *it;
        }
        return std::nullopt;
    }

    esl::testing::ManualClock& clock;
    boost::asio::io_context io;
    FailingStore store;
    FakeRadio radio;
    FakeUplink uplink;
    Agent agent;
};

}  // namespace esl::ap::testing
