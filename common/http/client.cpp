#include "common/http/client.hpp"

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <cerrno>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "common/http/url.hpp"
#include "common/tls/client_socket.hpp"

namespace esl::http {
namespace beast = boost::beast;
using SteadyClock = std::chrono::steady_clock;
using Parser = beast::http::response_parser<beast::http::buffer_body>;

namespace {

std::string errno_text() {
    return std::generic_category().message(errno);
}

constexpr std::size_t kPiece = std::size_t{64} << 10;

}  // namespace

struct Client::Impl {
    Url base;
    ClientOptions options;
    tls::ClientSocket socket;
    std::optional<tls::ClientContext> trust;  // of https, made for the first connection
    bool heard = false;                       // a byte of the answer under way
    std::string unread;                       // bytes of the connection that no parser has taken yet
    std::atomic<bool> cancelled{false};

    void close() {
        socket.close();
        unread.clear();
    }

    [[nodiscard]] Result<> wait(int fd, short events, SteadyClock::time_point deadline) const {
        for (;;) {
            constexpr std::chrono::milliseconds kLook{100};
            if (cancelled) return fail(HttpError::closed, "cancelled");
            auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - SteadyClock::now());
            if (left.count() <= 0) return fail(HttpError::timed_out);
            left = std::min(left, kLook);
            pollfd waiting{.fd = fd, .events = events, .revents = 0};
            const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
            if (ready > 0) return {};
            if (ready < 0 && errno != EINTR) return fail(HttpError::closed, errno_text());
        }
    }

    [[nodiscard]] std::string host_and_port() const {
        const auto& [host, port] = base.at;
        return (host.find(':') != std::string::npos ? '[' + host + ']' : host) + ':' + std::to_string(port);
    }

    [[nodiscard]] Result<> connect(SteadyClock::time_point deadline) {
        close();
        const auto patience = [&](int fd, short events) { return wait(fd, events, deadline); };
        auto connected = socket.connect(base.at.host, base.at.port, patience);
        if (connected && base.tls) connected = secure(patience);
        if (!connected && connected.error().is(tls::ConnectError::unreachable))
            return fail(HttpError::unreachable, connected.error().about());
        return connected;
    }

    [[nodiscard]] Result<> secure(const tls::ClientSocket::Wait& patience) {
        try {
            if (!trust) trust.emplace(options.ca_file);
        } catch (const std::runtime_error& error) {
            socket.close();
            return fail(HttpError::unreachable, host_and_port() + ": TLS: " + error.what());
        }
        auto secured = socket.secure(*trust, base.at.host, patience);
        if (!secured) trust.reset();  // what was wrong may be corrected by the next try
        return secured;
    }

    // Stops early, without an error, when the server answers before it has read everything.
    [[nodiscard]] Result<> write_all(std::string_view bytes, SteadyClock::time_point deadline) {
        while (!bytes.empty()) {
            std::size_t put = 0;
            const auto step = socket.send(bytes, put);
            if (step == tls::Step::done) {
                bytes.remove_prefix(put);
                continue;
            }
            if (step == tls::Step::end) return fail(HttpError::closed, "no answer");
            if (step == tls::Step::broken) return fail(HttpError::closed, socket.why());
            // The answer may come while the request still goes: it is read meanwhile, or both sides would wait.
            if (auto ready = wait(socket.fd(), POLLOUT | POLLIN, deadline); !ready) return ready;
            const auto more = receive_some();
            if (!more) return fail(more.error());
            if (*more == tls::Step::end) return {};
            if (unread.size() > options.max_body) return fail(HttpError::too_large, "the answer");
        }
        return {};
    }

    // What there is now, after which the socket is to be waited for as the step says.
    [[nodiscard]] Result<tls::Step> receive_some() {
        const auto before = unread.size();
        unread.resize(before + kPiece);
        std::size_t got = 0;
        const auto step = socket.receive(unread.data() + before, kPiece, got);
        unread.resize(before + (step == tls::Step::done ? got : 0));
        heard = heard || step == tls::Step::done;
        if (step == tls::Step::broken) return fail(HttpError::closed, socket.why());
        return step;
    }

    // False at the end of the connection.
    [[nodiscard]] Result<bool> read_more(SteadyClock::time_point deadline) {
        for (;;) {
            const auto step = receive_some();
            if (!step) return fail(step.error());
            if (*step == tls::Step::done) return true;
            if (*step == tls::Step::end) return false;
            const auto events = *step == tls::Step::wait_read ? POLLIN : POLLOUT;
            if (auto ready = wait(socket.fd(), static_cast<short>(events), deadline); !ready)
                return fail(ready.error());
        }
    }

    [[nodiscard]] std::string encode(std::string_view method, std::string_view target, std::string_view body,
                                     const Headers& extra) const {
        std::string out = std::string(method) + ' ' + std::string(target) + " HTTP/1.1\r\n";
        out += "Host: " + host_and_port() + "\r\n";
        for (const auto* list : {&options.headers, &extra}) {
            for (const auto& [name, value] : list->items()) out += name + ": " + value + "\r\n";
        }
        if (!body.empty() || method == "POST" || method == "PUT" || method == "PATCH") {
            out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
        }
        return out + "\r\n";
    }

