// Reading requests: JSON bodies member by member with every fault named by JSON pointer, and query parameters.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/http/message.hpp"
#include "mgmt-service/core/service.hpp"

namespace esl::mgmt::rest {

using Json = nlohmann::json;
using FieldErrors = std::vector<FieldError>;

// The whole body as a JSON object, or the refusal (415, or 400 with the offset).
[[nodiscard]] std::variant<Json, http::Response> json_body(const http::Request& request);

// Adds to `errors` instead of failing, so that one answer names every fault (the first 50). The object and the errors
// outlive the reader.
class ObjectReader {
public:
    ObjectReader(const Json& value, std::string where, FieldErrors& errors);

    enum class Need { optional, required };
    struct Length {
        std::size_t least = 0, most = 200;  // in bytes
    };
    // Absent and null are nullopt; of another type or length, or not valid text (control characters), is an error.
    [[nodiscard]] std::optional<std::string> text(const char* name, Length length, Need need = Need::optional);
    [[nodiscard]] std::optional<std::int64_t> integer(const char* name, std::int64_t least, std::int64_t most,
                                                      Need need = Need::optional);
    [[nodiscard]] std::optional<bool> boolean(const char* name);
    [[nodiscard]] std::vector<std::string> texts(const char* name, std::size_t most, Length each,
                                                 Need need = Need::optional);
    // Null pointer when absent. Null values are returned.
    [[nodiscard]] const Json* member(const char* name, Need need = Need::optional);
    [[nodiscard]] bool has(const char* name) const;
    [[nodiscard]] std::string at(std::string_view name) const;  // the member's pointer
    void error(std::string_view name, std::string detail);
    // Members that nobody asked for are errors: a misspelt name must not be ignored.
    void finish();
    [[nodiscard]] bool is_object() const { return object_ != nullptr; }

private:
    const Json* object_ = nullptr;
    std::string where_;
    FieldErrors& errors_;
    std::set<std::string, std::less<>> asked_;
};

void add_error(FieldErrors& errors, std::string where, std::string detail);
[[nodiscard]] http::Response refused(const FieldErrors& errors);  // 422 with all of them

// {minor, currency}: amounts of another currency than the store's are errors.
[[nodiscard]] std::optional<std::int64_t> read_money(const Json& value, const std::string& where,
                                                     const std::string& currency, FieldErrors& errors);
[[nodiscard]] std::optional<Promotion> read_promotion(const Json& value, const std::string& where,
                                                      const std::string& currency, FieldErrors& errors);

// What a change is to do: 1 to 20,000 items.
[[nodiscard]] std::vector<ChangeItemWrite> read_change_items(const Json& list, const std::string& currency,
                                                             FieldErrors& errors);

// Query parameters. The first bad one becomes `refusal`; what is absent is nullopt.
class QueryReader {
public:
    explicit QueryReader(const http::Request& request) : request_(request) {}
    [[nodiscard]] std::optional<std::string> text(const char* name, std::size_t most = 100);
    [[nodiscard]] std::optional<std::int64_t> integer(const char* name, std::int64_t least, std::int64_t most);
    [[nodiscard]] std::optional<bool> boolean(const char* name);
    [[nodiscard]] PageRequest page();
    template <class T, class F>
    [[nodiscard]] std::optional<T> one_of(const char* name, F from_name) {
        const auto value = text(name);
        if (!value) return std::nullopt;
        auto found = from_name(*value);
        if (!found) bad(name, "'" + *value + "' is none of its values");
        return found;
    }
    void bad(const char* name, std::string detail);
    [[nodiscard]] const std::optional<http::Response>& refusal() const { return refusal_; }

private:
    const http::Request& request_;
    std::optional<http::Response> refusal_;
};

// If-Match as the number our entity tags hold: nullopt without the header or with `*`; a refusal (412) when it can fit
// no version.
[[nodiscard]] std::variant<std::optional<std::uint64_t>, http::Response> if_match(const http::Request& request);

}  // namespace esl::mgmt::rest
