// What a broken org.bluez might tell of a device: types, sizes and shapes that the real one never uses.
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <cstdint>

namespace esl::sim::bluez {

inline constexpr std::uint32_t kOddNews = 16;

// Emits piece `n` (modulo kOddNews) as signals of this device's object. Each is nonsense of another kind; what it says
// of properties that do exist is never true, so a reader that believes any of it goes wrong.
void tell_odd_news(sdbus::IObject& device, std::uint32_t n);

}  // namespace esl::sim::bluez
