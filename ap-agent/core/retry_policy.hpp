// How often and how soon a task is tried again, by what went wrong.
#pragma once

#include <chrono>
#include <cstdint>

#include "ap-agent/ports/tag_radio.hpp"
#include "common/contract/messages.hpp"

namespace esl::ap {

struct RetryPolicy {
    // Rounds of the radio (each with retries of its own) before a task fails for good.
    unsigned rounds = 4;
    std::chrono::milliseconds first{2'000};
    std::chrono::milliseconds limit{60'000};
    // Wait after busy and gone, which count as no round.
    std::chrono::milliseconds pause{500};

    // 0: no use in trying again.
    [[nodiscard]] unsigned rounds_for(RadioError error) const;
    // Doubles with each round; a failure on the air is over sooner than a tag that is out of reach.
    [[nodiscard]] std::chrono::milliseconds wait_after(RadioError error, unsigned rounds_done) const;
};

// True for what says nothing about the tag, so that the task simply waits.
[[nodiscard]] constexpr bool not_the_tags_fault(RadioError error) {
    return error == RadioError::busy || error == RadioError::gone || error == RadioError::cancelled;
}

[[nodiscard]] contract::FailClass fail_class(RadioError error);

}  // namespace esl::ap
