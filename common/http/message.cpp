#include "common/http/message.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "common/core/bytes.hpp"

namespace esl::http {
namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

std::string_view value_in(const std::vector<std::pair<std::string, std::string>>& list, std::string_view name) {
    const auto it = std::ranges::find(list, name, &std::pair<std::string, std::string>::first);
    return it == list.end() ? std::string_view{} : std::string_view{it->second};
}

}  // namespace

std::string_view describe(HttpError e) {
    switch (e) {
        case HttpError::malformed:
            return "malformed";
        case HttpError::too_large:
            return "too large";
        case HttpError::timed_out:
            return "timed out";
        case HttpError::closed:
            return "connection closed";
        case HttpError::unreachable:
            return "unreachable";
    }
    return "http error";
}

bool same_text_ignoring_case(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view Headers::get(std::string_view name) const {
    for (const auto& [key, value] : items_) {
        if (same_text_ignoring_case(key, name)) return value;
    }
    return {};
}

bool Headers::has(std::string_view name) const {
    return count(name) > 0;
}

std::size_t Headers::count(std::string_view name) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(items_, [&](const auto& item) { return same_text_ignoring_case(item.first, name); }));
}

Headers& Headers::set(std::string_view name, std::string value) {
    std::erase_if(items_, [&](const auto& item) { return same_text_ignoring_case(item.first, name); });
    return add(name, std::move(value));
}

Headers& Headers::add(std::string_view name, std::string value) {
    items_.emplace_back(std::string(name), std::move(value));
    return *this;
}

std::string_view Request::param(std::string_view name) const {
    return value_in(params, name);
}

std::optional<std::string_view> Request::query_value(std::string_view name) const {
    const auto it = std::ranges::find(query, name, &std::pair<std::string, std::string>::first);
    if (it == query.end()) return std::nullopt;
    return it->second;
}

std::optional<std::string_view> Request::cookie(std::string_view name) const {
    for (const auto& [key, value] : headers.items()) {
        if (!same_text_ignoring_case(key, "cookie")) continue;
        std::string_view rest = value;
        while (!rest.empty()) {
            const auto end = rest.find(';');
            const auto pair = trimmed(rest.substr(0, end));
            rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
            const auto equals = pair.find('=');
            if (equals != std::string_view::npos && pair.substr(0, equals) == name) return pair.substr(equals + 1);
        }
    }
    return std::nullopt;
}

std::string Request::content_type() const {
    const auto value = headers.get("content-type");
    std::string type{trimmed(value.substr(0, value.find(';')))};
    std::ranges::transform(type, type.begin(), lower);
    return type;
}

Response text_response(int status, std::string body, std::string_view content_type) {
    return {.status = status,
            .headers = {{"Content-Type", std::string(content_type)}},
            .body = std::move(body),
            .push = {}};
}

Response json_response(int status, std::string json) {
    return text_response(status, std::move(json), "application/json");
}

Response empty_response(int status) {
    return {.status = status, .headers = {}, .body = {}, .push = {}};
}

Response redirect(std::string_view location, int status) {
    return {.status = status, .headers = {{"Location", std::string(location)}}, .body = {}, .push = {}};
}

std::string_view status_text(int status) {
    switch (status) {
        case 100:
            return "Continue";
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 206:
            return "Partial Content";
        case 301:
            return "Moved Permanently";
        case 302:
            return "Found";
        case 303:
            return "See Other";
        case 304:
            return "Not Modified";
        case 307:
            return "Temporary Redirect";
        case 308:
            return "Permanent Redirect";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 406:
            return "Not Acceptable";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 410:
            return "Gone";
        case 411:
            return "Length Required";
        case 412:
            return "Precondition Failed";
        case 413:
            return "Content Too Large";
        case 414:
            return "URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 417:
            return "Expectation Failed";
        case 422:
            return "Unprocessable Content";
        case 428:
            return "Precondition Required";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 502:
            return "Bad Gateway";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "Status";
    }
}

std::string http_date(UnixMillis time) {
    // strftime would speak the locale's language.
    static constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::time_t seconds = static_cast<std::time_t>(to_millis(time) / 1000);
    std::tm t{};
    gmtime_r(&seconds, &t);
    std::array<char, 96> text{};
    std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                  kDays.at(static_cast<std::size_t>(t.tm_wday)), t.tm_mday,
                  kMonths.at(static_cast<std::size_t>(t.tm_mon)), t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
    return text.data();
}

std::string etag_of(std::string_view bytes) {
    std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
    return '"' + to_lower_hex(BytesView(digest).first(16)) + '"';
}

bool etag_matches(std::string_view list, std::string_view etag, bool weak) {
    const auto without_mark = [](std::string_view tag) { return tag.starts_with("W/") ? tag.substr(2) : tag; };
    while (!list.empty()) {
        const auto end = list.find(',');
        const auto item = trimmed(list.substr(0, end));
        list = end == std::string_view::npos ? std::string_view{} : list.substr(end + 1);
        if (item == "*") return true;
        if (weak ? without_mark(item) == without_mark(etag) : item == etag && !item.starts_with("W/")) return true;
    }
    return false;
}

void apply_etag(const Request& request, Response& response, std::string_view etag) {
    response.headers.set("ETag", std::string(etag));
    if (response.status != 200 || (request.method != "GET" && request.method != "HEAD")) return;
    if (!etag_matches(request.headers.get("if-none-match"), etag)) return;
    response.status = 304;
    response.body.clear();
}

std::string set_cookie(const Cookie& cookie) {
    std::string text = cookie.name + '=' + cookie.value + "; Path=" + cookie.path + "; SameSite=Strict";
    if (cookie.max_age) text += "; Max-Age=" + std::to_string(cookie.max_age->count());
    if (cookie.http_only) text += "; HttpOnly";
    if (cookie.secure) text += "; Secure";
    return text;
}

}  // namespace esl::http
