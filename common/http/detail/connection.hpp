// One HTTP connection. Included by server.cpp alone: everything that needs Beast is in that one translation unit.
#pragma once

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <optional>

#include "common/http/detail/wire.hpp"
#include "common/http/problem.hpp"
#include "common/http/push_stream.hpp"
#include "common/http/server.hpp"
#include "common/http/url.hpp"
#include "common/http/worker_pool.hpp"

namespace esl::http::detail {

namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;
using boost::system::error_code;

inline constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
inline constexpr std::size_t kReadSize = std::size_t{64} << 10;
inline constexpr std::size_t kBytesPerExtraSecond = 4096;
inline constexpr std::size_t kMaxLinger = std::size_t{1} << 20;

// What the connections of one server share. Touched on the connections' thread only, but for the pools.
struct Shared {
    const ServerOptions& options;
    const Router& router;
    WorkerPool& workers;
    WorkerPool& streams;
    std::atomic<std::uint64_t> requests{0}, broken{0};
    bool stopping = false;
};

class Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(tcp::socket socket, Shared& shared)
        : stream_(std::move(socket)), shared_(shared), buffer_(shared.options.max_header_bytes + kReadSize) {
        error_code ignored;
        const auto peer = stream_.socket().remote_endpoint(ignored);
        auto address = peer.address();
        if (address.is_v6() && address.to_v6().is_v4_mapped()) {
            address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
        }
        peer_ = address.to_string();
        stream_.socket().set_option(tcp::no_delay(true), ignored);
    }

    asio::awaitable<void> run() {
        while (co_await serve_one()) {
        }
        co_await linger();
    }
    // The server stops: a connection between two requests has nothing to lose, and who listens to events resumes.
    void close_if_interruptible() {
        if (interruptible_) close();
    }
    void close() {
        error_code ignored;
        stream_.socket().close(ignored);
        if (wake_ != nullptr) wake_->cancel();
        cut_ = true;
    }

private:
    class StreamExchange;
    friend class StreamExchange;

    asio::awaitable<bool> serve_one();
    asio::awaitable<bool> wait_for_first_byte();
    asio::awaitable<bool> answer_broken(error_code ec);
    std::optional<Response> check_framing() const;
    Request take_request();
    asio::awaitable<bool> serve_whole(const Route& route, Request& request);
    asio::awaitable<bool> serve_stream(const Route& route, Request& request);
    asio::awaitable<std::optional<Response>> read_whole_body(Request& request, std::size_t max_body);
    asio::awaitable<Result<std::size_t>> read_body(std::span<char> into, std::size_t max_body);
    asio::awaitable<Response> run_handler(const Route& route, const Request& request);
    asio::awaitable<bool> send_response(const Request& request, Response response);
    asio::awaitable<bool> pump(PushStream& out, bool chunked);
    asio::awaitable<bool> send(std::string_view bytes);
    asio::awaitable<void> linger();
    void answered(const Request& request, int status);
    [[nodiscard]] bool keep_alive() const { return keep_alive_ && !shared_.stopping && !cut_; }

    using Parser = beast::http::request_parser<beast::http::buffer_body>;

    beast::tcp_stream stream_;
    Shared& shared_;
    beast::flat_buffer buffer_;
    std::optional<Parser> parser_;
    std::string peer_;
    std::optional<asio::steady_timer> pump_timer_;
    asio::steady_timer* wake_ = nullptr;  // of the pump under way
    std::chrono::steady_clock::time_point began_{};
    std::chrono::steady_clock::duration body_waited_{};
    std::size_t body_got_ = 0;
    std::optional<Error> body_error_;
    bool asked_ = false;  // a byte of a request has come
    bool continue_sent_ = false;
    bool keep_alive_ = true;
    bool interruptible_ = false;
    bool cut_ = false;
    bool linger_ = false;
};

inline asio::awaitable<bool> Connection::wait_for_first_byte() {
    if (buffer_.size() > 0) co_return true;  // pipelined
    if (shared_.stopping) co_return false;
    interruptible_ = true;
    const auto& options = shared_.options;
    stream_.expires_after(asked_ ? options.idle_timeout : std::min(options.first_byte_timeout, options.idle_timeout));
    const auto [ec, count] = co_await stream_.async_read_some(buffer_.prepare(4096), kAwait);
    interruptible_ = false;
    if (ec) co_return false;
    buffer_.commit(count);
    asked_ = true;
    co_return true;
}

