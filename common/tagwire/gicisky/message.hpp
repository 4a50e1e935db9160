// What client and tag say to each other while an image is sent: commands and notifications on FEF1, data parts on FEF2
// (docs/formats/gicisky.md).
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "common/core/bytes.hpp"
#include "common/core/result.hpp"
#include "common/tagwire/error.hpp"

namespace esl::tagwire::gicisky {

// As BlueZ writes them. The command characteristic is the lower one: write and notify. Data: write without response.
inline constexpr std::string_view kServiceUuid = "0000fef0-0000-1000-8000-00805f9b34fb";
inline constexpr std::string_view kCommandUuid = "0000fef1-0000-1000-8000-00805f9b34fb";
inline constexpr std::string_view kDataUuid = "0000fef2-0000-1000-8000-00805f9b34fb";

inline constexpr std::uint16_t kBlockSize = 244;                    // header and data of one part
inline constexpr std::size_t kPartHeader = 4;                       // the part's number
inline constexpr std::size_t kPartData = kBlockSize - kPartHeader;  // 240

// ---- client -> tag, FEF1
struct AskBlockSize {  // 01
    bool operator==(const AskBlockSize&) const = default;
};
struct Announce {              // 02: an image of that many bytes follows
    std::uint32_t length = 0;  // of the coded image
    bool chunked = false;      // six-byte form for Coding::chunked, eight bytes otherwise
    bool operator==(const Announce&) const = default;
};
struct Begin {  // 03
    bool operator==(const Begin&) const = default;
};
struct Cancel {  // 04
    bool operator==(const Cancel&) const = default;
};
using Command = std::variant<AskBlockSize, Announce, Begin, Cancel>;

[[nodiscard]] Bytes encode(const Command& command);
// Errors: truncated, trailing, malformed, unknown_command.
[[nodiscard]] Result<Command> decode_command(BytesView bytes);

// ---- tag -> client, notifications on FEF1
struct BlockSize {  // 01
    std::uint16_t bytes = kBlockSize;
    bool operator==(const BlockSize&) const = default;
};
struct Announced {  // 02: what follows the first byte differs between firmwares and means nothing to a client
    bool operator==(const Announced&) const = default;
};
struct Cancelled {  // 04 00
    bool operator==(const Cancelled&) const = default;
};
struct PartWanted {  // 05 00
    std::uint32_t part = 0;
    bool operator==(const PartWanted&) const = default;
};
struct AllReceived {  // 05 08: the tag now refreshes and drops the link by itself
    bool operator==(const AllReceived&) const = default;
};
struct TransferFailed {  // 05 and any other code
    std::uint8_t code = 0;
    bool operator==(const TransferFailed&) const = default;
};
using Notice = std::variant<BlockSize, Announced, Cancelled, PartWanted, AllReceived, TransferFailed>;

[[nodiscard]] Bytes encode(const Notice& notice);
// Bytes after the fields known here are ignored: firmwares pad. Errors: truncated, unknown_command.
[[nodiscard]] Result<Notice> decode_notice(BytesView bytes);

// ---- client -> tag, FEF2
struct PartView {  // `data` points into the bytes that were decoded
    std::uint32_t part = 0;
    BytesView data;
};
// Errors: truncated (no number, or no data), too_long (over kPartData).
[[nodiscard]] Result<PartView> decode_part(BytesView bytes);
// Part number `part` of a coded image; empty when the image ends before it.
[[nodiscard]] Bytes encode_part(BytesView image, std::uint32_t part);
[[nodiscard]] std::uint32_t part_count(std::size_t image_bytes);

}  // namespace esl::tagwire::gicisky
