// The way to the access points and back.
#pragma once

#include <functional>

#include "common/contract/messages.hpp"
#include "common/contract/topics.hpp"

namespace esl::mgmt {

// Threads: start() once; post_send() and stop() from any thread. The handlers are called on a thread of the link, never
// inside a call of post_send().
class ApLink {
public:
    struct Handlers {
        // A message of an AP; `store` as in its topic.
        std::function<void(const std::string& store, contract::Uplink)> message;
        // A message that could not be understood: for counting and the log.
        std::function<void(const std::string& topic, const Error& error)> bad_message;
        // Up: sends have a chance now. Down: what was under way has failed.
        std::function<void(bool up)> state;
    };
    virtual ~ApLink() = default;
    virtual void start(Handlers handlers) = 0;
    // `done` tells whether the broker took it (not whether the AP did). Called exactly once unless stopped before.
    virtual void post_send(const std::string& ap, contract::Downlink message, std::function<void(Result<>)> done) = 0;
    // No handler runs after it returns.
    virtual void stop() = 0;
};

}  // namespace esl::mgmt
