// Which signed requests have come already, so that one that was overheard is not taken twice.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "common/core/clock.hpp"

namespace esl::broker {

// Thread-safe. Remembers at most `most`, each until its request would be refused for its age: never is one forgotten to
// make room, since that one could be sent again.
class NonceMemory {
public:
    enum class Verdict { fresh, used, full };

    explicit NonceMemory(std::size_t most) : most_(most) {}
    // Each nonce once. `until` is the last moment at which the request's timestamp is taken.
    [[nodiscard]] Verdict take(const std::string& nonce, UnixMillis until, UnixMillis now);
    [[nodiscard]] std::size_t size() const;

private:
    const std::size_t most_;
    mutable std::mutex lock_;
    std::set<std::string> nonces_;
    std::map<UnixMillis, std::vector<std::string>> by_time_;
};

}  // namespace esl::broker
