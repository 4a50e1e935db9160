#include "broker/tests/test_client.hpp"

#include <stdexcept>

#include "common/mqtt/varint.hpp"

namespace esl::broker::testing {
namespace {

using mqtt::PacketType;
constexpr std::chrono::seconds kPatience{10};

auto deadline() {
    return std::chrono::steady_clock::now() + kPatience;
}

}  // namespace

void TestClient::drop() {
    wire_.reset();
}

bool TestClient::read_packet(std::chrono::steady_clock::time_point until) {
    for (;;) {
        const auto unframed = mqtt::unframe(in_, mqtt::kVarintMax);
        if (!unframed) throw std::runtime_error("the broker sends no MQTT: " + unframed.error().message());
        if (unframed->complete()) {
            const auto size = unframed->frame.size;
            handle(unframed->frame);
            in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(size));
            return true;
        }
        const auto got = wire_->receive(until);
        if (!got) return false;
        in_.insert(in_.end(), got->begin(), got->end());
    }
}

void TestClient::handle(const mqtt::Frame& frame) {
    const auto any = mqtt::decode_any(frame, version_);
    if (!any) throw std::runtime_error("the broker sends no MQTT: " + any.error().message());
    if (const auto* p = std::get_if<mqtt::PublishView>(&any->packet)) {
        const auto raw = p->properties.raw();
        publishes_.push_back({.topic = std::string(p->topic),
                              .payload = std::string(as_text(p->payload)),
                              .qos = p->qos,
                              .retain = p->retain,
                              .dup = p->dup,
                              .packet_id = p->packet_id,
                              .properties = Bytes(raw.begin(), raw.end())});
        return;
    }
    if (const auto* c = std::get_if<mqtt::ConnackView>(&any->packet)) {
        const auto raw = c->properties.raw();
        connack_ = Connack{
            .reason = c->reason, .session_present = c->session_present, .properties = Bytes(raw.begin(), raw.end())};
        return;
    }
    Control control{.type = any->type, .packet_id = 0, .reason = {}, .reasons = {}};
    if (const auto* a = std::get_if<mqtt::AckView>(&any->packet)) {
        control.packet_id = a->packet_id;
        control.reason = a->reason;
    } else if (const auto* s = std::get_if<mqtt::SubackView>(&any->packet)) {
        control.packet_id = s->packet_id;
        for (std::size_t i = 0; i < s->size(); ++i) control.reasons.push_back(s->reason(i));
    } else if (const auto* d = std::get_if<mqtt::DisconnectView>(&any->packet)) {
        control.reason = d->reason;
        const auto raw = d->properties.raw();
        control.properties.assign(raw.begin(), raw.end());
    }
    controls_.push_back(std::move(control));
}

void TestClient::need_packet() {
    if (!read_packet(deadline())) throw std::runtime_error("the broker has closed the connection");
}

Connack TestClient::connect(const ConnectOptions& o) {
    send_connect(o);
    return expect_connack();
}

void TestClient::send_connect(const ConnectOptions& o) {
    version_ = o.version;
    mqtt::ConnectView packet;
    packet.version = o.version;
    packet.clean_start = o.clean;
    packet.keep_alive = std::chrono::duration<std::uint16_t>(o.keep_alive);
    packet.client_id = o.client_id;
    if (o.user) packet.user_name = *o.user;
    if (o.password) packet.password = as_bytes(*o.password);
    packet.properties = o.properties;
    if (o.will_topic) {
        packet.will = mqtt::WillView{.topic = *o.will_topic,
                                     .payload = as_bytes(o.will_payload),
                                     .qos = o.will_qos,
                                     .retain = o.will_retain,
                                     .properties = o.will_properties};
    }
    Bytes bytes;
    if (!mqtt::encode_connect(packet, bytes)) throw std::runtime_error("CONNECT cannot be encoded");
    connack_.reset();
    send(bytes);
}

std::vector<mqtt::ReasonCode> TestClient::subscribe(const std::string& filter, mqtt::QoS qos,
                                                    mqtt::SubscriptionView more, std::uint32_t id) {
    more.filter = filter;
    more.qos = qos;
    Bytes bytes;
    mqtt::Properties properties;
    if (id != 0) properties.number(mqtt::PropertyId::subscription_identifier, id);
    const mqtt::SubscriptionView filters[] = {more};
    if (!mqtt::encode_subscribe(next_id_++, filters, properties, version_, bytes))
        throw std::runtime_error("SUBSCRIBE cannot be encoded");
    send(bytes);
    return expect(PacketType::suback).reasons;
}

