// What shards tell each other.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "broker/core/interest_news.hpp"
#include "broker/core/message.hpp"
#include "broker/ports/message_store.hpp"

namespace esl::broker {

class Hub;
constexpr std::uint32_t kNoSlot = 0xFFFF'FFFF;

// Deliver this to the sessions over there. `slot` names the sender's pending publish, which waits for a RouteReply;
// kNoSlot when nobody waits (QoS 0).
struct RouteMessage {
    // One member of a shared subscription over there.
    struct Share {
        std::string key;         // "$share/{name}/{filter}"
        std::uint32_t rank = 0;  // modulo the number of members
        bool connected = true;   // among the connected; else among those away
    };
    MessagePtr message;
    std::uint32_t slot = kNoSlot;
    std::uint64_t retain_order = 0;  // not 0: also a retained message
    std::vector<Share> shares = {};
    bool only_shares = false;  // its ordinary subscribers have had it
};
struct RouteReply {
    std::uint32_t slot = kNoSlot;
    bool matched = false;
    Recipients owed;            // persistent sessions over there that took it
    std::vector<std::string> refused = {};  // shared subscriptions that had nobody left over there
};
// What has become of a message that was to be stored: QoS 2 may go out now, because it is on disk; or its publisher has
// been told that it was not taken, and who has not been sent it is not to get it.
struct Committed {
    bool point_to_point = false;
    Recipients recipients;
    bool stored = true;
};
// How many members of a shared subscription this shard has now. `slot`: a pending SUBACK that waits for a SlotReply.
struct ShareChange {
    std::string key;
    std::uint32_t connected = 0;
    std::uint32_t waiting = 0;
    std::uint32_t slot = kNoSlot;
};
struct SlotReply {
    std::uint32_t slot = kNoSlot;
};
// Anything else, run over there: administration, a new registry.
struct RunThere {
    std::function<void(Hub&)> work;
};
using PeerMessage = std::variant<RouteMessage, RouteReply, Committed, ShareChange, SlotReply, RunThere>;

// Shard-bound: each shard has its own view of its peers.
class Peers {
public:
    virtual ~Peers() = default;
    [[nodiscard]] virtual ShardId self() const = 0;
    [[nodiscard]] virtual ShardId count() const = 0;
    // The shard on which this client's session lives. A pure function of the id, so nobody has to be told.
    [[nodiscard]] virtual ShardId home_of(std::string_view client_id) const = 0;
    // Returns at once; the message leaves at the end of the turn and arrives in order.
    virtual void post(ShardId to, PeerMessage&& message) = 0;
    // Into that shard's InterestNews, at once. One that does not get round to them is woken, and when very many wait
    // the others stop reading, as for its inbox.
    virtual void tell(ShardId to, InterestChange change) = 0;
};

}  // namespace esl::broker
