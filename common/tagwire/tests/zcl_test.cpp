#include <gtest/gtest.h>

#include "common/tagwire/zcl.hpp"
#include "common/testing/testing.hpp"

namespace esl::tagwire::zcl {
namespace {

TEST(ZclFrame, HeaderWithAManufacturerIsTheseBytesBothWays) {
    const Bytes wire{0x15,        // cluster command, manufacturer, to the server, no default response
                     0x1A, 0xE5,  // manufacturer E51A
                     0x2A, 0x01,  // sequence, command
                     0xBE, 0xEF};
    Header header{Scope::cluster, Direction::to_server, true, 0xE51A, 0x2A, 0x01};
    EXPECT_EQ(encode_frame(header, Bytes{0xBE, 0xEF}), wire);
    const auto decoded = decode_frame(wire);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->header, header);
    EXPECT_EQ(to_hex(decoded->payload), "BEEF");
    for (std::size_t n = 0; n < 5; ++n) EXPECT_FALSE(decode_frame(BytesView{wire}.first(n))) << n;
}

TEST(ZclFrame, AnswersTurnTheDirectionAndKeepTheSequence) {
    const Header request{Scope::cluster, Direction::to_server, false, 0xE51A, 9, 2};
    const auto answer = answer_to(request, Scope::foundation, kDefaultResponse);
    EXPECT_EQ(to_hex(encode_frame(answer, encode_default_response({2, status::kSuccess}))), "1C1AE5090B0200");
}

TEST(ZclFrame, AReservedFrameTypeIsMalformed) {
    EXPECT_TRUE(decode_frame(Bytes{0x03, 0x01, 0x00}).error().is(WireError::malformed));
}

TEST(ZclAttributes, ReadIsTheListOfIds) {
    const Bytes wire{0x05, 0x00, 0x04, 0x00};
    EXPECT_EQ(encode_read_attributes({5, 4}), wire);
    EXPECT_EQ(decode_read_attributes(wire).value(), (std::vector<std::uint16_t>{5, 4}));
    EXPECT_FALSE(decode_read_attributes(BytesView{wire}.first(3)));
}

const Bytes kResponse{0x05, 0x00, 0x00, 0x42, 0x03, 'T', 'a', 'g',  // model id, success, text
                      0x00, 0x40, 0x86,                             // 4000, unsupported
                      0x07, 0x00, 0x00, 0x30, 0x03};                // power source, success, enum8

TEST(ZclAttributes, ResponseIsTheseBytesBothWays) {
    const std::vector<AttributeResult> results{
        {status::kSuccess, {0x0005, Type::text, std::string{"Tag"}}},
        {status::kUnsupportedAttribute, {0x4000, Type::u8, std::uint64_t{0}}},
        {status::kSuccess, {0x0007, Type::enum8, std::uint64_t{3}}},
    };
    EXPECT_EQ(encode_read_attributes_response(results), kResponse);
    EXPECT_EQ(decode_read_attributes_response(kResponse).value(), results);
}

TEST(ZclAttributes, ResponseCutInsideARowIsTruncated) {
    testing::for_every_truncation(kResponse, [](BytesView cut) {
        const bool between_rows = cut.empty() || cut.size() == 8 || cut.size() == 11;
        EXPECT_EQ(decode_read_attributes_response(cut).has_value(), between_rows) << cut.size();
    });
}

TEST(ZclAttributes, ReportIsTheseBytesBothWays) {
    const Bytes wire{0x10, 0x00, 0x23, 0x04, 0xCA, 0x06, 0x81,  // shown image 8106CA04
                     0x14, 0x00, 0x21, 0xB8, 0x0B};             // battery 3000 mV
    const std::vector<Attribute> attributes{{0x0010, Type::u32, std::uint64_t{0x8106CA04}},
                                            {0x0014, Type::u16, std::uint64_t{3000}}};
    EXPECT_EQ(encode_report_attributes(attributes), wire);
    EXPECT_EQ(decode_report_attributes(wire).value(), attributes);
    EXPECT_FALSE(decode_report_attributes(BytesView{wire}.first(wire.size() - 1)));
}

TEST(ZclAttributes, OfATypeNotKnownAreMalformedAtThatByte) {
    EXPECT_EQ(decode_report_attributes(Bytes{0x00, 0x00, 0x4C, 0x01}).error().message(),
              "malformed: attribute type at byte 2");
}

TEST(ZclAttributes, AStringWithoutAValueIsEmpty) {
    EXPECT_EQ(decode_report_attributes(Bytes{0x05, 0x00, 0x42, 0xFF}).value()[0].value,
              (std::variant<std::uint64_t, std::string>{std::string{}}));
}

}  // namespace
}  // namespace esl::tagwire::zcl
