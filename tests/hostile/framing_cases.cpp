// Lengths, types and flags of the fixed header; packets that are for servers; first packets that are no CONNECT.
#include <fmt/format.h>

#include "tests/hostile/hostile_case.hpp"

namespace esl::hostile {
namespace {

using mqtt::ReasonCode;

// Types 1-15 with the flags that the standard gives them [MQTT-2.2.2-1].
constexpr unsigned kFlags[16] = {0, 0, 0, 0, 0, 0, 2, 0, 2, 0, 2, 0, 0, 0, 0, 0};
constexpr const char* kNames[16] = {"reserved type 0", "CONNECT",  "CONNACK",    "PUBLISH", "PUBACK",      "PUBREC",
                                    "PUBREL",          "PUBCOMP",  "SUBSCRIBE",  "SUBACK",  "UNSUBSCRIBE", "UNSUBACK",
                                    "PINGREQ",         "PINGRESP", "DISCONNECT", "AUTH"};

}  // namespace

std::vector<Case> framing_cases() {
    std::vector<Case> out;
    for (const auto before : {Before::nothing, Before::v311, Before::v5}) {
        const char* when = before == Before::nothing ? "first" : before == Before::v311 ? "in 3.1.1" : "in 5.0";
        // CVE-2023-0809: nothing may be reserved for a first packet that is no CONNECT.
        const auto add = [&](const std::string& what, const Bytes& bytes) {
            out.push_back({fmt::format("{}, {}", what, when), before, bytes, Outcome::closed, {}});
        };
        add("length of five bytes", Wire().u8(0x30).u32(0xFFFFFFFF).u8(0x7F));  // CVE-2026-21888
        add("length of five bytes with zeros", Wire().u8(0x30).u32(0x80808080).u8(0x00));
        add("length that wraps at 32 bits", Wire().u8(0x10).u32(0xFFFFFFFF).u8(0x0F));  // CVE-2025-66168
        add("length not in its shortest form", Wire().u8(0xC0).u8(0x80).u8(0x00));
        add("length of 268,435,455 and no body", Wire().u8(0x30).u32(0xFFFFFF7F));  // CVE-2017-7651
        add("reserved type 0", packet(0x00, {}));
        add("HTTP", Wire().raw("GET / HTTP/1.1\r\nHost: broker\r\n\r\n"));
        add("TLS hello", Wire().u8(0x16).u16(0x0301).u16(512).raw(std::string(64, '\1')));
        add("SSH", Wire().raw("SSH-2.0-OpenSSH_9.2\r\n"));
        add("PROXY v2 with a length past its end",  // mosquitto #3435
            Wire().raw("\r\n\r\n").u8(0).raw("\r\nQUIT\n").u16(0x2111).u16(0xFFFF));
        add("zeros", Bytes(512, 0));
        add("ones", Bytes(512, 0xFF));
    }
    for (unsigned type = 2; type < 16; ++type) {
        out.push_back({fmt::format("{} before CONNECT", kNames[type]),
                       Before::nothing,
                       packet(type << 4 | kFlags[type], type == 3 ? Bytes(Wire().text("t")) : Bytes{0, 1}),
                       Outcome::closed,
                       {}});
    }
    // CVE-2021-28166: packets that only servers send.
    for (const unsigned type : {2U, 9U, 11U, 13U}) {
        const Bytes body = type == 13 ? Bytes{} : type == 2 ? Bytes{0, 0} : Bytes{0, 1, 0};
        const Bytes body5 = type == 13 ? Bytes{} : type == 2 ? Bytes{0, 0, 0} : Bytes{0, 1, 0, 0};
        out.push_back({fmt::format("{} from a client in 3.1.1", kNames[type]),
                       Before::v311,
                       packet(type << 4, body),
                       Outcome::closed,
                       {}});
        out.push_back({fmt::format("{} from a client in 5.0", kNames[type]), Before::v5, packet(type << 4, body5),
                       Outcome::disconnected, ReasonCode::protocol_error});
    }
    // Wrong flags of each type, every wrong one.
    for (unsigned type = 4; type < 15; ++type) {
        if (type == 9 || type == 11 || type == 13) continue;
        for (const unsigned flags : {1U, 4U, 15U}) {
            if (flags == kFlags[type]) continue;
            out.push_back({fmt::format("{} with flags {:#x}", kNames[type], flags), Before::v5,
                           packet(type << 4 | flags, Bytes{0, 1}), Outcome::disconnected,
                           ReasonCode::malformed_packet});
        }
    }
    // A field missing at the exact end of the buffer (NanoMQ #2268, #2270).
    for (unsigned type = 3; type < 11; ++type) {
        if (type == 9) continue;
        for (const auto before : {Before::v311, Before::v5}) {
            const char* version = before == Before::v5 ? "5.0" : "3.1.1";
            out.push_back({fmt::format("{} without a body in {}", kNames[type], version),
                           before,
                           packet(type << 4 | kFlags[type], {}),
                           Outcome::closed,
                           {}});
            out.push_back({fmt::format("{} of one byte in {}", kNames[type], version),
                           before,
                           packet(type << 4 | kFlags[type], {0}),
                           Outcome::closed,
                           {}});
        }
    }
    out.push_back({"PINGREQ with a body", Before::v311, packet(0xC0, {0}), Outcome::closed, {}});
    out.push_back({"DISCONNECT with a body in 3.1.1", Before::v311, packet(0xE0, {0}), Outcome::closed, {}});
    out.push_back({"AUTH in 3.1.1", Before::v311, packet(0xF0, {}), Outcome::closed, {}});
    out.push_back({"AUTH without a method in 5.0", Before::v5, packet(0xF0, {}), Outcome::disconnected,
                   ReasonCode::protocol_error});
    out.push_back({"a packet above the limit after CONNECT", Before::v5, Wire().u8(0x30).varint(2UL << 20),
                   Outcome::disconnected, ReasonCode::packet_too_large});
    out.push_back({"a packet above the limit before CONNECT",
                   Before::nothing,
                   Wire().u8(0x10).varint(64 * 1024),
                   Outcome::closed,
                   {}});
    Wire pings;
    for (int i = 0; i < 2'000; ++i) pings.u16(0xC000);
    out.push_back({"two thousand pings at once", Before::v311, pings, Outcome::ignored, {}});
    return out;
}

}  // namespace esl::hostile
