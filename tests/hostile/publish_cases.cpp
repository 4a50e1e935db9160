// PUBLISH: topics, packet ids, sizes; reading and forging what is another client's.
#include <fmt/format.h>

#include "tests/hostile/hostile_case.hpp"

namespace esl::hostile {

using mqtt::ReasonCode;

std::vector<Case> publish_cases() {
    std::vector<Case> out;
    const auto both = [&](const std::string& name, unsigned first, const Bytes& topic, const Bytes& rest,
                          ReasonCode reason) {
        out.push_back({"PUBLISH " + name + " in 3.1.1",
                       Before::v311,
                       packet(first, Wire().raw(topic).raw(rest)),
                       Outcome::closed,
                       {}});
        const bool with_id = (first & 6) != 0;
        Bytes body = Wire().raw(topic);
        // Properties stand behind the packet id.
        const std::size_t id_bytes = with_id ? std::min<std::size_t>(2, rest.size()) : 0;
        body.insert(body.end(), rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(id_bytes));
        body.push_back(0);
        body.insert(body.end(), rest.begin() + static_cast<std::ptrdiff_t>(id_bytes), rest.end());
        out.push_back({"PUBLISH " + name + " in 5.0", Before::v5, packet(first, body), Outcome::disconnected, reason});
    };
    both("at QoS 3", 0x36, Wire().text("t"), Wire().u16(1), ReasonCode::malformed_packet);
    both("with packet id 0 at QoS 1", 0x32, Wire().text("t"), Wire().u16(0), ReasonCode::protocol_error);
    both("with packet id 0 at QoS 2", 0x34, Wire().text("t"), Wire().u16(0), ReasonCode::protocol_error);
    both("with DUP at QoS 0", 0x38, Wire().text("t"), Bytes{}, ReasonCode::malformed_packet);
    both("to a#b", 0x30, Wire().text("a#b"), Bytes{}, ReasonCode::topic_name_invalid);
    both("to #", 0x30, Wire().text("#"), Bytes{}, ReasonCode::topic_name_invalid);
    both("to a/+/b", 0x30, Wire().text("a/+/b"), Bytes{}, ReasonCode::topic_name_invalid);
    both("with U+0000 in its topic", 0x30, Wire().text(std::string_view("a\0b", 3)), Bytes{},
         ReasonCode::malformed_packet);
    both("with a surrogate in its topic", 0x30, Wire().text("\xED\xBF\xBF"), Bytes{}, ReasonCode::malformed_packet);
    both("with an overlong form in its topic", 0x30, Wire().text("\xE0\x80\xAF"), Bytes{},
         ReasonCode::malformed_packet);
    both("with U+110000 in its topic", 0x30, Wire().text("\xF4\x90\x80\x80"), Bytes{}, ReasonCode::malformed_packet);
    both("with a lone continuation byte", 0x30, Wire().text("a\x80"), Bytes{}, ReasonCode::malformed_packet);
    // CVE-2021-34432: topic length 0.
    out.push_back({"PUBLISH to nothing in 3.1.1", Before::v311, packet(0x30, Wire().text("")), Outcome::closed, {}});
    out.push_back({"PUBLISH to nothing without an alias in 5.0", Before::v5, packet(0x30, Wire().text("").u8(0)),
                   Outcome::disconnected, ReasonCode::protocol_error});
    for (const auto before : {Before::v311, Before::v5}) {
        const char* version = before == Before::v5 ? "5.0" : "3.1.1";
        out.push_back({fmt::format("PUBLISH with a topic past its end in {}", version),
                       before,
                       packet(0x30, Wire().u16(100).raw("abc")),
                       Outcome::closed,
                       {}});
        out.push_back({fmt::format("PUBLISH with a topic of 65,535 in a packet of 3 in {}", version),
                       before,
                       packet(0x30, Wire().u16(0xFFFF).u8('x')),
                       Outcome::closed,
                       {}});
        out.push_back({fmt::format("PUBLISH at QoS 1 without a packet id in {}", version),
                       before,
                       packet(0x32, Wire().text("t")),
                       Outcome::closed,
                       {}});
        out.push_back({fmt::format("PUBLISH at QoS 1 with half a packet id in {}", version),
                       before,
                       packet(0x32, Wire().text("t").u8(0)),
                       Outcome::closed,
                       {}});
    }
    // CVE-2018-12543: a topic of the server, other than $SYS.
    for (const char* topic : {"$SYS/broker/version", "$anything", "$", "$share/g/t"}) {
        out.push_back({fmt::format("PUBLISH to {} at QoS 0", topic),
                       Before::v5,
                       packet(0x30, Wire().text(topic).u8(0)),
                       Outcome::ignored,
                       {}});
        out.push_back({fmt::format("PUBLISH to {} at QoS 1", topic), Before::v5,
                       packet(0x32, Wire().text(topic).u16(7).u8(0)), Outcome::answered, ReasonCode::not_authorized});
    }
    std::string deep;
    for (int i = 0; i < 30'000; ++i) deep += '/';
    out.push_back({"PUBLISH to 30,001 levels", Before::v5, packet(0x32, Wire().text(deep).u16(7).u8(0)),
                   Outcome::answered, ReasonCode::topic_name_invalid});
    // CVE-2023-28366: the same QoS 2 id again and again.
    Wire again;
    for (int i = 0; i < 500; ++i) again.raw(packet(0x3C, Wire().text("t").u16(9).raw("m")));
    out.push_back({"the same QoS 2 id 500 times", Before::v311, again, Outcome::ignored, {}});
    Wire ids;
    for (unsigned i = 1; i <= 5'000; ++i) ids.raw(packet(0x34, Wire().text("t").u16(i)));
    out.push_back({"5,000 QoS 2 messages not released, which 3.1.1 allows", Before::v311, ids, Outcome::ignored, {}});
    Wire ids_and_properties;
    for (unsigned i = 1; i <= 5'000; ++i) ids_and_properties.raw(packet(0x34, Wire().text("t").u16(i).u8(0)));
    out.push_back({"5,000 QoS 2 messages never released", Before::v5, ids_and_properties, Outcome::closed, {}});
    // CVE-2024-42645, -2026-42209: retained messages in odd forms.
    out.push_back({"a retained message of nothing to a topic that has none",
                   Before::v311,
                   packet(0x31, Wire().text("never/kept")),
                   Outcome::ignored,
                   {}});
    out.push_back({"a retained message at QoS 2",
                   Before::v5,
                   packet(0x35, Wire().text("kept/once").u16(3).u8(0)),
                   Outcome::ignored,
                   {}});
    // Another's messages: nobody is heard by the victim who is not meant to be, see the victim's checks.
    out.push_back({"PUBLISH in the form of a P2P message to the victim, where P2P is off",
                   Before::v5_victim,
                   packet(0x30, Wire().text("any/p2p/victim").u8(0).raw("forged")),
                   Outcome::ignored,
                   {}});
    out.push_back({"an acknowledgement for a message of the victim's",
                   Before::v5_victim,
                   packet(0x40, Wire().u16(1)),
                   Outcome::ignored,
                   {}});
    return out;
}

}  // namespace esl::hostile
