#include "tag-sim/adapters/http/plan_json.hpp"

#include <nlohmann/json.hpp>

namespace esl::sim::web {
namespace {

using nlohmann::json;

json rates_json(const Rates& rates) {
    json out = json::object();
    for (std::size_t i = 0; i < kFaults; ++i) {
        if (rates.per_cent[i] > 0) out[std::string{name(static_cast<Fault>(i))}] = rates.per_cent[i];
    }
    out["late_by"] = rates.late_by.count();
    out["power_back"] = rates.power_back.count();
    if (rates.disconnect_at_part) out["disconnect_at_part"] = *rates.disconnect_at_part;
    return out;
}

// "dead_percent" is "dead" for people who like to see the unit.
std::string_view plain_name(std::string_view key) {
    constexpr std::string_view kUnit = "_percent";
    if (key.ends_with(kUnit)) key.remove_suffix(kUnit.size());
    return key;
}

Result<Rates> merged(Rates rates, const json& object, const std::string& where) {
    if (!object.is_object()) return fail(ParseError::malformed, where + ": expected an object");
    for (const auto& [key, value] : object.items()) {
        const auto place = where + "." + key;
        const auto fault = fault_from(plain_name(key));
        const bool switches = value.is_boolean() && fault;  // "dead": true is 100 %
        if (!value.is_number() && !switches) return fail(ParseError::malformed, place + ": expected a number");
        const double number = switches ? (value.get<bool>() ? 100 : 0) : value.get<double>();
        if (!(number >= 0) || number > (fault ? 100 : 86'400'000)) return fail(ParseError::out_of_range, place);
        if (fault) {
            rates.of(*fault) = number;
        } else if (key == "late_by") {
            rates.late_by = std::chrono::milliseconds{static_cast<std::int64_t>(number)};
        } else if (key == "power_back") {
            rates.power_back = std::chrono::milliseconds{static_cast<std::int64_t>(number)};
        } else if (key == "disconnect_at_part") {
            rates.disconnect_at_part = static_cast<std::uint32_t>(number);
        } else {
            return fail(ParseError::unknown, place);
        }
    }
    return rates;
}

}  // namespace

std::string to_json(const FaultPlan& plan) {
    json out{
        {"seed", plan.seed()}, {"all", rates_json(plan.all())}, {"tags", json::object()}, {"struck", json::object()}};
    for (const auto& [tag, rates] : plan.overrides()) out["tags"][tag.text()] = rates_json(rates);
    for (std::size_t i = 0; i < kFaults; ++i) {
        const auto fault = static_cast<Fault>(i);
        if (plan.struck(fault) > 0) out["struck"][std::string{name(fault)}] = plan.struck(fault);
    }
    return out.dump();
}

Result<> merge_json(FaultPlan& plan, std::string_view text) {
    const auto document = json::parse(text, nullptr, false);
    if (!document.is_object()) return fail(ParseError::malformed, "body: expected a JSON object");
    FaultPlan changed = plan;
    auto for_all = document.value("all", json::object());
    for (const auto& [key, value] : document.items()) {
        if (fault_from(plain_name(key))) for_all[key] = value;
    }
    for (const auto& [key, value] : document.items()) {
        if (key == "all" || fault_from(plain_name(key))) {
            auto rates = merged(plan.all(), for_all, "all");
            if (!rates) return fail(rates.error());
            changed.set_all(*rates);
        } else if (key != "tags" || !value.is_object()) {
            return fail(ParseError::unknown, key);
        }
    }
    for (const auto& [id, value] : document.value("tags", json::object()).items()) {
        const auto tag = TagId::parse(id);
        if (!tag) return fail(ParseError::malformed, "tags." + id);
        if (value.is_null()) {
            changed.forget(*tag);
            continue;
        }
        auto rates = merged(changed.rates(*tag), value, "tags." + id);
        if (!rates) return fail(rates.error());
        changed.set(*tag, *rates);
    }
    plan = std::move(changed);
    return {};
}

}  // namespace esl::sim::web
