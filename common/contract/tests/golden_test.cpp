// The bytes of docs/formats/contract.md, checked in both directions. Another implementation may be tested against them.
#include <gtest/gtest.h>

#include "common/contract/messages.hpp"

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

TEST(ContractGolden, Tasks) {
    Task t;
    t.tag = TagId::eui48(0xFFFF92103A07);
    t.version = 2;
    t.job = "j";
    t.image_id = 0x8106CA04;
    t.width = 5;
    t.height = 2;
    t.palette = image::Palette::bwry;
    t.image = {0xAA, 0xBB};
    t.epoch = 1;
    t.not_before = from_millis(1'767'225'600'000);
    const auto wire = join({
        "A3",  // map of 3
        "646B696E64",
        "657461736B73",  // "kind": "tasks"
        "657461736B73",
        "81",  // "tasks": list of 1
        "AA",  // map of 10
        "6565706F6368",
        "01",  // "epoch": 1
        "66686569676874",
        "02",  // "height": 2
        "65696D616765",
        "42AABB",  // "image": bytes
        "68696D6167655F6964",
        "1A8106CA04",  // "image_id"
        "636A6F62",
        "616A",  // "job": "j"
        "6A6E6F745F6265666F7265",
        "1B0000019B76DAA800",  // "not_before"
        "6770616C65747465",
        "6462777279",  // "palette": "bwry"
        "63746167",
        "6C464646463932313033413037",  // "tag": "FFFF92103A07"
        "6776657273696F6E",
        "02",  // "version": 2
        "657769647468",
        "05",  // "width": 5
        "6176",
        "01",  // "v": 1
    });
    EXPECT_EQ(to_hex(encode(Downlink{Tasks{{t}}})), to_hex(wire));
    EXPECT_EQ(decode_downlink(wire).value(), (Downlink{Tasks{{t}}}));
}

TEST(ContractGolden, Result) {
    TaskResult r;
    r.tag = TagId::eui64(0x00124B0001020304);
    r.version = 2;
    r.job = "j";
    r.state = TaskState::displayed;
    r.image_id = 0x8106CA04;
    r.epoch = 1;
    r.attempts = 1;
    r.at = from_millis(1'767'225'600'000);
    const auto wire = join({
        "A4",  // map of 4
        "626170",
        "6161",  // "ap": "a"
        "646B696E64",
        "66726573756C74",  // "kind": "result"
        "67726573756C7473",
        "81",  // "results": list of 1
        "A8",  // map of 8
        "626174",
        "1B0000019B76DAA800",  // "at"
        "68617474656D707473",
        "01",  // "attempts": 1
        "6565706F6368",
        "01",  // "epoch": 1
        "68696D6167655F6964",
        "1A8106CA04",  // "image_id"
        "636A6F62",
        "616A",  // "job": "j"
        "657374617465",
        "69646973706C61796564",  // "state": "displayed"
        "63746167",
        "7030303132344230303031303230333034",  // "tag": "00124B0001020304"
        "6776657273696F6E",
        "02",  // "version": 2
        "6176",
        "01",  // "v": 1
    });
    EXPECT_EQ(to_hex(encode(Uplink{ResultReport{"a", {r}}})), to_hex(wire));
    EXPECT_EQ(decode_uplink(wire).value(), (Uplink{ResultReport{"a", {r}}}));
}

TEST(ContractGolden, UnknownFieldsAreIgnored) {
    const auto wire = join({"A4", "646B696E64", "6474696D65",  // "kind": "time"
                            "636E6577", "83010203",            // "new": [1, 2, 3]
                            "636E6F77", "1B0000019B76DAA800",  // "now"
                            "6176", "01"});                    // "v": 1
    EXPECT_EQ(decode_downlink(wire).value(), Downlink{TimeNotice{from_millis(1'767'225'600'000)}});
}

}  // namespace
}  // namespace esl::contract
