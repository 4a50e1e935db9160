#include "ap-agent/core/agent.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "common/contract/topics.hpp"

namespace esl::ap {
namespace {

constexpr std::string_view kStoreSetting = "store";
constexpr std::chrono::milliseconds kLongestTick{1'000};
constexpr std::chrono::milliseconds kFirstHelloPause{2'000};
constexpr std::size_t kTagsPerMessage = 200;
// No more while the link is slow: the next tick goes on.
constexpr std::size_t kTagMessagesPerTick = 8;
constexpr std::size_t kCommandsRemembered = 256;

}  // namespace

Agent::Agent(const Clock& clock, AgentStore& store, Uplink& uplink, AgentOptions options, Hooks hooks)
    : clock_(clock),
      store_(store),
      uplink_(uplink),
      options_(std::move(options)),
      hooks_(std::move(hooks)),
      engine_(clock, options_.retry, options_.engine),
      book_(clock, options_.sightings),
      reporter_(engine_, uplink, options_.client_id,
                [this](const std::vector<std::uint64_t>& sequences) { apply(engine_.outcome_delivered(sequences)); }),
      started_(clock.steady()) {}

Agent::~Agent() = default;

void Agent::add_radio(TagRadio& radio) {
    radios_.push_back(&radio);
}

void Agent::start() {
    const auto snapshot = store_.load();
    engine_.restore(snapshot);
    std::uint64_t durable = 0;
    for (const auto& outcome : snapshot.outcomes) durable = std::max(durable, outcome.sequence);
    reporter_.outcomes_durable(durable);
    store_name_ = options_.store;
    for (const auto& setting : snapshot.settings) {
        if (setting.key == kStoreSetting && store_name_.empty()) store_name_ = setting.value;
    }
    if (store_name_.empty()) store_name_ = contract::kUnclaimed;
    uplink_.set_store(store_name_);
    spdlog::info("store '{}', {} tasks and {} outcomes left from before", store_name_, engine_.queued(),
                 engine_.undelivered_count());
    for (auto* radio : radios_) radio->start(*this);
    next_health_ = clock_.steady() + options_.health_interval;
    next_full_ = clock_.steady() + options_.full_interval;
}

void Agent::stop(std::function<void()> stopped) {
    stopping_ = true;
    const auto left = std::make_shared<std::size_t>(radios_.size());
    const auto done = std::make_shared<std::function<void()>>(std::move(stopped));
    if (radios_.empty()) return (*done)();
    for (auto* radio : radios_) {
        radio->stop([left, done] {
            if (--*left == 0) (*done)();
        });
    }
}

std::chrono::milliseconds Agent::tick() {
    apply(engine_.tick());
    book_.tick();
    reporter_.tick();
    const auto now = clock_.steady();
    if (connected_) {
        if (now >= next_full_) {
            book_.mark_all();
            next_full_ = now + options_.full_interval;
        }
        if (now >= next_tags_) send_tags();
        if (!answered_ && now >= next_hello_) say_hello();
        if (now >= next_health_) say_health();
    }
    return std::clamp(engine_.until_next_tick().value_or(kLongestTick), std::chrono::milliseconds(1), kLongestTick);
}

// ---- effects

void Agent::apply(Effects effects) {
    for (const auto tag : effects.cancel) {
        if (auto* radio = radio_for(tag); radio != nullptr) radio->cancel(tag);
    }
    if (effects.write.empty()) return carry_out(effects);
    auto batch = std::exchange(effects.write, {});
    write(std::move(batch), [this, effects = std::move(effects)] { carry_out(effects); });
}

void Agent::write(StoreBatch batch, std::function<void()> then) {
    if (failed_) return;
    store_.write(std::move(batch), [this, alive = std::weak_ptr(alive_), then = std::move(then)](Result<> result) {
        if (alive.expired() || failed_) return;
        if (result) return then();
        failed_ = true;
        if (hooks_.fatal) hooks_.fatal(result.error().message());
    });
}

void Agent::carry_out(const Effects& effects) {
    if (!effects.progress.empty()) reporter_.progress(effects.progress);
    if (!effects.outcomes.empty()) reporter_.outcomes_durable(effects.outcomes.back().sequence);
    for (const auto& key : effects.begin) begin(key);
}

void Agent::begin(const TaskKey& key) {
    const auto give_back = [&](RadioError error, std::string detail) {
        UpdateOutcome outcome;
        outcome.failure = UpdateOutcome::Failure{error, 0, std::move(detail)};
        apply(engine_.finished(key, outcome));
    };
    auto request = engine_.begin(key);
    if (!request) return give_back(RadioError::cancelled, {});
    auto* radio = radio_for(key.tag);
    if (radio == nullptr) return give_back(RadioError::unreachable, "this AP has no radio for such a tag");
    request->budget = options_.update_budget;
    request->started = [this, key, alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) apply(engine_.transfer_started(key));
    };
    radio->update(std::move(*request), [this, key, alive = std::weak_ptr(alive_)](const UpdateOutcome& outcome) {
        if (alive.expired()) return;
        if (outcome.failure) {
            spdlog::debug("tag {} version {}: {} ({})", key.tag.text(), key.version, describe(outcome.failure->error),
                          outcome.failure->detail);
        }
        apply(engine_.finished(key, outcome));
    });
}

TagRadio* Agent::radio_for(TagId tag) const {
    if (auto* heard = book_.radio_of(tag); heard != nullptr && heard->state() == RadioState::up) return heard;
    TagRadio* any = nullptr;
    for (auto* radio : radios_) {
        if (radio->serves() != tag.kind()) continue;
        if (radio->state() == RadioState::up) return radio;
        any = radio;
    }
    return any;
}

// ---- from the radios

void Agent::on_sighting(TagRadio& radio, const TagSighting& sighting) {
    if (stopping_) return;
    book_.hear(radio, sighting);
    apply(engine_.sighted(sighting));
}

void Agent::on_radio_state(TagRadio& radio, RadioState state, const std::string& why) {
    if (state == RadioState::gone) {
        spdlog::warn("radio {} is gone: {}", radio.name(), why);
        log_to_service("warn", "radio " + radio.name() + " is gone: " + why);
    } else {
        spdlog::info("radio {} is {}", radio.name(), name(state));
    }
    if (state == RadioState::up) apply(engine_.radio_up(radio.serves()));
    if (connected_) say_health();
}

// ---- to the service

void Agent::on_connected() {
    connected_ = true;
    answered_ = false;
    hello_pause_ = kFirstHelloPause;
    say_hello();
    book_.mark_all();
    next_full_ = clock_.steady() + options_.full_interval;
    send_tags();
    reporter_.connected();
}

void Agent::on_disconnected() {
    connected_ = false;
    reporter_.disconnected();
}

void Agent::publish(contract::ReportKind kind, const contract::Uplink& message) {
    if (connected_) uplink_.publish(kind, contract::encode(message), {});
}

void Agent::say_hello() {
    contract::ApHello hello{options_.client_id, "ap-agent " ESL_VERSION, options_.boot,
                            radio_infos(),      engine_.queued(),        clock_.wall()};
    publish(contract::ReportKind::ap, hello);
    next_hello_ = clock_.steady() + hello_pause_;
    hello_pause_ = std::min(2 * hello_pause_, options_.health_interval);
    next_health_ = clock_.steady() + options_.health_interval;
}

void Agent::say_health() {
    const auto up = std::chrono::duration_cast<std::chrono::seconds>(clock_.steady() - started_);
    contract::ApHealth health{options_.client_id, radio_infos(), engine_.queued(),
                              static_cast<std::uint64_t>(up.count()), clock_.wall()};
    publish(contract::ReportKind::ap, health);
    for (const auto* radio : radios_) {
        auto& told = refused_told_[radio];
        const auto refused = radio->refused();
        if (refused > told) {
            log_to_service("warn", radio->name() + ": " + std::to_string(refused - told) +
                                       " messages of the radio's side were not understood and dropped");
        }
        told = refused;
    }
    next_health_ = clock_.steady() + options_.health_interval;
}

std::vector<contract::RadioInfo> Agent::radio_infos() const {
    std::vector<contract::RadioInfo> out;
    for (const auto* radio : radios_) {
        out.push_back({radio->name(), std::string(name(radio->state())), radio->tags_heard(), radio->refused()});
    }
    return out;
}

// A report is `full` only when everything fits in one message: split, each part would claim to be all there is.
void Agent::send_tags() {
    next_tags_ = clock_.steady() + options_.tags_interval;
    const bool all = book_.changed() > 0 && book_.changed() == book_.size() && book_.size() <= kTagsPerMessage;
    for (std::size_t i = 0; i < kTagMessagesPerTick && book_.changed() > 0; ++i) {
        contract::TagsReport report;
        report.ap = options_.client_id;
        report.full = all;
        report.tags = book_.take_changed(kTagsPerMessage, [this](TagId tag) { return engine_.shown(tag); });
        std::vector<TagId> named;
        for (const auto& line : report.tags) named.push_back(line.tag);
        uplink_.publish(contract::ReportKind::tags, contract::encode(contract::Uplink(std::move(report))),
                        [this, named = std::move(named), alive = std::weak_ptr(alive_)](Result<> result) {
                            if (result || alive.expired()) return;
                            for (const auto tag : named) book_.mark(tag);
                        });
    }
}

void Agent::log_to_service(const std::string& level, const std::string& message) {
    publish(contract::ReportKind::ap, contract::ApLog{options_.client_id, level, message, clock_.wall()});
}

// ---- from the service

void Agent::on_message(BytesView payload) {
    const auto message = contract::decode_downlink(payload);
    if (!message) {
        spdlog::warn("message of {} bytes not understood: {}", payload.size(), message.error().message());
        return answer({}, false, message.error().message());
    }
    if (stopping_ || failed_) return;
    answered_ = true;
    std::visit([this](const auto& m) { handle(m); }, *message);
}

void Agent::handle(const contract::Tasks& message) {
    if (store_.backlog() > options_.max_store_backlog) {
        return apply(engine_.refuse(message, "the agent's store is behind; send it again"));
    }
    apply(engine_.take(message));
}

void Agent::handle(const contract::Lease& message) {
    apply(engine_.lease(message));
}

void Agent::handle(const contract::TimeNotice& message) {
    if (hooks_.set_time) hooks_.set_time(message.now);
}

void Agent::handle(const contract::ApConfig& message) {
    if (message.full_report_seconds > 0) {
        options_.full_interval = std::chrono::seconds(message.full_report_seconds);
        next_full_ = std::min(next_full_, clock_.steady() + options_.full_interval);
    }
    if (!contract::is_store_id(message.store)) {
        return answer({}, false, "config: '" + message.store + "' is no store id");
    }
    if (message.store == store_name_) return;
    if (!options_.store.empty()) {
        spdlog::warn("the service claims this AP for store '{}', the configuration says '{}'", message.store,
                     options_.store);
        return answer({}, false, "config: this AP is configured for store '" + options_.store + "'");
    }
    spdlog::info("this AP now belongs to store '{}'", message.store);
    store_name_ = message.store;
    // The reconnect that set_store brings must not happen before a restart would remember the store.
    write({PutSetting{std::string(kStoreSetting), message.store}}, [this] { uplink_.set_store(store_name_); });
}

void Agent::handle(const contract::Command& message) {
    using contract::CommandKind;
    if (repeated(message.id)) return;
    const auto done = answer_when_done(message.id);
    if (message.kind == CommandKind::permit_join) {
        for (auto* radio : radios_) {
            if (radio->serves() == TagId::Kind::eui64) {
                return radio->permit_join(std::chrono::seconds(message.seconds), done);
            }
        }
        return answer(message.id, false, "this AP has no radio that tags join");
    }
    if (!message.tag) return answer(message.id, false, "command names no tag");
    auto* radio = radio_for(*message.tag);
    if (radio == nullptr) return answer(message.id, false, "this AP has no radio for such a tag");
    if (message.kind == CommandKind::led || message.kind == CommandKind::identify) {
        const auto seconds = std::chrono::seconds(message.seconds == 0 ? 5 : std::min(message.seconds, 3600U));
        return radio->led({*message.tag, message.colour.empty() ? "green" : message.colour, seconds}, done);
    }
    if (message.kind == CommandKind::unbind) {
        radio->cancel(*message.tag);
        return radio->unbind(*message.tag, done);
    }
    answer(message.id, false,
           "command '" + std::string(contract::name(message.kind)) + "' is not supported by this AP");
}

// QoS 1 may bring a command twice.
bool Agent::repeated(const std::string& command_id) {
    if (std::ranges::find(commands_, command_id) != commands_.end()) return true;
    commands_.push_back(command_id);
    if (commands_.size() > kCommandsRemembered) commands_.pop_front();
    return false;
}

std::function<void(Result<>)> Agent::answer_when_done(const std::string& id) {
    return [this, id, alive = std::weak_ptr(alive_)](const Result<>& result) {
        if (!alive.expired()) answer(id, result.has_value(), result ? std::string() : result.error().message());
    };
}

void Agent::answer(const std::string& id, bool ok, std::string detail) {
    publish(contract::ReportKind::ap, contract::CommandAnswer{options_.client_id, id, ok, std::move(detail)});
}

}  // namespace esl::ap
