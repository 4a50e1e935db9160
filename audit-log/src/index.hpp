// Where entries lie, and which belong to an object, a change or a job. Internal to audit-log; guarded by its owner.
// Memory: 16 bytes an entry and about 4 for each of its keys.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "audit-log/src/segments.hpp"

namespace esl::audit {

[[nodiscard]] bool matches(const Query& query, const Entry& entry);

class EntryIndex {
public:
    void add(const Entry& entry, Place place);
    [[nodiscard]] Place place(std::uint64_t index) const { return places_[index]; }
    // The highest index below `below` that may fit the query; the caller reads it and asks matches().
    [[nodiscard]] std::optional<std::uint64_t> candidate_below(const Query& query, std::uint64_t below) const;

private:
    using List = std::vector<std::uint32_t>;
    void add_key(char kind, const std::string& text, std::uint32_t index);
    [[nodiscard]] const List* list_of(char kind, const std::string& text) const;

    std::vector<Place> places_;
    std::unordered_map<std::size_t, List> keys_;  // by hash of kind and text; a collision only costs a read
};

}  // namespace esl::audit
