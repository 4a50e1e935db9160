#include "broker/app/rules.hpp"

#include <spdlog/spdlog.h>

#include "broker/adapters/file_sinks.hpp"
#include "broker/adapters/http_sink.hpp"
#include "broker/adapters/mqtt_sink.hpp"
#include "broker/adapters/mqtt_source.hpp"

namespace esl::broker {
namespace {

std::filesystem::path in(const std::filesystem::path& data, const char* name) {
    return data.empty() ? data : data / name;
}

}  // namespace

Rules::Rules(std::vector<RuleSpec> configured, const std::filesystem::path& data, bool apsara, const Clock& clock,
             Publisher& publisher)
    : clock_(clock),
      publisher_(publisher),
      book_(std::move(configured), in(data, "rules.json"), apsara),
      engine_(in(data, "rules.db"), clock, [this](const RuleSpec& spec) { return make_sink(spec); }) {}

std::unique_ptr<RuleSink> Rules::make_sink(const RuleSpec& spec) {
    if (spec.via == "http") return make_http_sink(spec, clock_);
    if (spec.via == "mqtt") return make_mqtt_sink(spec, publisher_);
    if (spec.via == "file") return make_file_sink(spec);
    return make_sqlite_sink(spec);
}

void Rules::set_sources(const std::vector<RuleSpec>& rules) {
    std::map<std::string, Source> next;
    for (const auto& spec : rules) {
        if (!spec.enabled || spec.rule_kind() != RuleKind::inbound || spec.via != "mqtt") continue;
        const auto before = sources_.find(spec.id);
        if (before != sources_.end() && before->second.spec == spec) next.insert(sources_.extract(before));
    }
    sources_.clear();  // first, so that a client id is free again
    for (const auto& spec : rules) {
        if (!spec.enabled || spec.rule_kind() != RuleKind::inbound || spec.via != "mqtt" || next.contains(spec.id))
            continue;
        next.emplace(spec.id, Source{spec, make_mqtt_source(spec, publisher_, clock_)});
    }
    sources_ = std::move(next);
}

void Rules::stop() {
    sources_.clear();
    engine_.stop();
}

void Rules::start(Apply apply) {
    const auto put_in_force = [this, apply = std::move(apply)](const std::vector<RuleSpec>& rules) {
        apply(engine_.set_rules(rules));
        set_sources(rules);
    };
    put_in_force(book_.all());
    if (const auto count = book_.all().size(); count > 0) spdlog::info("{} rules", count);
    book_.on_change(put_in_force);
}

}  // namespace esl::broker
