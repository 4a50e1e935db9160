// Interfaces, error names and paths of BlueZ as its D-Bus API pages give them.
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <cstdint>
#include <map>
#include <string>

#include "common/core/ids.hpp"

namespace esl::sim::bluez {

inline constexpr auto kAdapterInterface = "org.bluez.Adapter1";
inline constexpr auto kDeviceInterface = "org.bluez.Device1";
inline constexpr auto kServiceInterface = "org.bluez.GattService1";
inline constexpr auto kCharacteristicInterface = "org.bluez.GattCharacteristic1";

using Options = std::map<std::string, sdbus::Variant>;

// Error("NotConnected", "...") is org.bluez.Error.NotConnected.
inline sdbus::Error error(const std::string& name, const std::string& message) {
    return {"org.bluez.Error." + name, message};
}

// "FF:FF:92:10:00:01"
std::string colon_address(TagId id);
// "/org/bluez/hci0/dev_FF_FF_92_10_00_01"
std::string device_path(const std::string& adapter_path, TagId id);

}  // namespace esl::sim::bluez
