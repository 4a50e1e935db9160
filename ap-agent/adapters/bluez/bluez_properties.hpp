// The properties that the radio needs, out of a D-Bus map. The bus is not ours: every value is checked for its type and
// size, and for its meaning where that is known here. What does not pass is reported and left out.
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <map>
#include <string>

#include "ap-agent/adapters/bluez/bluez_bus.hpp"
#include "ap-agent/adapters/bluez/misfits.hpp"

namespace esl::ap::bluez {

using Variants = std::map<std::string, sdbus::Variant>;

inline constexpr const char* kAdapter = "org.bluez.Adapter1";
inline constexpr const char* kDevice = "org.bluez.Device1";
inline constexpr const char* kCharacteristic = "org.bluez.GattCharacteristic1";

// Which kind of object has this interface; nothing for those the radio does not use.
[[nodiscard]] std::optional<ObjectKind> kind_of(const std::string& interface);
// `interface` is one that kind_of() knows.
[[nodiscard]] Properties read_properties(const std::string& path, const std::string& interface, const Variants& from,
                                         Misfits& misfits);

}  // namespace esl::ap::bluez
