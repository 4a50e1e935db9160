// The ZigBee Cluster Library's frame header and the foundation commands that a price-tag network uses
// (docs/formats/price-display-cluster.md has worked bytes).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/core/bytes.hpp"
#include "common/core/result.hpp"
#include "common/tagwire/error.hpp"

namespace esl::tagwire::zcl {

inline constexpr std::uint16_t kProfileHomeAutomation = 0x0104;
inline constexpr std::uint16_t kClusterBasic = 0x0000;
inline constexpr std::uint16_t kClusterPower = 0x0001;
inline constexpr std::uint16_t kClusterIdentify = 0x0003;
inline constexpr std::uint16_t kClusterPollControl = 0x0020;

// Seconds from 1970-01-01 to 2000-01-01 UTC: the zero of ZigBee's UTCTime.
inline constexpr std::int64_t kEpochOffset = 946'684'800;

namespace status {
inline constexpr std::uint8_t kSuccess = 0x00;
inline constexpr std::uint8_t kFailure = 0x01;
inline constexpr std::uint8_t kMalformed = 0x80;
inline constexpr std::uint8_t kUnsupportedCluster = 0x81;
inline constexpr std::uint8_t kInvalidField = 0x85;
inline constexpr std::uint8_t kUnsupportedAttribute = 0x86;
inline constexpr std::uint8_t kInsufficientSpace = 0x89;
inline constexpr std::uint8_t kNotFound = 0x8B;
inline constexpr std::uint8_t kAbort = 0x95;
inline constexpr std::uint8_t kInvalidImage = 0x96;
inline constexpr std::uint8_t kWaitForData = 0x97;
inline constexpr std::uint8_t kNoImage = 0x98;
}  // namespace status

enum class Scope : std::uint8_t { foundation = 0, cluster = 1 };
enum class Direction : std::uint8_t { to_server = 0, to_client = 1 };

// Commands of Scope::foundation.
inline constexpr std::uint8_t kReadAttributes = 0x00;
inline constexpr std::uint8_t kReadAttributesResponse = 0x01;
inline constexpr std::uint8_t kReportAttributes = 0x0A;
inline constexpr std::uint8_t kDefaultResponse = 0x0B;

struct Header {
    Scope scope = Scope::foundation;
    Direction direction = Direction::to_server;
    bool no_default_response = false;
    std::optional<std::uint16_t> manufacturer;
    std::uint8_t sequence = 0;
    std::uint8_t command = 0;
    bool operator==(const Header&) const = default;
};

// `payload` points into the bytes that were decoded.
struct FrameView {
    Header header;
    BytesView payload;
};
// Errors: truncated, malformed (a reserved frame type).
[[nodiscard]] Result<FrameView> decode_frame(BytesView bytes);
[[nodiscard]] Bytes encode_frame(const Header& header, BytesView payload);
// The header of an answer: same sequence and manufacturer, other direction, no default response wanted.
[[nodiscard]] Header answer_to(const Header& request, Scope scope, std::uint8_t command);

// Data types by their ZCL number; the others of the library are not used here.
enum class Type : std::uint8_t {
    boolean = 0x10,
    bitmap8 = 0x18,
    bitmap16 = 0x19,
    bitmap32 = 0x1B,
    u8 = 0x20,
    u16 = 0x21,
    u24 = 0x22,
    u32 = 0x23,
    u64 = 0x27,
    i8 = 0x28,
    i16 = 0x29,
    i32 = 0x2B,
    enum8 = 0x30,
    enum16 = 0x31,
    octets = 0x41,
    text = 0x42,
    utc = 0xE2,
    cluster_id = 0xE8,
    attribute_id = 0xE9,
    ieee = 0xF0,
};

// Numbers of every width are the raw bits, not sign-extended; octets and text are the string.
struct Attribute {
    std::uint16_t id = 0;
    Type type = Type::u8;
    std::variant<std::uint64_t, std::string> value;
    [[nodiscard]] std::uint64_t number() const {
        const auto* n = std::get_if<std::uint64_t>(&value);
        return n == nullptr ? 0 : *n;
    }
    bool operator==(const Attribute&) const = default;
};
struct AttributeResult {
    std::uint8_t status = status::kSuccess;
    Attribute attribute;  // only its id when the status is not success
    bool operator==(const AttributeResult&) const = default;
};
struct DefaultResponse {
    std::uint8_t command = 0;
    std::uint8_t status = status::kSuccess;
    bool operator==(const DefaultResponse&) const = default;
};

[[nodiscard]] Bytes encode_read_attributes(const std::vector<std::uint16_t>& ids);
[[nodiscard]] Bytes encode_read_attributes_response(const std::vector<AttributeResult>& results);
[[nodiscard]] Bytes encode_report_attributes(const std::vector<Attribute>& attributes);
[[nodiscard]] Bytes encode_default_response(DefaultResponse response);
// Payloads. Errors: truncated, trailing, malformed (a data type not known here, whose length is thus unknown).
[[nodiscard]] Result<std::vector<std::uint16_t>> decode_read_attributes(BytesView payload);
[[nodiscard]] Result<std::vector<AttributeResult>> decode_read_attributes_response(BytesView payload);
[[nodiscard]] Result<std::vector<Attribute>> decode_report_attributes(BytesView payload);
[[nodiscard]] Result<DefaultResponse> decode_default_response(BytesView payload);

}  // namespace esl::tagwire::zcl
