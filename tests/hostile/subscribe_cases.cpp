// SUBSCRIBE and UNSUBSCRIBE: filters, options, shared subscriptions, depth.
#include <fmt/format.h>

#include "tests/hostile/hostile_case.hpp"

namespace esl::hostile {

using mqtt::ReasonCode;

std::vector<Case> subscribe_cases() {
    std::vector<Case> out;
    const char* const bad[] = {"a/#/b", "a#", "#/a", "a+/b", "+a", "a/b+", "/#/", "##", "++", "#+", "+#", "a/b#"};
    for (const auto before : {Before::v311, Before::v5}) {
        const bool v5 = before == Before::v5;
        const char* version = v5 ? "5.0" : "3.1.1";
        const auto body = [&](std::string_view filter, unsigned options) {
            Wire wire;
            wire.u16(1);
            if (v5) wire.u8(0);
            return Bytes(wire.text(filter).u8(options));
        };
        const auto unsubscribe = [&](std::string_view filter) {
            Wire wire;
            wire.u16(1);
            if (v5) wire.u8(0);
            return Bytes(wire.text(filter));
        };
        const auto add = [&](const std::string& name, unsigned first, const Bytes& bytes) {
            out.push_back({fmt::format("{} in {}", name, version), before, packet(first, bytes), Outcome::closed, {}});
        };
        for (const char* filter : bad) add(fmt::format("SUBSCRIBE to {}", filter), 0x82, body(filter, 0));
        for (const char* filter : {"a/#/b", "a#", ""}) {
            add(fmt::format("UNSUBSCRIBE from '{}'", filter), 0xA2, unsubscribe(filter));
        }
        add("SUBSCRIBE to nothing", 0x82, body("", 0));
        add("SUBSCRIBE without a filter", 0x82, v5 ? Bytes{0, 1, 0} : Bytes{0, 1});
        add("UNSUBSCRIBE without a filter", 0xA2, v5 ? Bytes{0, 1, 0} : Bytes{0, 1});
        add("SUBSCRIBE with packet id 0", 0x82,
            v5 ? Wire().u16(0).u8(0).text("t").u8(0) : Wire().u16(0).text("t").u8(0));
        add("UNSUBSCRIBE with packet id 0", 0xA2, v5 ? Wire().u16(0).u8(0).text("t") : Wire().u16(0).text("t"));
        add("SUBSCRIBE at QoS 3", 0x82, body("t", 3));
        add("SUBSCRIBE with reserved bits", 0x82, body("t", v5 ? 0xC0 : 0x04));
        add("SUBSCRIBE without its options", 0x82, unsubscribe("t"));
        add("SUBSCRIBE with a filter past its end", 0x82,
            v5 ? Wire().u16(1).u8(0).u16(50).raw("abc") : Wire().u16(1).u16(50).raw("abc"));
        add("SUBSCRIBE with U+0000", 0x82, body(std::string_view("a\0b", 3), 0));
        add("SUBSCRIBE with U+110000", 0x82, body("\xF4\x90\x80\x80", 0));
        add("SUBSCRIBE to $share/", 0x82, body("$share/", 0));
        add("SUBSCRIBE to $share/g", 0x82, body("$share/g", 0));
        add("SUBSCRIBE to $share/g/", 0x82, body("$share/g/", 0));
        add("SUBSCRIBE to $share//t", 0x82, body("$share//t", 0));
        add("SUBSCRIBE to $share/g+/t", 0x82, body("$share/g+/t", 0));
        // CVE-2019-11779: 65,000 levels.
        for (const char* what : {"/", "+/"}) {
            std::string deep;
            while (deep.size() + 2 < 65'000) deep += what;
            if (deep.ends_with('/')) deep.pop_back();
            out.push_back({fmt::format("SUBSCRIBE to {} bytes of '{}' in {}", deep.size(), what, version), before,
                           packet(0x82, body(deep, 0)), Outcome::answered, ReasonCode::topic_filter_invalid});
        }
        // CVE-2024-8376: orders that nobody expects.
        out.push_back({fmt::format("UNSUBSCRIBE from what was never subscribed in {}", version),
                       before,
                       packet(0xA2, unsubscribe("never")),
                       Outcome::ignored,
                       {}});
        Wire storm;
        for (unsigned i = 1; i <= 200; ++i) {
            storm.raw(packet(0x82, body("storm/#", 2))).raw(packet(0xA2, unsubscribe("storm/#")));
        }
        out.push_back({fmt::format("200 times SUBSCRIBE and UNSUBSCRIBE at once in {}", version),
                       before,
                       storm,
                       Outcome::ignored,
                       {}});
        Wire many;
        many.u16(1);
        if (v5) many.u8(0);
        for (int i = 0; i < 2'000; ++i) many.text("many/" + std::to_string(i)).u8(0);
        out.push_back({fmt::format("SUBSCRIBE with 2,000 filters in {}", version), before, packet(0x82, many),
                       Outcome::answered, ReasonCode::quota_exceeded});
    }
    out.push_back({"SUBSCRIBE with retain handling 3", Before::v5, packet(0x82, Wire().u16(1).u8(0).text("t").u8(0x30)),
                   Outcome::disconnected, ReasonCode::protocol_error});
    out.push_back({"no local on a shared subscription", Before::v5,
                   packet(0x82, Wire().u16(1).u8(0).text("$share/g/t").u8(0x04)), Outcome::disconnected,
                   ReasonCode::protocol_error});
    return out;
}

}  // namespace esl::hostile
