// Passwords at rest: argon2id (RFC 9106) by libsodium, and the secrets of sessions and tokens.
#pragma once

#include <string>
#include <string_view>

namespace esl::mgmt::auth {

// 19 MiB and 3 passes, as an encoded string that carries its own parameters and salt. Takes some 30 ms; at most two run
// at once in the process, others wait, so that log-ins cannot eat the memory. Thread-safe.
[[nodiscard]] std::string hash_password(std::string_view password);
// Also takes its time when `hash` is empty, so that an unknown user cannot be told from a wrong password by the clock.
[[nodiscard]] bool verify_password(std::string_view hash, std::string_view password);

// 32 random bytes as 64 lower-case hex digits.
[[nodiscard]] std::string new_secret();
// SHA-256 in lower-case hex. Enough for secrets of 256 random bits, which nobody guesses.
[[nodiscard]] std::string hash_secret(std::string_view secret);
[[nodiscard]] bool same_secret(std::string_view a, std::string_view b);  // in constant time for equal lengths

}  // namespace esl::mgmt::auth
