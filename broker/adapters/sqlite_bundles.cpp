#include "broker/adapters/sqlite_bundles.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include "broker/adapters/sqlite_message_rows.hpp"

namespace esl::broker::sqlite {
namespace {

// A row fills a page of the table without needing another, so a message that outlives all others of its row holds a
// page at most. A larger message has a row to itself.
constexpr std::size_t kRowBytes = 4'000;
// Rows of acknowledgements beyond one for each row of messages.
constexpr std::size_t kGoneRowsAtEase = 256;
constexpr std::size_t kFixedBytes = 45;  // of a record

}  // namespace

void write_record(const Message& m, const Recipients& recipients, Bytes& out) {
    std::size_t recipient_bytes = 0;
    for (const auto& r : recipients) recipient_bytes += r.subscription_id != 0 ? 13 : 9;
    out.reserve(out.size() + kFixedBytes + recipient_bytes + m.topic.size() + m.properties.size() + m.payload.size());
    ByteWriter(out)
        .u64le(m.id)
        .u64le(static_cast<std::uint64_t>(to_millis(m.born)))
        .u64le(static_cast<std::uint64_t>(to_millis(m.expires)))
        .u32le(m.publisher)
        .u8(static_cast<std::uint8_t>(flags_of(m)))
        .u32le(static_cast<std::uint32_t>(recipient_bytes))
        .u32le(static_cast<std::uint32_t>(m.topic.size()))
        .u32le(static_cast<std::uint32_t>(m.properties.size()))
        .u32le(static_cast<std::uint32_t>(m.payload.size()));
    write_recipients(recipients, out);
    ByteWriter(out).bytes(as_bytes(m.topic)).bytes(m.properties).bytes(m.payload);
}

void for_each_record(BytesView row, BundleNumber number, const std::function<void(const Record&)>& visit) {
    ByteReader in(row);
    while (in.left() > 0) {
        const auto from = in.position();
        Record record;
        auto& m = record.message;
        m.id = in.u64le();
        m.born = from_millis(static_cast<std::int64_t>(in.u64le()));
        m.expires = from_millis(static_cast<std::int64_t>(in.u64le()));
        m.publisher = in.u32le();
        set_flags(m, in.u8());
        const auto recipients = in.u32le();
        const auto topic = in.u32le();
        const auto properties = in.u32le();
        const auto payload = in.u32le();
        record.recipients = in.bytes(recipients);
        m.topic = as_text(in.bytes(topic));
        m.properties = in.bytes(properties);
        m.payload = in.bytes(payload);
        if (in.failed()) throw Failure(StoreError::damaged, "bundles: row " + std::to_string(number) + " ends early");
        record.whole = row.subspan(from, in.position() - from);
        visit(record);
    }
}

Bundles::Bundles(Database& database)
    : put_(database, "INSERT INTO bundles VALUES(?,?)"),
      remove_(database, "DELETE FROM bundles WHERE row=?"),
      oldest_(database, "SELECT row, records FROM bundles ORDER BY row LIMIT 1"),
      gone_(database, "gone") {}

void Bundles::start_from(std::vector<std::pair<BundleNumber, std::uint32_t>> live, std::vector<AckRow> gone,
                         BundleNumber highest) {
    live_.reserve(live.size());
    for (const auto& [row, count] : live) live_[row] = count;
    gone_.start_from(gone);
    highest_ = highest_before_ = highest;
}

BundleNumber Bundles::add(const PutMessage& put) {
    scratch_.clear();
    write_record(*put.message, put.recipients, scratch_);
    return add(scratch_);
}

BundleNumber Bundles::add(BytesView record) {
    if (!row_.empty() && row_.size() + record.size() > kRowBytes) close_row();
    if (row_.empty()) ++highest_;
    row_.insert(row_.end(), record.begin(), record.end());
    change(highest_, 1);
    return highest_;
}

void Bundles::remove(BundleNumber row, MessageId message) {
    removed_.push_back({row, message});
    change(row, -1);
    if (!live_.contains(row)) remove_.start().integer(row).run();
}

bool Bundles::crowded() const {
    return gone_.size() > live_.size() + kGoneRowsAtEase;
}

BundleNumber Bundles::take_oldest(Bytes& records) {
    oldest_.start();
    if (!oldest_.step()) return 0;
    const auto row = oldest_.integer_at(0);
    const auto bytes = oldest_.blob_at(1);
    records.assign(bytes.begin(), bytes.end());
    oldest_.start();
    remove_.start().integer(row).run();
    if (const auto live = live_.find(row); live != live_.end()) change(row, -static_cast<std::int32_t>(live->second));
    return row;
}

void Bundles::flush() {
    close_row();
    BundleNumber highest = 0;
    scratch_.clear();
    for (const auto& [row, message] : removed_) {
        if (!live_.contains(row)) continue;
        ByteWriter(scratch_).u64le(message);
        highest = std::max(highest, row);
    }
    removed_.clear();
    if (!scratch_.empty()) gone_.add(static_cast<std::uint64_t>(highest), scratch_);
}

void Bundles::reclaim() {
    auto oldest = std::numeric_limits<std::uint64_t>::max();
    oldest_.start();
    if (oldest_.step()) oldest = static_cast<std::uint64_t>(oldest_.integer_at(0));
    oldest_.start();
    gone_.reclaim(oldest, 0);
}

void Bundles::committed() {
    gone_.committed();
    undo_.clear();
    highest_before_ = highest_;
}

void Bundles::undo() {
    for (auto it = undo_.rbegin(); it != undo_.rend(); ++it) {
        if (it->live == 0) {
            live_.erase(it->row);
        } else {
            live_[it->row] = it->live;
        }
    }
    undo_.clear();
    removed_.clear();
    row_.clear();
    highest_ = highest_before_;
    gone_.undo();
}

void Bundles::close_row() {
    if (row_.empty()) return;
    put_.start().integer(highest_).blob(row_).run();
    row_.clear();
}

void Bundles::change(BundleNumber row, std::int32_t by) {
    auto& live = live_[row];
    undo_.push_back({row, live});
    live = static_cast<std::uint32_t>(static_cast<std::int32_t>(live) + by);
    if (live == 0) live_.erase(row);
}

}  // namespace esl::broker::sqlite
