#include "broker/rules/rule_book.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "broker/adapters/durable_file.hpp"

namespace esl::broker {
namespace {

using nlohmann::json;

}  // namespace

RuleBook::RuleBook(std::vector<RuleSpec> configured, std::filesystem::path file, bool apsara)
    : file_(std::move(file)), apsara_(apsara) {
    configured_ = checked(configured);
    made_ = read_file();
    for (const auto& [id, rule] : made_) {
        if (auto ok = fits(rule); !ok)
            throw std::runtime_error(file_.string() + ": rule " + id + ": " + ok.error().message());
    }
}

RuleBook::Rules RuleBook::checked(const std::vector<RuleSpec>& configured) const {
    Rules out;
    for (const auto& rule : configured) {
        const auto bad = [&](const std::string& why) {
            return std::runtime_error("configuration: rule '" + rule.id + "': " + why);
        };
        if (auto ok = check_rule(rule, apsara_); !ok) throw bad(ok.error().message());
        if (auto ok = check_rule_files(rule); !ok) throw bad(ok.error().message());
        for (const auto& [id, other] : out) {
            if (const auto what = in_the_way(rule, other); !what.empty())
                throw bad("rule " + id + " " + std::string(what) + " already");
        }
        if (!out.emplace(rule.id, rule).second) throw bad("there are two of this id");
        if (out.size() > kRulesMost) throw bad("more than " + std::to_string(kRulesMost) + " rules");
    }
    return out;
}

RuleBook::Rules RuleBook::read_file() const {
    Rules out;
    if (file_.empty() || !std::filesystem::exists(file_)) return out;
    const auto bad = [&](const std::string& what) { return std::runtime_error(file_.string() + ": " + what); };
    std::ifstream in(file_);
    const auto list = json::parse(in, nullptr, false);
    if (!list.is_array()) throw bad("must be a JSON array of rules");
    for (std::size_t i = 0; i < list.size(); ++i) {
        auto rule = rule_from_json(list[i]);
        if (!rule) throw bad("[" + std::to_string(i) + "]: " + rule.error().message());
        const auto id = rule->id;
        out.emplace(id, std::move(*rule));
    }
    return out;
}

std::vector<RuleSpec> RuleBook::together(const Rules& configured, const Rules& made) const {
    std::vector<RuleSpec> out;
    for (const auto* rules : {&configured, &made}) {
        for (const auto& [id, rule] : *rules) out.push_back(rule);
    }
    return out;
}

std::vector<RuleSpec> RuleBook::all() const {
    const std::lock_guard guard(lock_);
    return together(configured_, made_);
}

std::optional<RuleSpec> RuleBook::find(std::string_view id) const {
    const std::lock_guard guard(lock_);
    for (const auto* rules : {&configured_, &made_}) {
        if (const auto at = rules->find(id); at != rules->end()) return at->second;
    }
    return std::nullopt;
}

bool RuleBook::is_configured(std::string_view id) const {
    const std::lock_guard guard(lock_);
    return configured_.contains(id);
}

Result<> RuleBook::fits(const RuleSpec& rule) const {
    if (auto ok = check_rule(rule, apsara_); !ok) return ok;
    if (configured_.contains(rule.id)) return fail(RuleError::configured, rule.id);
    for (const auto* rules : {&configured_, &made_}) {
        for (const auto& [id, other] : *rules) {
            if (id == rule.id) continue;
            if (const auto what = in_the_way(rule, other); !what.empty())
                return fail(RuleError::exists, id + " " + std::string(what));
        }
    }
    if (!made_.contains(rule.id) && made_.size() + configured_.size() >= kRulesMost)
        return fail(RuleError::too_many, "at most " + std::to_string(kRulesMost));
    return {};
}

void RuleBook::put_in_force(Rules made) {
    if (!file_.empty()) {
        json list = json::array();
        for (const auto& [id, rule] : made) list.push_back(to_json(rule, true));
        write_durably(file_, list.dump(2) + "\n", 0600);
    }
    {
        const std::lock_guard guard(lock_);
        made_ = std::move(made);
    }
    if (changed_) changed_(all());
}

Result<> RuleBook::add(const RuleSpec& rule) {
    const std::lock_guard changing(changing_);
    if (made_.contains(rule.id)) return fail(RuleError::exists, rule.id);
    if (auto ok = fits(rule); !ok) return ok;
    if (auto ok = check_rule_files(rule); !ok) return ok;
    auto made = made_;
    made.emplace(rule.id, rule);
    put_in_force(std::move(made));
    return {};
}

Result<> RuleBook::replace(const RuleSpec& rule) {
    const std::lock_guard changing(changing_);
    if (configured_.contains(rule.id)) return fail(RuleError::configured, rule.id);
    if (!made_.contains(rule.id)) return fail(RuleError::not_there, rule.id);
    if (auto ok = fits(rule); !ok) return ok;
    if (auto ok = check_rule_files(rule); !ok) return ok;
    auto made = made_;
    made[rule.id] = rule;
    put_in_force(std::move(made));
    return {};
}

Result<> RuleBook::remove(std::string_view id) {
    const std::lock_guard changing(changing_);
    if (configured_.contains(id)) return fail(RuleError::configured, std::string(id));
    auto made = made_;
    const auto at = made.find(id);
    if (at == made.end()) return fail(RuleError::not_there, std::string(id));
    made.erase(at);
    put_in_force(std::move(made));
    return {};
}

RuleBook::Rules RuleBook::beside_made(const std::vector<RuleSpec>& configured) const {
    auto next = checked(configured);
    for (const auto& [id, rule] : made_) {
        for (const auto& [other_id, other] : next) {
            if (id == other_id || !in_the_way(rule, other).empty())
                throw std::runtime_error("configuration: rule '" + other_id + "' stands in the way of " + id +
                                         ", which was made by administration");
        }
    }
    return next;
}

void RuleBook::check_reload(const std::vector<RuleSpec>& configured) const {
    const std::lock_guard changing(changing_);
    static_cast<void>(beside_made(configured));
}

void RuleBook::reload(const std::vector<RuleSpec>& configured) {
    const std::lock_guard changing(changing_);
    auto next = beside_made(configured);
    {
        const std::lock_guard guard(lock_);
        configured_ = std::move(next);
    }
    if (changed_) changed_(all());
}

}  // namespace esl::broker