inline asio::awaitable<bool> Connection::serve_one() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(shared_.options.max_header_bytes));
    parser_->body_limit(boost::none);  // routes have limits of their own, see read_body()
    body_got_ = 0;
    body_waited_ = {};
    body_error_.reset();
    continue_sent_ = false;
    if (!co_await wait_for_first_byte()) co_return false;
    began_ = std::chrono::steady_clock::now();
    stream_.expires_after(shared_.options.header_timeout);
    const auto [ec, count] = co_await beast::http::async_read_header(stream_, buffer_, *parser_, kAwait);
    if (ec) co_return co_await answer_broken(ec);

    ++shared_.requests;
    keep_alive_ = parser_->keep_alive();
    auto request = take_request();
    if (auto refusal = check_framing()) {
        ++shared_.broken;
        keep_alive_ = false;
        co_return co_await send_response(request, *std::move(refusal));
    }
    auto query = parse_query(request.target.size() > request.path.size()
                                 ? std::string_view{request.target}.substr(request.path.size() + 1)
                                 : std::string_view{});
    if (!query) co_return co_await send_response(request, problem_from(query.error()));
    request.query = *std::move(query);
    const auto match = shared_.router.match(request);
    if (match.route == nullptr) co_return co_await send_response(request, match.refusal);
    if (match.route->stream) co_return co_await serve_stream(*match.route, request);
    co_return co_await serve_whole(*match.route, request);
}

inline asio::awaitable<bool> Connection::answer_broken(error_code ec) {
    namespace http = beast::http;
    // The stream's own category: end of stream, reset, timed out. Nobody is there to be answered.
    if (ec == http::error::end_of_stream || ec == http::error::partial_message ||
        ec.category() != make_error_code(http::error::bad_method).category()) {
        co_return false;
    }
    ++shared_.broken;
    keep_alive_ = false;
    int status = 400;
    if (ec == http::error::header_limit || ec == http::error::buffer_overflow) status = 431;
    if (ec == http::error::bad_version) status = 505;
    const Request none;
    co_return co_await send_response(none, problem(status, ec.message()));
}

inline Request Connection::take_request() {
    const auto& message = parser_->get();
    Request request;
    request.method = message.method_string();
    request.target = message.target();
    if (request.target.starts_with("http://")) {  // absolute form (RFC 9112 section 3.2.2)
        if (auto url = parse_url(request.target)) request.target = url->target;
    }
    request.path = request.target.substr(0, request.target.find('?'));
    request.version = static_cast<int>(message.version());
    request.peer = peer_;
    for (const auto& field : message) request.headers.add(field.name_string(), std::string(field.value()));
    return request;
}

// What Beast lets pass but two parsers in a row could read differently (RFC 9112 sections 3.2, 6.1, 11.2).
inline std::optional<Response> Connection::check_framing() const {
    const auto& message = parser_->get();
    const auto count = [&](beast::http::field name) { return message.count(name); };
    using beast::http::field;
    if (message.version() != 10 && message.version() != 11) return problem(505, "only HTTP/1.0 and HTTP/1.1");
    if (count(field::content_length) > 1) return problem(400, "more than one Content-Length");
    const auto length = message[field::content_length];
    if (length.find_first_not_of("0123456789") != beast::string_view::npos) {  // "5, 5" passes in Beast
        return problem(400, "a Content-Length that is no number");
    }
    if (count(field::transfer_encoding) > 0) {
        if (count(field::content_length) > 0) return problem(400, "both Content-Length and Transfer-Encoding");
        if (message.version() == 10) return problem(400, "Transfer-Encoding in HTTP/1.0");
        const auto value = message[field::transfer_encoding];
        if (count(field::transfer_encoding) > 1 || !same_text_ignoring_case({value.data(), value.size()}, "chunked")) {
            return problem(501, "a Transfer-Encoding other than chunked");
        }
    }
    if (count(field::host) > 1 || (message.version() == 11 && count(field::host) == 0)) {
        return problem(400, "an HTTP/1.1 request has exactly one Host");
    }
    if (!message.target().starts_with('/') && !message.target().starts_with("http://")) {
        return problem(400, "a request target that is no path");
    }
    if (count(field::expect) > 0 && !beast::iequals(message[field::expect], "100-continue")) {
        return problem(417, "an Expect other than 100-continue");
    }
    return std::nullopt;
}

