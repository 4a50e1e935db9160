#include "broker/net/endpoint.hpp"

namespace esl::broker {

bool AddressCounts::enter(const std::string& address, std::size_t most) {
    const std::lock_guard guard(lock_);
    auto& count = counts_[address];
    if (count >= most) return false;
    ++count;
    return true;
}

void AddressCounts::leave(const std::string& address) {
    const std::lock_guard guard(lock_);
    const auto at = counts_.find(address);
    if (at == counts_.end()) return;
    if (--at->second == 0) counts_.erase(at);
}

std::unique_ptr<Layer> Endpoint::open() const {
    std::unique_ptr<Layer> inner;
    if (has_websocket(kind)) inner = std::make_unique<websocket::WebSocketLayer>(websocket);
    if (!has_tls(kind)) return inner;
    auto outer = tls->open();
    if (!inner) return outer;
    return std::make_unique<StackedLayer>(std::move(outer), std::move(inner));
}

}  // namespace esl::broker
