// Who may publish to and subscribe to what: rules on topic filters, compiled once, asked on every PUBLISH and
// SUBSCRIBE.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/subscription_tree.hpp"

namespace esl::broker {

enum class Access : std::uint8_t { publish = 1, subscribe = 2, both = 3 };

[[nodiscard]] constexpr bool includes(Access rule, Access wanted) {
    return (static_cast<unsigned>(rule) & static_cast<unsigned>(wanted)) == static_cast<unsigned>(wanted);
}

// "PUB", "SUB", "PUB_SUB": the words of the reference.
[[nodiscard]] std::string_view name(Access access);

struct AccessRule {
    std::string filter;  // a good topic filter, not a shared one
    Access access = Access::both;
    bool allow = true;

    bool operator==(const AccessRule&) const = default;
};

// A rule that denies wins over any that allows; what no rule names is refused. Immutable; thread-safe. Asking allocates
// nothing.
class AccessList {
public:
    enum class Verdict : std::uint8_t {
        allowed,
        no_rule,       // no rule names this topic
        wrong_access,  // one does, but for the other direction
        denied,        // by a rule that denies
    };

    AccessList() = default;
    explicit AccessList(const std::vector<AccessRule>& rules);

    // A PUBLISH to `topic`. `parent` (empty: none) is the parent topic of a P2P message, which counts as a publish to
    // that: a rule may name either.
    [[nodiscard]] Verdict publish(std::string_view topic, std::string_view parent = {}) const;
    // A SUBSCRIBE to `filter` (without "$share/{group}/"): some rule must allow every topic that it matches, and no
    // rule may deny any of them.
    [[nodiscard]] Verdict subscribe(std::string_view filter) const;
    [[nodiscard]] std::size_t size() const { return rules_; }

private:
    // Bits of Access: allowed, and four higher: denied.
    struct Bits {
        std::uint8_t value = 0;
        void add(const AccessRule& rule);
    };
    struct Pattern {
        enum class Kind : std::uint8_t { prefix, general } kind;  // prefix: no wildcard but the `#` at its end
        std::string text;                                         // prefix: without "/#"
        Bits bits;
        [[nodiscard]] bool matches(std::string_view topic) const;
    };
    void collect(std::string_view topic, unsigned& bits) const;

    TextMap<Bits> exact_;
    std::vector<Pattern> patterns_;
    std::vector<AccessRule> all_;  // for SUBSCRIBE, which is rare
    std::size_t rules_ = 0;
};

}  // namespace esl::broker
