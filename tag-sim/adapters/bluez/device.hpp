// org.bluez.Device1 of one tag, and the link to it: advertisements in, connections out, what goes over FEF1 and FEF2.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tag-sim/adapters/bluez/gatt.hpp"
#include "tag-sim/core/gicisky_tag.hpp"

namespace esl::sim::bluez {

// What the devices share; outlives them.
struct Radio {
    sdbus::IConnection& connection;
    std::string adapter_path;
    unsigned max_links = 7;
    unsigned links = 0;  // connected or being connected
    std::chrono::milliseconds advert_period{2000};
    std::function<bool(std::int16_t rssi, const std::vector<std::string>& uuids)> heard;  // does the adapter listen?
    std::uint64_t adverts = 0;
    std::uint64_t connections = 0;
    std::uint64_t failed_connections = 0;
    std::uint64_t writes = 0;
    std::uint64_t notifications = 0;
};

class Device final : public GiciskyLink {
public:
    Device(Radio& radio, VirtualTag& tag, const tagwire::gicisky::Model& model, std::uint16_t firmware);
    ~Device() override;

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] bool visible() const { return object_ != nullptr; }
    // Adapter1.RemoveDevice, from outside any of this object's own D-Bus calls.
    void remove();
    void client_gone(const std::string& name);
    // Adapter switched off.
    void drop_now();

    // GiciskyLink
    void notify(const Bytes& value) override;
    void drop() override;

private:
    enum class Link { down, connecting, up };

    void advertise();
    void appear();
    void forget_if_silent();
    void register_methods();
    void register_properties();
    void connect(sdbus::Result<>&& result);
    void try_connect();
    void fail_connect(const std::string& name, const std::string& message);
    void link_is_up();
    void resolve_services();
    void disconnect(sdbus::Result<>&& result);
    void link_is_down();
    void write(const Bytes& value, bool request, std::function<void(bool)> done);

    Radio& radio_;
    VirtualTag& tag_;
    std::string path_;
    GiciskyTag firmware_;
    Link link_ = Link::down;
    bool resolved_ = false;
    bool trusted_ = false;
    bool known_ = false;  // connected once: no longer forgotten when silent
    std::int16_t rssi_ = -60;
    SteadyTime connect_by_{};
    SteadyTime last_heard_{};
    std::shared_ptr<sdbus::Result<>> connecting_;
    std::uint64_t epoch_ = 0;
    std::uint32_t odd_news_ = 0;
    std::unique_ptr<sdbus::IObject> object_;
    std::unique_ptr<Gatt> gatt_;
    Timer advert_timer_;
    Timer link_timer_;
};

}  // namespace esl::sim::bluez
