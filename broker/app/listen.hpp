// Listening sockets.
#pragma once

#include <string>
#include <vector>

namespace esl::broker {

struct Bound {
    std::vector<int> sockets;  // listening, non-blocking, one for each shard; the caller owns them
    std::string address;       // "ADDR:PORT" with the port it really has
};

// Throws as bind_listeners() does for an address that is none; opens nothing.
void check_listen_address(const std::string& address);
// "127.0.0.1:1883", "[::1]:1883", ":1883" (every address, both families). Throws std::runtime_error that names the
// address and the reason, "address already in use" included.
// Without `dual_stack` an IPv6 address takes no IPv4; a machine without IPv6 serves ":1883" by IPv4 alone.
[[nodiscard]] Bound bind_listeners(const std::string& address, unsigned count, bool dual_stack = true);

}  // namespace esl::broker