// One piece of the body; 0 at its end. `max_body` is judged by what a Content-Length announces, before any of it is
// read.
inline asio::awaitable<Result<std::size_t>> Connection::read_body(std::span<char> into, std::size_t max_body) {
    if (body_error_) co_return fail(*body_error_);
    const auto failed = [&](HttpError reason, std::string about) -> Result<std::size_t> {
        body_error_ = Error(reason, std::move(about));
        keep_alive_ = false;
        linger_ = reason == HttpError::too_large;
        return fail(*body_error_);
    };
    const auto announced = parser_->content_length();
    if (announced && *announced > max_body) {
        co_return failed(HttpError::too_large, "a body of " + std::to_string(*announced) + " bytes, at most " +
                                                   std::to_string(max_body) + " are taken here");
    }
    if (!parser_->is_done() && !continue_sent_ && parser_->get().count(beast::http::field::expect) > 0) {
        continue_sent_ = true;
        if (!co_await send("HTTP/1.1 100 Continue\r\n\r\n")) co_return failed(HttpError::closed, "");
    }
    // Beast reads what the buffer has room for: a page at a time would cost a large body dear.
    if (!parser_->is_done() && announced.value_or(kReadSize) > 4096) buffer_.reserve(kReadSize);
    while (!parser_->is_done()) {
        auto& body = parser_->get().body();
        body.data = into.data();
        body.size = into.size();
        body.more = true;
        // The budget grows with what has come, so that a trickle ends and a long honest upload does not.
        const auto budget = shared_.options.body_timeout + std::chrono::seconds(body_got_ / kBytesPerExtraSecond);
        if (body_waited_ >= budget) co_return failed(HttpError::timed_out, "the body came too slowly");
        stream_.expires_after(std::chrono::duration_cast<std::chrono::milliseconds>(budget - body_waited_));
        const auto since = std::chrono::steady_clock::now();
        auto [ec, count] = co_await beast::http::async_read_some(stream_, buffer_, *parser_, kAwait);
        body_waited_ += std::chrono::steady_clock::now() - since;
        if (ec == beast::http::error::need_buffer) ec = {};
        if (ec == beast::error::timeout) co_return failed(HttpError::timed_out, "the body came too slowly");
        if (ec == beast::http::error::partial_message || ec == beast::http::error::end_of_stream) {
            co_return failed(HttpError::closed, "the body ends early");
        }
        if (ec && ec.category() == make_error_code(beast::http::error::bad_method).category()) {
            co_return failed(HttpError::malformed, "body: " + ec.message());
        }
        if (ec) co_return failed(HttpError::closed, ec.message());
        const std::size_t got = into.size() - body.size;
        body_got_ += got;
        if (body_got_ > max_body) {
            co_return failed(HttpError::too_large, "a body of more than " + std::to_string(max_body) + " bytes");
        }
        if (got > 0) co_return got;
    }
    co_return std::size_t{0};
}

inline asio::awaitable<std::optional<Response>> Connection::read_whole_body(Request& request, std::size_t max_body) {
    if (parser_->is_done()) co_return std::nullopt;
    std::vector<char> piece(kReadSize);
    for (;;) {
        const auto got = co_await read_body(piece, max_body);
        if (!got) co_return problem_from(got.error());
        if (*got == 0) co_return std::nullopt;
        request.body.append(piece.data(), *got);
    }
}

inline asio::awaitable<Response> Connection::run_handler(const Route& route, const Request& request) {
    struct Job {
        Response response;
        asio::steady_timer done;
        std::atomic<bool> ready{false};
    };
    const auto executor = co_await asio::this_coro::executor;
    const auto job =
        std::make_shared<Job>(Response{}, asio::steady_timer(executor, asio::steady_timer::time_point::max()));
    const auto work = [job, executor, &route, &request] {
        try {
            job->response = route.handler(request);
        } catch (const std::exception& e) {
            spdlog::error("{} {}: {}", request.method, request.path, e.what());
            job->response = problem(500);
        }
        asio::post(executor, [job] {
            job->ready = true;
            job->done.cancel();
        });
    };
    if (!shared_.workers.try_post(work)) {
        auto busy = problem(503, "too many requests are waiting");
        busy.headers.set("Retry-After", "1");
        co_return busy;
    }
    while (!job->ready) co_await job->done.async_wait(kAwait);
    co_return std::move(job->response);
}

