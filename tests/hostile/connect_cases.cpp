// CONNECT: names, levels, flags, what is missing, wills.
#include <fmt/format.h>

#include "tests/hostile/hostile_case.hpp"

namespace esl::hostile {
namespace {

using mqtt::ReasonCode;

Wire head(unsigned level, unsigned flags, unsigned keep_alive = 60) {
    return Wire().text("MQTT").u8(level).u8(flags).u16(keep_alive);
}

}  // namespace

std::vector<Case> connect_cases() {
    std::vector<Case> out;
    const auto closed = [&](const std::string& name, const Bytes& body, unsigned first = 0x10) {
        out.push_back({"CONNECT " + name, Before::nothing, packet(first, body), Outcome::closed, {}});
    };
    const auto refused = [&](const std::string& name, const Bytes& body, ReasonCode reason) {
        out.push_back({"CONNECT " + name, Before::nothing, packet(0x10, body), Outcome::refused, reason});
    };
    closed("with flags in its first byte", head(4, 2).text("c"), 0x11);
    closed("with another protocol's name", Wire().text("AMQP").u8(4).u8(2).u16(60).text("c"));
    closed("with a name in small letters", Wire().text("mqtt").u8(4).u8(2).u16(60).text("c"));
    closed("with MQIsdp and level 4", Wire().text("MQIsdp").u8(4).u8(2).u16(60).text("c"));
    closed("with an empty name", Wire().text("").u8(4).u8(2).u16(60).text("c"));
    closed("with a name of 65,535 bytes that does not come", Wire().u16(0xFFFF).raw("MQTT"));
    for (const unsigned level : {0U, 1U, 2U, 6U, 127U, 131U, 132U, 255U})
        closed(fmt::format("with level {}", level), head(level, 2).text("c"));
    closed("with the reserved flag", head(4, 3).text("c"));
    closed("with the reserved flag in 5.0", head(5, 3).u8(0).text("c"));
    closed("with a will of QoS 3", head(4, 0x1E).text("c").text("w").text("m"));
    closed("with a will of QoS 3 in 5.0", head(5, 0x1E).u8(0).text("c").u8(0).text("w").text("m"));
    closed("with a will's QoS and no will", head(4, 0x0A).text("c"));
    closed("with a will's retain and no will", head(4, 0x22).text("c"));
    closed("with a password and no user in 3.1.1", head(4, 0x42).text("c").text("p"));
    closed("without a user that its flags announce", head(4, 0x82).text("c"));  // CVE-2026-32696
    closed("without a password that its flags announce", head(4, 0xC2).text("c").text("u"));
    closed("without a will that its flags announce", head(4, 0x06).text("c"));
    closed("without the payload of its will", head(4, 0x06).text("c").text("w"));
    closed("with a will to an empty topic", head(4, 0x06).text("c").text("").text("m"));
    closed("with a will to a wildcard", head(4, 0x06).text("c").text("a/#").text("m"));
    closed("with a will to a topic with a plus", head(5, 0x06).u8(0).text("c").u8(0).text("a/+").text("m"));
    closed("with a client id cut off", head(4, 2).u16(10).raw("abc"));
    closed("without a client id field", head(4, 2));
    closed("with a byte too many", head(4, 2).text("c").u8(0));
    closed("with a byte too many in 5.0", head(5, 2).u8(0).text("c").u8(0));
    closed("with U+0000 in its client id", head(4, 2).text(std::string_view("a\0b", 3)));
    closed("with a surrogate in its client id", head(4, 2).text("\xED\xA0\x80"));
    closed("with an overlong form in its client id", head(4, 2).text("\xC0\xAF"));
    closed("with U+110000 in its user name", head(4, 0x82).text("c").text("\xF4\x90\x80\x80"));
    closed("with half a code point at the end", head(4, 2).text("abc\xE2\x82"));
    refused("with an empty id and no clean session", head(4, 0).text(""), ReasonCode::client_identifier_not_valid);
    refused("with an id of 1,025 bytes in 5.0", head(5, 2).u8(0).text(std::string(1'025, 'i')),
            ReasonCode::client_identifier_not_valid);
    refused("with an authentication method nobody offers", head(5, 2).u8(7).u8(0x15).text("SCRA").text("c"),
            ReasonCode::bad_authentication_method);
    for (std::size_t cut = 1; cut < 14; cut += 2) {
        const Bytes whole = head(4, 2).text("cut");
        closed(fmt::format("that ends after {} bytes", cut),
               Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut)));
    }
    for (const auto before : {Before::v311, Before::v5}) {
        const bool v5 = before == Before::v5;
        const Bytes again = v5 ? Bytes(head(5, 2).u8(0).text("again")) : Bytes(head(4, 2).text("again"));
        out.push_back({fmt::format("a second CONNECT in {}", v5 ? "5.0" : "3.1.1"), before, packet(0x10, again),
                       v5 ? Outcome::disconnected : Outcome::closed, ReasonCode::protocol_error});
    }
    // CVE-2019-11778: a will that waits longer than its session lives.
    out.push_back(
        {"a will delay above the session's expiry",
         Before::nothing,
         packet(
             0x10,
             head(5, 0x06).u8(5).u8(0x11).u32(1).text("will-delay").u8(5).u8(0x18).u32(1'000'000).text("w").text("m")),
         Outcome::ignored,
         {}});
    // CVE-2020-13849 (SlowITe): the keep-alive may be anything; time to CONNECT and numbers are bounded apart from it.
    out.push_back({"the longest keep-alive",
                   Before::nothing,
                   packet(0x10, head(4, 2, 65'535).text("long")),
                   Outcome::ignored,
                   {}});
    return out;
}

}  // namespace esl::hostile
