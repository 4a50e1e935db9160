#include "tests/bench/broker/fleet.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace esl::bench {
namespace {

using mqtt::ProtocolVersion;
using mqtt::QoS;

constexpr std::size_t kBatch = 500;  // connects under way at once: below every broker's backlog

// From one address of the loopback network after the other: with one, what takes most of a connect is the kernel's search for
// a port that no connection of the last minute had, and the broker waits for the next client.
void choose_source(int fd) {
    constexpr in_addr_t kFirst = INADDR_LOOPBACK + 1;
    constexpr in_addr_t kAddresses = 32;
    static std::atomic<in_addr_t> next{0};
    const int on = 1;
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr = htonl(kFirst + next++ % kAddresses);
    if (::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0 ||
        ::bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0) {
        throw std::runtime_error("bind: " + std::string(std::strerror(errno)));
    }
}

int dial(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) throw std::runtime_error("socket: " + std::string(std::strerror(errno)));
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    choose_source(fd);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        const auto why = std::string(std::strerror(errno));
        ::close(fd);
        throw std::runtime_error("cannot connect: " + why);
    }
    return fd;
}

void send_all(int fd, const Bytes& bytes) {
    if (::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
        throw std::runtime_error("send fails");
}

void expect_packet(int fd, std::uint8_t type, std::size_t size, const char* what) {
    std::array<std::uint8_t, 16> buffer{};
    if (::recv(fd, buffer.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size) || buffer[0] >> 4 != type ||
        (type == 2 && buffer[3] != 0)) {
        throw std::runtime_error(std::string("no ") + what);
    }
}

}  // namespace

Fleet::Fleet(std::uint16_t port) : port_(port), epoll_(::epoll_create1(EPOLL_CLOEXEC)), buffer_(256UL << 10) {}

Fleet::~Fleet() {
    for (const auto& peer : peers_) {
        if (peer->fd >= 0) ::close(peer->fd);
    }
    ::close(epoll_);
}

void Fleet::ask(Peer& peer, const Join& how) {
    peer.fd = dial(port_);
    mqtt::ConnectView connect;
    connect.client_id = how.client_id;
    connect.clean_start = how.clean;
    Bytes bytes;
    if (!mqtt::encode_connect(connect, bytes)) throw std::runtime_error("CONNECT");
    if (!how.filter.empty()) {
        const mqtt::SubscriptionView filters[] = {{.filter = how.filter, .qos = static_cast<QoS>(how.qos)}};
        if (!mqtt::encode_subscribe(1, filters, {}, ProtocolVersion::v311, bytes))
            throw std::runtime_error("SUBSCRIBE");
    }
    send_all(peer.fd, bytes);
}

void Fleet::expect(Peer& peer, const Join& how) {
    expect_packet(peer.fd, 2, 4, "CONNACK");
    if (!how.filter.empty()) expect_packet(peer.fd, 9, 5, "SUBACK");
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &peer}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, peer.fd, &event);
}

Peer& Fleet::join(const Join& how, bool receiver, std::uint32_t index) {
    peers_.push_back(std::make_unique<Peer>(Peer{.index = index, .receiver = receiver, .in = {}, .out = {}}));
    ask(*peers_.back(), how);
    expect(*peers_.back(), how);
    return *peers_.back();
}

void Fleet::join_all(const std::vector<Join>& how, bool receiver) {
    for (std::size_t from = 0; from < how.size(); from += kBatch) {
        const auto to = std::min(how.size(), from + kBatch);
        const auto first = peers_.size();
        for (auto i = from; i < to; ++i) {
            peers_.push_back(std::make_unique<Peer>(
                Peer{.index = static_cast<std::uint32_t>(i), .receiver = receiver, .in = {}, .out = {}}));
            ask(*peers_.back(), how[i]);
        }
        for (auto i = from; i < to; ++i) expect(*peers_[first + i - from], how[i]);
    }
}

void Fleet::leave_all() {
    Bytes bytes;
    static_cast<void>(mqtt::encode_disconnect({}, ProtocolVersion::v311, bytes));
    for (auto& peer : peers_) send_all(peer->fd, bytes);
    for (auto& peer : peers_) {
        while (::recv(peer->fd, buffer_.data(), buffer_.size(), 0) > 0) {
        }
        ::close(peer->fd);
    }
    peers_.clear();
    dirty_.clear();
}

void Fleet::publish(Peer& peer, std::string_view topic, BytesView payload, unsigned qos, mqtt::PacketId id) {
    const mqtt::PublishView packet{.topic = topic,
                                   .payload = payload,
                                   .properties = {},
                                   .packet_id = qos == 0 ? mqtt::PacketId{0} : id,
                                   .qos = static_cast<QoS>(qos),
                                   .retain = false,
                                   .dup = false};
    if (!mqtt::encode_publish(packet, ProtocolVersion::v311, output(peer))) throw std::runtime_error("PUBLISH");
}

Bytes& Fleet::output(Peer& peer) {
    if (!peer.dirty) {
        peer.dirty = true;
        dirty_.push_back(&peer);
    }
    return peer.out;
}

void Fleet::flush() {
    std::size_t left = 0;
    for (Peer* peer : dirty_) {
        const auto sent = ::send(peer->fd, peer->out.data(), peer->out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) peer->out.erase(peer->out.begin(), peer->out.begin() + sent);
        peer->dirty = !peer->out.empty();
        if (peer->dirty) dirty_[left++] = peer;
    }
    dirty_.resize(left);
}

BytesView Fleet::receive(Peer& peer) {
    const auto got = ::recv(peer.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got == 0) throw std::runtime_error("the broker has closed a connection");
    if (got < 0) return peer.in;
    const BytesView bytes(buffer_.data(), static_cast<std::size_t>(got));
    if (peer.in.empty()) return bytes;
    peer.in.insert(peer.in.end(), bytes.begin(), bytes.end());
    return peer.in;
}

std::optional<mqtt::Frame> Fleet::next_frame(BytesView bytes, std::size_t& at) {
    const auto unframed = mqtt::unframe(bytes.subspan(at), 1UL << 20);
    if (!unframed) throw std::runtime_error(unframed.error().message());
    if (!unframed->complete()) return std::nullopt;
    at += unframed->frame.size;
    return unframed->frame;
}

void Fleet::keep(Peer& peer, BytesView rest) {
    if (rest.empty() && peer.in.empty()) return;
    Bytes left(rest.begin(), rest.end());
    peer.in.swap(left);
}

}  // namespace esl::bench