    [[nodiscard]] Result<Response> receive(std::string_view method, SteadyClock::time_point deadline,
                                           const std::function<bool(std::string_view)>& on_bytes, bool renew);
    [[nodiscard]] Result<Response> exchange(std::string_view method, std::string_view target, std::string_view body,
                                            const Headers& extra, const std::function<bool(std::string_view)>& on_bytes,
                                            bool renew);
};

// Feeds a parser from the connection; `on_bytes` gets the body. `renew`: each piece may take the whole timeout again.
Result<Response> Client::Impl::receive(std::string_view method, SteadyClock::time_point deadline,
                                       const std::function<bool(std::string_view)>& on_bytes, bool renew) {
    Parser parser;
    parser.eager(true);
    parser.header_limit(64 * 1024);
    parser.body_limit(boost::none);
    parser.skip(method == "HEAD");
    std::vector<char> piece(kPiece);
    while (!parser.is_done()) {
        auto& body = parser.get().body();
        body.data = piece.data();
        body.size = piece.size();
        beast::error_code ec;
        const auto used = unread.empty() ? 0 : parser.put(boost::asio::buffer(unread), ec);
        unread.erase(0, used);
        const auto got = piece.size() - body.size;
        if (ec == beast::http::error::need_buffer) ec = {};
        const bool starved = unread.empty() || ec == beast::http::error::need_more;
        if (ec == beast::http::error::need_more) ec = {};
        if (ec) return fail(HttpError::malformed, ec.message());
        if (got > 0 && !on_bytes({piece.data(), got})) {
            close();
            break;
        }
        if (parser.is_header_done() && parser.get().result_int() < 200) {  // 100 Continue: the answer follows
            return receive(method, deadline, on_bytes, renew);
        }
        if (parser.is_done() || !starved || got > 0) continue;
        if (renew) deadline = SteadyClock::now() + options.timeout;
        const auto more = read_more(deadline);
        if (!more) return fail(more.error());
        if (*more) continue;
        if (!parser.got_some()) return fail(HttpError::closed, "no answer");
        parser.put_eof(ec);
        if (ec) return fail(HttpError::closed, "the answer ends early");
    }
    Response response;
    response.status = static_cast<int>(parser.get().result_int());
    for (const auto& field : parser.get()) response.headers.add(field.name_string(), std::string(field.value()));
    if (!parser.get().keep_alive()) close();
    return response;
}

Result<Response> Client::Impl::exchange(std::string_view method, std::string_view target, std::string_view body,
                                        const Headers& extra, const std::function<bool(std::string_view)>& on_bytes,
                                        bool renew) {
    const auto deadline = SteadyClock::now() + options.timeout;
    const bool reused = socket.is_open();
    heard = false;
    if (!reused) {
        if (auto connected = connect(deadline); !connected) return fail(connected.error());
    }
    const auto bytes = encode(method, target, body, extra);
    auto sent = write_all(bytes, deadline);
    if (sent) sent = write_all(body, deadline);
    auto answer = sent || !unread.empty() || !reused ? receive(method, deadline, on_bytes, renew)
                                                     : Result<Response>{std::unexpect, sent.error()};
    if (answer) return answer;
    close();
    // A kept connection that the server closed meanwhile; a second try is on a fresh one.
    if (reused && !heard && answer.error().is(HttpError::closed))
        return exchange(method, target, body, extra, on_bytes, renew);
    return answer;
}

Client::Client(std::string_view base, ClientOptions options) : impl_(std::make_unique<Impl>()) {
    const bool has_scheme = base.starts_with("http://") || base.starts_with("https://");
    auto url = parse_url(has_scheme ? std::string(base) : "http://" + std::string(base));
    if (!url) throw std::invalid_argument(url.error().message());
    impl_->base = *std::move(url);
    impl_->options = std::move(options);
}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

void Client::cancel() {
    impl_->cancelled = true;
}

Headers& Client::headers() {
    return impl_->options.headers;
}

Result<Response> Client::send(std::string_view method, std::string_view target, std::string_view body,
                              const Headers& headers) {
    std::string received;
    bool too_large = false;
    auto answer = impl_->exchange(
        method, target, body, headers,
        [&](std::string_view bytes) {
            too_large = received.size() + bytes.size() > impl_->options.max_body;
            if (!too_large) received.append(bytes);
            return !too_large;
        },
        false);
    if (too_large) return fail(HttpError::too_large, "the answer to " + std::string(target));
    if (answer) answer->body = std::move(received);
    return answer;
}

Result<Response> Client::stream(std::string_view method, std::string_view target, std::string_view body,
                                const Headers& headers, const std::function<bool(std::string_view)>& on_bytes) {
    return impl_->exchange(method, target, body, headers, on_bytes, true);
}

}  // namespace esl::http
