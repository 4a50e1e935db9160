// WebSocket as MQTT wants it (RFC 6455; MQTT 5.0, section 6): the HTTP upgrade, then binary frames.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "broker/net/layer.hpp"
#include "broker/net/websocket_frames.hpp"

namespace esl::broker::websocket {

constexpr std::size_t kHeaderMost = 8 * 1024;  // of the upgrade request

struct UpgradeRules {
    std::vector<std::string> paths{"/mqtt", "/"};  // a query behind it is not looked at
    std::vector<std::string> origins{};            // "https://shop.example"; empty: any, and none at all

    bool operator==(const UpgradeRules&) const = default;
};

struct UpgradeAnswer {
    std::string response;  // HTTP, to the last byte
    std::string refusal;   // why, for the log; empty: it is a WebSocket now
};

// `request`: from "GET" to the empty line, both included.
[[nodiscard]] UpgradeAnswer answer_upgrade(std::string_view request, const UpgradeRules& rules);
// Of "Sec-WebSocket-Key" (section 4.2.2).
[[nodiscard]] std::string accept_of(std::string_view key);

class WebSocketLayer final : public Layer {
public:
    // `rules` outlive the layer.
    explicit WebSocketLayer(const UpgradeRules& rules) : rules_(rules) {}

    [[nodiscard]] Result<> receive(BytesView wire, Bytes& plain, Bytes& answer) override;
    void send(BytesView plain, Bytes& wire) override;
    void finish(CloseCause cause, Bytes& wire) override;

private:
    enum class State : std::uint8_t { upgrading, open, over };

    [[nodiscard]] Result<> upgrade(BytesView& wire, Bytes& answer);

    const UpgradeRules& rules_;
    std::string request_;  // until it is complete
    FrameReader frames_;
    State state_ = State::upgrading;
};

}  // namespace esl::broker::websocket
