// An update as the core keeps it: waiting, then with a session.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "ap-agent/adapters/znp/core.hpp"

namespace esl::ap::znp {

struct Core::Update {
    std::uint64_t number = 0;  // tells it from a later one of the same tag
    UpdateRequest request;
    TagRadio::UpdateDone done;
    std::optional<ImageSession> session;
};

inline UpdateOutcome failed(RadioError error, std::string detail) {
    UpdateOutcome out;
    out.failure = UpdateOutcome::Failure{.error = error, .code = 0, .detail = std::move(detail)};
    return out;
}

}  // namespace esl::ap::znp
