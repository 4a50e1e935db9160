#include "broker/adapters/sqlite_ack_rows.hpp"

#include <algorithm>

namespace esl::broker::sqlite {

AckRows::AckRows(Database& database, const std::string& table)
    : put_(database, "INSERT INTO " + table + " VALUES(?,?,?)"),
      remove_(database, "DELETE FROM " + table + " WHERE seq=?") {}

void AckRows::start_from(const std::vector<AckRow>& rows) {
    rows_.assign(rows.begin(), rows.end());
    if (!rows.empty()) seq_ = rows.back().seq;
}

void AckRows::add(std::uint64_t highest, BytesView records) {
    put_.start().integer(++seq_).integer(static_cast<std::int64_t>(highest)).blob(records).run();
    rows_.push_back({seq_, highest});
}

void AckRows::reclaim(std::uint64_t oldest, std::size_t keep) {
    while (rows_.size() > keep && rows_.front().highest < oldest) {
        remove_.start().integer(rows_.front().seq).run();
        reclaimed_.push_back(rows_.front());
        rows_.pop_front();
    }
}

void AckRows::undo() {
    rows_.resize(std::min(rows_.size(), before_ - reclaimed_.size()));
    rows_.insert(rows_.begin(), reclaimed_.begin(), reclaimed_.end());
    reclaimed_.clear();
}

}  // namespace esl::broker::sqlite
