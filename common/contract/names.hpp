// The texts of the contract's enumerations, one table each, read in both directions. Internal to common/contract.
#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "common/contract/messages.hpp"

namespace esl::contract::detail {

template <class E>
using NameRow = std::pair<E, std::string_view>;

inline constexpr NameRow<CommandKind> kCommandNames[] = {
    {CommandKind::led, "led"},
    {CommandKind::identify, "identify"},
    {CommandKind::refresh, "refresh"},
    {CommandKind::read_sensors, "read_sensors"},
    {CommandKind::unbind, "unbind"},
    {CommandKind::poll_policy, "poll_policy"},
    {CommandKind::permit_join, "permit_join"},
    {CommandKind::ota, "ota"},
};
inline constexpr NameRow<TaskState> kStateNames[] = {
    {TaskState::accepted, "accepted"}, {TaskState::transferring, "transferring"}, {TaskState::displayed, "displayed"},
    {TaskState::failed, "failed"},     {TaskState::superseded, "superseded"},     {TaskState::expired, "expired"},
};
inline constexpr NameRow<FailClass> kFailNames[] = {
    {FailClass::none, "none"},         {FailClass::unreachable, "unreachable"},
    {FailClass::rejected, "rejected"}, {FailClass::timeout, "timeout"},
    {FailClass::image, "image"},       {FailClass::low_battery, "low_battery"},
    {FailClass::lease, "lease"},       {FailClass::radio, "radio"},
    {FailClass::internal, "internal"},
};
inline constexpr NameRow<TagEvent> kEventNames[] = {
    {TagEvent::seen, "seen"}, {TagEvent::joined, "joined"}, {TagEvent::left, "left"}};

template <class E>
std::string_view name_in(std::span<const NameRow<E>> table, E value) {
    for (const auto& [candidate, text] : table) {
        if (candidate == value) return text;
    }
    return "unknown";
}

}  // namespace esl::contract::detail
