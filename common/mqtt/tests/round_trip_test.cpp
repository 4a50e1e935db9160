// Random packets: decoding undoes encoding. And random damage: a decoder answers, whatever it is given.
#include <memory>
#include <random>
#include <vector>

#include "common/mqtt/tests/golden.hpp"

namespace esl::mqtt::testing {
namespace {

constexpr unsigned kSeed = 5'0311;

// Texts and bytes live here while a packet's views point at them.
class Generator {
public:
    explicit Generator(unsigned seed) : random_(seed) {}

    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
    bool coin() { return below(2) == 1; }
    ProtocolVersion version() { return static_cast<ProtocolVersion>(3 + below(3)); }
    QoS qos() { return static_cast<QoS>(below(3)); }
    PacketId packet_id() { return static_cast<PacketId>(1 + below(65'535)); }

    std::string_view text(std::uint32_t min = 0) {
        static const char* const kPieces[] = {"a", "Z", "7", "/", " ", "\xC3\xA9", "\xE4\xBB\xB7", "\xF0\x9F\x8F\xB7"};
        std::string out;
        for (std::uint32_t n = min + below(coin() ? 4 : 200); n > 0; --n) out += kPieces[below(8)];
        return texts_.emplace_back(std::make_unique<std::string>(std::move(out)))->c_str();
    }
    BytesView data() {
        Bytes out(below(coin() ? 4 : 2'000));
        for (auto& b : out) b = static_cast<std::uint8_t>(random_());
        return *datas_.emplace_back(std::make_unique<Bytes>(std::move(out)));
    }
    std::string_view filter() {
        static const char* const kFilters[] = {"#", "+", "a/+/b", "/", "$SYS/#", "$share/g/+/x", "a/b/c"};
        return coin() ? kFilters[below(7)] : text(1);
    }
    PropertiesView properties(PropertyPlaces where) {
        auto& out = *blocks_.emplace_back(std::make_unique<Properties>());
        for (const auto& row : property_table()) {
            if ((row.places & where) == 0 || coin()) continue;
            const auto times = (row.repeatable & where) != 0 ? 1 + below(3) : 1;
            for (std::uint32_t i = 0; i < times; ++i) add(out, row);
        }
        // Data without a method is a protocol error.
        if (out.view().find(PropertyId::authentication_data) && !out.view().find(PropertyId::authentication_method)) {
            out.text(PropertyId::authentication_method, "m");
        }
        return out;
    }
    ReasonCode reason(PacketType type) {
        for (;;) {
            const auto code = static_cast<ReasonCode>(below(256));
            if (allowed_in(code, type)) return code;
        }
    }

private:
    void add(Properties& out, const PropertyRow& row) {
        switch (row.type) {
            case PropertyType::text:
                out.text(row.id, text(1));
                break;
            case PropertyType::binary:
                out.binary(row.id, data());
                break;
            case PropertyType::text_pair:
                out.user(text(), text());
                break;
            default:
                out.number(row.id, row.max == 0xFFFF'FFFF ? static_cast<std::uint32_t>(random_())
                                                          : row.min + below(row.max - row.min + 1));
        }
    }

    std::mt19937_64 random_;
    std::vector<std::unique_ptr<std::string>> texts_;
    std::vector<std::unique_ptr<Bytes>> datas_;
    std::vector<std::unique_ptr<Properties>> blocks_;
};

AnyPacket connect(Generator& g, ProtocolVersion version) {
    const bool v5 = version == ProtocolVersion::v5;
    ConnectView out{.version = version, .clean_start = g.coin(), .client_id = g.text()};
    out.keep_alive = decltype(out.keep_alive){static_cast<std::uint16_t>(g.below(65'536))};
    if (g.coin()) {
        out.will = WillView{.topic = g.text(1), .payload = g.data(), .qos = g.qos(), .retain = g.coin()};
        if (v5) out.will->properties = g.properties(kWillProperties);
    }
    if (g.coin()) out.user_name = g.text();
    if ((v5 || out.user_name) && g.coin()) out.password = g.data();
    if (v5) out.properties = g.properties(place(PacketType::connect));
    return {.type = PacketType::connect, .packet = out};
}

AnyPacket connack(Generator& g, ProtocolVersion version) {
    static const ReasonCode kOlder[] = {ReasonCode::success,
                                        ReasonCode::unsupported_protocol_version,
                                        ReasonCode::client_identifier_not_valid,
                                        ReasonCode::server_unavailable,
                                        ReasonCode::bad_user_name_or_password,
                                        ReasonCode::not_authorized};
    const bool v5 = version == ProtocolVersion::v5;
    ConnackView out{.reason = v5 ? g.reason(PacketType::connack) : kOlder[g.below(6)]};
    out.session_present = version != ProtocolVersion::v31 && out.reason == ReasonCode::success && g.coin();
    if (v5) out.properties = g.properties(place(PacketType::connack));
    return {.type = PacketType::connack, .packet = out};
}

AnyPacket publish(Generator& g, ProtocolVersion version) {
    PublishView out{.topic = g.text(1), .payload = g.data(), .qos = g.qos(), .retain = g.coin()};
    if (out.qos != QoS::at_most_once) {
        out.packet_id = g.packet_id();
        out.dup = g.coin();
    }
    if (version == ProtocolVersion::v5) out.properties = g.properties(place(PacketType::publish));
    return {.type = PacketType::publish, .packet = out};
}

AnyPacket ack(Generator& g, PacketType type, ProtocolVersion version) {
    AckView out{.packet_id = g.packet_id()};
    if (version == ProtocolVersion::v5) {
        out.reason = g.reason(type);
        if (g.coin()) out.properties = g.properties(place(type));
    }
    return {.type = type, .packet = out};
}

// DISCONNECT and AUTH; before MQTT 5 there is only the empty DISCONNECT.
AnyPacket farewell(Generator& g, PacketType type, ProtocolVersion version) {
    const bool v5 = version == ProtocolVersion::v5;
    const auto reason = v5 ? g.reason(type) : ReasonCode::success;
    const auto properties = v5 && g.coin() ? g.properties(place(type)) : PropertiesView{};
    if (type == PacketType::auth) return {.type = type, .packet = AuthView{.reason = reason, .properties = properties}};
    return {.type = type, .packet = DisconnectView{.reason = reason, .properties = properties}};
}

AnyPacket packet(Generator& g, ProtocolVersion version) {
    const PacketType acks[] = {PacketType::puback, PacketType::pubrec, PacketType::pubrel, PacketType::pubcomp};
    switch (g.below(6)) {
        case 0:
            return connect(g, version);
        case 1:
            return connack(g, version);
        case 2:
            return publish(g, version);
        case 3:
            return ack(g, acks[g.below(4)], version);
        case 4:
            return {.type = g.coin() ? PacketType::pingreq : PacketType::pingresp, .packet = std::monostate{}};
        default:
            return farewell(g, version == ProtocolVersion::v5 && g.coin() ? PacketType::auth : PacketType::disconnect,
                            version);
    }
}

TEST(RoundTrip, DecodingUndoesEncoding) {
    SCOPED_TRACE(kSeed);
    for (unsigned round = 0; round < 4'000; ++round) {
        Generator g(kSeed + round);
        const auto version = g.version();
        const auto original = packet(g, version);
        Bytes wire;
        const auto encoded = encode_any(original, version, wire);
        ASSERT_TRUE(encoded) << round << ": " << encoded.error().message();
        const auto decoded = decode_wire(wire, version);
        ASSERT_TRUE(decoded) << round << ": " << decoded.error().message() << " in " << text_of(original);
        ASSERT_EQ(text_of(*decoded), text_of(original)) << round;
    }
}

TEST(RoundTrip, DecodingUndoesEncodingOfSubscriptions) {
    SCOPED_TRACE(kSeed);
    for (unsigned round = 0; round < 2'000; ++round) {
        Generator g(kSeed + round);
        const auto version = g.version();
        const bool v5 = version == ProtocolVersion::v5;
        std::vector<SubscriptionView> entries(1 + g.below(9));
        for (auto& entry : entries) {
            entry = {.filter = g.filter(), .qos = g.qos()};
            if (!v5) continue;
            entry.no_local = !entry.filter.starts_with("$share/") && g.coin();
            entry.retain_as_published = g.coin();
            entry.retain_handling = static_cast<RetainHandling>(g.below(3));
        }
        const auto id = g.packet_id();
        const auto properties = v5 ? g.properties(place(PacketType::subscribe)) : PropertiesView{};
        Bytes wire;
        ASSERT_TRUE(encode_subscribe(id, entries, properties, version, wire));
        const auto decoded = decode_subscribe(frame_of(wire), version);
        ASSERT_TRUE(decoded) << round << ": " << decoded.error().message();
        EXPECT_EQ(decoded->packet_id, id);
        EXPECT_EQ(to_hex(decoded->properties.raw()), to_hex(properties.raw()));
        std::vector<SubscriptionView> again;
        for (const auto& entry : decoded->filters) again.push_back(entry);
        ASSERT_EQ(again, entries) << round;
        ASSERT_EQ(decoded->filters.size(), entries.size());
    }
}

TEST(RoundTrip, WhatIsTakenAfterRandomDamageIsWrittenBackTheSameWayTwice) {
    SCOPED_TRACE(kSeed);
    int taken = 0;
    int refused = 0;
    for (unsigned round = 0; round < 20'000; ++round) {
        Generator g(kSeed + round);
        const auto version = g.version();
        Bytes wire;
        ASSERT_TRUE(encode_any(packet(g, version), version, wire));
        for (auto n = 1 + g.below(3); n > 0; --n) {
            wire[g.below(static_cast<std::uint32_t>(wire.size()))] = static_cast<std::uint8_t>(g.below(256));
        }
        const auto unframed = unframe(wire, 1'000'000);
        if (!unframed || !unframed->complete()) continue;
        const auto decoded = decode_any(unframed->frame, version);
        if (!decoded) {
            ++refused;
            ASSERT_TRUE(decoded.error().as<DecodeError>());
            continue;
        }
        ++taken;
        Bytes once;
        const auto as = decoded->type == PacketType::connect ? std::get<ConnectView>(decoded->packet).version : version;
        ASSERT_TRUE(encode_any(*decoded, as, once));
        const auto again = decode_wire(once, as);
        ASSERT_TRUE(again) << again.error().message();
        ASSERT_EQ(text_of(*again), text_of(*decoded));
    }
    EXPECT_GT(taken, 1'000);
    EXPECT_GT(refused, 1'000);
}

}  // namespace
}  // namespace esl::mqtt::testing
