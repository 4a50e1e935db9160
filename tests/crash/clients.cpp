#include "tests/crash/clients.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <stdexcept>

#include "common/mqtt/unframer.hpp"

namespace esl::crash {

using mqtt::PacketType;
using mqtt::QoS;

namespace {

constexpr std::size_t kWindow = 20;  // messages a publisher has open
constexpr std::size_t kPacketMost = 1UL << 20;

std::string topic_name(std::size_t topic) {
    return "crash/" + std::to_string(topic);
}

}  // namespace

Client::~Client() {
    drop();
}

void Client::drop() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    ready_ = false;
    in_.clear();
    out_.clear();
}

void Client::connect_to(std::uint16_t port) {
    drop();
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return drop();
    mqtt::ConnectView packet;
    packet.version = version_;
    packet.clean_start = false;
    packet.keep_alive = std::chrono::duration<std::uint16_t>(0);
    packet.client_id = id_;
    mqtt::Properties properties;
    if (version_ == mqtt::ProtocolVersion::v5) {
        properties.number(mqtt::PropertyId::session_expiry_interval, 0xFFFF'FFFF);
        properties.number(mqtt::PropertyId::receive_maximum, 50);
    }
    packet.properties = properties;
    if (!mqtt::encode_connect(packet, out_)) throw std::runtime_error("CONNECT cannot be encoded");
    flush();
}

void Client::flush() {
    while (!out_.empty() && fd_ >= 0) {
        const auto sent = ::send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            if (errno != EAGAIN && errno != EINTR) drop();
            return;
        }
        out_.erase(out_.begin(), out_.begin() + sent);
    }
}

void Client::on_readable(Ledger& ledger) {
    std::array<std::uint8_t, 65'536> buffer{};
    const auto got = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return drop();
    in_.insert(in_.end(), buffer.begin(), buffer.begin() + got);
    std::size_t at = 0;
    while (fd_ >= 0) {
        const auto unframed = mqtt::unframe(BytesView(in_).subspan(at), kPacketMost);
        if (!unframed) throw std::runtime_error(id_ + ": the broker sends no MQTT: " + unframed.error().message());
        if (!unframed->complete()) break;
        const auto any = mqtt::decode_any(unframed->frame, version_);
        if (!any) throw std::runtime_error(id_ + ": the broker sends no MQTT: " + any.error().message());
        at += unframed->frame.size;
        ++received_;
        if (const auto* connack = std::get_if<mqtt::ConnackView>(&any->packet)) {
            if (mqtt::is_failure(connack->reason)) return drop();
            ready_ = true;
            if (known_ && !connack->session_present) ++ledger.totals.sessions_missing;
            on_ready(ledger, connack->session_present);
            known_ = true;
        } else if (any->type == PacketType::disconnect) {
            return drop();
        } else {
            on_packet(ledger, *any);
        }
    }
    if (fd_ >= 0) in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(at));
}

void Publisher::write(const Open& message, bool again) {
    if (message.released) return send_ack(PacketType::pubrel, message.id);
    const auto topic = topic_name(message.topic);
    const auto payload = std::to_string(number_) + " " + std::to_string(message.number) + " ......................";
    if (!mqtt::encode_publish({.topic = topic,
                               .payload = as_bytes(payload),
                               .properties = {},
                               .packet_id = message.id,
                               .qos = message.qos,
                               .retain = false,
                               .dup = again},
                              version_, out_)) {
        throw std::runtime_error("PUBLISH cannot be encoded");
    }
}

void Publisher::publish(Ledger& ledger) {
    while (ready() && open_.size() < kWindow) {
        const auto topic = random_() % topics_;
        const auto qos = random_() % 2 == 0 ? QoS::at_least_once : QoS::exactly_once;
        const auto number = ledger.publish(topic, qos);
        open_.push_back({next_id_, qos, false, topic, number});
        do {
            next_id_ = static_cast<mqtt::PacketId>(next_id_ % 65'535 + 1);
        } while (std::ranges::find(open_, next_id_, &Open::id) != open_.end());
        write(open_.back(), false);
    }
}

// What is open is sent again in its order [MQTT-4.4.0-1], [MQTT-4.6.0-1].
void Publisher::on_ready(Ledger& ledger, bool) {
    for (const auto& message : open_) {
        write(message, true);
        if (ledger.disk_in_trouble && version_ == mqtt::ProtocolVersion::v5)
            ledger.doubt(message.topic, message.number);
    }
}

void Publisher::on_packet(Ledger& ledger, const mqtt::AnyPacket& packet) {
    const auto* ack = std::get_if<mqtt::AckView>(&packet.packet);
    if (ack == nullptr) return;
    const auto at = std::ranges::find(open_, ack->packet_id, &Open::id);
    if (at == open_.end()) return;
    const bool good = !mqtt::is_failure(ack->reason);
    if (packet.type == PacketType::puback) {
        ledger.acknowledged(at->topic, at->number, good);
        open_.erase(at);
    } else if (packet.type == PacketType::pubrec) {
        if (!at->released) ledger.acknowledged(at->topic, at->number, good);
        if (!good) {
            open_.erase(at);
            return;
        }
        at->released = true;
        send_ack(PacketType::pubrel, at->id);
    } else if (packet.type == PacketType::pubcomp && at->released) {
        open_.erase(at);
    }
}

void Subscriber::on_ready(Ledger&, bool) {
    if (subscribed_) return;
    const auto filter = topic_name(topic_);
    const mqtt::SubscriptionView filters[] = {{.filter = filter, .qos = qos_}};
    if (!mqtt::encode_subscribe(1, filters, {}, version_, out_)) throw std::runtime_error("SUBSCRIBE");
}

void Subscriber::on_packet(Ledger& ledger, const mqtt::AnyPacket& packet) {
    if (packet.type == PacketType::suback) subscribed_ = true;
    if (packet.type == PacketType::pubrel) {
        const auto id = std::get<mqtt::AckView>(packet.packet).packet_id;
        received_.erase(id);
        return send_ack(PacketType::pubcomp, id);
    }
    const auto* publish = std::get_if<mqtt::PublishView>(&packet.packet);
    if (publish == nullptr) return;
    if (publish->qos == QoS::exactly_once && !received_.insert(publish->packet_id).second)
        return send_ack(PacketType::pubrec, publish->packet_id);
    const auto text = as_text(publish->payload);
    std::uint32_t publisher = 0;
    std::uint32_t number = 0;
    const auto first = std::from_chars(text.data(), text.data() + text.size(), publisher);
    std::from_chars(first.ptr + 1, text.data() + text.size(), number);
    ledger.delivered(number_, topic_, publisher, number, publish->qos);
    send_ack(publish->qos == QoS::exactly_once ? PacketType::pubrec : PacketType::puback, publish->packet_id);
}

void serve(const std::vector<std::unique_ptr<Client>>& clients, Ledger& ledger, std::chrono::milliseconds wait) {
    std::vector<pollfd> watched;
    std::vector<Client*> who;
    for (const auto& client : clients) {
        client->flush();
        if (!client->connected()) continue;
        watched.push_back({.fd = client->fd(),
                           .events = static_cast<short>(client->wants_to_write() ? POLLIN | POLLOUT : POLLIN),
                           .revents = 0});
        who.push_back(client.get());
    }
    if (::poll(watched.data(), watched.size(), static_cast<int>(wait.count())) <= 0) return;
    for (std::size_t i = 0; i < who.size(); ++i) {
        if ((watched[i].revents & ~POLLOUT) != 0) who[i]->on_readable(ledger);
        if (who[i]->connected()) who[i]->flush();
    }
}

}  // namespace esl::crash
