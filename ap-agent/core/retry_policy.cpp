#include "ap-agent/core/retry_policy.hpp"

#include <algorithm>

namespace esl::ap {

unsigned RetryPolicy::rounds_for(RadioError error) const {
    switch (error) {
        case RadioError::unreachable:
        case RadioError::timeout:
        case RadioError::radio:
            return rounds;
        case RadioError::rejected:
        case RadioError::low_battery:  // the battery recovers a little when the tag has rested
            return std::min(rounds, 3U);
        case RadioError::image:
        case RadioError::unsupported:
            return 0;
        case RadioError::busy:
        case RadioError::gone:
        case RadioError::cancelled:
            return rounds;
    }
    return 0;
}

std::chrono::milliseconds RetryPolicy::wait_after(RadioError error, unsigned rounds_done) const {
    if (not_the_tags_fault(error)) return pause;
    const auto base = error == RadioError::unreachable || error == RadioError::low_battery ? first : first / 4;
    const auto doubled = base * (1LL << std::min(rounds_done == 0 ? 0U : rounds_done - 1, 16U));
    return std::min<std::chrono::milliseconds>(doubled, limit);
}

contract::FailClass fail_class(RadioError error) {
    switch (error) {
        case RadioError::unreachable:
            return contract::FailClass::unreachable;
        case RadioError::rejected:
        case RadioError::unsupported:
            return contract::FailClass::rejected;
        case RadioError::timeout:
            return contract::FailClass::timeout;
        case RadioError::image:
            return contract::FailClass::image;
        case RadioError::low_battery:
            return contract::FailClass::low_battery;
        case RadioError::radio:
            return contract::FailClass::radio;
        case RadioError::busy:
        case RadioError::gone:
        case RadioError::cancelled:
            return contract::FailClass::internal;
    }
    return contract::FailClass::internal;
}

}  // namespace esl::ap
