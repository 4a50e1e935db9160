// Acknowledgements of what was never sent, and endings.
#include <fmt/format.h>

#include "tests/hostile/hostile_case.hpp"

namespace esl::hostile {

using mqtt::ReasonCode;

std::vector<Case> acknowledgement_cases() {
    std::vector<Case> out;
    struct Kind {
        const char* name;
        unsigned first;
    };
    const Kind kinds[] = {{"PUBACK", 0x40}, {"PUBREC", 0x50}, {"PUBREL", 0x62}, {"PUBCOMP", 0x70}};
    for (const auto& [name, first] : kinds) {
        for (const unsigned id : {1U, 49'152U, 65'535U}) {
            // Unknown ids are nothing, or what is left of an older connection; a PUBREL is answered.
            out.push_back({fmt::format("{} for id {} that was never used, in 3.1.1", name, id),
                           Before::v311,
                           packet(first, Wire().u16(id)),
                           Outcome::ignored,
                           {}});
            out.push_back({fmt::format("{} for id {} that was never used, in 5.0", name, id),
                           Before::v5,
                           packet(first, Wire().u16(id)),
                           Outcome::ignored,
                           {}});
        }
        // mosquitto #3674: unknown acknowledgements must not raise the send quota, nor leave anything behind.
        Wire flood;
        for (unsigned i = 0; i < 5'000; ++i) flood.raw(packet(first, Wire().u16(i % 65'535 + 1)));
        out.push_back({fmt::format("5,000 times {} for nothing", name), Before::v311, flood, Outcome::ignored, {}});
        out.push_back({fmt::format("{} for id 0", name), Before::v5, packet(first, Wire().u16(0)),
                       Outcome::disconnected, ReasonCode::protocol_error});
        out.push_back({fmt::format("{} with a reason that is none", name),
                       Before::v5,
                       packet(first, Wire().u16(1).u8(0x55)),
                       Outcome::closed,
                       {}});
        out.push_back({fmt::format("{} of three bytes in 3.1.1", name),
                       Before::v311,
                       packet(first, Wire().u16(1).u8(0)),
                       Outcome::closed,
                       {}});
        out.push_back({fmt::format("{} with properties past its end", name),
                       Before::v5,
                       packet(first, Wire().u16(1).u8(0).u8(20).u8(0x1F)),
                       Outcome::closed,
                       {}});
        out.push_back({fmt::format("{} with a property that it may not have", name),
                       Before::v5,
                       packet(first, Wire().u16(1).u8(0).u8(2).u8(0x24).u8(1)),
                       Outcome::closed,
                       {}});
    }
    out.push_back({"DISCONNECT that raises the expiry of a session that had none", Before::v5,
                   packet(0xE0, Wire().u8(0).u8(5).u8(0x11).u32(100)), Outcome::disconnected,
                   ReasonCode::protocol_error});
    out.push_back(
        {"DISCONNECT with a reason for servers", Before::v5, packet(0xE0, Wire().u8(0x8D)), Outcome::closed, {}});
    out.push_back({"DISCONNECT and more behind it",
                   Before::v311,
                   Wire().raw(packet(0xE0, {})).raw(packet(0x30, Wire().text("t"))),
                   Outcome::closed,
                   {}});
    return out;
}

}  // namespace esl::hostile
