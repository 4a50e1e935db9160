#include "common/mqtt/tests/golden.hpp"

namespace esl::mqtt::testing {
namespace {

using enum ProtocolVersion;

TEST(Connect, Is31WithTheOldProtocolName) {
    expect_both_ways({
        .version = v31,
        .wire = {0x10, 0x11,                                // CONNECT, 17 bytes
                 0x00, 0x06, 'M', 'Q', 'I', 's', 'd', 'p',  // protocol name
                 0x03,                                      // level of 3.1
                 0x02,                                      // clean session
                 0x00, 0x3C,                                // keep alive 60 s
                 0x00, 0x03, 'c', '3', '1'},                // client identifier
        .text = "CONNECT v3.1 clean keep_alive=60 id='c31'",
        .encode =
            [](Bytes& out) {
                ConnectView packet{.version = v31, .client_id = "c31"};
                packet.keep_alive = decltype(packet.keep_alive){60};
                return encode_connect(packet, out);
            },
    });
}

TEST(Connect, Is311WithWillUserAndPassword) {
    expect_both_ways({
        .version = v311,
        .wire = {0x10, 0x24,                        // CONNECT, 36 bytes
                 0x00, 0x04, 'M',  'Q',  'T', 'T',  // protocol name
                 0x04,                              // level of 3.1.1
                 0xEC,                              // user, password, will retain, will QoS 1, will
                 0x01, 0xE0,                        // keep alive 480 s
                 0x00, 0x0B, 'G',  'I',  'D', '_', 'x', '@', '@', '@', 'a', 'p', '1',  // client identifier
                 0x00, 0x01, 'w',                                                      // will topic
                 0x00, 0x02, 0xDE, 0xAD,                                               // will message
                 0x00, 0x01, 'u',                                                      // user name
                 0x00, 0x01, 0xFF},                                                    // password
        .text = "CONNECT v3.1.1 keep_alive=480 id='GID_x@@@ap1' will('w' DEAD qos=1 retain) user='u' password=FF",
        .encode =
            [](Bytes& out) {
                const Bytes message{0xDE, 0xAD};
                const Bytes password{0xFF};
                ConnectView packet{.version = v311, .clean_start = false, .client_id = "GID_x@@@ap1"};
                packet.keep_alive = decltype(packet.keep_alive){480};
                packet.will = WillView{.topic = "w", .payload = message, .qos = QoS::at_least_once, .retain = true};
                packet.user_name = "u";
                packet.password = password;
                return encode_connect(packet, out);
            },
    });
}

TEST(Connect, Is5WithPropertiesOfItsOwnAndOfItsWill) {
    expect_both_ways({
        .version = v5,
        .wire = {0x10, 0x37,                               // CONNECT, 55 bytes
                 0x00, 0x04, 'M',  'Q',  'T',  'T',        // protocol name
                 0x05,                                     // level of 5.0
                 0x56,                                     // password without user, will QoS 2, will, clean start
                 0x00, 0x00,                               // keep alive off
                 0x15,                                     // 21 bytes of properties
                 0x11, 0x00, 0x00, 0x0E, 0x10,             // session expiry interval 3600
                 0x21, 0x00, 0x14,                         // receive maximum 20
                 0x15, 0x00, 0x01, 'm',                    // authentication method
                 0x16, 0x00, 0x02, 0x01, 0x02,             // authentication data
                 0x17, 0x00,                               // request problem information: no
                 0x19, 0x01,                               // request response information: yes
                 0x00, 0x00,                               // client identifier, empty
                 0x0C,                                     // 12 bytes of will properties
                 0x18, 0x00, 0x00, 0x00, 0x05,             // will delay interval 5
                 0x26, 0x00, 0x01, 'k',  0x00, 0x01, 'v',  // user property
                 0x00, 0x01, 'w',                          // will topic
                 0x00, 0x00,                               // will message, empty
                 0x00, 0x01, 0x00},                        // password
        .text = "CONNECT v5.0 clean keep_alive=0 id='' {session expiry interval=3600} {receive maximum=20} "
                "{authentication method='m'} {authentication data=0102} {request problem information=0} "
                "{request response information=1} will('w'  qos=2 {will delay interval=5} {user property='k':'v'}) "
                "password=00",
        .encode =
            [](Bytes& out) {
                const Bytes data{1, 2};
                const Bytes password{0};
                Properties own;
                own.number(PropertyId::session_expiry_interval, 3600).number(PropertyId::receive_maximum, 20);
                own.text(PropertyId::authentication_method, "m").binary(PropertyId::authentication_data, data);
                own.number(PropertyId::request_problem_information, 0);
                own.number(PropertyId::request_response_information, 1);
                Properties of_will;
                of_will.number(PropertyId::will_delay_interval, 5).user("k", "v");
                ConnectView packet{.version = v5, .properties = own};
                packet.will = WillView{.topic = "w", .payload = {}, .qos = QoS::exactly_once, .properties = of_will};
                packet.password = password;
                return encode_connect(packet, out);
            },
    });
}

struct BadConnect {
    const char* what;
    Bytes body;
    DecodeError reason;
    const char* about;
};

Bytes head(std::string_view protocol, std::uint8_t level, std::uint8_t flags) {
    Bytes out;
    ByteWriter(out).u16be(static_cast<std::uint16_t>(protocol.size())).bytes(as_bytes(protocol)).u8(level).u8(flags);
    ByteWriter(out).u16be(60);
    return out;
}
Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

TEST(Connect, SaysWhatIsWrongWithABadOne) {
    const Bytes id{0x00, 0x01, 'c'};
    const BadConnect rows[] = {
        {"level 6", head("MQTT", 6, 2) + id, DecodeError::unsupported_version, "protocol name and level"},
        {"level 3 with the new name", head("MQTT", 3, 2) + id, DecodeError::unsupported_version, "level"},
        {"bridge bit in the level", head("MQTT", 0x84, 2) + id, DecodeError::unsupported_version, "level"},
        {"another protocol", head("AMQP", 4, 2) + id, DecodeError::unsupported_version, "level"},
        {"reserved flag", head("MQTT", 4, 3) + id, DecodeError::malformed, "connect flags, at byte 7"},
        {"will QoS 3", head("MQTT", 4, 0x1E) + id, DecodeError::malformed, "connect flags"},
        {"will QoS without will", head("MQTT", 5, 0x0A) + Bytes{0} + id, DecodeError::malformed, "connect flags"},
        {"will retain without will", head("MQTT", 4, 0x22) + id, DecodeError::malformed, "connect flags"},
        {"password alone before 5", head("MQTT", 4, 0x42) + id + Bytes{0, 0}, DecodeError::malformed, "password"},
        {"empty will topic", head("MQTT", 4, 6) + id + Bytes{0, 0, 0, 0}, DecodeError::bad_topic, "will topic"},
        {"wildcard will topic", head("MQTT", 4, 6) + id + Bytes{0, 1, '#', 0, 0}, DecodeError::bad_topic, "will topic"},
        {"zero in the id", head("MQTT", 4, 2) + Bytes{0, 1, 0}, DecodeError::bad_utf8, "client identifier, at byte 10"},
        {"authentication data without method", head("MQTT", 5, 2) + Bytes{4, 0x16, 0, 1, 9} + id,
         DecodeError::protocol_violation, "authentication data"},
        {"topic alias in CONNECT", head("MQTT", 5, 2) + Bytes{3, 0x23, 0, 1} + id, DecodeError::wrong_property,
         "topic alias"},
        {"will delay outside the will", head("MQTT", 5, 2) + Bytes{5, 0x18, 0, 0, 0, 1} + id,
         DecodeError::wrong_property, "will delay"},
        {"receive maximum twice", head("MQTT", 5, 2) + Bytes{6, 0x21, 0, 1, 0x21, 0, 1} + id,
         DecodeError::duplicate_property, "receive maximum"},
        {"receive maximum 0", head("MQTT", 5, 2) + Bytes{3, 0x21, 0, 0} + id, DecodeError::protocol_violation,
         "receive maximum"},
        {"maximum packet size 0", head("MQTT", 5, 2) + Bytes{5, 0x27, 0, 0, 0, 0} + id, DecodeError::protocol_violation,
         "maximum packet size"},
        {"wrong property in the will", head("MQTT", 5, 6) + Bytes{0} + id + Bytes{3, 0x21, 0, 1, 0, 1, 'w', 0, 0},
         DecodeError::wrong_property, "receive maximum"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        expect_refused(packet_of(0x10, row.body), v311, row.reason, row.about);
    }
}

TEST(Connect, CannotBeWrittenWithATextThatDoesNotFit) {
    const std::string long_id(65'536, 'x');
    Bytes out{0x01};
    const auto encoded = encode_connect({.client_id = long_id}, out);
    ASSERT_FALSE(encoded);
    EXPECT_TRUE(encoded.error().is(EncodeError::too_long));
    EXPECT_EQ(out, Bytes{0x01});
}

TEST(Connack, IsTheSameReasonInEveryVersion) {
    expect_both_ways({.version = v31,
                      .wire = {0x20, 0x02, 0x00, 0x05},  // reserved, not authorised
                      .text = "CONNACK reason=not authorized",
                      .encode = [](Bytes& out) {
                          return encode_connack({.session_present = true, .reason = ReasonCode::not_authorized}, v31,
                                                out);
                      }});
    expect_both_ways({.version = v311,
                      .wire = {0x20, 0x02, 0x01, 0x00},  // session present, accepted
                      .text = "CONNACK present reason=success",
                      .encode = [](Bytes& out) { return encode_connack({.session_present = true}, v311, out); }});
    expect_both_ways({.version = v5,
                      .wire = {0x20, 0x13,                        // CONNACK, 19 bytes
                               0x00, 0x85,                        // client identifier not valid
                               0x10,                              // 16 bytes of properties
                               0x24, 0x01,                        // maximum QoS 1
                               0x13, 0x01, 0xE0,                  // server keep alive 480
                               0x1F, 0x00, 0x03, 'b',  'a', 'd',  // reason string
                               0x27, 0x00, 0x01, 0x00, 0x00},     // maximum packet size 65,536
                      .text = "CONNACK reason=client identifier not valid {maximum QoS=1} {server keep alive=480} "
                              "{reason string='bad'} {maximum packet size=65536}",
                      .encode = [](Bytes& out) {
                          Properties properties;
                          properties.number(PropertyId::maximum_qos, 1).number(PropertyId::server_keep_alive, 480);
                          properties.text(PropertyId::reason_string, "bad");
                          properties.number(PropertyId::maximum_packet_size, 65'536);
                          return encode_connack(
                              {.reason = ReasonCode::client_identifier_not_valid, .properties = properties}, v5, out);
                      }});
}

TEST(Connack, SaysWhatIsWrongWithABadOne) {
    expect_refused(Bytes{0x20, 0x02, 0x02, 0x00}, v311, DecodeError::malformed, "acknowledge flags");
    expect_refused(Bytes{0x20, 0x02, 0x00, 0x06}, v311, DecodeError::malformed, "return code");
    expect_refused(Bytes{0x20, 0x02, 0x01, 0x05}, v311, DecodeError::protocol_violation, "session present");
    expect_refused(Bytes{0x20, 0x03, 0x00, 0x8E, 0x00}, v5, DecodeError::malformed, "reason code");
    expect_refused(Bytes{0x20, 0x05, 0x00, 0x00, 0x02, 0x24, 0x02}, v5, DecodeError::protocol_violation, "maximum QoS");
}

TEST(Connack, ReturnCodesOfOlderVersionsSayTheNearestThing) {
    const std::pair<ReasonCode, int> rows[] = {
        {ReasonCode::success, 0},
        {ReasonCode::unsupported_protocol_version, 1},
        {ReasonCode::client_identifier_not_valid, 2},
        {ReasonCode::server_busy, 3},
        {ReasonCode::quota_exceeded, 3},
        {ReasonCode::bad_user_name_or_password, 4},
        {ReasonCode::not_authorized, 5},
        {ReasonCode::banned, 5},
    };
    for (const auto& [reason, code] : rows) EXPECT_EQ(to_connect_return_code(reason), code) << name(reason);
}

}  // namespace
}  // namespace esl::mqtt::testing
