// The coordinator's non-volatile memory: classic items, and the tables of newer firmware.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>

#include "common/core/bytes.hpp"

namespace esl::sim {

namespace nv {
inline constexpr std::uint16_t kStartupOption = 0x0003;
inline constexpr std::uint16_t kNib = 0x0021;
inline constexpr std::uint16_t kExtendedPanId = 0x002D;
inline constexpr std::uint16_t kActiveKey = 0x003A;
inline constexpr std::uint16_t kAlternateKey = 0x003B;
inline constexpr std::uint16_t kHasConfigured = 0x0060;
inline constexpr std::uint16_t kPreconfiguredKey = 0x0062;
inline constexpr std::uint16_t kNetworkKey = 0x0082;
inline constexpr std::uint16_t kPanId = 0x0083;
inline constexpr std::uint16_t kChannels = 0x0084;
}  // namespace nv

struct NetworkSettings {
    std::uint16_t pan = 0xFFFF;
    std::uint64_t extended_pan = 0;
    std::uint8_t channel = 0;
    std::uint32_t channels = 0;
    std::uint64_t ieee = 0;
    Bytes key;  // 16 bytes
};

struct NvMemory {
    std::map<std::uint16_t, Bytes> items;
    std::map<std::tuple<std::uint8_t, std::uint16_t, std::uint16_t>, Bytes> table;  // system, item, sub

    // As shipped: a network key item of 24 bytes, which tells a host that structures are aligned.
    [[nodiscard]] static NvMemory factory();
    // All that belongs to a network, as a reset with "clear state" does.
    void forget_network();
    [[nodiscard]] bool formed() const { return items.contains(nv::kNib); }
    // What the host has configured for a network to be formed.
    [[nodiscard]] NetworkSettings wanted() const;
    // Writes network information base and keys.
    void store_network(const NetworkSettings& network);
    // From the network information base.
    [[nodiscard]] NetworkSettings network() const;

    [[nodiscard]] std::uint64_t number(std::uint16_t item) const;  // little-endian, 0 when absent
};

}  // namespace esl::sim
