// A frame's command and fields by name, as the table in definition.hpp describes them.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/core/bytes.hpp"
#include "common/core/result.hpp"
#include "common/tagwire/error.hpp"
#include "common/tagwire/znp/definition.hpp"
#include "common/tagwire/znp/frame.hpp"

namespace esl::tagwire::znp {

using Words = std::vector<std::uint16_t>;
// u8 to u64 are numbers; bytes8, bytes16 and rest are Bytes; words8 is Words.
struct Value : std::variant<std::uint64_t, Bytes, Words> {
    using Base = std::variant<std::uint64_t, Bytes, Words>;
    template <std::integral I>
    Value(I number) : Base(static_cast<std::uint64_t>(number)) {}
    Value(Bytes bytes) : Base(std::move(bytes)) {}
    Value(Words words) : Base(std::move(words)) {}
    bool operator==(const Value&) const = default;
};

// A value. Asking for a field that the command has not, or as another type, is a mistake of the caller's: it throws
// std::logic_error with the command's and the field's name.
class Message {
public:
    // Fields not given are zero or empty.
    Message(Kind kind, std::string_view name, std::initializer_list<std::pair<std::string_view, Value>> fields = {});

    [[nodiscard]] const Definition& definition() const { return *definition_; }
    [[nodiscard]] std::string_view name() const { return definition_->name; }
    [[nodiscard]] Kind kind() const { return definition_->kind; }
    [[nodiscard]] bool is(Kind kind, std::string_view name) const {
        return definition_->kind == kind && definition_->name == name;
    }

    [[nodiscard]] std::uint64_t number(std::string_view field) const;
    [[nodiscard]] std::uint8_t u8(std::string_view field) const { return static_cast<std::uint8_t>(number(field)); }
    [[nodiscard]] std::uint16_t u16(std::string_view field) const { return static_cast<std::uint16_t>(number(field)); }
    [[nodiscard]] std::uint32_t u32(std::string_view field) const { return static_cast<std::uint32_t>(number(field)); }
    [[nodiscard]] const Bytes& bytes(std::string_view field) const;
    [[nodiscard]] const Words& words(std::string_view field) const;
    void set(std::string_view field, Value value);

    bool operator==(const Message&) const = default;

private:
    friend Result<Message> decode(const Frame&);
    explicit Message(const Definition& definition);
    [[nodiscard]] std::size_t index(std::string_view field) const;

    const Definition* definition_;
    std::vector<Value> values_;
};

// Throws std::length_error when the fields do not fit a frame.
[[nodiscard]] Frame to_frame(const Message& message);
[[nodiscard]] inline Bytes encode(const Message& message) {
    return encode_frame(to_frame(message));
}
// Errors: unknown_command with both command bytes, truncated and trailing with the command's name.
[[nodiscard]] Result<Message> decode(const Frame& frame);

}  // namespace esl::tagwire::znp
