// Requests and responses as handlers see them: plain values, without Asio or Beast.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/core/clock.hpp"
#include "common/core/result.hpp"

namespace esl::http {

class PushStream;

// What the client and the streaming calls may say.
enum class HttpError {
    malformed,    // bytes that are not HTTP, or a body that breaks its own framing
    too_large,    // a body above its route's limit
    timed_out,    // the peer was too slow
    closed,       // the peer, or our own stop, ended the connection
    unreachable,  // the client could not connect
};
[[nodiscard]] std::string_view describe(HttpError e);

// A list of name-value pairs in order. Names compare without regard to case.
class Headers {
public:
    Headers() = default;
    Headers(std::initializer_list<std::pair<std::string, std::string>> list) : items_(list) {}

    // The first one's value; empty when there is none. The view is valid until the list changes.
    [[nodiscard]] std::string_view get(std::string_view name) const;
    [[nodiscard]] bool has(std::string_view name) const;
    [[nodiscard]] std::size_t count(std::string_view name) const;
    // Replaces all of that name.
    Headers& set(std::string_view name, std::string value);
    Headers& add(std::string_view name, std::string value);
    [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& items() const { return items_; }

private:
    std::vector<std::pair<std::string, std::string>> items_;
};

[[nodiscard]] bool same_text_ignoring_case(std::string_view a, std::string_view b);

struct Request {
    std::string method;   // upper case, as received
    std::string target;   // as received: path and query, undecoded
    std::string path;     // undecoded
    std::string pattern;  // of the route that took it, e.g. "/api/v1/tags/{id}"; empty in the fallback
    std::vector<std::pair<std::string, std::string>> params;  // of the pattern, percent-decoded
    std::vector<std::pair<std::string, std::string>> query;   // percent-decoded, in order
    Headers headers;
    std::string body;  // whole; empty for streaming handlers
    std::string peer;  // address without port, as text
    int version = 11;  // 10 or 11

    // Empty when there is none of that name (a matched pattern's names are always there).
    [[nodiscard]] std::string_view param(std::string_view name) const;
    [[nodiscard]] std::optional<std::string_view> query_value(std::string_view name) const;
    [[nodiscard]] std::optional<std::string_view> cookie(std::string_view name) const;
    // The media type without parameters, lower case: "text/csv".
    [[nodiscard]] std::string content_type() const;
};

struct Response {
    int status = 200;
    Headers headers{};
    std::string body{};
    // When set, the body is whatever this stream is given until it is closed (server-sent events), after `body`.
    std::shared_ptr<PushStream> push{};
};

[[nodiscard]] Response text_response(int status, std::string body,
                                     std::string_view content_type = "text/plain; charset=utf-8");
// `json` is the encoded document.
[[nodiscard]] Response json_response(int status, std::string json);
[[nodiscard]] Response empty_response(int status = 204);
[[nodiscard]] Response redirect(std::string_view location, int status = 303);

[[nodiscard]] std::string_view status_text(int status);
// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7).
[[nodiscard]] std::string http_date(UnixMillis time);

// A strong entity tag, quotes included, from a hash of the bytes.
[[nodiscard]] std::string etag_of(std::string_view bytes);
// Does an If-None-Match or If-Match list hold this tag? `*` holds any. Weak comparison ignores "W/" (RFC 9110
// section 13.1).
[[nodiscard]] bool etag_matches(std::string_view list, std::string_view etag, bool weak = true);
// Adds ETag, and turns a 200 to a GET or HEAD into 304 when the request already has that tag.
void apply_etag(const Request& request, Response& response, std::string_view etag);

// "name=value; Path=/; HttpOnly; SameSite=Strict" and so on.
struct Cookie {
    std::string name{}, value{}, path = "/";
    std::optional<std::chrono::seconds> max_age{};
    bool http_only = true, secure = false;
};
[[nodiscard]] std::string set_cookie(const Cookie& cookie);

}  // namespace esl::http
