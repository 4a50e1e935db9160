// Where shards hand to what rules let out of the broker.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/core/bytes.hpp"
#include "common/core/clock.hpp"
#include "common/mqtt/types.hpp"

namespace esl::broker {

// A rule's own, for as long as the process lives.
using RuleNumber = std::uint32_t;

// A message that a device published, or the news that one came or went. Immutable, readable from any thread.
struct Exported {
    enum class Kind : std::uint8_t { message, presence } kind = Kind::message;
    mqtt::QoS qos = mqtt::QoS::at_most_once;
    bool clean_session = true;  // of the publisher
    bool retain = false;
    UnixMillis born{};
    UnixMillis expires{};   // the epoch: never
    std::string id;         // 32 hex digits; presence: empty
    std::string topic;      // presence: `{group}_MQTT`
    std::string client_id;  // who published, or came or went
    std::string event;      // presence: connect, disconnect, tcpclean
    Bytes payload;          // presence: the event as JSON
    Bytes properties;       // MQTT 5, as in a packet

    [[nodiscard]] std::size_t bytes() const {
        return sizeof(Exported) + id.size() + topic.size() + client_id.size() + event.size() + payload.size() +
               properties.size();
    }
};
using ExportedPtr = std::shared_ptr<const Exported>;

struct ExportItem {
    RuleNumber rule = 0;
    bool durable = false;   // on disk before `done`
    bool answered = false;  // somebody waits: not to be dropped for want of room in front of the disk
    ExportedPtr what;
};

// Thread-safe; never blocks. What one thread posts stays in order.
class Exporter {
public:
    virtual ~Exporter() = default;
    // `done` (it may be empty) is called once, on a thread of the exporter's own, when all durable items are on disk,
    // or with false when the disk would not take them: none of them is exported then.
    virtual void post(std::vector<ExportItem> items, std::function<void(bool)> done) = 0;
};

}  // namespace esl::broker
