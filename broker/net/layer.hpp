// What stands between the socket's bytes and MQTT's on every listener that is not plain TCP: TLS, WebSocket, or both.
// Without I/O: bytes in, bytes out.
#pragma once

#include <memory>
#include <utility>

#include "broker/core/link.hpp"
#include "broker/ports/authenticator.hpp"
#include "common/core/bytes.hpp"

namespace esl::broker {

enum class LayerError : std::uint8_t {
    closed,     // the other end has said goodbye in the layer's own way
    handshake,  // no TLS session came about
    refused,    // no WebSocket came about
    violation,  // the other end broke the rules of a layer that stood
};

constexpr std::string_view describe(LayerError e) {
    switch (e) {
        case LayerError::closed:
            return "closed by client";
        case LayerError::handshake:
            return "TLS handshake";
        case LayerError::refused:
            return "WebSocket refused";
        case LayerError::violation:
            return "protocol violation";
    }
    return "layer";
}

// One connection's. Used by one thread at a time; may be handed from shard to shard between calls.
class Layer {
public:
    virtual ~Layer() = default;

    // Takes what was read from the socket. Appends MQTT's bytes to `plain` and what the other end is owed to `answer`,
    // also when it fails: both are good then, and the connection has to end once `answer` has left.
    [[nodiscard]] virtual Result<> receive(BytesView wire, Bytes& plain, Bytes& answer) = 0;
    // Nothing is sent before receive() has given MQTT's bytes, nor after finish().
    virtual void send(BytesView plain, Bytes& wire) = 0;
    // The last word. Does nothing when there is nobody to hear it; may be called again.
    virtual void finish(CloseCause cause, Bytes& wire) = 0;
    // receive() will compute with public keys: a tenth of a millisecond to one, not a microsecond.
    [[nodiscard]] virtual bool costly() const { return false; }
    [[nodiscard]] virtual bool resumed() const { return false; }
    // Null: none was shown. Valid as long as the layer.
    [[nodiscard]] virtual const PeerCertificate* certificate() const { return nullptr; }

    // MQTT's bytes of this turn, which send() gets at its end. For the connection's use alone.
    Bytes outgoing;
};

// `inner` inside `outer`: WebSocket inside TLS.
class StackedLayer final : public Layer {
public:
    StackedLayer(std::unique_ptr<Layer> outer, std::unique_ptr<Layer> inner)
        : outer_(std::move(outer)), inner_(std::move(inner)) {}

    [[nodiscard]] Result<> receive(BytesView wire, Bytes& plain, Bytes& answer) override {
        Bytes middle;
        const auto outer = outer_->receive(wire, middle, answer);
        if (middle.empty()) return outer;
        Bytes inner_answer;
        const auto inner = inner_->receive(middle, plain, inner_answer);
        if (!inner_answer.empty()) outer_->send(inner_answer, answer);
        return outer ? inner : outer;
    }
    void send(BytesView plain, Bytes& wire) override {
        Bytes middle;
        inner_->send(plain, middle);
        outer_->send(middle, wire);
    }
    void finish(CloseCause cause, Bytes& wire) override {
        Bytes middle;
        inner_->finish(cause, middle);
        if (!middle.empty()) outer_->send(middle, wire);
        outer_->finish(cause, wire);
    }
    [[nodiscard]] bool costly() const override { return outer_->costly(); }
    [[nodiscard]] bool resumed() const override { return outer_->resumed(); }
    [[nodiscard]] const PeerCertificate* certificate() const override { return outer_->certificate(); }

private:
    std::unique_ptr<Layer> outer_;
    std::unique_ptr<Layer> inner_;
};

}  // namespace esl::broker
