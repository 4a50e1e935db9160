// Percent-encoding, queries and listen addresses (RFC 3986; application/x-www-form-urlencoded for queries).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/core/result.hpp"

namespace esl::http {

// A broken escape, or a NUL, is ParseError::malformed with its offset. With `plus_is_space` as in queries.
[[nodiscard]] Result<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
// Everything but letters, digits and "-._~" is escaped.
[[nodiscard]] std::string percent_encode(std::string_view text);

// "a=1&b=&c": names and values decoded, order kept. More than 256 pairs is ParseError::too_long.
[[nodiscard]] Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query);

// "127.0.0.1:8080", "[::1]:80", "localhost:80", ":8080" (every address, IPv4 and IPv6).
struct HostPort {
    std::string host;  // without brackets; empty = every address
    std::uint16_t port = 0;
};
[[nodiscard]] Result<HostPort> parse_host_port(std::string_view text);
// The same of a URL: the port may be missing, the host may not.
[[nodiscard]] Result<HostPort> parse_authority(std::string_view text, std::uint16_t default_port);

// "http://host:port/path?query", or https; without a port 80, or 443.
struct Url {
    bool tls = false;  // https
    HostPort at;
    std::string target = "/";
};
[[nodiscard]] Result<Url> parse_url(std::string_view text);

}  // namespace esl::http
