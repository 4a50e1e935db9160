#include "tag-sim/core/nv_memory.hpp"

#include <algorithm>

namespace esl::sim {
namespace {

constexpr std::size_t kNibSize = 116;  // aligned to two bytes
// Offsets in the aligned network information base of Z-Stack 3.x.
constexpr std::size_t kSecurityLevel = 12;
constexpr std::size_t kChannelAt = 24;
constexpr std::size_t kCoordinatorIeee = 28;
constexpr std::size_t kPanAt = 36;
constexpr std::size_t kStateAt = 38;
constexpr std::size_t kChannelListAt = 40;
constexpr std::size_t kExtendedPanAt = 57;
constexpr std::size_t kKeyLoaded = 65;
constexpr std::uint8_t kStateRouter = 8;
constexpr std::size_t kKeySize = 16;

void put(Bytes& bytes, std::size_t at, std::uint64_t value, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> 8 * i);
}
std::uint64_t get(BytesView bytes, std::size_t at, std::size_t width) {
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < width && at + i < bytes.size(); ++i) out |= std::uint64_t{bytes[at + i]} << 8 * i;
    return out;
}

}  // namespace

NvMemory NvMemory::factory() {
    NvMemory out;
    out.items[nv::kNetworkKey] = Bytes(24);
    return out;
}

void NvMemory::forget_network() {
    for (const auto item : {nv::kNib, nv::kActiveKey, nv::kAlternateKey, nv::kHasConfigured}) items.erase(item);
    table.clear();
}

std::uint64_t NvMemory::number(std::uint16_t item) const {
    const auto at = items.find(item);
    return at == items.end() ? 0 : get(at->second, 0, 8);
}

NetworkSettings NvMemory::wanted() const {
    NetworkSettings out;
    out.pan = items.contains(nv::kPanId) ? static_cast<std::uint16_t>(number(nv::kPanId)) : 0xFFFF;
    out.extended_pan = number(nv::kExtendedPanId);
    out.channels = static_cast<std::uint32_t>(number(nv::kChannels));
    const auto key = items.find(nv::kPreconfiguredKey);
    if (key != items.end()) out.key = key->second;
    out.key.resize(kKeySize);
    return out;
}

void NvMemory::store_network(const NetworkSettings& network) {
    Bytes nib(kNibSize);
    nib[kSecurityLevel] = 5;
    nib[kChannelAt] = network.channel;
    put(nib, kCoordinatorIeee, network.ieee, 8);
    put(nib, kPanAt, network.pan, 2);
    nib[kStateAt] = kStateRouter;
    put(nib, kChannelListAt, network.channels, 4);
    put(nib, kExtendedPanAt, network.extended_pan, 8);
    nib[kKeyLoaded] = 1;
    items[nv::kNib] = std::move(nib);
    Bytes key{0};  // sequence number
    key.insert(key.end(), network.key.begin(), network.key.end());
    items[nv::kActiveKey] = key;
    items[nv::kAlternateKey] = std::move(key);
}

NetworkSettings NvMemory::network() const {
    NetworkSettings out;
    const auto at = items.find(nv::kNib);
    if (at == items.end()) return out;
    out.channel = static_cast<std::uint8_t>(get(at->second, kChannelAt, 1));
    out.ieee = get(at->second, kCoordinatorIeee, 8);
    out.pan = static_cast<std::uint16_t>(get(at->second, kPanAt, 2));
    out.channels = static_cast<std::uint32_t>(get(at->second, kChannelListAt, 4));
    out.extended_pan = get(at->second, kExtendedPanAt, 8);
    return out;
}

}  // namespace esl::sim
