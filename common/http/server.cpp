#include "common/http/server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <cassert>
#include <future>
#include <stdexcept>
#include <thread>
#include <unordered_set>

#include "common/http/detail/connection.hpp"
#include "common/http/detail/stream_exchange.hpp"

namespace esl::http {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using detail::Connection;

struct Server::Impl {
    ServerOptions options;
    std::shared_ptr<const Router> router;
    WorkerPool workers;
    WorkerPool streams;
    detail::Shared shared;
    asio::io_context io{1};
    std::optional<tcp::acceptor> acceptor;
    std::unordered_set<std::shared_ptr<Connection>> connections;  // on the thread of `io`
    std::atomic<std::uint64_t> accepted{0}, refused{0};
    std::atomic<std::size_t> open{0};
    std::thread thread;
    std::string address;
    std::uint16_t port = 0;

    Impl(ServerOptions o, std::shared_ptr<const Router> r)
        : options(std::move(o)),
          router(std::move(r)),
          workers(options.worker_threads, options.max_queued_requests),
          streams(router->has_streams() ? options.stream_threads : 0, options.stream_threads * 4),
          shared{.options = options, .router = *router, .workers = workers, .streams = streams} {}

    void listen();
    void open_acceptor(const tcp::endpoint& at);
    asio::awaitable<void> accept_loop();
    void serve(tcp::socket socket);
    asio::awaitable<void> refuse(tcp::socket socket);
    void stop(std::chrono::milliseconds grace);
    void begin_stop();
    void wait_for_connections(std::chrono::milliseconds grace);
};

void Server::Impl::open_acceptor(const tcp::endpoint& at) {
    acceptor.emplace(io);
    acceptor->open(at.protocol());
    acceptor->set_option(tcp::acceptor::reuse_address(true));
    if (at.address().is_v6() && at.address().is_unspecified()) acceptor->set_option(asio::ip::v6_only(false));
    acceptor->bind(at);
    acceptor->listen();
}

void Server::Impl::listen() {
    const auto at = parse_host_port(options.listen);
    if (!at) throw std::runtime_error("listen address: " + at.error().message());
    try {
        if (at->host.empty()) {
            try {
                open_acceptor({asio::ip::address_v6::any(), at->port});
            } catch (const boost::system::system_error& e) {
                if (e.code() != asio::error::address_family_not_supported) throw;
                open_acceptor({asio::ip::address_v4::any(), at->port});  // a machine without IPv6
            }
        } else {
            tcp::resolver resolver(io);
            open_acceptor(*resolver.resolve(at->host, std::to_string(at->port), tcp::resolver::passive).begin());
        }
    } catch (const boost::system::system_error& e) {
        throw std::runtime_error("cannot listen on " + options.listen + ": " + e.code().message());
    }
    const auto local = acceptor->local_endpoint();
    port = local.port();
    const auto host = local.address().to_string();
    address = (local.address().is_v6() ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

asio::awaitable<void> Server::Impl::accept_loop() {
    while (acceptor->is_open()) {
        auto [ec, socket] = co_await acceptor->async_accept(detail::kAwait);
        if (!acceptor->is_open()) break;
        if (ec) {
            // Out of descriptors, or a peer that left at once: a pause keeps this from spinning.
            asio::steady_timer pause(io, std::chrono::milliseconds(50));
            co_await pause.async_wait(detail::kAwait);
            continue;
        }
        ++accepted;
        serve(std::move(socket));
    }
}

void Server::Impl::serve(tcp::socket socket) {
    const auto log_if_failed = [](std::string_view what) {
        return [what](const std::exception_ptr& failure) {
            if (!failure) return;
            try {
                std::rethrow_exception(failure);
            } catch (const std::exception& e) {
                spdlog::error("http {}: {}", what, e.what());
            }
        };
    };
    if (connections.size() >= options.max_connections) {
        ++refused;
        asio::co_spawn(io, refuse(std::move(socket)), log_if_failed("refusal"));
        return;
    }
    auto connection = std::make_shared<Connection>(std::move(socket), shared);
    connections.insert(connection);
    open = connections.size();
    asio::co_spawn(io, connection->run(),
                   [this, connection, log = log_if_failed("connection")](const std::exception_ptr& e) {
                       log(e);
                       connections.erase(connection);
                       open = connections.size();
                   });
}

asio::awaitable<void> Server::Impl::refuse(tcp::socket socket) {
    const auto response = problem(503, "too many connections");
    const auto bytes =
        detail::encode_head(
            {.status = 503, .headers = &response.headers, .length = response.body.size(), .keep_alive = false},
            options.default_headers) +
        response.body;
    // One short write into an empty socket buffer does not wait.
    co_await socket.async_write_some(asio::buffer(bytes), detail::kAwait);
}

void Server::Impl::begin_stop() {
    shared.stopping = true;
    error_code ignored;
    acceptor->close(ignored);
    for (const auto& connection : connections) connection->close_if_interruptible();
}

void Server::Impl::wait_for_connections(std::chrono::milliseconds grace) {
    const auto deadline = std::chrono::steady_clock::now() + grace;
    while (open > 0 && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

void Server::Impl::stop(std::chrono::milliseconds grace) {
    if (!thread.joinable()) return;
    asio::post(io, [this] { begin_stop(); });
    wait_for_connections(grace);
    asio::post(io, [this] {
        for (const auto& connection : connections) connection->close();
    });
    // Without open sockets the coroutines end as soon as their handlers have returned, and run() with them.
    thread.join();
    streams.join();
    workers.join();
}

Server::Server(ServerOptions options, std::shared_ptr<const Router> router)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(router))) {}

Server::~Server() {
    impl_->stop(std::chrono::milliseconds(0));
}

void Server::start() {
    impl_->listen();
    asio::co_spawn(impl_->io, impl_->accept_loop(), asio::detached);
    impl_->thread = std::thread([this] { impl_->io.run(); });
}

const std::string& Server::address() const {
    return impl_->address;
}
std::uint16_t Server::port() const {
    return impl_->port;
}
void Server::stop(std::chrono::milliseconds grace) {
    impl_->stop(grace);
}

ServerStats Server::stats() const {
    return {.connections = impl_->accepted,
            .refused_connections = impl_->refused,
            .requests = impl_->shared.requests,
            .broken_requests = impl_->shared.broken,
            .open_connections = impl_->open};
}

}  // namespace esl::http
