// Error answers as application/problem+json (RFC 9457), and the one function from Error to status.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/core/result.hpp"
#include "common/http/message.hpp"

namespace esl::http {

struct Problem {
    int status = 500;
    std::string title{};     // empty: the status' own text
    std::string detail{};    // for a person: what was wrong and where
    std::string type{};      // empty: "about:blank"
    std::string instance{};  // usually the request's path
    // Extension members; values are encoded JSON. Use with().
    std::vector<std::pair<std::string, std::string>> members{};

    Problem& with(std::string name, const nlohmann::json& value);
    [[nodiscard]] std::string json() const;
    // Also as rvalue: `return Problem{.status = 404, ...}.response();`
    [[nodiscard]] Response response() const;
};

[[nodiscard]] Response problem(int status, std::string detail = {});

// ParseError -> 400, HttpError::too_large -> 413, ::timed_out -> 408, ::malformed -> 400; what it does not know is 500.
// A part with reasons of its own wraps this and asks it last.
[[nodiscard]] int status_of(const Error& error);
// The detail of a 5xx is not told to the caller; it belongs in the log.
[[nodiscard]] Response problem_from(const Error& error);

}  // namespace esl::http
