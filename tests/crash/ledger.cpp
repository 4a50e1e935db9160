#include "tests/crash/ledger.hpp"

namespace esl::crash {

void Ledger::acknowledged(std::size_t topic, std::uint32_t number, bool good) {
    auto& message = topics_[topic].messages[number];
    message.state = good ? State::acknowledged : State::refused;
    ++(good ? totals.acknowledged : totals.refused);
    if (good && message.qos == mqtt::QoS::exactly_once) ++totals.acknowledged_qos2;
}

void Ledger::delivered(std::size_t subscriber, std::size_t topic, std::uint32_t publisher, std::uint32_t number,
                       mqtt::QoS qos) {
    ++totals.delivered;
    const auto& messages = topics_[topic].messages;
    if (number >= messages.size()) {
        ++totals.never_sent;
        return;
    }
    if (messages[number].state == State::refused) ++totals.refused_delivered;
    auto& seen = subscribers_[subscriber];
    if (seen.numbers.size() <= number) seen.numbers.resize(messages.size());
    if (seen.numbers[number]) {
        // Repeats are QoS 1's right, on either leg.
        const bool once = qos == mqtt::QoS::exactly_once && messages[number].qos == mqtt::QoS::exactly_once;
        ++(once ? totals.duplicated_qos2 : totals.repeated_qos1);
        return;
    }
    seen.numbers[number] = true;
    const auto [newest, first] = seen.newest.try_emplace(publisher, number);
    if (first) return;
    if (number < newest->second) {
        ++(messages[number].in_doubt ? totals.order_in_doubt : totals.out_of_order);
    } else {
        newest->second = number;
    }
}

std::uint64_t Ledger::missing(std::size_t subscriber, std::size_t topic) const {
    const auto& messages = topics_[topic].messages;
    const auto& seen = subscribers_[subscriber].numbers;
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        if (messages[i].state == State::acknowledged && (i >= seen.size() || !seen[i])) ++count;
    }
    return count;
}

}  // namespace esl::crash
