#include "broker/rules/source_session.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace esl::broker {
namespace {

using mqtt::PacketType;
using mqtt::PropertyId;
using mqtt::ProtocolVersion;
using mqtt::QoS;
using mqtt::ReasonCode;

constexpr std::size_t kPacketMost = 268'435'460;  // what MQTT can carry; read as it comes, never reserved
constexpr mqtt::PacketId kSubscribeId = 1;
constexpr std::uint32_t kNeverExpires = 0xFFFF'FFFF;

// Often enough for the keep alive, and to find out in time that the connection is dead.
std::chrono::milliseconds ping_interval(std::chrono::seconds keep_alive) {
    constexpr std::chrono::milliseconds kMost = SourceSession::kAnswerWithin;
    return keep_alive.count() == 0 ? kMost : std::min(std::chrono::milliseconds(keep_alive) / 2, kMost);
}

BytesView bytes_of(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Everything that is put into packets here fits: texts of a rule are checked with the rule.
void must(const Result<>& encoded) {
    if (!encoded) throw std::logic_error(encoded.error().message());
}

}  // namespace

void SourceSession::connect(SteadyTime now) {
    phase_ = Phase::connecting;
    ++connection_;
    input_.clear();
    output_.clear();
    order_.clear();
    open_ = 0;
    ping_out_ = deaf_ = false;
    due_ = answer_by_ = now + kAnswerWithin;
    mqtt::Properties properties;
    if (options_.version == ProtocolVersion::v5) {
        properties.number(PropertyId::session_expiry_interval, kNeverExpires)
            .number(PropertyId::receive_maximum, kWindow);
    }
    mqtt::ConnectView packet{.version = options_.version,
                             .clean_start = false,
                             .keep_alive = std::chrono::duration<std::uint16_t>(options_.keep_alive.count()),
                             .client_id = options_.client_id,
                             .properties = properties};
    if (!options_.user.empty()) {
        packet.user_name = options_.user;
        packet.password = bytes_of(options_.password);
    }
    must(mqtt::encode_connect(packet, output_));
}

void SourceSession::disconnect(ReasonCode reason) {
    if (phase_ == Phase::closed) return;
    must(mqtt::encode_disconnect({.reason = reason}, options_.version, output_));
    phase_ = Phase::closed;
    due_ = SteadyTime::max();
}

std::unexpected<Error> SourceSession::broken(std::string about, ReasonCode reason) {
    // Of 3.1.1 a client just closes [MQTT-4.8.0-1]; MQTT 5 has a word for it [MQTT-4.13.1-1].
    if (options_.version == ProtocolVersion::v5) disconnect(reason);
    phase_ = Phase::closed;
    return fail(SourceError::protocol, std::move(about));
}

Result<> SourceSession::receive(BytesView bytes, SteadyTime now) {
    input_.insert(input_.end(), bytes.begin(), bytes.end());
    std::size_t used = 0;
    Result<> result;
    while (result && phase_ != Phase::closed && !full()) {
        const auto next = mqtt::unframe(BytesView(input_).subspan(used), kPacketMost);
        if (!next) {
            result = broken(next.error().message(), mqtt::reason_code_for(next.error()));
            break;
        }
        if (!next->complete()) break;
        used += next->frame.size;
        result = packet(next->frame, now);
    }
    deaf_ = deaf_ || full();
    input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(used));
    return result;
}

