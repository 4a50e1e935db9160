#include "common/mqtt/properties.hpp"

#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

#include "common/mqtt/decode_error.hpp"
#include "common/mqtt/reader.hpp"

namespace esl::mqtt {
namespace {

constexpr PropertyPlaces kPublish = place(PacketType::publish);

TEST(Properties, TableHasEachOfThe27Once) {
    std::set<PropertyId> seen;
    for (const auto& row : property_table()) {
        EXPECT_TRUE(seen.insert(row.id).second) << row.name;
        EXPECT_EQ(find_property(static_cast<std::uint32_t>(row.id)), &row);
        EXPECT_LE(row.min, row.max) << row.name;
        EXPECT_EQ(row.repeatable & ~row.places, 0) << row.name;
        EXPECT_EQ(row.name.data()[row.name.size()], '\0');  // the reader passes it on as a C string
    }
    EXPECT_EQ(seen.size(), 27U);
    for (const std::uint32_t none : {0x00U, 0x04U, 0x14U, 0x2BU, 0x80U, 0xFFFF'FFFFU}) {
        EXPECT_EQ(find_property(none), nullptr) << none;
    }
}

// How many properties each packet may have: counted by hand in the sections of MQTT 5 that list them.
TEST(Properties, TableGivesEachPacketWhatItsSectionLists) {
    const std::pair<PropertyPlaces, int> rows[] = {
        {place(PacketType::connect), 9},
        {place(PacketType::connack), 17},
        {kPublish, 8},
        {kWillProperties, 7},
        {place(PacketType::puback), 2},
        {place(PacketType::pubrec), 2},
        {place(PacketType::pubrel), 2},
        {place(PacketType::pubcomp), 2},
        {place(PacketType::subscribe), 2},
        {place(PacketType::suback), 2},
        {place(PacketType::unsubscribe), 1},
        {place(PacketType::unsuback), 2},
        {place(PacketType::disconnect), 4},
        {place(PacketType::auth), 4},
        {place(PacketType::pingreq), 0},
    };
    for (const auto& [where, expected] : rows) {
        int count = 0;
        for (const auto& row : property_table()) count += (row.places & where) != 0 ? 1 : 0;
        EXPECT_EQ(count, expected) << where;
    }
}

Bytes smallest_block(const PropertyRow& row) {
    Properties one;
    const Bytes data{1};
    switch (row.type) {
        case PropertyType::text:
            one.text(row.id, "t");
            break;
        case PropertyType::binary:
            one.binary(row.id, data);
            break;
        case PropertyType::text_pair:
            one.user("k", "v");
            break;
        default:
            one.number(row.id, row.min);
            break;
    }
    const auto raw = one.view().raw();
    return {raw.begin(), raw.end()};
}

TEST(Properties, EachIsTakenWhereItBelongsAndNowhereElse) {
    int taken = 0;
    for (const auto& row : property_table()) {
        const auto block = smallest_block(row);
        for (unsigned bit = 0; bit < 16; ++bit) {
            Bytes wire{static_cast<std::uint8_t>(block.size())};
            wire.insert(wire.end(), block.begin(), block.end());
            Reader in(PacketType::publish, wire);
            const auto where = static_cast<PropertyPlaces>(1U << bit);
            const auto read = in.properties(where);
            const bool belongs = (row.places & where) != 0;
            EXPECT_EQ(in.failed(), !belongs) << row.name << " in " << bit;
            EXPECT_EQ(read.raw().size(), belongs ? block.size() : 0U);
            if (!belongs) EXPECT_TRUE(in.error().error().is(DecodeError::wrong_property));
            taken += belongs ? 1 : 0;
        }
    }
    EXPECT_EQ(taken, 9 + 17 + 8 + 7 + 2 * 4 + 2 + 2 + 1 + 2 + 4 + 4);
}

TEST(Properties, EachIsTakenTwiceOnlyWhereThatIsAllowed) {
    for (const auto& row : property_table()) {
        const auto block = smallest_block(row);
        for (unsigned bit = 0; bit < 16; ++bit) {
            const auto where = static_cast<PropertyPlaces>(1U << bit);
            if ((row.places & where) == 0) continue;
            Bytes wire{static_cast<std::uint8_t>(2 * block.size())};
            wire.insert(wire.end(), block.begin(), block.end());
            wire.insert(wire.end(), block.begin(), block.end());
            Reader in(PacketType::publish, wire);
            in.properties(where);
            EXPECT_EQ(in.failed(), (row.repeatable & where) == 0) << row.name << " in " << bit;
            if (in.failed()) EXPECT_TRUE(in.error().error().is(DecodeError::duplicate_property));
        }
    }
}

TEST(Properties, AreFoundByIdAndWalkedInOrder) {
    const Bytes data{7, 8};
    Properties built;
    built.user("a", "1").number(PropertyId::topic_alias, 5).text(PropertyId::content_type, "x/y");
    built.binary(PropertyId::correlation_data, data).user("b", "2");
    const PropertiesView view = built;
    EXPECT_EQ(view.number(PropertyId::topic_alias), 5U);
    EXPECT_EQ(view.number(PropertyId::message_expiry_interval), std::nullopt);
    EXPECT_EQ(view.number_or(PropertyId::message_expiry_interval, 9), 9U);
    EXPECT_EQ(view.text(PropertyId::content_type), "x/y");
    EXPECT_EQ(to_hex(view.binary(PropertyId::correlation_data).value()), "0708");
    Properties users;
    for (auto it = view.begin(); it != view.end(); ++it) {
        if (it->id == PropertyId::user_property) users.raw(it.raw());
    }
    EXPECT_EQ(to_hex(users.view().raw()),
              "26000161000131"
              "26000162000132");
}

TEST(Properties, WalkEndsAtBytesThatAreNoProperty) {
    const Bytes raw{0x23, 0x00, 0x05, 0x7F, 0x00};
    int count = 0;
    for (const auto& property : PropertiesView(raw)) {
        EXPECT_EQ(property.number, 5U);
        ++count;
    }
    EXPECT_EQ(count, 1);
    EXPECT_FALSE(PropertiesView(Bytes{}).find(PropertyId::topic_alias));
}

TEST(Properties, CannotBeBuiltOfTheWrongTypeOrLength) {
    Properties built;
    EXPECT_THROW(built.number(PropertyId::content_type, 1), std::invalid_argument);
    EXPECT_THROW(built.text(PropertyId::topic_alias, "1"), std::invalid_argument);
    EXPECT_THROW(built.binary(PropertyId::reason_string, Bytes{1}), std::invalid_argument);
    EXPECT_THROW(built.number(PropertyId::topic_alias, 65'536), std::invalid_argument);
    EXPECT_THROW(built.number(PropertyId::receive_maximum, 0), std::invalid_argument);
    EXPECT_THROW(built.text(PropertyId::reason_string, std::string(65'536, 'x')), std::length_error);
    EXPECT_THROW(built.user("k", std::string(65'536, 'x')), std::length_error);
    EXPECT_TRUE(built.empty());
}

TEST(ReasonCodes, HaveNamesAndPacketsAsInTable2_6) {
    EXPECT_EQ(name(ReasonCode::quota_exceeded), "quota exceeded");
    EXPECT_EQ(name(static_cast<ReasonCode>(0x7F)), "unknown reason code");
    const std::pair<PacketType, int> rows[] = {
        {PacketType::connack, 22}, {PacketType::puback, 9},  {PacketType::pubrec, 9},   {PacketType::pubrel, 2},
        {PacketType::pubcomp, 2},  {PacketType::suback, 12}, {PacketType::unsuback, 7}, {PacketType::disconnect, 30},
        {PacketType::auth, 3},     {PacketType::publish, 0},
    };
    for (const auto& [packet, expected] : rows) {
        int count = 0;
        for (int code = 0; code < 256; ++code) count += allowed_in(static_cast<ReasonCode>(code), packet) ? 1 : 0;
        EXPECT_EQ(count, expected) << name(packet);
    }
}

TEST(ReasonCodes, SayWhyBytesWereRefused) {
    EXPECT_EQ(reason_code_for(DecodeError::truncated), ReasonCode::malformed_packet);
    EXPECT_EQ(reason_code_for(DecodeError::duplicate_property), ReasonCode::protocol_error);
    EXPECT_EQ(reason_code_for(DecodeError::unsupported_version), ReasonCode::unsupported_protocol_version);
    EXPECT_EQ(reason_code_for(DecodeError::bad_topic), ReasonCode::topic_name_invalid);
    EXPECT_EQ(reason_code_for(DecodeError::bad_topic_filter), ReasonCode::topic_filter_invalid);
    EXPECT_EQ(reason_code_for(Error(ParseError::unknown)), ReasonCode::unspecified_error);
    EXPECT_EQ(name(PacketType::unsuback), "UNSUBACK");
    EXPECT_EQ(name(ProtocolVersion::v311), "3.1.1");
}

}  // namespace
}  // namespace esl::mqtt
