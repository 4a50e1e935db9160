// The one place that names the radios' concrete types.
#pragma once

#include <memory>
#include <vector>

#include "ap-agent/app/options.hpp"
#include "ap-agent/ports/tag_radio.hpp"
#include "common/core/clock.hpp"

namespace boost::asio {
class any_io_executor;
}

namespace esl::ap {

// One for each of AppOptions::radios, in that order. Throws for one that cannot be set up; none is opened yet.
[[nodiscard]] std::vector<std::unique_ptr<TagRadio>> make_radios(const boost::asio::any_io_executor& executor,
                                                                 const Clock& clock, const AppOptions& options);

}  // namespace esl::ap
