#include "tests/bench/broker/brokers.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

namespace esl::bench {
namespace {

constexpr unsigned kBrokerCores = 2;

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

// Mosquitto does not say which port 0 became, so a free one is asked for and given up just before.
std::uint16_t free_port() {
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto address = loopback(0);
    socklen_t size = sizeof address;
    ::bind(probe, reinterpret_cast<const sockaddr*>(&address), size);
    ::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size);
    ::close(probe);
    return ntohs(address.sin_port);
}

std::string http_get(std::uint16_t port, const std::string& path) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = loopback(port);
    std::string answer;
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
        const auto request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        static_cast<void>(::send(fd, request.data(), request.size(), MSG_NOSIGNAL));
        char buffer[4096];
        for (ssize_t got = 0; (got = ::recv(fd, buffer, sizeof buffer, 0)) > 0;)
            answer.append(buffer, static_cast<std::size_t>(got));
    }
    ::close(fd);
    return answer;
}

void write_rule(const std::filesystem::path& folder, const std::string& sink) {
    std::ofstream out(folder / "broker.toml");
    out << "[[rule]]\nid = \"all\"\nkind = \"outbound\"\nresource = \"bench/#\"\nvia = \"" << sink << "\"\n";
    if (sink == "http") {
        out << "url = \"http://127.0.0.1:" << free_port() << "/\"\n";
    } else {
        out << "path = \"" << (folder / "exported").string() << "\"\n";
    }
}

}  // namespace

std::unique_ptr<Broker> Broker::ours(const Executables& executables, const Options& options) {
    auto out = std::make_unique<Broker>();
    std::vector<std::string> words{executables.broker.string(), "--listen", "127.0.0.1:0",
                                   "--allow-anonymous",         "--shards", std::to_string(options.shards)};
    if (options.standard) {
        words.insert(words.end(), {"--mode", "standard"});
    } else {
        // A drain is measured as fast as it goes, not thirty messages every five seconds.
        words.insert(words.end(), {"--group", "GID_bench", "--topic", "bench", "--offline-batch", "0"});
        out->names_.client_prefix = "GID_bench@@@";
        out->names_.p2p = true;
    }
    if (options.store)
        words.insert(words.end(), {"--data", (out->folder_ / "data").string(), "--admin", "127.0.0.1:0"});
    if (!options.traces) words.insert(words.end(), {"--trace", "off"});
    if (!options.rule.empty()) {
        words.insert(words.end(), {"--config", (out->folder_ / "broker.toml").string()});
        write_rule(out->folder_.path(), options.rule);
    }
    out->child_ = std::make_unique<Child>(std::move(words), out->folder_ / "log", kBrokerCores);
    out->names_.port = out->child_->wait_for_port("listening on 127.0.0.1:");
    if (options.store) out->admin_ = out->child_->wait_for_port("administration on 127.0.0.1:");
    return out;
}

std::unique_ptr<Broker> Broker::mosquitto(const Executables& executables, const Options& options) {
    auto out = std::make_unique<Broker>();
    out->names_.port = free_port();
    const auto file = out->folder_ / "mosquitto.conf";
    std::ofstream(file)
        << "listener " << out->names_.port << " 127.0.0.1\nallow_anonymous true\npersistence "
        << (options.standard && options.store ? "true" : "false") << "\npersistence_location "
        << out->folder_.path().string()
        << "/\nmax_inflight_messages 100\nmax_queued_messages 0\nset_tcp_nodelay true\nlog_dest stderr\n"
           "log_type information\nconnection_messages false\n";
    out->child_ = std::make_unique<Child>(std::vector<std::string>{executables.mosquitto, "-c", file.string()},
                                          out->folder_ / "log", kBrokerCores);
    out->child_->wait_for_text("running");
    return out;
}

std::optional<double> Broker::metric(const std::string& name) const {
    if (admin_ == 0) return std::nullopt;
    const auto text = http_get(admin_, "/metrics");
    const auto at = text.find("\nbroker_" + name + " ");
    if (at == std::string::npos) throw std::runtime_error("no metric " + name);
    return std::stod(text.substr(at + name.size() + 9));
}

}  // namespace esl::bench
