// The GATT objects of one Gicisky tag: service FEF0 with FEF1 (write, notify) and FEF2 (write without response).
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "common/core/bytes.hpp"
#include "tag-sim/adapters/bluez/names.hpp"

namespace esl::sim::bluez {

class Characteristic {
public:
    struct Traits {
        std::string path;
        std::string service;
        std::string uuid;
        bool request = false;  // write with response, and notify; otherwise write without response
    };
    struct Callbacks {
        std::function<bool()> connected;
        // Calls `done` once the tag's link layer has answered, or throws no error and never calls it when the link
        // goes.
        std::function<void(const Bytes& value, bool request, std::function<void(bool ok)> done)> write;
    };
    Characteristic(sdbus::IConnection& connection, Traits traits, Callbacks callbacks);

    // A notification from the tag; dropped unless a client has asked for them.
    void notify(const Bytes& value);
    [[nodiscard]] bool notifying() const { return !listeners_.empty(); }
    // The link has gone: subscriptions end with it, and a write under way fails.
    void disconnected();
    void client_gone(const std::string& name);

private:
    void register_methods();
    void register_properties();
    void write(sdbus::Result<>&& result, const std::vector<std::uint8_t>& value, const Options& options);
    void start_notify();
    void stop_notify();

    Traits traits_;
    Callbacks callbacks_;
    Bytes value_;
    std::set<std::string> listeners_;
    std::shared_ptr<sdbus::Result<>> pending_;
    std::unique_ptr<sdbus::IObject> object_;
};

class Gatt {
public:
    Gatt(sdbus::IConnection& connection, const std::string& device_path, const Characteristic::Callbacks& command,
         const Characteristic::Callbacks& data);
    [[nodiscard]] Characteristic& command() { return *command_; }
    void disconnected();
    void client_gone(const std::string& name);

private:
    std::unique_ptr<sdbus::IObject> service_;
    std::unique_ptr<Characteristic> command_;
    std::unique_ptr<Characteristic> data_;
};

}  // namespace esl::sim::bluez
