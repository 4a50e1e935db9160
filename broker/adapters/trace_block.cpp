#include "broker/adapters/trace_block.hpp"

#include <libdeflate.h>

#include <bit>
#include <utility>

namespace esl::broker::traces {
namespace {

constexpr std::uint32_t kMagic = 0x31'4B'4C'42;  // "BLK1"
constexpr std::uint32_t kBlockMost = 16U << 20;
constexpr int kHashes = 4;

std::uint32_t checksum_of(BytesView bytes) {
    return ::libdeflate_crc32(0, bytes.data(), bytes.size());
}

// Eight bits for each of the two keys of a row: about one block in forty is read for nothing.
std::uint32_t filter_bytes_for(std::uint32_t rows) {
    return std::bit_ceil(std::max(rows * 2, 16U));
}

template <class Visit>
void for_each_bit(std::uint64_t key, std::uint64_t bits, Visit visit) {
    const std::uint64_t step = (key >> 32) | 1;
    for (int i = 0; i < kHashes; ++i, key += step) {
        const auto bit = key & (bits - 1);
        visit(bit / 8, static_cast<std::uint8_t>(1U << (bit % 8)));
    }
}

void add_key(std::uint8_t* filter, std::uint32_t bytes, std::uint64_t key) {
    for_each_bit(key, std::uint64_t{bytes} * 8, [&](std::uint64_t at, std::uint8_t bit) { filter[at] |= bit; });
}

std::uint64_t spread(std::uint64_t x) {
    x = (x ^ (x >> 32)) * 0xD6E8'FEB8'6659'FD93ULL;
    x = (x ^ (x >> 32)) * 0xD6E8'FEB8'6659'FD93ULL;
    return x ^ (x >> 32);
}

}  // namespace

// The files outlive the process, so the hash is our own: FNV-1a, spread.
std::uint64_t key_of_client(std::string_view client) {
    std::uint64_t hash = 0xCBF2'9CE4'8422'2325ULL;
    for (const char c : client) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100'0000'01B3ULL;
    return spread(hash);
}

std::uint64_t key_of_message(MessageId id) {
    return spread(id ^ 0x9E37'79B9'7F4A'7C15ULL);
}

bool may_hold(BytesView filter, std::uint64_t key) {
    bool all = true;
    for_each_bit(key, filter.size() * 8,
                 [&](std::uint64_t at, std::uint8_t bit) { all = all && (filter[at] & bit) != 0; });
    return all;
}

void encode_block(const TraceChunk& chunk, Bytes& out) {
    const auto filter_bytes = filter_bytes_for(chunk.rows);
    const auto from = out.size();
    const auto filter_at = from + BlockHeader::kBytes;
    out.resize(filter_at + filter_bytes);
    const bool messages = chunk.kind == TraceKind::message;
    // What was in the rows just before is in the filter: a message has rows about two clients, often the same two.
    std::string_view before;
    std::string_view last;
    MessageId last_message = 0;
    for_each_row(chunk.kind, chunk.bytes, [&](const RowView& row) {
        if (!row.client.empty() && row.client != last && row.client != before)
            add_key(out.data() + filter_at, filter_bytes, key_of_client(row.client));
        before = std::exchange(last, row.client);
        if (messages && row.message != last_message) add_key(out.data() + filter_at, filter_bytes, key_of_message(row.message));
        last_message = row.message;
    });
    out.insert(out.end(), chunk.bytes.begin(), chunk.bytes.end());
    Bytes header;
    ByteWriter(header)
        .u32le(kMagic)
        .u32le(chunk.rows)
        .u32le(filter_bytes)
        .u32le(static_cast<std::uint32_t>(chunk.bytes.size()))
        .u32le(checksum_of(BytesView(out).subspan(filter_at)))
        .u32le(0)
        .u64le(static_cast<std::uint64_t>(chunk.first))
        .u64le(static_cast<std::uint64_t>(chunk.last));
    std::ranges::copy(header, out.begin() + static_cast<std::ptrdiff_t>(from));
}

std::optional<BlockHeader> decode_header(BytesView bytes) {
    ByteReader in(bytes);
    BlockHeader header;
    const auto magic = in.u32le();
    header.rows = in.u32le();
    header.filter_bytes = in.u32le();
    header.row_bytes = in.u32le();
    header.checksum = in.u32le();
    in.u32le();
    header.first = static_cast<std::int64_t>(in.u64le());
    header.last = static_cast<std::int64_t>(in.u64le());
    if (in.failed() || magic != kMagic || header.filter_bytes > kBlockMost || header.row_bytes > kBlockMost ||
        !std::has_single_bit(header.filter_bytes)) {
        return std::nullopt;
    }
    return header;
}

bool intact(const BlockHeader& header, BytesView filter_and_rows) {
    return checksum_of(filter_and_rows) == header.checksum;
}

}  // namespace esl::broker::traces
