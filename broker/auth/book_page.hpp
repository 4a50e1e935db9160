// One page out of a map. For the credential book's own files.
#pragma once

#include <algorithm>

#include "broker/auth/credential_book.hpp"

namespace esl::broker {

// `fits(key, value)` says which count; `make(key, value)` gives an item.
template <class T, class Map, class Fits, class Make>
Page<T> page_of(const Map& map, const PageQuery& query, Fits fits, Make make) {
    Page<T> out;
    const auto limit = std::clamp<std::size_t>(query.limit, 1, kPageMost);
    std::string last;
    bool more = false;
    std::size_t skipped = 0;
    for (const auto& [key, value] : map) {
        if (!fits(key, value)) continue;
        ++out.total;
        if (!query.after.empty() && key <= query.after) continue;
        if (skipped < query.skip) {
            ++skipped;
        } else if (out.items.size() < limit) {
            out.items.push_back(make(key, value));
            last = key;
        } else {
            more = true;
        }
    }
    if (more) out.next = last;
    return out;
}

}  // namespace esl::broker
