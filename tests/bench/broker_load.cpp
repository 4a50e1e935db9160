#include "tests/bench/broker_load.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>

#include "common/mqtt/packet/any.hpp"

namespace esl::bench {
namespace {

using mqtt::PacketType;
using mqtt::ProtocolVersion;
using mqtt::QoS;

struct Place {
    bool acknowledged = true;
    bool delivered = true;
};

struct Peer {
    int fd = -1;
    bool receiver = false;
    unsigned index = 0;
    Bytes in;
    Bytes out;
    std::vector<Place> places;  // of a publisher; packet id = place + 1
    bool dirty = false;
};

int dial(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        ::close(fd);
        throw std::runtime_error("cannot connect: " + std::string(std::strerror(errno)));
    }
    return fd;
}

// Blocking, for the start.
void send_all(int fd, const Bytes& bytes) {
    if (::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
        throw std::runtime_error("send fails");
}
void expect_packet(int fd, std::uint8_t type, std::size_t size, const char* what) {
    std::array<std::uint8_t, 64> buffer{};
    if (::recv(fd, buffer.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size) || buffer[0] >> 4 != type ||
        (type == 2 && buffer[3] != 0)) {
        throw std::runtime_error(std::string("no ") + what);
    }
}

}  // namespace

struct BrokerLoad::Impl {
    explicit Impl(const LoadOptions& o) : options(o), epoll(::epoll_create1(EPOLL_CLOEXEC)), payload(o.payload, 0x42) {
        for (unsigned i = 0; i < o.receivers; ++i) topics.push_back(o.topic(i));
        peers.reserve(o.receivers + o.publishers);
        for (unsigned i = 0; i < o.receivers; ++i) join(true, i, o.receiver_id(i));
        for (unsigned i = 0; i < o.publishers; ++i) join(false, i, o.publisher_id(i));
    }
    ~Impl() {
        for (const auto& peer : peers) ::close(peer.fd);
        ::close(epoll);
    }

    void join(bool receiver, unsigned index, const std::string& id) {
        Peer peer;
        peer.fd = dial(options.port);
        peer.receiver = receiver;
        peer.index = index;
        mqtt::ConnectView connect;
        connect.client_id = id;
        Bytes bytes;
        if (!mqtt::encode_connect(connect, bytes)) throw std::runtime_error("CONNECT");
        send_all(peer.fd, bytes);
        expect_packet(peer.fd, 2, 4, "CONNACK");
        if (receiver && options.subscribe) {
            bytes.clear();
            const mqtt::SubscriptionView filters[] = {{.filter = topics[index], .qos = static_cast<QoS>(options.qos)}};
            if (!mqtt::encode_subscribe(1, filters, {}, ProtocolVersion::v311, bytes))
                throw std::runtime_error("SUBSCRIBE");
            send_all(peer.fd, bytes);
            expect_packet(peer.fd, 9, 5, "SUBACK");
        }
        if (!receiver) peer.places.resize(options.in_flight);
        epoll_event event{.events = EPOLLIN, .data = {.u32 = static_cast<std::uint32_t>(peers.size())}};
        ::epoll_ctl(epoll, EPOLL_CTL_ADD, peer.fd, &event);
        peers.push_back(std::move(peer));
    }

    Peer& publisher(unsigned index) { return peers[options.receivers + index]; }

    void touch(Peer& peer) {
        if (peer.dirty) return;
        peer.dirty = true;
        dirty.push_back(&peer);
    }

    void publish(Peer& peer, unsigned place) {
        const std::uint32_t header[2] = {peer.index, place};
        std::memcpy(payload.data(), header, sizeof header);
        const mqtt::PublishView packet{.topic = topics[next_receiver],
                                       .payload = payload,
                                       .properties = {},
                                       .packet_id = static_cast<mqtt::PacketId>(options.qos == 0 ? 0 : place + 1),
                                       .qos = static_cast<QoS>(options.qos),
                                       .retain = false,
                                       .dup = false};
        next_receiver = (next_receiver + 1) % options.receivers;
        if (!mqtt::encode_publish(packet, ProtocolVersion::v311, peer.out)) throw std::runtime_error("PUBLISH");
        peer.places[place] = {.acknowledged = options.qos == 0, .delivered = false};
        touch(peer);
    }

