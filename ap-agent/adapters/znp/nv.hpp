// Items of the coordinator's non-volatile memory (osal NV) that a start-up needs.
#pragma once

#include <cstdint>
#include <optional>

#include "ap-agent/adapters/znp/dialog.hpp"
#include "ap-agent/adapters/znp/task.hpp"

namespace esl::ap::znp {

namespace nv {
using Item = std::uint16_t;
inline constexpr Item kStartupOption = 0x0003;  // bit 0 clears the configuration at the next reset, bit 1 the network
inline constexpr Item kNib = 0x0021;
inline constexpr Item kExtendedPanId = 0x002D;
inline constexpr Item kApsUseExtendedPanId = 0x0047;
inline constexpr Item kHasConfigured = 0x0060;  // 0x55 after a host has formed a network
inline constexpr Item kPreconfiguredKey = 0x0062;
inline constexpr Item kPreconfiguredKeyEnable = 0x0063;
inline constexpr Item kPanId = 0x0083;
inline constexpr Item kChannelList = 0x0084;
inline constexpr Item kLogicalType = 0x0087;  // 0 coordinator
inline constexpr Item kZdoDirectCallback = 0x008F;
}  // namespace nv

// Empty when there is no such item. Errors: those of Dialog::request(), RadioError::radio with the item and status.
[[nodiscard]] Task<Result<Bytes>> nv_read(Dialog& dialog, nv::Item item);
// Makes the item when it is missing.
[[nodiscard]] Task<Result<void>> nv_write(Dialog& dialog, nv::Item item, Bytes value);
[[nodiscard]] Task<Result<void>> nv_delete(Dialog& dialog, nv::Item item);

// The network information base: 110 bytes packed, 116 with aligned members (reference section 5.3, toolchain section
// 3).
struct Nib {
    std::uint16_t pan = 0;
    std::uint64_t ext_pan = 0;
    std::uint8_t channel = 0;
};
// Nothing when the bytes are of another length or no network has been formed.
[[nodiscard]] std::optional<Nib> parse_nib(BytesView bytes);

}  // namespace esl::ap::znp