inline asio::awaitable<bool> Connection::serve_whole(const Route& route, Request& request) {
    auto refusal = co_await read_whole_body(request, route.options.max_body);
    if (refusal) {
        if (body_error_ && body_error_->is(HttpError::closed)) co_return false;
        co_return co_await send_response(request, *std::move(refusal));
    }
    auto response = co_await run_handler(route, request);
    co_return co_await send_response(request, std::move(response));
}

inline asio::awaitable<bool> Connection::send_response(const Request& request, Response response) {
    // Bytes of a body that nobody read would be taken for the next request.
    if (!parser_->is_done()) {
        keep_alive_ = false;
        linger_ = true;
    }
    const bool head_only = request.method == "HEAD";
    const bool streaming = response.push != nullptr && !head_only;
    const bool chunked = response.push != nullptr && request.version == 11;
    if (response.push != nullptr && request.version != 11) keep_alive_ = false;
    const Head head{.status = response.status,
                    .headers = &response.headers,
                    .length = response.push != nullptr ? std::nullopt : std::optional{response.body.size()},
                    .chunked = chunked,
                    .keep_alive = keep_alive()};
    auto bytes = encode_head(head, shared_.options.default_headers);
    const bool body_follows = !head_only && !has_no_body(response.status);
    if (body_follows && !streaming) bytes += response.body;
    if (body_follows && streaming) chunked ? append_chunk(bytes, response.body) : void(bytes += response.body);
    response.body.clear();
    bool sent = co_await send(bytes);
    if (streaming) {
        bytes = {};
        interruptible_ = true;
        sent = sent && !shared_.stopping && co_await pump(*response.push, chunked);
        interruptible_ = false;
        response.push->detach();
    }
    if (response.push != nullptr && !streaming) response.push->detach();  // HEAD: nobody will ever take from it
    answered(request, response.status);
    const bool go_on = sent && head.keep_alive && keep_alive();
    co_return go_on;
}

inline void Connection::answered(const Request& request, int status) {
    const auto taken = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began_);
    spdlog::debug("{} {} {} {} {} us", peer_, request.method, request.path, status, taken.count());
    if (shared_.options.on_answered) shared_.options.on_answered(request, status, taken);
}

inline asio::awaitable<bool> Connection::send(std::string_view bytes) {
    while (!bytes.empty()) {
        stream_.expires_after(shared_.options.write_timeout);
        const auto [ec, count] =
            co_await stream_.async_write_some(asio::buffer(bytes.data(), std::min(bytes.size(), kReadSize)), kAwait);
        if (ec) co_return false;
        bytes.remove_prefix(count);
    }
    co_return true;
}

// Sends what is pushed until the stream ends. A wake-up that comes between take() and the wait runs after the wait has
// begun (both on this thread), so none is lost.
inline asio::awaitable<bool> Connection::pump(PushStream& out, bool chunked) {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer wake(executor);
    wake_ = &wake;
    out.attach([weak = weak_from_this(), executor] {
        asio::post(executor, [weak] {
            const auto self = weak.lock();
            if (self && self->wake_ != nullptr) self->wake_->cancel();
        });
    });
    bool whole = false;
    while (!cut_) {
        wake.expires_at(asio::steady_timer::time_point::max());
        auto batch = out.take();
        if (!batch.bytes.empty()) {
            std::string framed;
            if (chunked) append_chunk(framed, batch.bytes);
            if (!co_await send(chunked ? framed : batch.bytes)) break;
            if (batch.end == PushStream::End::open) continue;
        }
        if (batch.end == PushStream::End::finished) {
            whole = !chunked || co_await send("0\r\n\r\n");
            break;
        }
        if (batch.end == PushStream::End::aborted) break;
        co_await wake.async_wait(kAwait);
    }
    wake_ = nullptr;
    if (!whole) {
        linger_ = false;
        close();
    }
    co_return whole;
}

// After an early answer the peer may still be sending; closing at once would reset the connection before it has read
// why.
inline asio::awaitable<void> Connection::linger() {
    error_code ec;
    if (!cut_) stream_.socket().shutdown(tcp::socket::shutdown_send, ec);
    if (linger_ && !cut_ && !ec) {
        std::vector<char> sink(kReadSize);
        stream_.expires_after(std::chrono::seconds(2));
        for (std::size_t total = 0; total < kMaxLinger * 64;) {
            const auto [read_ec, count] = co_await stream_.async_read_some(asio::buffer(sink), kAwait);
            if (read_ec) break;
            total += count;
        }
    }
    stream_.socket().close(ec);
}

}  // namespace esl::http::detail
