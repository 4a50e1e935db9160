// One block of a trace file: header, Bloom filter, rows.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/adapters/trace_files.hpp"

namespace esl::broker::traces {

struct BlockHeader {
    std::uint32_t rows = 0;
    std::uint32_t filter_bytes = 0;
    std::uint32_t row_bytes = 0;
    std::uint32_t checksum = 0;  // CRC-32 of filter and rows
    std::int64_t first = 0;
    std::int64_t last = 0;

    [[nodiscard]] std::uint64_t size() const { return kBytes + filter_bytes + row_bytes; }
    static constexpr std::size_t kBytes = 40;
};

// Appends header, filter and rows of a chunk.
void encode_block(const TraceChunk& chunk, Bytes& out);
// Nothing for bytes that are no header of ours (a torn end).
[[nodiscard]] std::optional<BlockHeader> decode_header(BytesView bytes);
// True when filter and rows are as they were written.
[[nodiscard]] bool intact(const BlockHeader& header, BytesView filter_and_rows);

// What may be looked for.
[[nodiscard]] std::uint64_t key_of_client(std::string_view client);
[[nodiscard]] std::uint64_t key_of_message(MessageId id);
// False: none of the block's rows has the key.
[[nodiscard]] bool may_hold(BytesView filter, std::uint64_t key);

// Views into the rows it was read from.
struct RowView {
    TraceAction action{};
    std::int64_t time = 0;
    MessageId message = 0;
    std::string_view channel;
    std::string_view info;
    std::string_view client;
};
// Calls `visit` with each row; false for bytes that are no rows.
template <class Visit>
bool for_each_row(TraceKind kind, BytesView rows, Visit visit) {
    ByteReader in(rows);
    while (in.left() > 0) {
        RowView row;
        row.action = static_cast<TraceAction>(in.u8());
        row.time = static_cast<std::int64_t>(in.u64le());
        if (kind == TraceKind::message) {
            row.message = in.u64le();
        } else {
            row.channel = as_text(in.bytes(in.u8()));
            row.info = as_text(in.bytes(in.u8()));
        }
        row.client = as_text(in.bytes(in.u16le()));
        if (in.failed()) return false;
        visit(row);
    }
    return true;
}

}  // namespace esl::broker::traces
