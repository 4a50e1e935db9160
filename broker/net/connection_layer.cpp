// A connection with TLS or WebSocket between the socket and MQTT.
#include <spdlog/spdlog.h>

#include "broker/net/connection.hpp"
#include "broker/net/shard.hpp"

namespace esl::broker {

void Connection::take_through_layer(BytesView wire) {
    auto& counters = shard_.counters();
    auto& plain = shard_.plain_;
    plain.clear();
    if (out_.capacity() == 0) out_ = shard_.take_buffer();
    const bool shaking = layer_->costly();
    const auto good = layer_->receive(wire, plain, out_);
    if (shaking && good && !layer_->costly()) {
        counters.tls_handshakes_total.add();
        if (layer_->resumed()) counters.tls_resumptions_total.add();
    }
    mark_dirty();
    // A ping of the layer's own is no sign of MQTT's life [MQTT-3.1.2-22].
    if (!plain.empty()) take(plain);
    if (closed_ || closing_) return;
    if (!good) return layer_ends(good.error());
    // Answers to pings that nobody reads.
    const auto most = shard_.shared_.settings.limits.output_bytes;
    if (plain.empty() && out_.size() - out_sent_ > most + kReadBuffer) {
        spdlog::info("close {}: {}: {} bytes unsent", peer_, describe(CloseCause::too_slow), out_.size() - out_sent_);
        gone(CloseCause::too_slow);
    }
}

void Connection::layer_ends(const Error& error) {
    auto& counters = shard_.counters();
    if (error.is(LayerError::handshake)) counters.tls_handshake_failures_total.add();
    if (error.is(LayerError::refused)) counters.websocket_refused_total.add();
    if (error.is(LayerError::violation)) counters.layer_violations_total.add();
    const auto cause = error.is(LayerError::closed)      ? CloseCause::closed_by_client
                       : error.is(LayerError::violation) ? CloseCause::protocol_error
                                                         : CloseCause::invalid_param;
    if (session_ != nullptr) {
        Session& session = *session_;
        spdlog::info("close {} from {}: {}", session.client_id, peer_, error.message());
        session_ = nullptr;
        shard_.hub_.lost(session, cause);
    } else {
        spdlog::info("close {} on {} {} before CONNECT: {}", peer_, describe(endpoint().kind), endpoint().address,
                     error.message());
    }
    close(cause);
}

// What MQTT has said in this turn becomes the socket's.
void Connection::through_layer() {
    auto& plain = layer_->outgoing;
    if (out_.capacity() == 0) out_ = shard_.take_buffer();
    if (plain.capacity() == 0) return;
    layer_->send(plain, out_);
    plain.clear();
    shard_.give_back(std::move(plain));
    plain = Bytes{};
}

}  // namespace esl::broker
