#include "ap-agent/adapters/bluez/misfits.hpp"

#include <spdlog/spdlog.h>

#include <chrono>

namespace esl::ap::bluez {
namespace {

constexpr std::chrono::minutes kBetweenLines{1};
constexpr std::size_t kPathShown = 128;
constexpr std::size_t kKindsKept = 64;  // more than that within a minute are only counted
constexpr std::size_t kWhatCompared = 64;

}  // namespace

void Misfits::report(std::string_view path, std::string_view interface, std::string_view property,
                     std::string_view what) {
    const std::lock_guard guard(lock_);
    ++count_;
    const auto now = clock_.steady();
    if (told_.size() >= kKindsKept) std::erase_if(told_, [&](const auto& entry) { return entry.second.next <= now; });
    auto kind = std::string(interface) + "." + std::string(property) + " " + std::string(what.substr(0, kWhatCompared));
    if (told_.size() >= kKindsKept && !told_.contains(kind)) return;
    auto& told = told_[std::move(kind)];
    if (now < told.next) {
        ++told.since;
        return;
    }
    spdlog::warn("system bus: {}{}{} of {}: {}; ignored ({} more since the last such line)", interface,
                 property.empty() ? "" : ".", property, path.substr(0, kPathShown), what, told.since);
    told = {.next = now + kBetweenLines, .since = 0};
}

std::uint64_t Misfits::count() const {
    const std::lock_guard guard(lock_);
    return count_;
}

}  // namespace esl::ap::bluez
