#include "broker/app/listen.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace esl::broker {
namespace {

constexpr int kBacklog = 4'096;

struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;
};

[[noreturn]] void refuse(const std::string& address, const std::string& why) {
    throw std::runtime_error("cannot listen on " + address + ": " + why);
}

// False on a machine that has no IPv6, or where it is switched off.
bool has_ipv6() {
    const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    const bool good = ::bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0;
    ::close(fd);
    return good;
}

Address parse(const std::string& text) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos) refuse(text, "no port");
    std::string host = text.substr(0, colon);
    std::uint16_t port = 0;
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (error != std::errc{} || at != end) refuse(text, "the port is not a number up to 65535");
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (host == "localhost") host = "127.0.0.1";
    if (host.empty() || host == "*") host = has_ipv6() ? "::" : "0.0.0.0";
    Address out;
    auto& v4 = reinterpret_cast<sockaddr_in&>(out.storage);
    auto& v6 = reinterpret_cast<sockaddr_in6&>(out.storage);
    if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        out.size = sizeof v4;
    } else if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        out.size = sizeof v6;
    } else {
        refuse(text, "'" + host + "' is not an IP address");
    }
    return out;
}

int open_socket(const std::string& text, const Address& address, bool shared, bool dual_stack) {
    const int fd = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) refuse(text, std::generic_category().message(errno));
    const int on = 1;
    const int only_v6 = dual_stack ? 0 : 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (shared) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (address.storage.ss_family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6);
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // inherited by accepted sockets
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0 ||
        ::listen(fd, kBacklog) != 0) {
        const auto why = std::generic_category().message(errno);
        ::close(fd);
        refuse(text, why);
    }
    return fd;
}

std::string bound_address(int fd) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    char text[INET6_ADDRSTRLEN] = {};
    if (address.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
        ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
        return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6.sin6_port));
    }
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
}

}  // namespace

void check_listen_address(const std::string& address) {
    static_cast<void>(parse(address));
}

Bound bind_listeners(const std::string& text, unsigned count, bool dual_stack) {
    Address address = parse(text);
    // With SO_REUSEPORT a second broker would share the port without an error: ask without it first.
    if (count > 1) ::close(open_socket(text, address, false, dual_stack));
    Bound out;
    for (unsigned i = 0; i < count; ++i) {
        out.sockets.push_back(open_socket(text, address, count > 1, dual_stack));
        if (i > 0) continue;
        out.address = bound_address(out.sockets.front());
        ::getsockname(out.sockets.front(), reinterpret_cast<sockaddr*>(&address.storage),
                      &address.size);  // port 0 is settled
    }
    return out;
}

}  // namespace esl::broker
