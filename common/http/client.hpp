// A small blocking HTTP/1.1 client for command lines, webhooks and tests. No redirects.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "common/core/result.hpp"
#include "common/http/message.hpp"

namespace esl::http {

struct ClientOptions {
    std::chrono::milliseconds timeout = std::chrono::seconds(30);  // for a whole call; streams: without a byte
    std::size_t max_body = std::size_t{64} << 20;
    Headers headers{};  // sent with each request (Authorization, Cookie)
    // https: PEM with the CAs that count; empty: the system's. Read at the first call, and again after a refusal.
    std::filesystem::path ca_file{};
};

// Keeps one connection and opens another when the server has closed it. For one thread.
class Client {
public:
    // `base` is "http://host:port", "https://host:port" or "host:port". The first call connects. By https the server
    // must show a certificate for that host from a CA that counts, else HttpError::unreachable says what is wrong.
    explicit Client(std::string_view base, ClientOptions options = {});
    ~Client();
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;

    // Any status is a value. HttpError::unreachable, ::timed_out, ::closed, ::malformed, ::too_large.
    [[nodiscard]] Result<Response> send(std::string_view method, std::string_view target, std::string_view body = {},
                                        const Headers& headers = {});
    [[nodiscard]] Result<Response> get(std::string_view target) { return send("GET", target); }
    [[nodiscard]] Result<Response> post_json(std::string_view target, std::string_view json) {
        return send("POST", target, json, {{"Content-Type", "application/json"}});
    }
    // The body in pieces as they come; `on_bytes` returns false to stop and close. The answer's body stays empty.
    [[nodiscard]] Result<Response> stream(std::string_view method, std::string_view target, std::string_view body,
                                          const Headers& headers,
                                          const std::function<bool(std::string_view)>& on_bytes);
    // From any thread: the call under way, and every later one, ends within a tenth of a second with HttpError::closed.
    void cancel();
    // Headers for all later requests.
    [[nodiscard]] Headers& headers();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::http
