#include "broker/net/endpoint.hpp"

#include <algorithm>
#include <stdexcept>

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

std::uint16_t Endpoints::add(std::unique_ptr<Endpoint> endpoint) {
    const std::lock_guard guard(lock_);
    sweep();
    for (std::uint16_t number = 0; number < kMost; ++number) {
        if (owned_[number]) continue;
        owned_[number] = std::move(endpoint);
        closed_[number] = false;
        by_number_[number].store(owned_[number].get(), std::memory_order_release);
        return number;
    }
    throw std::runtime_error("too many listeners");
}

std::size_t Endpoints::room() {
    const std::lock_guard guard(lock_);
    sweep();
    return static_cast<std::size_t>(std::ranges::count_if(owned_, [](const auto& e) { return e == nullptr; }));
}

void Endpoints::sweep() {
    for (std::size_t number = 0; number < kMost; ++number) {
        // The shards' last touch of an endpoint is to count a connection out.
        if (!closed_[number] || !owned_[number]) continue;
        if (owned_[number]->counts.connections.load(std::memory_order_acquire) != 0) continue;
        by_number_[number].store(nullptr, std::memory_order_relaxed);
        owned_[number].reset();
    }
}

void Endpoints::close(std::uint16_t number) {
    const std::lock_guard guard(lock_);
    closed_[number] = true;
}

Endpoint& Endpoints::operator[](std::uint16_t number) const {
    return *by_number_[number].load(std::memory_order_acquire);
}

void Endpoints::for_each(const std::function<void(const Endpoint&, bool open)>& use) const {
    const std::lock_guard guard(lock_);
    for (std::size_t number = 0; number < kMost; ++number) {
        if (owned_[number]) use(*owned_[number], !closed_[number] && !owned_[number]->retired);
    }
}

}  // namespace esl::broker