    void advance(Peer& peer, unsigned place) {
        const auto& p = peer.places[place];
        if (p.acknowledged && p.delivered && !stopping) publish(peer, place);
    }

    void handle(Peer& peer, const mqtt::Frame& frame) {
        if (frame.type == PacketType::publish) {
            const auto packet = mqtt::decode_publish(frame, ProtocolVersion::v311);
            if (!packet || packet->payload.size() < 8) throw std::runtime_error("a message that nobody sent");
            std::uint32_t header[2];
            std::memcpy(header, packet->payload.data(), sizeof header);
            if (packet->qos == QoS::at_least_once) mqtt::encode_ack(PacketType::puback, packet->packet_id, peer.out);
            if (packet->qos == QoS::exactly_once) mqtt::encode_ack(PacketType::pubrec, packet->packet_id, peer.out);
            if (packet->qos != QoS::at_most_once) touch(peer);
            Peer& from = publisher(header[0]);
            if (from.places[header[1]].delivered) {
                ++stray;
                return;
            }
            ++delivered;
            from.places[header[1]].delivered = true;
            return advance(from, header[1]);
        }
        const auto ack = mqtt::decode_ack(frame, ProtocolVersion::v311);
        if (!ack) throw std::runtime_error("an unexpected packet");
        if (peer.receiver) {
            mqtt::encode_ack(PacketType::pubcomp, ack->packet_id, peer.out);
            return touch(peer);
        }
        if (frame.type == PacketType::pubrec) {
            mqtt::encode_ack(PacketType::pubrel, ack->packet_id, peer.out);
            return touch(peer);
        }
        const auto place = ack->packet_id - 1U;
        peer.places[place].acknowledged = true;
        advance(peer, place);
    }

    void read(Peer& peer) {
        const auto got = ::recv(peer.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got == 0) throw std::runtime_error("the broker has closed a connection");
        if (got < 0) return;
        BytesView bytes(buffer.data(), static_cast<std::size_t>(got));
        if (!peer.in.empty()) {
            peer.in.insert(peer.in.end(), bytes.begin(), bytes.end());
            bytes = peer.in;
        }
        std::size_t at = 0;
        for (;;) {
            const auto unframed = mqtt::unframe(bytes.subspan(at), 1UL << 20);
            if (!unframed) throw std::runtime_error(unframed.error().message());
            if (!unframed->complete()) break;
            handle(peer, unframed->frame);
            at += unframed->frame.size;
        }
        Bytes rest(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end());
        peer.in.swap(rest);
    }

    void flush() {
        std::vector<Peer*> later;
        for (Peer* peer : dirty) {
            peer->dirty = false;
            const auto sent = ::send(peer->fd, peer->out.data(), peer->out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent > 0) peer->out.erase(peer->out.begin(), peer->out.begin() + sent);
            if (!peer->out.empty()) later.push_back(peer);
        }
        dirty.clear();
        for (Peer* peer : later) touch(*peer);
    }

    std::uint64_t run(double seconds) {
        const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
        const auto before = delivered;
        if (!started) {
            started = true;
            for (unsigned i = 0; i < options.publishers; ++i) {
                for (unsigned place = 0; place < options.in_flight; ++place) publish(publisher(i), place);
            }
        }
        std::array<epoll_event, 512> events{};
        while (std::chrono::steady_clock::now() < until) {
            flush();
            const int count =
                ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), dirty.empty() ? 100 : 0);
            for (int i = 0; i < count; ++i) read(peers[events[static_cast<std::size_t>(i)].data.u32]);
        }
        return delivered - before;
    }

    LoadOptions options;
    int epoll;
    Bytes payload;
    std::vector<std::string> topics;
    std::vector<Peer> peers;
    std::vector<Peer*> dirty;
    std::array<std::uint8_t, 65'536> buffer{};
    unsigned next_receiver = 0;
    std::uint64_t delivered = 0;
    std::uint64_t stray = 0;
    bool started = false;
    bool stopping = false;
};

BrokerLoad::BrokerLoad(const LoadOptions& options) : impl_(std::make_unique<Impl>(options)) {}
BrokerLoad::~BrokerLoad() = default;
std::uint64_t BrokerLoad::run(double seconds) {
    return impl_->run(seconds);
}
std::uint64_t BrokerLoad::strays() const {
    return impl_->stray;
}

}  // namespace esl::bench
