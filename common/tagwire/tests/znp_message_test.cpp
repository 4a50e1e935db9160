#include <gtest/gtest.h>

#include "common/tagwire/znp/message.hpp"
#include "common/testing/testing.hpp"

namespace esl::tagwire::znp {
namespace {

struct Row {
    const char* name;
    Bytes data;
    Message message;
};

std::vector<Row> rows() {
    return {
        {"version of a Z-Stack 3.x.0",
         {0x02, 0x01, 0x02, 0x07, 0x01,  // transport, product, 2.7.1
          0x96, 0xDE, 0x34, 0x01},       // revision 20242070
         Message{
             Kind::srsp,
             "sys.version",
             {{"transport", 2}, {"product", 1}, {"major", 2}, {"minor", 7}, {"maint", 1}, {"revision", 0x0134DE96}}}},
        {"write of an NV item",
         {0x62, 0x00, 0x00, 0x00,   // item 0x62, offset 0
          0x02, 0x00, 0xAA, 0xBB},  // two bytes
         Message{Kind::sreq, "sys.osalNvWriteExt", {{"item", 0x62}, {"offset", 0}, {"value", Bytes{0xAA, 0xBB}}}}},
        {"register of an endpoint",
         {0x01, 0x04, 0x01, 0x05, 0x00, 0x00, 0x00,  // endpoint 1, profile 0104, device 5, version, latency
          0x02, 0x00, 0x00, 0x51, 0xFC,              // in: 0000, FC51
          0x00},                                     // out: none
         Message{Kind::sreq,
                 "af.register",
                 {{"endpoint", 1}, {"profile", 0x0104}, {"device", 5}, {"in", Words{0x0000, 0xFC51}}}}},
        {"data request",
         {0x34, 0x12, 0x01, 0x01, 0x51, 0xFC, 0x07, 0x00, 0x1E,  // to 1234/1 from 1, cluster FC51, transaction 7
          0x03, 0x18, 0x01, 0x0A},                               // three bytes
         Message{Kind::sreq,
                 "af.dataRequest",
                 {{"dst", 0x1234},
                  {"dstEndpoint", 1},
                  {"srcEndpoint", 1},
                  {"cluster", 0xFC51},
                  {"trans", 7},
                  {"radius", 30},
                  {"data", Bytes{0x18, 0x01, 0x0A}}}}},
        {"device announcement",
         {0x34, 0x12, 0x34, 0x12, 0x04, 0x03, 0x02, 0x01, 0x00, 0x4B, 0x12, 0x00, 0x80},
         Message{Kind::areq,
                 "zdo.endDeviceAnnceInd",
                 {{"src", 0x1234}, {"nwk", 0x1234}, {"ieee", 0x00124B0001020304ULL}, {"capabilities", 0x80}}}},
    };
}

TEST(ZnpMessage, FieldsAreTheseBytesBothWays) {
    for (const auto& row : rows()) {
        const auto frame = to_frame(row.message);
        EXPECT_EQ(to_hex(frame.data), to_hex(row.data)) << row.name;
        const auto decoded = decode(frame);
        ASSERT_TRUE(decoded) << row.name << ": " << decoded.error().message();
        EXPECT_EQ(*decoded, row.message) << row.name;
    }
}

TEST(ZnpMessage, EveryTruncationAndOneByteTooManyAreRefused) {
    for (const auto& row : rows()) {
        auto frame = to_frame(row.message);
        testing::for_every_truncation(row.data, [&](BytesView cut) {
            frame.data.assign(cut.begin(), cut.end());
            const auto decoded = decode(frame);
            ASSERT_FALSE(decoded) << row.name;
            EXPECT_TRUE(decoded.error().is(WireError::truncated)) << row.name;
        });
        frame.data = row.data;
        frame.data.push_back(0);
        ASSERT_FALSE(decode(frame)) << row.name;
        EXPECT_TRUE(decode(frame).error().is(WireError::trailing)) << row.name;
    }
}

TEST(ZnpMessage, OfAnUnknownCommandIsNamedByItsBytes) {
    EXPECT_EQ(decode({0x21, 0xEE, {}}).error().message(), "unknown command: znp command 21EE");
}

TEST(ZnpMessage, AskedForAFieldItHasNotIsAProgrammersMistake) {
    const Message ping{Kind::srsp, "sys.ping", {{"capabilities", 0x0779}}};
    EXPECT_EQ(ping.u16("capabilities"), 0x0779);
    EXPECT_THROW((void)ping.u16("status"), std::logic_error);
    EXPECT_THROW((void)ping.bytes("capabilities"), std::logic_error);
    EXPECT_THROW((Message{Kind::areq, "sys.ping"}), std::logic_error);
}

TEST(ZnpMessage, EveryRowOfTheTableSurvivesARoundTripOfZeroes) {
    for (const auto& definition : definitions()) {
        const Message message{definition.kind, definition.name};
        const auto decoded = decode(to_frame(message));
        ASSERT_TRUE(decoded) << definition.name;
        EXPECT_EQ(*decoded, message) << definition.name;
    }
}

TEST(ZnpMessage, TooLongForAFrameIsRefused) {
    const Message message{Kind::sreq, "af.dataRequestExt", {{"data", Bytes(240)}}};
    EXPECT_THROW((void)to_frame(message), std::length_error);
}

}  // namespace
}  // namespace esl::tagwire::znp
