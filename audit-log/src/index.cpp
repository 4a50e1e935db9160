#include "audit-log/src/index.hpp"

#include <algorithm>
#include <functional>

namespace esl::audit {
namespace {

std::size_t key_of(char kind, const std::string& text) {
    return std::hash<std::string>{}(kind + text);
}

bool same_action(const std::string& wanted, const std::string& action) {
    if (wanted.empty()) return true;
    return wanted.ends_with('.') ? action.starts_with(wanted) : action == wanted;
}
bool same(const std::string& wanted, const std::string& value) {
    return wanted.empty() || wanted == value;
}

}  // namespace

bool matches(const Query& query, const Entry& entry) {
    return same(query.actor, entry.actor) && same_action(query.action, entry.action) &&
           same(query.object, entry.object) && same(query.change, entry.change) && same(query.job, entry.job) &&
           (!query.from || *entry.at >= *query.from) && (!query.to || *entry.at < *query.to);
}

void EntryIndex::add_key(char kind, const std::string& text, std::uint32_t index) {
    if (!text.empty()) keys_[key_of(kind, text)].push_back(index);
}

void EntryIndex::add(const Entry& entry, Place place) {
    const auto index = static_cast<std::uint32_t>(places_.size());
    places_.push_back(place);
    add_key('o', entry.object, index);
    add_key('c', entry.change, index);
    add_key('j', entry.job, index);
}

const EntryIndex::List* EntryIndex::list_of(char kind, const std::string& text) const {
    static const List kNone;
    const auto found = keys_.find(key_of(kind, text));
    return found != keys_.end() ? &found->second : &kNone;
}

std::optional<std::uint64_t> EntryIndex::candidate_below(const Query& query, std::uint64_t below) const {
    const List* list = nullptr;
    if (!query.job.empty()) {
        list = list_of('j', query.job);
    } else if (!query.object.empty()) {
        list = list_of('o', query.object);
    } else if (!query.change.empty()) {
        list = list_of('c', query.change);
    }
    below = std::min<std::uint64_t>(below, places_.size());
    if (list == nullptr) return below > 0 ? std::optional(below - 1) : std::nullopt;
    const auto end = std::ranges::lower_bound(*list, below);
    return end != list->begin() ? std::optional<std::uint64_t>(*std::prev(end)) : std::nullopt;
}

}  // namespace esl::audit