Result<> SourceSession::packet(const mqtt::Frame& frame, SteadyTime now) {
    const auto decoded = mqtt::decode_any(frame, options_.version);
    if (!decoded) return broken(decoded.error().message(), mqtt::reason_code_for(decoded.error()));
    const bool is_connack = decoded->type == PacketType::connack;
    if (is_connack != (phase_ == Phase::connecting) && decoded->type != PacketType::disconnect)
        return broken(std::string(mqtt::name(decoded->type)) + " where it may not stand");
    switch (decoded->type) {
        case PacketType::connack:
            return connack(std::get<mqtt::ConnackView>(decoded->packet), now);
        case PacketType::suback:
            return suback(std::get<mqtt::SubackView>(decoded->packet));
        case PacketType::publish:
            return publish(std::get<mqtt::PublishView>(decoded->packet));
        case PacketType::pubrel:
            return pubrel(std::get<mqtt::AckView>(decoded->packet).packet_id);
        case PacketType::pingresp:
            ping_out_ = false;
            return {};
        case PacketType::disconnect:
            if (options_.version != ProtocolVersion::v5) return broken("DISCONNECT before MQTT 5");
            phase_ = Phase::closed;
            return fail(SourceError::ended,
                        std::string(mqtt::name(std::get<mqtt::DisconnectView>(decoded->packet).reason)));
        case PacketType::connect:
        case PacketType::puback:
        case PacketType::pubrec:
        case PacketType::pubcomp:
        case PacketType::subscribe:
        case PacketType::unsubscribe:
        case PacketType::unsuback:
        case PacketType::pingreq:
        case PacketType::auth:
            break;
    }
    return broken(std::string(mqtt::name(decoded->type)) + " where nobody asked for it");
}

Result<> SourceSession::connack(const mqtt::ConnackView& packet, SteadyTime now) {
    if (packet.reason != ReasonCode::success) {
        phase_ = Phase::closed;
        return fail(SourceError::refused, std::string(mqtt::name(packet.reason)));
    }
    if (!packet.session_present) {  // [MQTT-3.2.2-5] of MQTT 5
        incoming_.clear();
        filter_stands_ = false;
    }
    // [MQTT-3.1.2-21] of MQTT 5
    const auto keep_alive = packet.properties.number(PropertyId::server_keep_alive);
    ping_every_ = ping_interval(keep_alive ? std::chrono::seconds(*keep_alive) : options_.keep_alive);
    due_ = now + ping_every_;
    answer_by_ = now + kAnswerWithin;
    if (!filter_stands_) return subscribe(packet.properties.number_or(PropertyId::maximum_packet_size, kPacketMost));
    phase_ = Phase::subscribed;
    return {};
}

Result<> SourceSession::subscribe(std::size_t size_most) {
    phase_ = Phase::subscribing;
    const mqtt::SubscriptionView subscription{
        .filter = options_.filter, .qos = QoS::at_least_once, .retain_handling = mqtt::RetainHandling::send_if_new};
    const auto before = output_.size();
    must(mqtt::encode_subscribe(kSubscribeId, {&subscription, 1}, {}, options_.version, output_));
    if (output_.size() - before <= size_most) return {};  // all acknowledgements are shorter
    output_.resize(before);
    disconnect();
    return fail(SourceError::refused, "packets of the filter's size");  // [MQTT-3.2.2-15] of MQTT 5
}

Result<> SourceSession::suback(const mqtt::SubackView& packet) {
    if (phase_ != Phase::subscribing || packet.packet_id != kSubscribeId || packet.size() != 1)
        return broken("SUBACK for something else");
    if (mqtt::is_failure(packet.reason(0))) {
        disconnect();
        return fail(SourceError::refused,
                    "filter " + options_.filter + ": " + std::string(mqtt::name(packet.reason(0))));
    }
    granted_ = static_cast<QoS>(packet.reason(0));
    filter_stands_ = true;
    phase_ = Phase::subscribed;
    return {};
}

