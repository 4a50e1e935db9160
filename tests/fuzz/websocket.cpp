// WebSocket, the server's side: the first byte says how the rest is cut into reads. However it is cut, the outcome is
// the same, and nothing that comes out was not in it.
#include <cstdlib>

#include "broker/net/websocket.hpp"

using namespace esl;
using namespace esl::broker;

namespace {

void check(bool right) {
    if (!right) std::abort();
}

struct Outcome {
    Bytes plain;
    Bytes answer;
    std::string error;
    bool operator==(const Outcome&) const = default;
};

template <class Read>
Outcome read_in_parts(BytesView wire, std::size_t part, Read read) {
    Outcome out;
    while (!wire.empty()) {
        const auto here = std::min(part, wire.size());
        if (const auto good = read(wire.first(here), out.plain, out.answer); !good) {
            out.error = good.error().message();
            break;
        }
        wire = wire.subspan(here);
    }
    return out;
}

Outcome through_frames(BytesView wire, std::size_t part) {
    websocket::FrameReader reader;
    return read_in_parts(wire, part, [&](BytesView in, Bytes& plain, Bytes& answer) {
        auto good = reader.read(in, plain, answer);
        check(good.has_value() != reader.over());
        return good;
    });
}

Outcome through_layer(BytesView wire, std::size_t part) {
    static const websocket::UpgradeRules rules;
    websocket::WebSocketLayer layer(rules);
    return read_in_parts(wire, part,
                         [&](BytesView in, Bytes& plain, Bytes& answer) { return layer.receive(in, plain, answer); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t part = 1 + data[0] % 61;
    const BytesView wire(data + 1, size - 1);
    for (const auto through : {&through_frames, &through_layer}) {
        const Outcome whole = through(wire, wire.size());
        check(whole == through(wire, part));
        check(whole.plain.size() <= wire.size());
        // A pong is as long as its ping but for the mask; a close frame or an HTTP answer comes once.
        check(whole.answer.size() <= wire.size() + 512);
    }
    return 0;
}
