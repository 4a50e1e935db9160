// org.bluez.Adapter1: discovery by client, its filters, and the adapter's own properties.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tag-sim/adapters/bluez/names.hpp"

namespace esl::sim::bluez {

class Adapter {
public:
    struct Callbacks {
        // Empty: done. Otherwise the error's message for org.bluez.Error.DoesNotExist.
        std::function<bool(const std::string& path)> remove_device;
        std::function<void(bool)> powered;
    };
    // Registers the object at `path`. The connection outlives it.
    Adapter(sdbus::IConnection& connection, std::string path, std::string address, Callbacks callbacks);

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] bool powered() const { return powered_; }
    [[nodiscard]] bool discovering() const { return powered_ && !searching_.empty(); }
    // True when some client that searches would be told of such an advertisement.
    [[nodiscard]] bool wants(std::int16_t rssi, const std::vector<std::string>& uuids) const;
    // A client has left the bus.
    void client_gone(const std::string& name);

private:
    struct Filter {
        std::vector<std::string> uuids;
        std::optional<std::int16_t> rssi;
    };
    void register_methods();
    void register_properties();
    void start_discovery(const std::string& client);
    void stop_discovery(const std::string& client);
    void set_filter(const std::string& client, const Options& options);
    void set_powered(bool on);
    [[nodiscard]] std::string sender() const;

    std::string path_;
    std::string address_;
    std::string alias_;
    Callbacks callbacks_;
    bool powered_ = true;
    std::map<std::string, Filter> filters_;
    std::vector<std::string> searching_;
    std::unique_ptr<sdbus::IObject> object_;
};

}  // namespace esl::sim::bluez
