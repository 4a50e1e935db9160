// Requests with an Idempotency-Key: carried out once, answered alike for a day
// (docs/decisions/0099-keys-for-every-write.md).
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "common/http/router.hpp"
#include "mgmt-service/core/service.hpp"

namespace esl::mgmt::rest {

inline constexpr std::size_t kMaxKeptAnswer = std::size_t{64} << 10;         // a longer one is not kept
inline constexpr std::size_t kMaxKeptStreamAnswer = std::size_t{256} << 10;  // of a longer one only its last line
inline constexpr std::chrono::hours kAnswerLife{24};

// Keys of requests that are under way. Thread-safe.
class KeysUnderWay {
public:
    // False when it is taken already.
    [[nodiscard]] bool take(const std::string& actor, const std::string& key) {
        const std::lock_guard lock(mutex_);
        return taken_.emplace(actor, key).second;
    }
    void release(const std::string& actor, const std::string& key) {
        const std::lock_guard lock(mutex_);
        taken_.erase({actor, key});
    }

private:
    std::mutex mutex_;
    std::set<std::pair<std::string, std::string>> taken_;
};

// What a route does with keys.
enum class Keys {
    answers,  // its answer is kept and given again
    own,      // it sees to them itself
    secret,   // as `answers`, but body and answer hold secrets: the body is kept as a password is, the answer without
};

// nullopt: no such header. A refusal when it is none of ours.
[[nodiscard]] std::optional<http::Response> refuse_bad_key(const http::Request& request);

// The endpoint's answer, or the one that was given before.
[[nodiscard]] http::Response once(Service& service, KeysUnderWay& under_way, const Clock& clock,
                                  const http::Request& request, const std::string& actor, Keys keys,
                                  const std::function<http::Response()>& endpoint);

// The same for a body and an answer that are streams.
void once(Service& service, KeysUnderWay& under_way, const Clock& clock, http::Exchange& exchange,
          const std::string& actor, const std::function<void(http::Exchange&)>& endpoint);

}  // namespace esl::mgmt::rest
