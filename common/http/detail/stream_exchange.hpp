// The worker's side of a streaming request. Included by server.cpp alone.
#pragma once

#include "common/http/detail/connection.hpp"

namespace esl::http::detail {

// Lives on a stream thread; reads by asking the connections' thread, writes into a PushStream that the connection
// pumps.
class Connection::StreamExchange final : public Exchange {
public:
    StreamExchange(Connection& connection, asio::any_io_executor executor, const Route& route, const Request& request,
                   PushStream& out)
        : connection_(connection), executor_(std::move(executor)), route_(route), request_(request), out_(out) {}

    [[nodiscard]] const Request& request() const override { return request_; }

    [[nodiscard]] Result<std::size_t> read(std::span<char> into) override {
        if (into.empty()) return std::size_t{0};
        return asio::co_spawn(executor_, connection_.read_body(into, route_.options.max_body), asio::use_future).get();
    }

    [[nodiscard]] Result<> begin(int status, const Headers& headers) override {
        chunked_ = request_.version == 11;
        return put_head({.status = status,
                         .headers = &headers,
                         .length = {},
                         .chunked = chunked_,
                         .keep_alive = chunked_ && connection_.keep_alive_});
    }

    [[nodiscard]] Result<> write(std::string_view bytes) override {
        assert(begun() && "write() before begin()");
        if (bytes.empty() || request_.method == "HEAD") return {};
        if (!chunked_) return put(bytes);
        std::string framed;
        append_chunk(framed, bytes);
        return put(framed);
    }

    [[nodiscard]] Result<> respond(const Response& response) override {
        auto sent = put_head({.status = response.status,
                              .headers = &response.headers,
                              .length = response.body.size(),
                              .chunked = false,
                              .keep_alive = connection_.keep_alive_});
        if (!sent || request_.method == "HEAD" || has_no_body(response.status)) return sent;
        return put(response.body);
    }

    void abort() override { out_.abort(); }

    // What the handler left undone. Returns the status for the log.
    int end() {
        if (!begun()) {
            spdlog::error("{} {}: the handler did not answer", request_.method, request_.path);
            (void)respond(problem(500));
        }
        if (chunked_ && request_.method != "HEAD") (void)put("0\r\n\r\n");
        out_.finish();
        return status_;
    }
    int fail_with(std::string_view why) {
        spdlog::error("{} {}: {}", request_.method, request_.path, why);
        if (begun()) {
            out_.abort();
        } else {
            (void)respond(problem(500));
            out_.finish();
        }
        return status_;
    }

private:
    [[nodiscard]] bool begun() const { return status_ != 0; }
    [[nodiscard]] Result<> put_head(const Head& head) {
        assert(!begun() && "a second answer");
        status_ = head.status;
        return put(encode_head(head, connection_.shared_.options.default_headers));
    }
    [[nodiscard]] Result<> put(std::string_view bytes) {
        if (out_.push(bytes, connection_.shared_.options.write_timeout)) return {};
        if (!out_.was_slow()) return fail(HttpError::closed);
        out_.abort();
        return fail(HttpError::timed_out, "the peer takes no more of the answer");
    }

    Connection& connection_;
    asio::any_io_executor executor_;
    const Route& route_;
    const Request& request_;
    PushStream& out_;
    int status_ = 0;
    bool chunked_ = false;
};

inline asio::awaitable<bool> Connection::serve_stream(const Route& route, Request& request) {
    const auto executor = co_await asio::this_coro::executor;
    struct Job {
        PushStream out;
        std::atomic<int> status{0};
        asio::steady_timer done;
        bool ready = false;  // on the connections' thread
        Job(std::size_t max, const asio::any_io_executor& ex)
            : out(max), done(ex, asio::steady_timer::time_point::max()) {}
    };
    const auto job = std::make_shared<Job>(route.options.max_unsent, executor);
    const auto work = [this, job, executor, &route, &request] {
        StreamExchange exchange(*this, executor, route, request, job->out);
        try {
            route.stream(exchange);
            job->status = exchange.end();
        } catch (const std::exception& e) {
            job->status = exchange.fail_with(e.what());
        }
        asio::post(executor, [job] {
            job->ready = true;
            job->done.cancel();
        });
    };
    if (!shared_.streams.try_post(work)) {
        auto busy = problem(503, "too many transfers are under way");
        busy.headers.set("Retry-After", "5");
        co_return co_await send_response(request, std::move(busy));
    }
    const bool whole = co_await pump(job->out, false);
    job->out.detach();
    // The worker refers to this frame: it must have returned, also after the peer has gone.
    while (!job->ready) co_await job->done.async_wait(kAwait);
    if (!parser_->is_done()) {
        keep_alive_ = false;
        linger_ = whole;
    }
    answered(request, job->status);
    const bool go_on = whole && request.version == 11 && keep_alive();
    co_return go_on;
}

}  // namespace esl::http::detail
