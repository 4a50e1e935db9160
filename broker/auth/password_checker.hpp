// Passwords against argon2id hashes, on a thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/core/bytes.hpp"

namespace esl::broker {

// argon2id takes tens of milliseconds by design, so a hash is computed on this object's thread, and a password that was
// right is remembered as a keyed BLAKE2b under a key that never leaves this process: reconnects cost a microsecond
// (docs/decisions/0021-passwords.md). Thread-safe.
class PasswordChecker {
public:
    using Later = std::function<void(bool good)>;

    PasswordChecker();
    ~PasswordChecker();
    // Waits for the one under way; those that wait, and all later ones, are never answered.
    void stop();
    PasswordChecker(const PasswordChecker&) = delete;
    PasswordChecker& operator=(const PasswordChecker&) = delete;

    // Nothing: `later` is called on this object's thread. False at once when 1,000 wait already. A password remembered
    // for one subject and hash counts for no other.
    [[nodiscard]] std::optional<bool> check(std::string_view subject, const std::string& hash, BytesView password,
                                            Later later);
    // Work of another kind that must not block a shard either; false, and not run, when too much waits.
    bool post(std::function<void()> work);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::broker
