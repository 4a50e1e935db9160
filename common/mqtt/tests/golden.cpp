#include "common/mqtt/tests/golden.hpp"

#include <algorithm>

#include "common/mqtt/varint.hpp"
#include "common/testing/testing.hpp"

namespace esl::mqtt::testing {
namespace {

constexpr std::size_t kNoLimit = 300'000'000;

std::string quoted(std::string_view text) {
    return "'" + std::string(text) + "'";
}

std::string text_of(PropertiesView properties) {
    std::string out;
    for (const auto& property : properties) {
        const auto& row = *find_property(static_cast<std::uint32_t>(property.id));
        out += " {" + std::string(row.name) + "=";
        switch (row.type) {
            case PropertyType::u8:
            case PropertyType::u16:
            case PropertyType::u32:
            case PropertyType::varint:
                out += std::to_string(property.number);
                break;
            case PropertyType::text:
                out += quoted(property.text);
                break;
            case PropertyType::binary:
                out += to_hex(property.binary);
                break;
            case PropertyType::text_pair:
                out += quoted(property.name) + ":" + quoted(property.text);
                break;
        }
        out += "}";
    }
    return out;
}

std::string text_of(QoS qos) {
    return " qos=" + std::to_string(static_cast<int>(qos));
}

std::string fields(const ConnectView& p) {
    std::string out = " v" + std::string(name(p.version)) + (p.clean_start ? " clean" : "") +
                      " keep_alive=" + std::to_string(p.keep_alive.count()) + " id=" + quoted(p.client_id) +
                      text_of(p.properties);
    if (p.will) {
        out += " will(" + quoted(p.will->topic) + " " + to_hex(p.will->payload) + text_of(p.will->qos) +
               (p.will->retain ? " retain" : "") + text_of(p.will->properties) + ")";
    }
    if (p.user_name) out += " user=" + quoted(*p.user_name);
    if (p.password) out += " password=" + to_hex(*p.password);
    return out;
}

std::string fields(const ConnackView& p) {
    return std::string(p.session_present ? " present" : "") + " reason=" + std::string(name(p.reason)) +
           text_of(p.properties);
}

std::string fields(const PublishView& p) {
    return " " + quoted(p.topic) + text_of(p.qos) + " id=" + std::to_string(p.packet_id) + (p.retain ? " retain" : "") +
           (p.dup ? " dup" : "") + text_of(p.properties) + " payload=" + to_hex(p.payload);
}

std::string fields(const AckView& p) {
    return " id=" + std::to_string(p.packet_id) + " reason=" + std::string(name(p.reason)) + text_of(p.properties);
}

std::string fields(const SubscribeView& p) {
    std::string out = " id=" + std::to_string(p.packet_id) + text_of(p.properties);
    for (const auto& entry : p.filters) {
        out += " [" + quoted(entry.filter) + text_of(entry.qos) + (entry.no_local ? " no_local" : "") +
               (entry.retain_as_published ? " as_published" : "") +
               " retain=" + std::to_string(static_cast<int>(entry.retain_handling)) + "]";
    }
    return out + " of " + std::to_string(p.filters.size());
}

std::string fields(const SubackView& p) {
    return " id=" + std::to_string(p.packet_id) + text_of(p.properties) + " reasons=" + to_hex(p.reasons);
}

std::string fields(const DisconnectView& p) {
    return " reason=" + std::string(name(p.reason)) + text_of(p.properties);
}
std::string fields(const AuthView& p) {
    return " reason=" + std::string(name(p.reason)) + text_of(p.properties);
}
std::string fields(std::monostate) {
    return "";
}

void expect_whole_only_when_complete(const Golden& golden) {
    esl::testing::for_every_truncation(golden.wire, [](BytesView part) {
        const auto unframed = unframe(part, kNoLimit);
        ASSERT_TRUE(unframed) << unframed.error().message();
        EXPECT_GT(unframed->need, part.size());
    });
}

// The header says less than there is: each field in turn ends too early, at the exact end of the packet.
void expect_every_short_body_refused(const Golden& golden) {
    const auto frame = frame_of(golden.wire);
    for (std::size_t size = 0; size < frame.body.size(); ++size) {
        const Bytes wire = packet_of(golden.wire[0], frame.body.first(size));
        const auto decoded = decode_wire(wire, golden.version);
        const bool whole = std::ranges::find(golden.whole_shorter, size) != golden.whole_shorter.end();
        EXPECT_EQ(decoded.has_value(), whole) << golden.text << ": body of " << size << " bytes";
        if (decoded || whole) continue;
        EXPECT_TRUE(decoded.error().as<DecodeError>()) << decoded.error().message();
        EXPECT_FALSE(decoded.error().about().empty());
    }
}

void expect_one_byte_too_many_refused(const Golden& golden) {
    const auto frame = frame_of(golden.wire);
    Bytes body(frame.body.begin(), frame.body.end());
    body.push_back(0xFF);  // no reason code and no property length either, where those may be left out
    const auto decoded = decode_wire(packet_of(golden.wire[0], body), golden.version);
    EXPECT_FALSE(decoded) << golden.text << ": took one byte too many";
}

}  // namespace

std::string text_of(const AnyPacket& packet) {
    return std::string(name(packet.type)) + std::visit([](const auto& p) { return fields(p); }, packet.packet);
}

Frame frame_of(BytesView wire) {
    const auto unframed = unframe(wire, kNoLimit);
    EXPECT_TRUE(unframed) << unframed.error().message();
    if (!unframed) return {};
    EXPECT_TRUE(unframed->complete());
    EXPECT_EQ(unframed->frame.size, wire.size());
    return unframed->frame;
}

Bytes packet_of(std::uint8_t first, BytesView body) {
    Bytes wire{first};
    append_varint(wire, static_cast<std::uint32_t>(body.size()));
    wire.insert(wire.end(), body.begin(), body.end());
    return wire;
}

Result<AnyPacket> decode_wire(BytesView wire, ProtocolVersion version) {
    const auto unframed = unframe(wire, kNoLimit);
    if (!unframed) return fail(unframed.error());
    if (!unframed->complete()) return fail(DecodeError::truncated, "the test's own bytes are no whole packet");
    return decode_any(unframed->frame, version);
}

void expect_refused(BytesView wire, ProtocolVersion version, DecodeError reason, std::string_view about_contains) {
    const auto decoded = decode_wire(wire, version);
    ASSERT_FALSE(decoded) << to_hex(wire) << " was taken as " << text_of(*decoded);
    EXPECT_TRUE(decoded.error().is(reason)) << to_hex(wire) << ": " << decoded.error().message();
    EXPECT_NE(decoded.error().about().find(about_contains), std::string::npos) << decoded.error().message();
}

void expect_both_ways(const Golden& golden) {
    SCOPED_TRACE(golden.text);
    const auto decoded = decode_any(frame_of(golden.wire), golden.version);
    ASSERT_TRUE(decoded) << decoded.error().message();
    EXPECT_EQ(text_of(*decoded), golden.text);

    Bytes built{0xEE};  // encoders append
    ASSERT_TRUE(golden.encode(built));
    EXPECT_EQ(built.front(), 0xEE);
    EXPECT_EQ(to_hex(BytesView(built).subspan(1)), to_hex(golden.wire));
    Bytes again;
    ASSERT_TRUE(encode_any(*decoded, golden.version, again));
    EXPECT_EQ(to_hex(again), to_hex(golden.wire));

    expect_whole_only_when_complete(golden);
    expect_every_short_body_refused(golden);
    if (!golden.open_ended) expect_one_byte_too_many_refused(golden);
}

}  // namespace esl::mqtt::testing
