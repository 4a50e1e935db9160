#include "common/tagwire/gicisky/quicklz.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <string>

namespace esl::tagwire::gicisky {
namespace {

constexpr std::size_t kBuckets = 64;
constexpr std::size_t kTailWithoutMatches = 16;  // no match starts in the last 16 bytes
constexpr std::size_t kTailOfLiterals = 4;       // and none reaches the last 4
constexpr std::size_t kShortMatchEnd = 18;       // from here on the length has a byte of its own
constexpr int kNone = -1;
constexpr std::uint32_t kSentinel = 1U << 31;

using Buckets = std::array<int, kBuckets>;

std::uint32_t three(BytesView b, std::size_t at) {
    return static_cast<std::uint32_t>(b[at] | b[at + 1] << 8 | b[at + 2] << 16);
}
std::size_t bucket_of(std::uint32_t x) {
    return (x ^ x >> 12) & (kBuckets - 1);
}

Buckets empty_buckets() {
    Buckets out;
    out.fill(kNone);
    return out;
}

// One control word: bits are added at the top and move down, so that the first one read is the lowest.
class ControlWord {
public:
    explicit ControlWord(Bytes& out) : out_(out) { open(); }
    void add(bool match) {
        if (value_ & 1) {
            store();
            open();
        }
        value_ = value_ >> 1 | (match ? kSentinel : 0);
    }
    void close() {
        while (!(value_ & 1)) value_ >>= 1;
        store();
    }

private:
    void open() {
        at_ = out_.size();
        out_.resize(at_ + 4);
        value_ = kSentinel;
    }
    void store() {
        const std::uint32_t word = value_ >> 1 | kSentinel;
        for (unsigned i = 0; i < 4; ++i) out_[at_ + i] = static_cast<std::uint8_t>(word >> 8 * i);
    }

    Bytes& out_;
    std::size_t at_ = 0;
    std::uint32_t value_ = 0;
};

// Within a run of one byte the decoder, which hashes three bytes late, finds the same content at another place.
bool inside_a_run(BytesView in, std::size_t at, std::size_t literals) {
    if (literals < 3 || at <= 3) return false;
    return std::all_of(in.begin() + static_cast<std::ptrdiff_t>(at) - 3,
                       in.begin() + static_cast<std::ptrdiff_t>(at) + 4, [&](std::uint8_t b) { return b == in[at]; });
}

bool can_match(BytesView in, int from, std::size_t at, std::size_t literals) {
    if (from <= 0) return false;  // position 0 stands for "never seen" in the original algorithm
    const auto source = static_cast<std::size_t>(from);
    if (three(in, source) != three(in, at)) return false;
    return at - source > 2 || (at - source == 1 && inside_a_run(in, at, literals));
}

std::size_t match_length(BytesView in, std::size_t from, std::size_t at) {
    const auto most = std::min<std::size_t>(255, in.size() - kTailOfLiterals - at);
    std::size_t n = 3;
    while (n < most && in[from + n] == in[at + n]) ++n;
    return n;
}

void put_match(Bytes& out, std::size_t bucket, std::size_t length) {
    const bool is_short = length < kShortMatchEnd;
    const auto word = bucket << 4 | (is_short ? length - 2 : 0);
    out.push_back(static_cast<std::uint8_t>(word));
    out.push_back(static_cast<std::uint8_t>(word >> 8));
    if (!is_short) out.push_back(static_cast<std::uint8_t>(length));
}

}  // namespace

Bytes quicklz_compress(BytesView in) {
    assert(in.size() <= kChunk);
    Bytes out;
    if (in.size() <= kTailWithoutMatches) return out;
    ControlWord control{out};
    auto buckets = empty_buckets();
    std::size_t literals = 0;
    for (std::size_t at = 0; at < in.size();) {
        if (at + kTailWithoutMatches < in.size()) {
            const auto bucket = bucket_of(three(in, at));
            const int from = buckets[bucket];
            buckets[bucket] = static_cast<int>(at);
            if (can_match(in, from, at, literals)) {
                const auto length = match_length(in, static_cast<std::size_t>(from), at);
                control.add(true);
                put_match(out, bucket, length);
                at += length;
                literals = 0;
                continue;
            }
        }
        control.add(false);
        out.push_back(in[at++]);
        ++literals;
    }
    control.close();
    if (out.size() >= in.size()) out.clear();
    return out;
}

namespace {

class Expander {
public:
    Expander(BytesView body, std::size_t size, Bytes& out) : in_(body), size_(size), out_(out), base_(out.size()) {}

    Result<> run() {
        while (done() < size_) {
            if (control_ == 1) control_ = in_.u32le();
            if (in_.failed() || control_ == 0) return failed("control word");
            const bool match = control_ & 1;
            control_ >>= 1;
            if (auto step = match ? copy() : literal(); !step) return step;
        }
        if (in_.left() > 0) return fail(WireError::trailing, std::to_string(in_.left()) + " bytes after the block");
        return {};
    }

private:
    [[nodiscard]] std::size_t done() const { return out_.size() - base_; }
    [[nodiscard]] std::unexpected<Error> failed(std::string_view what) const {
        const auto reason = in_.failed() ? WireError::truncated : WireError::malformed;
        return fail(reason, std::string{what} + " at byte " + std::to_string(in_.position()));
    }

    Result<> literal() {
        const auto byte = in_.u8();
        if (in_.failed()) return failed("literal");
        out_.push_back(byte);
        return {};
    }

    Result<> copy() {
        const auto word = in_.u16le();
        std::size_t length = word & 0x0F;
        length = length == 0 ? in_.u8() : length + 2;
        const auto bucket = static_cast<std::size_t>(word >> 4);
        const auto start = done();
        hash_up_to(start, 3);
        if (in_.failed() || bucket >= kBuckets || length < 3 || length > size_ - start || buckets_[bucket] == kNone) {
            return failed("match");
        }
        const auto from = base_ + static_cast<std::size_t>(buckets_[bucket]);
        for (std::size_t i = 0; i < length; ++i) out_.push_back(out_[from + i]);
        hash_up_to(start + 1, 1);
        hashed_ = done();
        return {};
    }

    // Puts every position not yet seen and at least `back` bytes before `end` into its bucket.
    void hash_up_to(std::size_t end, std::size_t back) {
        for (; hashed_ + back <= end; ++hashed_) {
            buckets_[bucket_of(three(out_, base_ + hashed_))] = static_cast<int>(hashed_);
        }
    }

    ByteReader in_;
    std::size_t size_;
    Bytes& out_;
    std::size_t base_;
    std::uint32_t control_ = 1;
    std::size_t hashed_ = 0;
    Buckets buckets_ = empty_buckets();
};

}  // namespace

Result<> quicklz_expand(BytesView body, std::size_t size, Bytes& out) {
    return Expander{body, size, out}.run();
}

}  // namespace esl::tagwire::gicisky
