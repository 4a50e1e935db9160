// The commands of the Monitor-and-Test protocol that a price-tag network needs, as one table (docs/formats/znp.md).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace esl::tagwire::znp {

enum class Kind : std::uint8_t { poll = 0, sreq = 1, areq = 2, srsp = 3 };
enum class Subsystem : std::uint8_t {
    rpc_error = 0,
    sys = 1,
    mac = 2,
    nwk = 3,
    af = 4,
    zdo = 5,
    sapi = 6,
    util = 7,
    debug = 8,
    app = 9,
    app_cnf = 15,
};

// All numbers little-endian.
enum class FieldType : std::uint8_t {
    none,
    u8,
    u16,
    u32,
    u64,      // an IEEE address or an extended PAN id
    bytes8,   // u8 length, then that many bytes
    bytes16,  // u16 length, then that many bytes
    words8,   // u8 count, then that many u16
    rest,     // every byte that is left
};

struct Field {
    std::string_view name;
    FieldType type = FieldType::none;
};

inline constexpr std::size_t kMaxFields = 14;

// "af.dataRequest", of kind sreq, has a reply of the same subsystem and id and of kind srsp.
struct Definition {
    std::string_view name;
    Kind kind;
    Subsystem subsystem;
    std::uint8_t id;
    Field fields[kMaxFields];

    [[nodiscard]] std::uint8_t cmd0() const {
        return static_cast<std::uint8_t>(static_cast<unsigned>(kind) << 5 | static_cast<unsigned>(subsystem));
    }
    // Up to the first unused row.
    [[nodiscard]] std::span<const Field> used() const;
};

[[nodiscard]] std::span<const Definition> definitions();
// nullptr when there is none.
[[nodiscard]] const Definition* find_definition(std::uint8_t cmd0, std::uint8_t cmd1);
[[nodiscard]] const Definition* find_definition(Kind kind, std::string_view name);

// Status codes of replies and confirmations.
namespace status {
inline constexpr std::uint8_t kSuccess = 0x00;
inline constexpr std::uint8_t kFailure = 0x01;
inline constexpr std::uint8_t kInvalidParameter = 0x02;
inline constexpr std::uint8_t kNvItemCreated = 0x09;
inline constexpr std::uint8_t kNvOperationFailed = 0x0A;
inline constexpr std::uint8_t kMemory = 0x10;
inline constexpr std::uint8_t kBufferFull = 0x11;
inline constexpr std::uint8_t kMacNoResources = 0x1A;
inline constexpr std::uint8_t kApsNoAck = 0xB7;
inline constexpr std::uint8_t kNoRoute = 0xCD;
inline constexpr std::uint8_t kChannelAccessFailure = 0xE1;
inline constexpr std::uint8_t kMacNoAck = 0xE9;
inline constexpr std::uint8_t kTransactionExpired = 0xF0;  // a sleeping child never polled
}  // namespace status

}  // namespace esl::tagwire::znp
