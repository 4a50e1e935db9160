// Our manufacturer-specific ZigBee cluster "Price Display" (docs/formats/price-display-cluster.md). The tag is the
// server and sleeps; the coordinator is the client. The tag pulls an image block by block, at its own pace.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "common/core/bytes.hpp"
#include "common/core/result.hpp"
#include "common/image/tag_image.hpp"
#include "common/tagwire/error.hpp"
#include "common/tagwire/zcl.hpp"

namespace esl::tagwire::price_display {

inline constexpr std::uint16_t kCluster = 0xFC51;
inline constexpr std::uint16_t kManufacturer = 0xE51A;
inline constexpr std::uint16_t kDevice = 0x0E51;
inline constexpr std::uint8_t kEndpoint = 1;
inline constexpr std::string_view kManufacturerName = "Shelfwire";
// A status of our own beside ZCL's: the battery is too low for a refresh.
inline constexpr std::uint8_t kLowBattery = 0xE5;
inline constexpr std::size_t kMaxBlock = 64;  // one unfragmented ZigBee frame holds it

namespace attribute {
inline constexpr std::uint16_t kWidth = 0x0000;         // u16
inline constexpr std::uint16_t kHeight = 0x0001;        // u16
inline constexpr std::uint16_t kPalette = 0x0002;       // enum8: image::Palette
inline constexpr std::uint16_t kSlots = 0x0003;         // u8: images the tag can hold
inline constexpr std::uint16_t kFormats = 0x0004;       // bitmap8: bit n = Format n
inline constexpr std::uint16_t kMaxImage = 0x0005;      // u32: bytes
inline constexpr std::uint16_t kShownImage = 0x0010;    // u32: id of the image on the panel, 0 for none
inline constexpr std::uint16_t kShownSlot = 0x0011;     // u8
inline constexpr std::uint16_t kRefreshCount = 0x0012;  // u32
inline constexpr std::uint16_t kLastError = 0x0013;     // enum8: a zcl status
inline constexpr std::uint16_t kBatteryMv = 0x0014;     // u16
inline constexpr std::uint16_t kState = 0x0015;         // enum8: State
}  // namespace attribute

enum class State : std::uint8_t { idle = 0, receiving = 1, refreshing = 2 };
enum class Format : std::uint8_t { raw = 0, zlib = 1 };  // canonical bytes, plain or as one zlib stream

// Times are ZigBee UTCTime: seconds since 2000-01-01 UTC.
inline constexpr std::uint32_t kNow = 0;
inline constexpr std::uint32_t kOnlyByShow = 0xFFFF'FFFF;

// ---- coordinator -> tag
struct ImageNotify {          // 00: there is an image for this slot; the tag starts to pull it unless it already has it
    std::uint32_t image = 0;  // TagImage::crc()
    std::uint8_t slot = 0;
    std::uint32_t size = 0;  // bytes to pull, in `format`
    Format format = Format::zlib;
    std::uint32_t activate = kNow;  // when to show it: kNow (once loaded), a time, or kOnlyByShow
    bool operator==(const ImageNotify&) const = default;
};
struct BlockRsp {                                 // 01
    std::uint8_t status = zcl::status::kSuccess;  // or kWaitForData, kAbort, kNoImage: then no data
    std::uint32_t image = 0;
    std::uint32_t offset = 0;  // kWaitForData: milliseconds to wait before asking again
    Bytes data;                // at most kMaxBlock
    bool operator==(const BlockRsp&) const = default;
};
struct Show {  // 02
    std::uint8_t slot = 0;
    std::uint32_t time = kNow;
    bool operator==(const Show&) const = default;
};
struct Led {                  // 03
    std::uint8_t colour = 0;  // bit 0 red, 1 green, 2 blue; 0 off
    std::uint16_t on_ms = 0;
    std::uint16_t off_ms = 0;
    std::uint16_t seconds = 0;
    bool operator==(const Led&) const = default;
};
struct Refresh {  // 04: draw what is shown again
    bool operator==(const Refresh&) const = default;
};
using ToTag = std::variant<ImageNotify, BlockRsp, Show, Led, Refresh>;

// ---- tag -> coordinator
struct BlockReq {  // 00
    std::uint32_t image = 0;
    std::uint32_t offset = 0;
    std::uint8_t max = kMaxBlock;
    bool operator==(const BlockReq&) const = default;
};
struct LoadEnd {  // 01: the pull has ended; success means that the image's id was checked
    std::uint8_t status = zcl::status::kSuccess;
    std::uint32_t image = 0;
    std::uint8_t slot = 0;
    bool operator==(const LoadEnd&) const = default;
};
struct ShowRsp {  // 02: after the refresh has really ended, or could not be done
    std::uint8_t status = zcl::status::kSuccess;
    std::uint8_t slot = 0;
    std::uint32_t image = 0;  // id of what the panel shows now
    bool operator==(const ShowRsp&) const = default;
};
using FromTag = std::variant<BlockReq, LoadEnd, ShowRsp>;

// Whole ZCL frames with the manufacturer code. ImageNotify, Show, Led and Refresh ask for a default response; the
// other commands are answers or are answered by one, and do not.
[[nodiscard]] Bytes encode(const ToTag& command, std::uint8_t sequence);
[[nodiscard]] Bytes encode(const FromTag& command, std::uint8_t sequence);

// From a decoded ZCL frame. Errors: unknown_command (also a foundation command, another manufacturer or the wrong
// direction), truncated, trailing, too_long (a block over kMaxBlock), out_of_range (a format not known).
[[nodiscard]] Result<ToTag> decode_to_tag(const zcl::FrameView& frame);
[[nodiscard]] Result<FromTag> decode_from_tag(const zcl::FrameView& frame);

}  // namespace esl::tagwire::price_display
