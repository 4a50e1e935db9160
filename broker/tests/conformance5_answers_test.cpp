// What the broker says to MQTT 5 clients in CONNACK and in its acknowledgements. docs/conformance/mqtt-5.0.md says
// which test shows which statement.
#include <gtest/gtest.h>

#include <set>

#include "broker/tests/conformance_rig.hpp"

namespace esl::broker::testing {
namespace {

// Bytes 5 and on of a short CONNACK.
mqtt::PropertiesView told_in(const Bytes& connack) {
    return mqtt::PropertiesView(BytesView(connack).subspan(5));
}

TEST_F(Conformance5, SaysNoMoreThanTheClientWants) {
    RawClient c(broker_.port());
    c.send(packet(0x10, connect_head(5, 2) + properties({0x17, 0}) + str("raw")));  // no problem information
    const auto connack = c.next();
    ASSERT_GE(connack.size(), 5U);
    EXPECT_EQ(connack[1], connack.size() - 2);
    const auto told = told_in(connack);
    // Nobody asked for these two [MQTT-3.1.2-28] [MQTT-4.12.0-6]; nothing of the keep alive was changed.
    EXPECT_FALSE(told.find(PropertyId::response_information));
    EXPECT_FALSE(told.find(PropertyId::authentication_method));
    EXPECT_FALSE(told.find(PropertyId::server_keep_alive));
    EXPECT_FALSE(told.find(PropertyId::maximum_qos));  // all of them
}

// Whether the client wants problem information or not. What is never sent makes no packet too large.
TEST_F(Conformance5, AcknowledgesWithoutReasonStringsOrUserProperties) {
    auto receiver = client(v5("receiver"));
    receiver.subscribe("taken", kQos2);
    struct Step {
        const char* what;
        Raw ask;
        Bytes answer;
    };
    const Step steps[] = {
        {"SUBACK", packet(0x82, u16(1) + Raw{0} + str("t") + Raw{2}), {0x90, 4, 0, 1, 0, 2}},
        {"UNSUBACK", packet(0xA2, u16(2) + Raw{0} + str("none")), {0xB0, 4, 0, 2, 0, 0x11}},
        {"PUBACK", packet(0x32, str("taken") + u16(3) + Raw{0}), {0x40, 2, 0, 3}},
        {"PUBACK, nobody subscribes", packet(0x32, str("nobody") + u16(4) + Raw{0}), {0x40, 3, 0, 4, 0x10}},
        {"PUBACK, refused", packet(0x32, str("$SYS/x") + u16(5) + Raw{0}), {0x40, 3, 0, 5, 0x87}},
        {"PUBREC", packet(0x34, str("taken") + u16(6) + Raw{0}), {0x50, 2, 0, 6}},
        {"PUBREC, nobody subscribes", packet(0x34, str("nobody") + u16(7) + Raw{0}), {0x50, 3, 0, 7, 0x10}},
        {"PUBREC, refused", packet(0x34, str("$SYS/x") + u16(8) + Raw{0}), {0x50, 3, 0, 8, 0x87}},
        {"PUBCOMP", {0x62, 2, 0, 6}, {0x70, 2, 0, 6}},
        {"PUBCOMP, unknown id", {0x62, 2, 0, 9}, {0x70, 3, 0, 9, 0x92}},
        {"PUBREL, unknown id", {0x50, 2, 0, 99}, {0x62, 3, 0, 99, 0x92}},
    };
    for (const std::uint8_t wants : {std::uint8_t{0}, std::uint8_t{1}}) {
        RawClient c(broker_.port());
        c.send(packet(0x10, connect_head(5, 2) + properties({0x17, wants}) + str("raw")));
        const auto connack = c.next();
        ASSERT_GE(connack.size(), 5U);
        EXPECT_FALSE(told_in(connack).find(PropertyId::reason_string));
        EXPECT_FALSE(told_in(connack).find(PropertyId::user_property));
        for (const auto& step : steps) {
            SCOPED_TRACE(step.what);
            c.send(step.ask);
            EXPECT_EQ(c.next(), step.answer);
        }
        client(v5("pub")).publish("t", "x", kQos2);
        const auto publish = c.next();
        ASSERT_EQ(publish.size(), 9U);
        const Raw id{publish[5], publish[6]};
        c.send(Raw{0x50, 2} + id);
        EXPECT_EQ(c.next(), (Raw{0x62, 2} + id).bytes);
    }
}

TEST_F(Conformance5, RefusesWithAReasonStringAndWithoutUserProperties) {
    RawClient c(broker_.port());
    c.send(packet(0x10, connect_head(5, 6) + Raw{0} + str("a") + Raw{0} + str("$SYS/x") + str("w")));
    const auto connack = c.next();
    ASSERT_GE(connack.size(), 5U);
    EXPECT_EQ(connack[3], 0x90);
    EXPECT_TRUE(told_in(connack).find(PropertyId::reason_string));
    EXPECT_FALSE(told_in(connack).find(PropertyId::user_property));
}

TEST_F(Conformance5, AssignsIdsThatNobodyHas) {
    std::vector<TestClient> clients;
    std::set<std::string> ids;
    for (int i = 0; i < 20; ++i) {
        clients.emplace_back(broker_.port());
        const auto answer = clients.back().connect(v5("", i % 2 == 0 ? 0 : 1'000));
        ids.emplace(mqtt::PropertiesView(answer.properties).text(PropertyId::assigned_client_identifier).value());
    }
    EXPECT_EQ(ids.size(), clients.size());
    clients.front().drop();
    TestClient by_name(broker_.port());  // it may come back under the name that it was given
    EXPECT_EQ(by_name.connect(v5(*ids.begin())).reason, ReasonCode::success);
}

TEST_F(Conformance5, LetsTheSmallestClientInThatCanBeTold) {
    auto options = v5("small", 0xFFFF'FFFF);
    options.properties.number(PropertyId::maximum_packet_size, 28);
    EXPECT_TRUE(client(options).nothing_waits());
    auto nameless = v5("");
    nameless.properties.number(PropertyId::maximum_packet_size, 60);
    TestClient c(broker_.port());
    EXPECT_TRUE(mqtt::PropertiesView(c.connect(nameless).properties).text(PropertyId::assigned_client_identifier));
}

class WithoutRetain : public StandardBroker {
protected:
    static Config config() {
        auto c = test_config(Mode::standard);
        c.settings.retain = false;
        return c;
    }
    WithoutRetain() : StandardBroker(config()) {}
};

TEST_F(WithoutRetain, RefusesWhatIsToBeRetained) {
    auto options = v5("will");
    options.will_topic = "w";
    options.will_retain = true;
    TestClient refused(broker_.port());
    EXPECT_EQ(refused.connect(options).reason, ReasonCode::retain_not_supported);
    EXPECT_TRUE(refused.closed_by_broker());
    TestClient c(broker_.port());
    EXPECT_EQ(c.connect(v5("pub")).number(PropertyId::retain_available), 0U);
    EXPECT_THROW(c.publish("t", "x", kQos1, true), std::runtime_error);
    EXPECT_EQ(c.expect(PacketType::disconnect).reason, ReasonCode::retain_not_supported);
}

}  // namespace
}  // namespace esl::broker::testing
