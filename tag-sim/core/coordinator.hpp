// A ZigBee coordinator with TI's Monitor-and-Test interface (Z-Stack 3.x.0), and the air between it and its tags.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/tagwire/znp/message.hpp"
#include "tag-sim/core/nv_memory.hpp"
#include "tag-sim/core/zigbee_tag.hpp"

namespace esl::sim {

// What outlives a restart of the simulator.
struct CoordinatorMemory {
    NvMemory nv = NvMemory::factory();
    std::map<TagId, std::uint16_t> joined;
};

struct CoordinatorFigures {
    std::uint64_t requests = 0;  // from the host
    std::uint64_t not_understood = 0;
    std::uint64_t to_tags = 0;  // data frames
    std::uint64_t from_tags = 0;
    std::uint64_t expired = 0;  // F0
    std::uint64_t lost = 0;     // by the fault plan
    std::size_t joined_now = 0;
};

class Coordinator final : public ZigbeeAir {
public:
    // `send` gets whole frames for the host, possibly from inside frame(). Scheduler and plan outlive this object.
    Coordinator(Scheduler& scheduler, FaultPlan& plan, Speed speed, std::function<void(const Bytes&)> send);

    // Before the first frame. Tags that the memory knows as joined are.
    void add(VirtualTag& tag, std::chrono::milliseconds shortest_check_in);
    void restore(CoordinatorMemory memory);
    [[nodiscard]] CoordinatorMemory memory() const;

    void frame(const tagwire::znp::Frame& frame);
    // The host has opened or left the line; frames for a host that is not there are dropped.
    void host_present(bool present) { host_present_ = present; }
    [[nodiscard]] CoordinatorFigures figures() const;
    // True once after each change of what memory() holds.
    [[nodiscard]] bool take_changed() { return std::exchange(changed_, false); }

    // ZigbeeAir
    void from_tag(ZigbeeTag& tag, std::uint16_t cluster, Bytes frame) override;

private:
    using Message = tagwire::znp::Message;
    using Handler = void (Coordinator::*)(const Message&);
    struct Endpoint {
        std::uint16_t profile = 0;
        std::uint16_t device = 0;
        std::uint8_t version = 0;
        tagwire::znp::Words in, out;
    };

    static const std::map<std::string_view, Handler>& handlers();

    void send(const Message& message);
    void later(std::chrono::milliseconds delay, Message message);
    void reply(const Message& request, std::initializer_list<std::pair<std::string_view, tagwire::znp::Value>> fields);
    void reply_status(const Message& request, std::uint8_t status) { reply(request, {{"status", status}}); }
    void refuse(const tagwire::znp::Frame& frame, std::uint8_t error);

    // SYS
    void reset(const Message&);
    void ping(const Message&);
    void version(const Message&);
    void ext_addr(const Message&);
    void nv_init(const Message&);
    void nv_read(const Message&);
    void nv_write(const Message&);
    void nv_length(const Message&);
    void nv_delete(const Message&);
    void table_create(const Message&);
    void table_delete(const Message&);
    void table_length(const Message&);
    void table_read(const Message&);
    void table_write(const Message&);
    void stack_tune(const Message&);
    // APP_CNF, UTIL, ZDO of the coordinator itself
    void set_channel(const Message&);
    void commission(const Message&);
    void startup(const Message&);
    void device_info(const Message&);
    void network_info(const Message&);
    void permit_join(const Message&);
    void find_group(const Message&);
    void add_group(const Message&);
    void accept(const Message&);  // what needs nothing but status 0
    void assoc_get(const Message&);
    // ZDO about a node
    void node_desc(const Message&);
    void active_endpoints(const Message&);
    void simple_desc(const Message&);
    void nwk_addr(const Message&);
    void ieee_addr(const Message&);
    void bind(const Message&);
    void lqi(const Message&);
    void leave(const Message&);
    // AF
    void register_endpoint(const Message&);
    void data(const Message&);
    void data_ext(const Message&);
    void data_retrieve(const Message&);

    void form();
    void try_to_join(ZigbeeTag& tag);
    void announce(ZigbeeTag& tag);
    void transmit(std::uint16_t dst, std::uint8_t endpoint, std::uint8_t source, std::uint8_t trans,
                  std::uint16_t cluster, Bytes frame);
    void confirm(std::chrono::milliseconds delay, std::uint8_t status, std::uint8_t endpoint, std::uint8_t trans);
    // Asks a sleeping node and passes its answer on when it has polled; a node without power never answers.
    void ask(std::uint16_t nwk, std::function<void(ZigbeeTag&)> answer);
    [[nodiscard]] ZigbeeTag* at(std::uint16_t nwk);
    [[nodiscard]] ZigbeeTag* with(std::uint64_t ieee);

    Scheduler& scheduler_;
    FaultPlan& plan_;
    Speed speed_;
    std::function<void(const Bytes&)> send_;
    NvMemory nv_ = NvMemory::factory();
    std::map<std::uint8_t, Endpoint> endpoints_;
    std::set<std::uint32_t> groups_;  // endpoint and group
    std::vector<std::unique_ptr<ZigbeeTag>> tags_;
    std::map<std::uint16_t, ZigbeeTag*> by_nwk_;
    std::map<TagId, std::uint16_t> remembered_;
    std::uint16_t last_nwk_ = 0x1000;
    std::uint8_t state_ = 0;  // ZDO device state; 9 is coordinator
    std::uint8_t host_endpoint_ = 1;
    std::uint8_t sequence_ = 0;
    std::size_t waiting_ = 0;  // messages held for sleeping tags
    bool host_present_ = true;
    bool changed_ = false;
    SteadyTime joining_until_{};
    CoordinatorFigures figures_;
};

}  // namespace esl::sim
