// Result<T>: a value or an Error that names the reason and what it was about.
#pragma once

#include <concepts>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace esl {

// A library's reasons: an enum class with `std::string_view describe(E)` beside it (found by ADL), which returns a
// string literal.
template <class E>
concept Reason = std::is_enum_v<E> && requires(E e) {
    { describe(e) } -> std::same_as<std::string_view>;
};

// Immutable; may be passed between threads. `about` says what was wrong and where, for a person: a field, a row, an
// offset, a path. It never holds a secret or a payload.
class Error {
public:
    template <Reason E>
    Error(E reason, std::string about = {})
        : kind_(&kKind<E>), value_(static_cast<int>(reason)), reason_(describe(reason)), about_(std::move(about)) {}

    template <Reason E>
    [[nodiscard]] bool is(E reason) const {
        return kind_ == &kKind<E> && value_ == static_cast<int>(reason);
    }
    // The reason, when it is one of E's.
    template <Reason E>
    [[nodiscard]] std::optional<E> as() const {
        if (kind_ != &kKind<E>) return std::nullopt;
        return static_cast<E>(value_);
    }
    [[nodiscard]] std::string_view reason() const { return reason_; }
    [[nodiscard]] const std::string& about() const { return about_; }
    // "reason: about", or the reason alone.
    [[nodiscard]] std::string message() const {
        std::string text{reason_};
        if (!about_.empty()) text.append(": ").append(about_);
        return text;
    }

private:
    template <class E>
    static inline const char kKind = 0;

    const void* kind_;
    int value_;
    std::string_view reason_;
    std::string about_;
};

template <class T = void>
using Result = std::expected<T, Error>;

template <Reason E>
[[nodiscard]] std::unexpected<Error> fail(E reason, std::string about = {}) {
    return std::unexpected(Error(reason, std::move(about)));
}
// Passes an error on as it is.
[[nodiscard]] inline std::unexpected<Error> fail(Error error) {
    return std::unexpected(std::move(error));
}

// What any decoder of text or bytes may say.
enum class ParseError { truncated, malformed, out_of_range, too_long, unknown };

constexpr std::string_view describe(ParseError e) {
    switch (e) {
        case ParseError::truncated: return "truncated";
        case ParseError::malformed: return "malformed";
        case ParseError::out_of_range: return "out of range";
        case ParseError::too_long: return "too long";
        case ParseError::unknown: return "unknown";
    }
    return "parse error";
}

}  // namespace esl
