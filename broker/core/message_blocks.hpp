// The memory of messages. One shard makes a message and often another frees it, where the heap takes a lock of the
// maker's arena, and both count its bytes, in one cache line for all. So each thread has freed blocks of its own and a
// count of its own; whole magazines of blocks change hands by a depot, and counts are added up a few messages at a time.
#pragma once

#include <cstddef>

namespace esl::broker {

// Bytes of all messages that anything in this process holds: queues, shards' inboxes, the store, retained ones. What
// other threads have made or freed last is missing, less than 4 KiB each.
[[nodiscard]] std::size_t live_message_bytes();

namespace message_blocks {

// Any thread may free what any other has got. At most 2 MiB that are free are kept, and 128 blocks of a size by each
// thread.
[[nodiscard]] void* allocate(std::size_t size);
void deallocate(void* block, std::size_t size);
// Counts a message's bytes in (or out, negative).
void count(std::ptrdiff_t bytes);

}  // namespace message_blocks
}  // namespace esl::broker
