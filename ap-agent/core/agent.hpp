// The agent: messages in, radios driven, reports out. Joins the task engine, the sighting book and the reporter to the
// ports; does no I/O of its own and owns no timer.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ap-agent/core/reporter.hpp"
#include "ap-agent/core/sighting_book.hpp"
#include "ap-agent/core/task_engine.hpp"
#include "ap-agent/ports/agent_store.hpp"
#include "ap-agent/ports/tag_radio.hpp"
#include "ap-agent/ports/uplink.hpp"
#include "common/contract/messages.hpp"
#include "common/core/clock.hpp"

namespace esl::ap {

struct AgentOptions {
    std::string client_id;
    std::string store;  // empty: as remembered, else unclaimed until the service says
    std::string boot;   // UUIDv7, new at each start
    RetryPolicy retry;
    EngineLimits engine;
    SightingLimits sightings;
    std::chrono::milliseconds update_budget{180'000};
    std::chrono::milliseconds tags_interval{1'000};    // between messages about changes
    std::chrono::milliseconds full_interval{300'000};  // between messages about everything
    std::chrono::milliseconds health_interval{60'000};
    std::size_t max_store_backlog = 2'000;  // write batches; beyond, tasks are refused
};

// Bound to the agent's executor.
class Agent final : public RadioListener {
public:
    struct Hooks {
        std::function<void(const std::string&)> fatal;  // the store failed: the process has to end
        std::function<void(UnixMillis)> set_time;       // the service's clock
    };

    Agent(const Clock& clock, AgentStore& store, Uplink& uplink, AgentOptions options, Hooks hooks);
    ~Agent() override;

    // All before start(). Radios outlive the agent's use of them: until stop() has called back.
    void add_radio(TagRadio& radio);
    // Loads the store and starts the radios; throws what the store throws.
    void start();
    void stop(std::function<void()> stopped);

    void on_connected();
    void on_disconnected();
    void on_message(BytesView payload);
    // Does what is due; the wait until the next call, at most a second.
    [[nodiscard]] std::chrono::milliseconds tick();

    void on_sighting(TagRadio& radio, const TagSighting& sighting) override;
    void on_radio_state(TagRadio& radio, RadioState state, const std::string& why) override;

    [[nodiscard]] const std::string& store_name() const { return store_name_; }
    [[nodiscard]] std::size_t queued() const { return engine_.queued(); }
    // Nothing left to tell: for an orderly end.
    [[nodiscard]] bool told_everything() const { return reporter_.idle(); }
    [[nodiscard]] contract::ApOffline offline() const { return {options_.client_id, options_.boot}; }

private:
    void handle(const contract::Tasks& message);
    void handle(const contract::Command& message);
    void handle(const contract::Lease& message);
    void handle(const contract::TimeNotice& message);
    void handle(const contract::ApConfig& message);

    void apply(Effects effects);
    void carry_out(const Effects& effects);
    void begin(const TaskKey& key);
    void write(StoreBatch batch, std::function<void()> then);
    [[nodiscard]] TagRadio* radio_for(TagId tag) const;

    void say_hello();
    void say_health();
    void send_tags();
    void publish(contract::ReportKind kind, const contract::Uplink& message);
    void log_to_service(const std::string& level, const std::string& message);
    void answer(const std::string& id, bool ok, std::string detail);
    [[nodiscard]] std::function<void(Result<>)> answer_when_done(const std::string& id);
    [[nodiscard]] bool repeated(const std::string& command_id);
    [[nodiscard]] std::vector<contract::RadioInfo> radio_infos() const;

    const Clock& clock_;
    AgentStore& store_;
    Uplink& uplink_;
    AgentOptions options_;
    Hooks hooks_;
    TaskEngine engine_;
    SightingBook book_;
    Reporter reporter_;
    std::vector<TagRadio*> radios_;
    std::map<const TagRadio*, std::uint64_t> refused_told_;
    std::string store_name_;
    std::deque<std::string> commands_;  // ids of the last ones
    bool connected_ = false;
    bool answered_ = false;  // the service has said something since the connect: it has heard the hello
    std::chrono::milliseconds hello_pause_{};
    bool stopping_ = false;
    bool failed_ = false;
    SteadyTime started_;
    SteadyTime next_tags_, next_full_, next_health_, next_hello_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace esl::ap
