// BlueZ on the system bus, in the words the radio needs (org.bluez.Adapter1, Device1, GattCharacteristic1). sdbus-c++
// and its thread stay inside; everything arrives on the owner's executor.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "ap-agent/ports/tag_radio.hpp"
#include "common/core/bytes.hpp"
#include "common/core/result.hpp"

namespace boost::asio {
class any_io_executor;
}

namespace esl::ap::bluez {

enum class ObjectKind { adapter, device, characteristic };

class Misfits;

// Of one object, what has changed; absent means not mentioned, or refused.
struct Properties {
    std::optional<std::string> address;        // Device1.Address
    std::optional<Bytes> gicisky;              // ManufacturerData of 0x5053
    std::optional<std::int16_t> rssi;          // dBm
    std::optional<bool> connected, resolved;   // Device1.Connected, .ServicesResolved
    std::optional<bool> powered, discovering;  // Adapter1
    std::optional<std::string> uuid;           // GattCharacteristic1.UUID
    std::optional<Bytes> value;                // GattCharacteristic1.Value: a notification
};

// Bound to the executor. Errors of calls are RadioError: `gone` when BlueZ, the adapter or the bus is not there,
// `unreachable` when the tag is not, `timeout`, `rejected`, `radio` otherwise; `about` has the D-Bus name and text.
class Bus {
public:
    using Done = std::function<void(Result<>)>;
    struct Events {
        // `snapshot`: read from the object tree, not told by a signal; says nothing about when it was true.
        std::function<void(ObjectKind, const std::string& path, const Properties&, bool snapshot)> changed;
        std::function<void(ObjectKind, const std::string& path)> removed;
        // The bus or org.bluez has left: this object is of no further use. Told once.
        std::function<void(const std::string& why)> lost;
    };

    // `misfits` outlives the bus.
    Bus(const boost::asio::any_io_executor& executor, Events events, Misfits& misfits);
    ~Bus();  // no callback runs afterwards
    Bus(const Bus&) = delete;
    Bus& operator=(const Bus&) = delete;

    // Opens the bus (DBUS_SYSTEM_BUS_ADDRESS is honoured) and reads all objects: `changed` for each, then `done`.
    void open(Done done);

    void set_powered(const std::string& adapter, Done done);
    // Low energy only, every advertisement told (DuplicateData).
    void start_discovery(const std::string& adapter, Done done);
    void stop_discovery(const std::string& adapter, Done done);
    void remove_device(const std::string& adapter, const std::string& device, Done done);
    void connect(const std::string& device, std::chrono::milliseconds limit, Done done);
    void disconnect(const std::string& device, Done done);
    void start_notify(const std::string& characteristic, std::chrono::milliseconds limit, Done done);
    void write(const std::string& characteristic, BytesView bytes, bool with_response, std::chrono::milliseconds limit,
               Done done);

private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

// What a D-Bus error of BlueZ means for a tag; the operation is one of the members of Bus.
[[nodiscard]] RadioError meaning_of(const std::string& dbus_error, bool while_connecting);

}  // namespace esl::ap::bluez
