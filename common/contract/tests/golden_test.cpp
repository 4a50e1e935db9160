// The bytes of docs/formats/contract.md, checked in both directions. Another implementation may be tested against them.
#include <gtest/gtest.h>

#include "common/contract/tests/golden_messages.hpp"

namespace esl::contract {
namespace {

Bytes join(std::initializer_list<std::string_view> hex) {
    Bytes out;
    for (const auto part : hex) {
        const auto raw = from_hex(part).value();
        out.insert(out.end(), raw.begin(), raw.end());
    }
    return out;
}

TEST(ContractGolden, UnknownFieldsAreIgnored) {
    const auto wire = join({"A4", "646B696E64", "6474696D65",  // "kind": "time"
                            "636E6577", "83010203",            // "new": [1, 2, 3]
                            "636E6F77", "1B0000019B76DAA800",  // "now"
                            "6176", "01"});                    // "v": 1
    EXPECT_EQ(decode_downlink(wire).value(), Downlink{TimeNotice{from_millis(1'767'225'600'000)}});
}

// A decoder that throws a field away, or an encoder that writes another, differs from the file.
TEST(ContractGolden, MessagesToAnApAreTheirFilesInBothDirections) {
    const std::pair<const char*, Downlink> rows[] = {{"lease", golden::lease()},
                                                     {"config", golden::config()},
                                                     {"tasks", golden::tasks()},
                                                     {"command", golden::command()}};
    for (const auto& [name, value] : rows) {
        const auto wire = golden::bytes_of(name);
        EXPECT_EQ(to_hex(encode(value)), to_hex(wire)) << name;
        const auto decoded = decode_downlink(wire);
        ASSERT_TRUE(decoded) << name << ": " << decoded.error().message();
        EXPECT_EQ(*decoded, value) << name;
    }
}

TEST(ContractGolden, MessagesOfAnApAreTheirFilesInBothDirections) {
    const std::pair<const char*, Uplink> rows[] = {{"result", golden::result()},   {"tags", golden::tags()},
                                                   {"hello", golden::hello()},     {"health", golden::health()},
                                                   {"offline", golden::offline()}, {"answer", golden::answer()}};
    for (const auto& [name, value] : rows) {
        const auto wire = golden::bytes_of(name);
        EXPECT_EQ(to_hex(encode(value)), to_hex(wire)) << name;
        const auto decoded = decode_uplink(wire);
        ASSERT_TRUE(decoded) << name << ": " << decoded.error().message();
        EXPECT_EQ(*decoded, value) << name;
    }
}

}  // namespace
}  // namespace esl::contract
