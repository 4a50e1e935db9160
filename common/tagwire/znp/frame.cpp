#include "common/tagwire/znp/frame.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace esl::tagwire::znp {
namespace {

constexpr std::size_t kOverhead = 5;  // start, length, cmd0, cmd1, checksum

std::uint8_t checksum(BytesView bytes) {
    std::uint8_t sum = 0;
    for (const auto b : bytes) sum = static_cast<std::uint8_t>(sum ^ b);
    return sum;
}

}  // namespace

Bytes encode_frame(const Frame& frame) {
    assert(frame.data.size() <= kMaxData);
    Bytes out;
    out.reserve(frame.data.size() + kOverhead);
    ByteWriter w{out};
    w.u8(kStart).u8(static_cast<std::uint8_t>(frame.data.size())).u8(frame.cmd0).u8(frame.cmd1).bytes(frame.data);
    w.u8(checksum(BytesView{out}.subspan(1)));
    return out;
}

std::vector<Frame> Unframer::push(BytesView bytes) {
    pending_.insert(pending_.end(), bytes.begin(), bytes.end());
    std::vector<Frame> out;
    std::size_t at = 0;
    for (;;) {
        const auto start = std::find(pending_.begin() + static_cast<std::ptrdiff_t>(at), pending_.end(), kStart);
        const auto found = static_cast<std::size_t>(start - pending_.begin());
        dropped_bytes_ += found - at;
        at = found;
        const BytesView rest = BytesView{pending_}.subspan(at);
        if (rest.size() < 2) break;
        const std::size_t length = rest[1];
        if (length <= kMaxData && rest.size() < length + kOverhead) break;
        const auto body = length <= kMaxData ? rest.subspan(1, length + 3) : BytesView{};
        if (body.empty() || checksum(body) != rest[length + kOverhead - 1]) {
            ++bad_frames_;
            ++dropped_bytes_;
            ++at;
            continue;
        }
        out.push_back({rest[2], rest[3], Bytes(body.begin() + 3, body.end())});
        at += length + kOverhead;
    }
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(at));
    return out;
}

std::vector<Frame> Unframer::give_up_waiting() {
    std::vector<Frame> out;
    while (!pending_.empty()) {
        const Bytes rest(pending_.begin() + 1, pending_.end());
        pending_.clear();
        ++bad_frames_;
        ++dropped_bytes_;
        for (auto& frame : push(rest)) out.push_back(std::move(frame));
    }
    return out;
}

void Unframer::reset() {
    dropped_bytes_ += pending_.size();
    pending_.clear();
}

}  // namespace esl::tagwire::znp
