#include "broker/core/access_list.hpp"

#include "common/mqtt/topic_filter.hpp"

namespace esl::broker {
namespace {

constexpr unsigned kDenyShift = 4;

AccessList::Verdict judge(unsigned bits, Access wanted) {
    const auto bit = static_cast<unsigned>(wanted);
    if ((bits & (bit << kDenyShift)) != 0) return AccessList::Verdict::denied;
    if ((bits & bit) != 0) return AccessList::Verdict::allowed;
    return bits != 0 ? AccessList::Verdict::wrong_access : AccessList::Verdict::no_rule;
}

}  // namespace

std::string_view name(Access access) {
    switch (access) {
        case Access::publish:
            return "PUB";
        case Access::subscribe:
            return "SUB";
        case Access::both:
            return "PUB_SUB";
    }
    return "?";
}

void AccessList::Bits::add(const AccessRule& rule) {
    value = static_cast<std::uint8_t>(value | (static_cast<unsigned>(rule.access) << (rule.allow ? 0 : kDenyShift)));
}

bool AccessList::Pattern::matches(std::string_view topic) const {
    if (kind == Kind::general) return mqtt::matches(text, topic);
    return topic.starts_with(text) && (topic.size() == text.size() || topic[text.size()] == '/');
}

AccessList::AccessList(const std::vector<AccessRule>& rules) : all_(rules), rules_(rules.size()) {
    for (const auto& rule : rules) {
        if (!mqtt::has_wildcard(rule.filter)) {
            exact_[rule.filter].add(rule);
            continue;
        }
        const std::string_view filter = rule.filter;
        const bool prefix = filter.ends_with("/#") && !mqtt::has_wildcard(filter.substr(0, filter.size() - 2));
        Pattern pattern{.kind = prefix ? Pattern::Kind::prefix : Pattern::Kind::general,
                        .text = std::string(prefix ? filter.substr(0, filter.size() - 2) : filter),
                        .bits = {}};
        pattern.bits.add(rule);
        patterns_.push_back(std::move(pattern));
    }
}

void AccessList::collect(std::string_view topic, unsigned& bits) const {
    if (const auto at = exact_.find(topic); at != exact_.end()) bits |= at->second.value;
    for (const auto& pattern : patterns_) {
        if (pattern.matches(topic)) bits |= pattern.bits.value;
    }
}

AccessList::Verdict AccessList::publish(std::string_view topic, std::string_view parent) const {
    unsigned bits = 0;
    collect(topic, bits);
    if (!parent.empty()) collect(parent, bits);
    return judge(bits, Access::publish);
}

AccessList::Verdict AccessList::subscribe(std::string_view filter) const {
    unsigned bits = 0;
    for (const auto& rule : all_) {
        const bool counts = rule.allow ? mqtt::covers(rule.filter, filter) : mqtt::overlap(rule.filter, filter);
        if (counts) bits |= static_cast<unsigned>(rule.access) << (rule.allow ? 0 : kDenyShift);
    }
    return judge(bits, Access::subscribe);
}

}  // namespace esl::broker
