#include "broker/app/listeners.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include "broker/net/shard.hpp"

namespace esl::broker {
namespace {

bool same_place(const ListenerConfig& a, const ListenerConfig& b) {
    return a.address == b.address && a.dual_stack == b.dual_stack;
}

// In all that connections are held to: certificates are taken over in place.
bool same_rules(const ListenerConfig& a, const ListenerConfig& b) {
    return a.kind == b.kind && a.websocket == b.websocket && a.auth == b.auth &&
           a.packet_before_connect == b.packet_before_connect && a.packet == b.packet &&
           a.connect_timeout == b.connect_timeout && a.connections == b.connections &&
           a.connections_per_address == b.connections_per_address;
}

}  // namespace

struct Listeners::Plan {
    struct Item {
        ListenerConfig config;
        std::optional<std::uint16_t> before;       // that has this place now
        std::unique_ptr<TlsContext> certificates;  // for `before` to take over
        std::unique_ptr<Endpoint> endpoint;        // in its stead, or new
        Bound bound;                               // of a new one
    };
    std::vector<Item> items;
    std::vector<std::uint16_t> gone;

    Plan() = default;
    Plan(const Plan&) = delete;
    Plan& operator=(const Plan&) = delete;
    ~Plan() {
        for (const auto& item : items) {
            for (const int fd : item.bound.sockets) ::close(fd);
        }
    }
};

std::shared_ptr<Listeners::Plan> Listeners::prepare(const std::vector<ListenerConfig>& next) const {
    auto plan = std::make_shared<Plan>();
    auto left = standing_;
    std::size_t fresh = 0;
    for (const auto& config : next) {
        auto& item = plan->items.emplace_back();
        item.config = config;
        const auto at = std::ranges::find_if(left, [&](const Standing& s) { return same_place(s.config, config); });
        const bool there = at != left.end();
        const bool stays = there && same_rules(at->config, config);
        if (there) item.before = at->number;
        if (stays) {
            item.certificates = make_tls(config);
        } else {
            item.endpoint = make_endpoint(config, limits_);
            item.endpoint->since = there ? endpoints_[at->number].since : clock_.wall();
            if (there) item.endpoint->address = endpoints_[at->number].address;
            ++fresh;
        }
        if (there) left.erase(at);
    }
    if (fresh > endpoints_.room()) {
        throw std::runtime_error("more than " + std::to_string(Endpoints::kMost) +
                                 " listeners, those included that are closed and have clients still");
    }
    // Last, so that a bad file has opened nothing, not even for a moment.
    for (auto& item : plan->items) {
        if (item.before) continue;
        item.bound = bind_listeners(item.config.address, shards_, item.config.dual_stack);
        item.endpoint->address = item.bound.address;
    }
    for (const auto& standing : left) plan->gone.push_back(standing.number);
    return plan;
}

void Listeners::put_in_force(Plan& plan, const OnShards& on_shards) {
    open(plan, on_shards);
    for (const auto number : plan.gone) close(number, on_shards);
}

void Listeners::open(Plan& plan, const OnShards& on_shards) {
    const bool at_start = standing_.empty();
    std::vector<Standing> next;
    for (auto& item : plan.items) {
        if (!item.endpoint) {
            const auto& endpoint = endpoints_[*item.before];
            if (item.certificates) {
                endpoint.tls->take(*item.certificates);
                spdlog::info("reloaded the certificate of {}", endpoint.address);
                warn_of_age(endpoint);
            }
            next.push_back({std::move(item.config), *item.before});
            continue;
        }
        const auto number = endpoints_.add(std::move(item.endpoint));
        if (item.before) {
            const auto before = *item.before;
            if (on_shards([=](Shard& shard) { shard.hand_over(before, number); })) endpoints_.close(before);
            spdlog::info("{} has new settings, for connections to come", endpoints_[number].address);
        } else {
            on_shards([number, sockets = std::exchange(item.bound.sockets, {})](Shard& shard) {
                shard.listen_on(number, sockets[shard.self()]);
            });
            if (!at_start) say_where(number);
        }
        next.push_back({std::move(item.config), number});
    }
    standing_ = std::move(next);
}

void Listeners::close(std::uint16_t number, const OnShards& on_shards) {
    auto& endpoint = endpoints_[number];
    const auto address = endpoint.address;
    endpoint.retired = true;
    if (on_shards([number](Shard& shard) { shard.retire(number); })) endpoints_.close(number);
    spdlog::info("closed {}, and its clients", address);
}

const std::string& Listeners::address(std::size_t listener) const {
    return endpoints_[standing_.at(listener).number].address;
}

void Listeners::say_where() const {
    for (const auto& standing : standing_) say_where(standing.number);
}

void Listeners::say_where(std::uint16_t number) const {
    const auto& endpoint = endpoints_[number];
    if (endpoint.kind == ListenerKind::tcp) {
        spdlog::info("listening on {}", endpoint.address);
    } else {
        spdlog::info("listening on {} ({})", endpoint.address, describe(endpoint.kind));
    }
    warn_of_age(endpoint);
}

void Listeners::warn_of_age(const Endpoint& endpoint) const {
    if (!endpoint.tls) return;
    const auto left = endpoint.tls->shown().not_after - clock_.wall();
    if (left <= std::chrono::seconds(0)) {
        spdlog::error("the certificate of {} has expired", endpoint.address);
    } else if (left < std::chrono::hours(24 * 14)) {
        spdlog::warn("the certificate of {} expires in {} h", endpoint.address,
                     std::chrono::duration_cast<std::chrono::hours>(left).count());
    }
}

}  // namespace esl::broker
