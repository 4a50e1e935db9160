// Who was promised what, who got what, and what is wrong with that. Messages are numbered within their topic; each
// topic has its own subscribers, all of them persistent sessions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/mqtt/types.hpp"

namespace esl::crash {

class Ledger {
public:
    struct Totals {
        std::uint64_t acknowledged = 0;  // PUBACK, or PUBREC, without an error
        std::uint64_t acknowledged_qos2 = 0;
        std::uint64_t refused = 0;  // acknowledged with an error
        std::uint64_t delivered = 0;
        std::uint64_t repeated_qos1 = 0;  // allowed
        std::uint64_t duplicated_qos2 = 0;
        std::uint64_t out_of_order = 0;
        std::uint64_t order_in_doubt = 0;
        std::uint64_t never_sent = 0;         // delivered, but no publisher ever sent it
        std::uint64_t refused_delivered = 0;  // the publisher was told no, somebody got it
        std::uint64_t sessions_missing = 0;   // a persistent client came back and was told that there is no session
        std::uint64_t retained_wrong = 0;
        std::uint64_t lost = 0;  // after check_lost()
    };

    Ledger(std::size_t topics, std::size_t subscribers) : topics_(topics), subscribers_(subscribers) {}

    // A publisher sends its next message to this topic; gives the message's number.
    std::uint32_t publish(std::size_t topic, mqtt::QoS qos) {
        topics_[topic].messages.push_back({qos, State::sent});
        return static_cast<std::uint32_t>(topics_[topic].messages.size() - 1);
    }
    void acknowledged(std::size_t topic, std::uint32_t number, bool good);
    void delivered(std::size_t subscriber, std::size_t topic, std::uint32_t publisher, std::uint32_t number,
                   mqtt::QoS qos);
    // An MQTT 5 publisher has lost its connection while the disk was in trouble, with this message unanswered: if it
    // was refused, the refusal may have been lost, and then the message that is sent again comes after what was taken
    // since.
    void doubt(std::size_t topic, std::uint32_t number) { topics_[topic].messages[number].in_doubt = true; }
    // Everything that was acknowledged and has not reached this subscriber of `topic`.
    [[nodiscard]] std::uint64_t missing(std::size_t subscriber, std::size_t topic) const;

    Totals totals;
    bool disk_in_trouble = false;

private:
    enum class State : std::uint8_t { sent, acknowledged, refused };
    struct Message {
        mqtt::QoS qos;
        State state;
        bool in_doubt = false;
    };
    struct Topic {
        std::vector<Message> messages;
    };
    struct Seen {
        std::vector<bool> numbers;
        std::map<std::uint32_t, std::uint32_t> newest;  // by publisher
    };
    std::vector<Topic> topics_;
    std::vector<Seen> subscribers_;
};

}  // namespace esl::crash