void TestClient::unsubscribe(const std::string& filter) {
    Bytes bytes;
    const std::string_view filters[] = {filter};
    if (!mqtt::encode_unsubscribe(next_id_++, filters, {}, version_, bytes))
        throw std::runtime_error("UNSUBSCRIBE cannot be encoded");
    send(bytes);
    expect(PacketType::unsuback);
}

void TestClient::send_publish(const std::string& topic, const std::string& payload, mqtt::QoS qos, mqtt::PacketId id,
                              bool dup) {
    Bytes bytes;
    const mqtt::PublishView packet{.topic = topic,
                                   .payload = as_bytes(payload),
                                   .properties = {},
                                   .packet_id = id,
                                   .qos = qos,
                                   .retain = false,
                                   .dup = dup};
    if (!mqtt::encode_publish(packet, version_, bytes)) throw std::runtime_error("PUBLISH cannot be encoded");
    send(bytes);
}

mqtt::ReasonCode TestClient::publish(const std::string& topic, const std::string& payload, mqtt::QoS qos, bool retain,
                                     const mqtt::Properties& properties) {
    const auto id = qos == mqtt::QoS::at_most_once ? mqtt::PacketId{0} : next_id_++;
    Bytes bytes;
    const mqtt::PublishView packet{.topic = topic,
                                   .payload = as_bytes(payload),
                                   .properties = properties,
                                   .packet_id = id,
                                   .qos = qos,
                                   .retain = retain,
                                   .dup = false};
    if (!mqtt::encode_publish(packet, version_, bytes)) throw std::runtime_error("PUBLISH cannot be encoded");
    send(bytes);
    if (qos == mqtt::QoS::at_most_once) return {};
    if (qos == mqtt::QoS::at_least_once) return expect(PacketType::puback).reason;
    const auto reason = expect(PacketType::pubrec).reason;
    send_ack(PacketType::pubrel, id);
    expect(PacketType::pubcomp);
    return reason;
}

void TestClient::send_ack(PacketType type, mqtt::PacketId id) {
    Bytes bytes;
    mqtt::encode_ack(type, id, bytes);
    send(bytes);
}

Received TestClient::receive(bool acknowledge) {
    while (publishes_.empty()) need_packet();
    auto out = std::move(publishes_.front());
    publishes_.pop_front();
    if (!acknowledge || out.qos == mqtt::QoS::at_most_once) return out;
    if (out.qos == mqtt::QoS::at_least_once) {
        send_ack(PacketType::puback, out.packet_id);
    } else {
        send_ack(PacketType::pubrec, out.packet_id);
        expect(PacketType::pubrel);
        send_ack(PacketType::pubcomp, out.packet_id);
    }
    return out;
}

Control TestClient::expect(PacketType type) {
    for (;;) {
        for (auto at = controls_.begin(); at != controls_.end(); ++at) {
            if (at->type != type) continue;
            auto out = std::move(*at);
            controls_.erase(at);
            return out;
        }
        need_packet();
    }
}

bool TestClient::nothing_waits() {
    Bytes bytes;
    mqtt::encode_pingreq(bytes);
    send(bytes);
    expect(PacketType::pingresp);
    return publishes_.empty();
}

void TestClient::disconnect(mqtt::DisconnectView packet) {
    Bytes bytes;
    if (!mqtt::encode_disconnect(packet, version_, bytes)) throw std::runtime_error("DISCONNECT cannot be encoded");
    send(bytes);
    if (!closed_by_broker()) throw std::runtime_error("the broker does not close after DISCONNECT");
    drop();
}

bool TestClient::closed_within(std::chrono::milliseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    try {
        while (read_packet(until)) {
        }
        return true;
    } catch (const std::runtime_error&) {
        return false;
    }
}

Connack TestClient::expect_connack() {
    while (!connack_) need_packet();
    return *connack_;
}

std::vector<mqtt::ReasonCode> TestClient::acknowledged_reasons() const {
    std::vector<mqtt::ReasonCode> out;
    for (const auto& control : controls_) {
        out.push_back(control.reason);
        out.insert(out.end(), control.reasons.begin(), control.reasons.end());
    }
    return out;
}

}  // namespace esl::broker::testing
