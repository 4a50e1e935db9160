#include "common/mqtt/tests/golden.hpp"

namespace esl::mqtt::testing {
namespace {

using enum ProtocolVersion;

TEST(Publish, AtQoS0HasNoPacketIdentifier) {
    const Golden golden{
        .version = v311,
        .wire = {0x31, 0x07,                 // PUBLISH, retain
                 0x00, 0x03, 'a', '/', 'b',  // topic
                 0x01, 0x02},                // payload
        .text = "PUBLISH 'a/b' qos=0 id=0 retain payload=0102",
        .encode = [](Bytes& out) -> Result<void> {
            const Bytes payload{1, 2};
            if (!encode_publish({.topic = "a/b", .payload = payload, .retain = true}, v311, out)) {
                return fail(EncodeError::too_long);
            }
            return {};
        },
        .whole_shorter = {5, 6},
        .open_ended = true,
    };
    expect_both_ways(golden);
    Golden old = golden;
    old.version = v31;
    expect_both_ways(old);
}

TEST(Publish, AtQoS2HasOneAndMayBeADuplicate) {
    expect_both_ways({
        .version = v311,
        .wire = {0x3C, 0x05,       // PUBLISH, DUP, QoS 2
                 0x00, 0x01, 't',  // topic
                 0x12, 0x34},      // packet identifier; no payload
        .text = "PUBLISH 't' qos=2 id=4660 dup payload=",
        .encode = [](Bytes& out) -> Result<void> {
            const PublishView packet{
                .topic = "t", .payload = {}, .packet_id = 0x1234, .qos = QoS::exactly_once, .dup = true};
            const auto place = encode_publish(packet, v311, out);
            if (!place) return fail(place.error());
            EXPECT_EQ(out.at(place->packet_id_at), 0x12);
            return {};
        },
        .open_ended = true,
    });
}

TEST(Publish, Is5WithEveryPropertyItMayHave) {
    expect_both_ways({
        .version = v5,
        .wire = {0x32, 0x33,                               // PUBLISH, QoS 1
                 0x00, 0x01, 't',                          // topic
                 0x00, 0x0A,                               // packet identifier
                 0x2D,                                     // 45 bytes of properties
                 0x01, 0x01,                               // payload is text
                 0x02, 0x00, 0x00, 0x00, 0x3C,             // message expiry 60 s
                 0x23, 0x00, 0x07,                         // topic alias
                 0x08, 0x00, 0x01, 'r',                    // response topic
                 0x09, 0x00, 0x02, 0xCA, 0xFE,             // correlation data
                 0x26, 0x00, 0x01, 'k',  0x00, 0x01, 'v',  // user property
                 0x26, 0x00, 0x01, 'k',  0x00, 0x01, 'w',  // the same name again is fine
                 0x0B, 0x01,                               // subscription identifier 1
                 0x0B, 0xFF, 0xFF, 0xFF, 0x7F,             // and the greatest
                 0x03, 0x00, 0x02, 'c',  't'},             // content type; no payload
        .text = "PUBLISH 't' qos=1 id=10 {payload format indicator=1} {message expiry interval=60} {topic alias=7} "
                "{response topic='r'} {correlation data=CAFE} {user property='k':'v'} {user property='k':'w'} "
                "{subscription identifier=1} {subscription identifier=268435455} {content type='ct'} payload=",
        .encode = [](Bytes& out) -> Result<void> {
            const Bytes correlation{0xCA, 0xFE};
            Properties properties;
            properties.number(PropertyId::payload_format_indicator, 1);
            properties.number(PropertyId::message_expiry_interval, 60).number(PropertyId::topic_alias, 7);
            properties.text(PropertyId::response_topic, "r").binary(PropertyId::correlation_data, correlation);
            properties.user("k", "v").user("k", "w");
            Properties of_receiver;
            of_receiver.number(PropertyId::subscription_identifier, 1);
            of_receiver.number(PropertyId::subscription_identifier, 268'435'455);
            of_receiver.text(PropertyId::content_type, "ct");
            const PublishView packet{
                .topic = "t", .payload = {}, .properties = properties, .packet_id = 10, .qos = QoS::at_least_once};
            const auto before = out.size();
            const auto place = encode_publish(packet, v5, out, of_receiver);
            if (!place) return fail(place.error());
            EXPECT_EQ(encoded_publish_size(packet, v5, of_receiver), out.size() - before);
            return {};
        },
        .open_ended = true,
    });
}

TEST(Publish, HeaderAndSharedPayloadAreTheSameBytesAsTheWhole) {
    const Bytes payload(300, 0x55);
    const PublishView packet{.topic = "a", .payload = payload, .packet_id = 9, .qos = QoS::at_least_once};
    Bytes whole;
    ASSERT_TRUE(encode_publish(packet, v5, whole));
    Bytes parts;
    ASSERT_TRUE(encode_publish_header({.topic = "a", .payload = {}, .packet_id = 9, .qos = QoS::at_least_once},
                                      payload.size(), v5, parts));
    parts.insert(parts.end(), payload.begin(), payload.end());
    EXPECT_EQ(parts, whole);
    EXPECT_EQ(encoded_publish_size(packet, v5), whole.size());
}

TEST(Publish, DecodedViewsPointIntoTheReadBuffer) {
    const Bytes wire{0x30, 0x05, 0x00, 0x01, 't', 0x01, 0x02};
    const auto decoded = decode_publish(frame_of(wire), v311).value();
    EXPECT_EQ(static_cast<const void*>(decoded.topic.data()), &wire[4]);
    EXPECT_EQ(static_cast<const void*>(decoded.payload.data()), &wire[5]);
}

TEST(Publish, SaysWhatIsWrongWithABadOne) {
    expect_refused(Bytes{0x36, 0x05, 0, 1, 't', 0, 1}, v311, DecodeError::malformed, "QoS 3");
    expect_refused(Bytes{0x38, 0x03, 0, 1, 't'}, v311, DecodeError::malformed, "DUP");
    expect_refused(Bytes{0x32, 0x05, 0, 1, 't', 0, 0}, v311, DecodeError::protocol_violation, "packet identifier 0");
    expect_refused(Bytes{0x30, 0x02, 0, 0}, v311, DecodeError::bad_topic, "empty topic");
    expect_refused(Bytes{0x30, 0x03, 0, 0, 0}, v5, DecodeError::protocol_violation, "empty topic");
    expect_refused(Bytes{0x30, 0x05, 0, 3, 'a', '/', '+'}, v311, DecodeError::bad_topic, "topic, at byte 0");
    expect_refused(Bytes{0x30, 0x03, 0, 1, '#'}, v311, DecodeError::bad_topic, "topic");
    expect_refused(Bytes{0x30, 0x03, 0, 1, 0}, v311, DecodeError::bad_utf8, "topic");
    expect_refused(Bytes{0x30, 0x05, 0, 3, 0xED, 0xA0, 0x80}, v311, DecodeError::bad_utf8, "topic");        // U+D800
    expect_refused(Bytes{0x30, 0x06, 0, 4, 0xF4, 0x90, 0x80, 0x80}, v311, DecodeError::bad_utf8, "topic");  // U+110000
    expect_refused(Bytes{0x30, 0x00}, v311, DecodeError::truncated, "topic");
    expect_refused(Bytes{0x30, 0x03, 0, 2, 't'}, v311, DecodeError::truncated, "topic");
}

TEST(Publish, RefusesPropertiesThatAreNotItsOwnOrOutOfRange) {
    const auto with = [](const Bytes& properties) {
        Bytes body{0, 1, 't', static_cast<std::uint8_t>(properties.size())};
        body.insert(body.end(), properties.begin(), properties.end());
        return packet_of(0x30, body);
    };
    expect_refused(with({0x23, 0, 0}), v5, DecodeError::protocol_violation, "topic alias");
    expect_refused(with({0x0B, 0}), v5, DecodeError::protocol_violation, "subscription identifier");
    expect_refused(with({0x01, 2}), v5, DecodeError::protocol_violation, "payload format indicator");
    expect_refused(with({0x01, 0, 0x01, 0}), v5, DecodeError::duplicate_property, "payload format indicator");
    expect_refused(with({0x23, 0, 1, 0x23, 0, 1}), v5, DecodeError::duplicate_property, "topic alias");
    expect_refused(with({0x08, 0, 1, '#'}), v5, DecodeError::protocol_violation, "response topic");
    expect_refused(with({0x08, 0, 0}), v5, DecodeError::protocol_violation, "response topic");
    expect_refused(with({0x21, 0, 1}), v5, DecodeError::wrong_property, "receive maximum");
    expect_refused(with({0x18, 0, 0, 0, 1}), v5, DecodeError::wrong_property, "will delay interval");
    expect_refused(with({0x7F, 0}), v5, DecodeError::wrong_property, "property identifier, at byte 4");
    expect_refused(with({0x00}), v5, DecodeError::wrong_property, "property identifier");
    expect_refused(with({0xFF, 0xFF, 0xFF, 0xFF, 0x7F}), v5, DecodeError::malformed, "property identifier");
    expect_refused(with({0x02, 0, 0}), v5, DecodeError::truncated, "message expiry interval");
    expect_refused(with({0x26, 0, 1, 'k', 0}), v5, DecodeError::truncated, "user property");
    expect_refused(with({0x26, 0, 1, 'k', 0, 1, 0xC0}), v5, DecodeError::bad_utf8, "user property");
    expect_refused(Bytes{0x30, 0x05, 0, 1, 't', 0x7F, 1}, v5, DecodeError::truncated, "properties");
}

TEST(Publish, APropertyMayNotReachPastItsBlockIntoThePayload) {
    expect_refused(Bytes{0x30, 0x0A, 0, 1, 't', 0x02, 0x02, 0, 0, 0, 0, 9}, v5, DecodeError::truncated,
                   "message expiry interval");
}

TEST(Publish, AnAliasStandsForAnEmptyTopic) {
    const Bytes wire{0x30, 0x06, 0, 0, 3, 0x23, 0, 7};
    const auto decoded = decode_publish(frame_of(wire), v5).value();
    EXPECT_EQ(decoded.topic, "");
    EXPECT_EQ(decoded.properties.number(PropertyId::topic_alias), 7U);
}

TEST(Publish, CannotBeWrittenLongerThanMqttCanSay) {
    Bytes out;
    const auto encoded = encode_publish_header({.topic = "t", .payload = {}}, 268'435'453, v311, out);
    ASSERT_FALSE(encoded);
    EXPECT_TRUE(encoded.error().is(EncodeError::too_long));
    EXPECT_TRUE(out.empty());
    EXPECT_TRUE(encode_publish_header({.topic = "t", .payload = {}}, 268'435'452, v311, out));
    EXPECT_EQ(to_hex(out), "30FFFFFF7F000174");
}

}  // namespace
}  // namespace esl::mqtt::testing
