// How messages, recipients and marks stand in the rows of messages.db (docs/formats/broker-store.md).
#pragma once

#include <cstdint>
#include <vector>

#include "broker/ports/message_store.hpp"
#include "common/core/bytes.hpp"

namespace esl::broker::sqlite {

// What an `acks` record says of one (message, session).
enum class Mark : std::uint8_t { acknowledged = 1, released = 2 };

[[nodiscard]] std::int64_t flags_of(const Message& message);
void set_flags(Message& message, std::int64_t flags);
[[nodiscard]] std::int64_t options_bits(const SubscriptionOptions& options);
[[nodiscard]] SubscriptionOptions options_of(std::int64_t bits, std::int64_t identifier);
// Appends.
void write_recipients(const Recipients& recipients, Bytes& out);
// Throws Failure(damaged), which names the message, when the bytes end early.
[[nodiscard]] Recipients read_recipients(BytesView in, MessageId message);

}  // namespace esl::broker::sqlite
