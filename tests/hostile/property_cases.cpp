// Properties of MQTT 5: wrong packet, twice, out of range, past their block, too many.
#include <fmt/format.h>

#include "tests/hostile/hostile_case.hpp"

namespace esl::hostile {
namespace {

using mqtt::ReasonCode;

Bytes publish_with(const Bytes& properties) {
    return packet(0x30, Wire().text("t").varint(properties.size()).raw(properties).raw("m"));
}

Bytes connect_with(const Bytes& properties) {
    return packet(0x10,
                  Wire().text("MQTT").u8(5).u8(2).u16(60).varint(properties.size()).raw(properties).text("props"));
}

Bytes will_with(const Bytes& properties) {
    return packet(0x10, Wire()
                            .text("MQTT")
                            .u8(5)
                            .u8(6)
                            .u16(60)
                            .u8(0)
                            .text("props")
                            .varint(properties.size())
                            .raw(properties)
                            .text("w")
                            .text("m"));
}

}  // namespace

std::vector<Case> property_cases() {
    std::vector<Case> out;
    const auto publish = [&](const std::string& name, const Bytes& properties, ReasonCode reason) {
        out.push_back({"PUBLISH " + name, Before::v5, publish_with(properties), Outcome::disconnected, reason});
    };
    const auto connect = [&](const std::string& name, const Bytes& properties) {
        out.push_back({"CONNECT " + name, Before::nothing, connect_with(properties), Outcome::closed, {}});
    };
    const auto will = [&](const std::string& name, const Bytes& properties) {  // CVE-2023-3592
        out.push_back({"a will " + name, Before::nothing, will_with(properties), Outcome::closed, {}});
    };
    for (const unsigned id : {0x00U, 0x04U, 0x7EU, 0xFFU}) {
        publish(fmt::format("with property {:#x}, which is none", id), Bytes{static_cast<std::uint8_t>(id), 0},
                ReasonCode::malformed_packet);
    }
    publish("with alias 0", Wire().u8(0x23).u16(0), ReasonCode::protocol_error);
    publish("with an alias above the maximum", Wire().u8(0x23).u16(60'000), ReasonCode::topic_alias_invalid);
    publish("with two aliases", Wire().u8(0x23).u16(1).u8(0x23).u16(1), ReasonCode::protocol_error);
    publish("with a subscription identifier", Wire().u8(0x0B).u8(1), ReasonCode::protocol_error);
    publish("with subscription identifier 0", Wire().u8(0x0B).u8(0), ReasonCode::protocol_error);
    publish("with payload format 2", Wire().u8(0x01).u8(2), ReasonCode::protocol_error);
    publish("with two payload formats", Wire().u8(0x01).u8(0).u8(0x01).u8(0), ReasonCode::protocol_error);
    publish("with two expiries", Wire().u8(0x02).u32(1).u8(0x02).u32(1), ReasonCode::protocol_error);
    publish("with half an expiry", Wire().u8(0x02).u16(1), ReasonCode::malformed_packet);
    publish("with a session expiry", Wire().u8(0x11).u32(1), ReasonCode::malformed_packet);
    publish("with a will delay", Wire().u8(0x18).u32(1), ReasonCode::malformed_packet);
    publish("with a server keep-alive", Wire().u8(0x13).u16(1), ReasonCode::malformed_packet);
    publish("with a content type that is no UTF-8", Wire().u8(0x03).text("\xFF\xFE"), ReasonCode::malformed_packet);
    publish("with a user property whose value is missing", Wire().u8(0x26).text("k"), ReasonCode::malformed_packet);
    publish("with a user property past its block", Wire().u8(0x26).text("k").u16(100).raw("v"),
            ReasonCode::malformed_packet);
    publish("with a response topic that has a wildcard", Wire().u8(0x08).text("a/#"), ReasonCode::protocol_error);
    out.push_back({"PUBLISH with properties past its end", Before::v5,
                   packet(0x30, Wire().text("t").u8(100).u8(0x01).u8(0)), Outcome::disconnected,
                   ReasonCode::malformed_packet});
    out.push_back({"PUBLISH with a property length of five bytes", Before::v5,
                   packet(0x30, Wire().text("t").u32(0xFFFFFFFF).u8(1)), Outcome::disconnected,
                   ReasonCode::malformed_packet});
    out.push_back({"PUBLISH by an alias that was never set", Before::v5,
                   packet(0x30, Wire().text("").u8(3).u8(0x23).u16(5)), Outcome::disconnected,
                   ReasonCode::protocol_error});
    out.push_back({"SUBSCRIBE with identifier 0", Before::v5,
                   packet(0x82, Wire().u16(1).u8(2).u8(0x0B).u8(0).text("t").u8(0)), Outcome::disconnected,
                   ReasonCode::protocol_error});
    out.push_back({"SUBSCRIBE with an identifier of five bytes",
                   Before::v5,
                   packet(0x82, Wire().u16(1).u8(6).u8(0x0B).u32(0xFFFFFFFF).u8(1).text("t").u8(0)),
                   Outcome::closed,
                   {}});
    out.push_back({"UNSUBSCRIBE with an identifier",
                   Before::v5,
                   packet(0xA2, Wire().u16(1).u8(2).u8(0x0B).u8(1).text("t")),
                   Outcome::closed,
                   {}});
    connect("with receive maximum 0", Wire().u8(0x21).u16(0));
    connect("with two receive maxima", Wire().u8(0x21).u16(1).u8(0x21).u16(1));
    connect("with maximum packet size 0", Wire().u8(0x27).u32(0));
    connect("with request problem information 2", Wire().u8(0x17).u8(2));
    connect("with request response information 2", Wire().u8(0x19).u8(2));
    connect("with two session expiries", Wire().u8(0x11).u32(1).u8(0x11).u32(2));
    connect("with authentication data and no method", Wire().u8(0x16).u16(1).u8(0));
    connect("with a topic alias", Wire().u8(0x23).u16(1));
    connect("with a reason string", Wire().u8(0x1F).text("why"));
    connect("with a property that ends early", Wire().u8(0x11).u16(1));  // CVE-2021-34431, CVE-2017-7654
    will("with a session expiry", Wire().u8(0x11).u32(1));
    will("with two delays", Wire().u8(0x18).u32(1).u8(0x18).u32(1));
    will("with a topic alias", Wire().u8(0x23).u16(1));
    will("with payload format 9", Wire().u8(0x01).u8(9));
    will("with a property that ends early", Wire().u8(0x18).u16(1));
    will("with a response topic that has a wildcard", Wire().u8(0x08).text("#"));
    // CVE-2021-41039: their number costs no more than their bytes.
    Wire users;
    while (users.size() < 900'000) users.u8(0x26).text("k").text("v");
    out.push_back({"a PUBLISH of 128,000 user properties", Before::v5, publish_with(users), Outcome::ignored, {}});
    return out;
}

}  // namespace esl::hostile
