// The rows of a table of acknowledgements, one a commit, as far as the writer must know them: each may go when all that
// it could speak of has gone. Not thread-safe: the store's thread owns it.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "broker/adapters/sqlite.hpp"

namespace esl::broker::sqlite {

// `highest`: the newest message (of `acks`) or bundle (of `gone`) that the row speaks of.
struct AckRow {
    std::int64_t seq;
    std::uint64_t highest;
};

class AckRows {
public:
    AckRows(Database& database, const std::string& table);

    void start_from(const std::vector<AckRow>& rows);
    void begin() { before_ = rows_.size(); }
    void add(std::uint64_t highest, BytesView records);
    // Removes those from the oldest on that speak of nothing from `oldest` on; the newest `keep` stay.
    void reclaim(std::uint64_t oldest, std::size_t keep);
    void committed() { reclaimed_.clear(); }
    // Back to begin().
    void undo();
    [[nodiscard]] std::size_t size() const { return rows_.size(); }

private:
    Statement put_, remove_;
    std::deque<AckRow> rows_;
    std::size_t before_ = 0;         // at begin()
    std::vector<AckRow> reclaimed_;  // by the open transaction
    std::int64_t seq_ = 0;
};

}  // namespace esl::broker::sqlite
