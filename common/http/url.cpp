#include "common/http/url.hpp"

#include <charconv>

namespace esl::http {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool unreserved(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

constexpr std::size_t kMaxQueryPairs = 256;

}  // namespace

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\0') return fail(ParseError::malformed, "NUL at offset " + std::to_string(i));
        if (text[i] == '+' && plus_is_space) {
            out += ' ';
        } else if (text[i] != '%') {
            out += text[i];
        } else {
            const int high = i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
            const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
            const char byte = static_cast<char>(high * 16 + low);
            if (high < 0 || low < 0 || byte == '\0') {
                return fail(ParseError::malformed, "percent escape at offset " + std::to_string(i));
            }
            out += byte;
            i += 2;
        }
    }
    return out;
}

std::string percent_encode(std::string_view text) {
    static constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        if (unreserved(c)) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += kDigits[byte >> 4];
        out += kDigits[byte & 15];
    }
    return out;
}

Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query) {
    std::vector<std::pair<std::string, std::string>> out;
    while (!query.empty()) {
        const auto end = query.find('&');
        const auto pair = query.substr(0, end);
        query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
        if (pair.empty()) continue;
        if (out.size() == kMaxQueryPairs) return fail(ParseError::too_long, "more than 256 query parameters");
        const auto equals = pair.find('=');
        auto name = percent_decode(pair.substr(0, equals), true);
        if (!name) return fail(ParseError::malformed, "query: " + name.error().about());
        auto value =
            equals == std::string_view::npos ? Result<std::string>{""} : percent_decode(pair.substr(equals + 1), true);
        if (!value) return fail(ParseError::malformed, "query parameter '" + *name + "': " + value.error().about());
        out.emplace_back(*std::move(name), *std::move(value));
    }
    return out;
}

Result<HostPort> parse_host_port(std::string_view text) {
    const auto bad = [&] { return fail(ParseError::malformed, "'" + std::string(text) + "' is not ADDRESS:PORT"); };
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return bad();
    HostPort out;
    const auto digits = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
    if (error != std::errc{} || end != digits.data() + digits.size()) return bad();
    auto host = text.substr(0, colon);
    if (host.starts_with('[')) {
        if (!host.ends_with(']') || host.size() < 3) return bad();
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
        return bad();  // an IPv6 address needs its brackets, or the port is a guess
    }
    out.host = std::string(host);
    return out;
}

Result<HostPort> parse_authority(std::string_view text, std::uint16_t default_port) {
    std::string authority{text};
    const auto bracket = authority.rfind(']');
    const auto colon = authority.rfind(':');
    if (colon == std::string::npos || (bracket != std::string::npos && colon < bracket))
        authority += ":" + std::to_string(default_port);
    auto at = parse_host_port(authority);
    if (at && at->host.empty()) return fail(ParseError::malformed, "'" + std::string(text) + "' names no host");
    return at;
}

Result<Url> parse_url(std::string_view text) {
    constexpr std::string_view kPlain = "http://";
    constexpr std::string_view kTls = "https://";
    const bool tls = text.starts_with(kTls);
    if (!tls && !text.starts_with(kPlain))
        return fail(ParseError::malformed, "'" + std::string(text) + "' is no http:// or https:// URL");
    const auto rest = text.substr(tls ? kTls.size() : kPlain.size());
    const auto slash = rest.find_first_of("/?");
    auto at = parse_authority(rest.substr(0, slash), tls ? 443 : 80);
    if (!at) return fail(at.error());
    Url url{.tls = tls, .at = *std::move(at), .target = "/"};
    if (slash != std::string_view::npos) {
        url.target = rest.substr(slash);
        if (url.target.front() == '?') url.target.insert(0, "/");
    }
    return url;
}

}  // namespace esl::http
