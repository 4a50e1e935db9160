// The rules there are: those of the configuration, and those that administrators made, which survive a restart.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "broker/rules/rule.hpp"

namespace esl::broker {

constexpr std::size_t kRulesMost = 100;

// Thread-safe; changes wait for each other.
class RuleBook {
public:
    // Puts the rules in force.
    using Changed = std::function<void(const std::vector<RuleSpec>&)>;

    // `file` (empty: nothing is kept) holds what was made, as a JSON array, mode 0600 for its secrets. Throws
    // std::runtime_error that names the rule or the file.
    RuleBook(std::vector<RuleSpec> configured, std::filesystem::path file, bool apsara);

    void on_change(Changed changed) { changed_ = std::move(changed); }
    [[nodiscard]] std::vector<RuleSpec> all() const;
    [[nodiscard]] std::optional<RuleSpec> find(std::string_view id) const;
    [[nodiscard]] bool is_configured(std::string_view id) const;
    // On disk and in force when they return. RuleError::exists names the rule that has the id, or the kind and
    // resource.
    [[nodiscard]] Result<> add(const RuleSpec& rule);
    [[nodiscard]] Result<> replace(const RuleSpec& rule);
    [[nodiscard]] Result<> remove(std::string_view id);
    // Takes these for the configured ones. Throws std::runtime_error with nothing changed; check_reload() what it
    // would.
    void reload(const std::vector<RuleSpec>& configured);
    void check_reload(const std::vector<RuleSpec>& configured) const;

private:
    using Rules = std::map<std::string, RuleSpec, std::less<>>;
    [[nodiscard]] Rules read_file() const;
    // A rule that may stand among the others, but for the one of its own id.
    [[nodiscard]] Result<> fits(const RuleSpec& rule) const;
    void put_in_force(Rules made);
    [[nodiscard]] Rules checked(const std::vector<RuleSpec>& configured) const;
    [[nodiscard]] Rules beside_made(const std::vector<RuleSpec>& configured) const;
    [[nodiscard]] std::vector<RuleSpec> together(const Rules& configured, const Rules& made) const;

    std::filesystem::path file_;
    bool apsara_;
    Changed changed_;
    mutable std::mutex lock_;  // the two below
    mutable std::mutex changing_;
    Rules configured_;
    Rules made_;
};

}  // namespace esl::broker
