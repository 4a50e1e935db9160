// An answer's head and chunks as bytes. Included by server.cpp alone.
#pragma once

#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "common/http/message.hpp"

namespace esl::http::detail {

// Text that may stand in a header line: a line break in it would end the line (response splitting).
inline bool safe_header(std::string_view text) {
    for (const char c : text) {
        if (c == '\r' || c == '\n' || c == '\0') return false;
    }
    return true;
}

inline bool has_no_body(int status) {
    return status == 204 || status == 304 || (status >= 100 && status < 200);
}

// For the Date header alone: what a client caches by is the real time, also under a test clock.
inline UnixMillis wall_now() {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

struct Head {
    int status = 200;
    const Headers* headers = nullptr;
    std::optional<std::size_t> length;  // none: chunked, or until the end of the connection
    bool chunked = false;
    bool keep_alive = true;
};

inline std::string encode_head(const Head& head, const Headers& defaults) {
    std::string out = "HTTP/1.1 " + std::to_string(head.status) + ' ' + std::string(status_text(head.status)) + "\r\n";
    const auto line = [&](std::string_view name, std::string_view value) {
        if (!safe_header(name) || !safe_header(value)) return;
        out.append(name).append(": ").append(value).append("\r\n");
    };
    line("Date", http_date(wall_now()));
    for (const auto& [name, value] : head.headers->items()) line(name, value);
    for (const auto& [name, value] : defaults.items()) {
        if (!head.headers->has(name)) line(name, value);
    }
    if (head.chunked) {
        line("Transfer-Encoding", "chunked");
    } else if (head.length && !has_no_body(head.status)) {
        line("Content-Length", std::to_string(*head.length));
    }
    if (!head.keep_alive) line("Connection", "close");
    return out + "\r\n";
}

inline void append_chunk(std::string& out, std::string_view bytes) {
    if (bytes.empty()) return;  // an empty chunk would end the body
    std::array<char, 20> size{};
    std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
    out.append(size.data()).append(bytes).append("\r\n");
}

}  // namespace esl::http::detail
