// The broker's listeners from the start on, and how others take their place while it runs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/app/listen.hpp"
#include "broker/app/listener_config.hpp"
#include "broker/net/endpoint.hpp"
#include "common/core/clock.hpp"

namespace esl::broker {

class Shard;

// For one thread at a time.
class Listeners {
public:
    // Runs on every shard, in their order and one after the other; false when one does not answer in time.
    using OnShards = std::function<bool(const std::function<void(Shard&)>&)>;

    // All three outlive it. `shards`: how many there will be.
    Listeners(Endpoints& endpoints, const Limits& limits, const Clock& clock, unsigned shards)
        : endpoints_(endpoints), limits_(limits), clock_(clock), shards_(shards) {}

    // What is to change, with every file read and every socket bound; unused sockets are closed with it.
    struct Plan;
    // Throws std::runtime_error that says which listener, and why; nothing has changed then. A listener is known by its
    // configured address. One that is there already stays, with its clients, and takes new certificates; one whose
    // other settings differ takes them for connections to come. docs/decisions/0137.
    [[nodiscard]] std::shared_ptr<Plan> prepare(const std::vector<ListenerConfig>& next) const;
    // Clients of a listener that is not in the plan are told and closed.
    void put_in_force(Plan& plan, const OnShards& on_shards);

    // Of the configured ones in their order; throws std::out_of_range.
    [[nodiscard]] const std::string& address(std::size_t listener) const;
    void say_where() const;

private:
    struct Standing {
        ListenerConfig config;
        std::uint16_t number;
    };
    void say_where(std::uint16_t number) const;
    void warn_of_age(const Endpoint& endpoint) const;
    void open(Plan& plan, const OnShards& on_shards);
    void close(std::uint16_t number, const OnShards& on_shards);

    Endpoints& endpoints_;
    const Limits& limits_;
    const Clock& clock_;
    const unsigned shards_;
    std::vector<Standing> standing_;
};

}  // namespace esl::broker
