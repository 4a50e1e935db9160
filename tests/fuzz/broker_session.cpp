// Arbitrary bytes from one client, in both modes, to the session core: whatever comes, it answers or closes.
#include <spdlog/spdlog.h>

#include "broker/core/hub.hpp"

namespace {

using namespace esl;          // NOLINT: a fuzz target is one page
using namespace esl::broker;  // NOLINT

class OneLink final : public Link {
public:
    Bytes& output() override { return out; }
    [[nodiscard]] std::size_t backlog() const override { return out.size(); }
    void close(CloseCause) override { closed = true; }
    void set_keep_alive(std::chrono::seconds) override {}
    void take_what_came() override {}
    [[nodiscard]] bool dead_or_silent() const override { return false; }
    [[nodiscard]] std::string peer() const override { return "192.0.2.1:1"; }
    void hold_reading(bool) override {}
    void hold_output(bool) override {}

    Bytes out;
    bool closed = false;
};

class NoPeers final : public Peers {
public:
    [[nodiscard]] ShardId self() const override { return 0; }
    [[nodiscard]] ShardId count() const override { return 1; }
    [[nodiscard]] ShardId home_of(std::string_view) const override { return 0; }
    void post(ShardId, PeerMessage&&) override {}
    void tell(ShardId, InterestChange) override {}
};

// What the broker sends must be MQTT, whatever it was sent.
void check_output(const Bytes& out, mqtt::ProtocolVersion version) {
    std::size_t at = 0;
    while (at < out.size()) {
        const auto unframed = mqtt::unframe(BytesView(out).subspan(at), 1UL << 28);
        if (!unframed || !unframed->complete() || !mqtt::decode_any(unframed->frame, version)) __builtin_trap();
        at += unframed->frame.size;
    }
}

void play(Mode mode, BytesView bytes) {
    const SystemClock clock;
    const auto settings = Settings::defaults(mode);
    NoPeers peers;
    SharedIds ids;
    auto registry = std::make_shared<Registry>();
    static_cast<void>(registry->add_group("GID_test"));
    static_cast<void>(registry->add_parent("esl_task"));
    Hub hub({.settings = settings, .clock = clock, .peers = peers, .store = nullptr, .ids = ids, .on_stored = {}},
            registry);
    OneLink link;
    Session* session = nullptr;
    auto version = mqtt::ProtocolVersion::v311;
    std::size_t at = 0;
    while (at < bytes.size() && !link.closed) {
        const auto unframed = mqtt::unframe(bytes.subspan(at), settings.limits.packet);
        if (!unframed) {
            if (session != nullptr) hub.reject(*session, unframed.error());
            break;
        }
        if (!unframed->complete()) break;
        at += unframed->frame.size;
        if (session != nullptr) {
            if (!hub.packet(*session, unframed->frame)) break;
            continue;
        }
        const auto connect = mqtt::decode_connect(unframed->frame);
        if (!connect) break;
        version = connect->version;
        session = hub.connect(link, *connect);
    }
    check_output(link.out, version);
    if (session != nullptr && !link.closed) hub.lost(*session, CloseCause::closed_by_client);
    hub.tick();
    hub.end_turn();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    spdlog::set_level(spdlog::level::off);
    play(Mode::apsara, {data, size});
    play(Mode::standard, {data, size});
    return 0;
}