Result<> SourceSession::publish(const mqtt::PublishView& packet) {
    // None was allowed: our Topic Alias Maximum is 0 [MQTT-3.3.2-9].
    if (packet.properties.number(PropertyId::topic_alias))
        return broken("PUBLISH with a topic alias", ReasonCode::topic_alias_invalid);
    if (packet.qos == QoS::at_most_once) {
        hand_over(0, packet);
        return {};
    }
    const auto id = packet.packet_id;
    const auto known = incoming_.find(id);
    if (known != incoming_.end() && known->second.qos != packet.qos)
        return broken("PUBLISH at another QoS under packet id " + std::to_string(id) + ", which is in use");
    if (known == incoming_.end() || known->second.connection != connection_) {
        if (++open_ > kWindow && options_.version == ProtocolVersion::v5)
            return broken("more than its Receive Maximum", ReasonCode::receive_maximum_exceeded);
    }
    if (known == incoming_.end()) {
        order_.push_back(id);
        incoming_[id] = {.ticket = next_ticket_, .qos = packet.qos, .connection = connection_};
        hand_over(id, packet);
        return {};
    }
    // The same message again: after a new connection, or because the other broker sends what is not acknowledged again.
    known->second.connection = connection_;
    if (std::ranges::find(order_, id) == order_.end()) order_.push_back(id);
    answer();
    return {};
}

void SourceSession::hand_over(mqtt::PacketId id, const mqtt::PublishView& packet) {
    const auto ticket = next_ticket_++;
    under_way_[ticket] = id;
    take_(ticket, packet);
}

void SourceSession::stored(std::uint64_t ticket) {
    const auto at = under_way_.find(ticket);
    if (at == under_way_.end()) return;
    const auto known = incoming_.find(at->second);
    under_way_.erase(at);
    if (known == incoming_.end() || known->second.ticket != ticket) return;  // QoS 0, or of a session that is gone
    known->second.stored = true;
    answer();
}

bool SourceSession::not_stored(std::uint64_t ticket) {
    const auto at = under_way_.find(ticket);
    if (at == under_way_.end()) return false;
    const auto known = incoming_.find(at->second);
    under_way_.erase(at);
    if (known == incoming_.end() || known->second.ticket != ticket) return false;
    // Forgotten, so that it is taken when it comes again; nothing behind it is acknowledged on this connection.
    const bool came_here = known->second.connection == connection_;
    forget(known);
    return came_here;
}

void SourceSession::answer() {
    while (!order_.empty() && phase_ != Phase::closed) {
        const auto next = incoming_.find(order_.front());
        if (next == incoming_.end() || !next->second.stored) return;
        const bool once = next->second.qos == QoS::exactly_once;
        mqtt::encode_ack(once ? PacketType::pubrec : PacketType::puback, order_.front(), output_);
        order_.pop_front();
        if (once) {
            next->second.received = true;
        } else {
            forget(next);
        }
    }
}

Result<> SourceSession::pubrel(mqtt::PacketId id) {
    const auto known = incoming_.find(id);
    if (known != incoming_.end() && !known->second.received)
        return broken("PUBREL for packet id " + std::to_string(id) + " before its PUBREC");
    mqtt::AckView packet{.packet_id = id};
    if (known != incoming_.end()) {
        forget(known);
    } else {
        packet.reason = ReasonCode::packet_identifier_not_found;  // a process before this one had it
    }
    must(mqtt::encode_ack(PacketType::pubcomp, packet, options_.version, output_));
    return {};
}

void SourceSession::forget(std::map<mqtt::PacketId, Incoming>::iterator at) {
    if (at->second.connection == connection_) --open_;
    incoming_.erase(at);
}

Result<> SourceSession::tick(SteadyTime now) {
    if (now < due_) return {};
    if (phase_ != Phase::subscribed && now >= answer_by_)
        return fail(SourceError::silent, phase_ == Phase::connecting ? "to CONNECT" : "to SUBSCRIBE");
    if (!ping_out_ || deaf_) {
        answer_ping_by_ = now + kAnswerWithin;
        deaf_ = full();
    } else if (now >= answer_ping_by_) {
        return fail(SourceError::silent, "to PINGREQ");
    }
    ping_out_ = true;
    mqtt::encode_pingreq(output_);
    due_ = now + ping_every_;
    return {};
}

}  // namespace esl::broker
