// A client of a Rig's session core: says what the test says, answers nothing by itself.
#pragma once

#include <span>

#include "broker/tests/rig.hpp"

namespace esl::broker::testing {

class FakeClient {
public:
    FakeClient(Rig& rig, std::string id, bool clean = true, ProtocolVersion version = ProtocolVersion::v311)
        : rig_(rig), id_(std::move(id)), version_(version) {
        link.version = version;
        mqtt::ConnectView connect;
        connect.version = version;
        connect.client_id = id_;
        connect.clean_start = clean;
        mqtt::Properties properties;
        if (!clean && version == ProtocolVersion::v5)
            properties.number(mqtt::PropertyId::session_expiry_interval, 3'600);
        connect.properties = properties;
        session = rig_.hub(id_).connect(link, connect);
        rig_.settle();
        const auto said = link.look();
        EXPECT_FALSE(said.empty());
        for (std::size_t i = 1; i < said.size(); ++i) early.push_back(said[i]);
    }
    void subscribe(const std::string& filter, QoS qos) {
        ask_for({.filter = filter, .qos = qos});
        rig_.settle();
        EXPECT_EQ(link.look().front().type, PacketType::suback);
    }
    void subscribe_and_lose(const std::string& filter, QoS qos) {
        subscribe(filter, qos);
        lose();
    }
    // SUBSCRIBE, and nothing else: the test looks at what comes.
    void ask_for(const mqtt::SubscriptionView& wanted) {
        Bytes bytes;
        EXPECT_TRUE(mqtt::encode_subscribe(1, std::span(&wanted, 1), {}, version_, bytes));
        feed(bytes);
    }
    void unsubscribe(const std::string& filter) {
        Bytes bytes;
        const std::string_view filters[] = {filter};
        EXPECT_TRUE(mqtt::encode_unsubscribe(2, filters, {}, version_, bytes));
        feed(bytes);
        rig_.settle();
        EXPECT_EQ(link.look().front().type, PacketType::unsuback);
    }
    void publish(const std::string& topic, const std::string& payload, QoS qos, mqtt::PacketId id = 1) {
        Bytes bytes;
        EXPECT_TRUE(mqtt::encode_publish({.topic = topic,
                                          .payload = as_bytes(payload),
                                          .properties = {},
                                          .packet_id = qos == QoS::at_most_once ? mqtt::PacketId{0} : id,
                                          .qos = qos},
                                         version_, bytes));
        feed(bytes);
    }
    void ack(PacketType type, mqtt::PacketId id) {
        Bytes bytes;
        mqtt::encode_ack(type, id, bytes);
        feed(bytes);
    }
    void feed(BytesView bytes) {
        const auto unframed = mqtt::unframe(bytes, 1UL << 24);
        ASSERT_TRUE(unframed && unframed->complete());
        if (!rig_.hub(id_).packet(*session, unframed->frame)) session = nullptr;
    }
    void lose() {
        rig_.hub(id_).lost(*session, CloseCause::socket_error);
        session = nullptr;
        rig_.settle();
    }

    FakeLink link;
    Session* session = nullptr;
    std::vector<Packet> early;  // what came behind CONNACK

private:
    Rig& rig_;
    std::string id_;
    ProtocolVersion version_;
};

inline Settings standard() {
    return Settings::defaults(Mode::standard);
}

}  // namespace esl::broker::testing
