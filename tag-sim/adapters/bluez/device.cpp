#include "tag-sim/adapters/bluez/device.hpp"

#include <algorithm>
#include <utility>

#include "tag-sim/adapters/bluez/odd_news.hpp"

namespace esl::sim::bluez {
namespace {

using namespace std::chrono_literals;
namespace gicisky = tagwire::gicisky;

constexpr auto kConnectTakes = 800ms;       // until the tag's next advertisement is answered
constexpr auto kConnectGivesUp = 20'000ms;  // the kernel's limit for a device that is silent
constexpr auto kShortestGivesUp = 1'000ms;
constexpr auto kDiscoveryTakes = 250ms;
constexpr auto kWriteTakes = 30ms;
constexpr auto kSupervision = 2'000ms;   // until a link to a tag without power counts as lost
constexpr auto kForgetAfter = 30'000ms;  // BlueZ's TemporaryTimeout for devices never connected; real time

const std::vector<std::string>& advertised_uuids() {
    static const std::vector<std::string> uuids{std::string{gicisky::kServiceUuid}};
    return uuids;
}

}  // namespace

Device::Device(Radio& radio, VirtualTag& tag, const gicisky::Model& model, std::uint16_t firmware)
    : radio_(radio),
      tag_(tag),
      path_(device_path(radio.adapter_path, tag.id())),
      firmware_(tag, model, firmware, *this),
      advert_timer_(tag.scheduler()),
      link_timer_(tag.scheduler()) {
    rssi_ = static_cast<std::int16_t>(-45 - static_cast<int>(tag.plan().draw(tag.id(), 35)));
    tag_.on_power = [this](bool on) {
        if (!on && link_ == Link::up) link_timer_.start(tag_.speed().scaled(kSupervision), [this] { link_is_down(); });
    };
    // Tags were not switched on at the same moment.
    const auto phase = tag.plan().draw(tag.id(), static_cast<std::uint32_t>(radio_.advert_period.count()));
    advert_timer_.start(std::chrono::milliseconds{phase + 1}, [this] { advertise(); });
}

Device::~Device() {
    tag_.on_power = nullptr;
}

// ---- advertisements

void Device::advertise() {
    const auto jitter = std::chrono::milliseconds{tag_.plan().draw(tag_.id(), 11)};  // Bluetooth adds up to 10 ms
    advert_timer_.start(radio_.advert_period + jitter, [this] { advertise(); });
    if (!firmware_.advertising()) return forget_if_silent();
    tag_.woke();
    const auto rssi = static_cast<std::int16_t>(rssi_ + static_cast<int>(tag_.plan().draw(tag_.id(), 7)) - 3);
    if (!radio_.heard(rssi, advertised_uuids())) return forget_if_silent();
    rssi_ = std::clamp<std::int16_t>(rssi, -95, -35);
    last_heard_ = tag_.scheduler().clock().steady();
    ++radio_.adverts;
    if (!visible()) return appear();
    if (tag_.plan().strikes(tag_.id(), Fault::odd_property)) tell_odd_news(*object_, odd_news_++);
    object_->emitPropertiesChangedSignal(kDeviceInterface, {"RSSI", "ManufacturerData"});
}

void Device::appear() {
    object_ = sdbus::createObject(radio_.connection, path_);
    register_methods();
    register_properties();
    object_->finishRegistration();
    object_->emitInterfacesAddedSignal();
}

void Device::forget_if_silent() {
    if (!visible() || known_ || link_ != Link::down) return;
    if (tag_.scheduler().clock().steady() - last_heard_ > kForgetAfter) remove();
}

void Device::remove() {
    if (!visible()) return;
    if (link_ != Link::down) drop_now();
    gatt_.reset();
    object_->emitInterfacesRemovedSignal();
    object_.reset();
    known_ = false;
}

// ---- D-Bus

void Device::register_methods() {
    object_->registerMethod("Connect").onInterface(kDeviceInterface).implementedAs([this](sdbus::Result<>&& result) {
        connect(std::move(result));
    });
    object_->registerMethod("Disconnect").onInterface(kDeviceInterface).implementedAs([this](sdbus::Result<>&& result) {
        disconnect(std::move(result));
    });
    object_->registerMethod("Pair").onInterface(kDeviceInterface).implementedAs([] {
        throw error("AuthenticationFailed", "Authentication Failed");  // these tags do not pair
    });
    object_->registerMethod("CancelPairing").onInterface(kDeviceInterface).implementedAs([] {
        throw error("DoesNotExist", "Does Not Exist");
    });
}

void Device::register_properties() {
    const auto on = kDeviceInterface;
    const auto address = colon_address(tag_.id());
    object_->registerProperty("Address").onInterface(on).withGetter([address] { return address; });
    object_->registerProperty("AddressType").onInterface(on).withGetter([] { return std::string{"public"}; });
    object_->registerProperty("Name").onInterface(on).withGetter(
        [this] { return "NEMR" + tag_.id().text().substr(4); });
    object_->registerProperty("Alias").onInterface(on).withGetter(
        [this] { return "NEMR" + tag_.id().text().substr(4); });
    object_->registerProperty("Paired").onInterface(on).withGetter([] { return false; });
    object_->registerProperty("Bonded").onInterface(on).withGetter([] { return false; });
    object_->registerProperty("Trusted")
        .onInterface(on)
        .withGetter([this] { return trusted_; })
        .withSetter([this](const bool& trusted) { trusted_ = trusted; });
    object_->registerProperty("Blocked").onInterface(on).withGetter([] { return false; });
    object_->registerProperty("LegacyPairing").onInterface(on).withGetter([] { return false; });
    object_->registerProperty("RSSI").onInterface(on).withGetter([this] { return rssi_; });
    object_->registerProperty("Connected").onInterface(on).withGetter([this] { return link_ == Link::up; });
    object_->registerProperty("ServicesResolved").onInterface(on).withGetter([this] { return resolved_; });
    object_->registerProperty("UUIDs").onInterface(on).withGetter([] { return advertised_uuids(); });
    object_->registerProperty("Adapter").onInterface(on).withGetter(
        [this] { return sdbus::ObjectPath{radio_.adapter_path}; });
    object_->registerProperty("ManufacturerData").onInterface(on).withGetter([this] {
        return std::map<std::uint16_t, sdbus::Variant>{{gicisky::kManufacturerId, sdbus::Variant{firmware_.advert()}}};
    });
}

// ---- the link

void Device::connect(sdbus::Result<>&& result) {
    if (link_ == Link::up) return result.returnResults();
    if (link_ == Link::connecting) return result.returnError(error("InProgress", "Operation already in progress"));
    if (radio_.links >= radio_.max_links) {
        ++radio_.failed_connections;
        return result.returnError(error("Failed", "le-connection-concurrent-connection-limit"));
    }
    ++radio_.links;
    link_ = Link::connecting;
    known_ = true;
    connecting_ = std::make_shared<sdbus::Result<>>(std::move(result));
    connect_by_ = tag_.scheduler().clock().steady() +
                  std::max<std::chrono::milliseconds>(kShortestGivesUp, tag_.speed().scaled(kConnectGivesUp));
    link_timer_.start(tag_.speed().scaled(kConnectTakes), [this] { try_connect(); });
}

void Device::try_connect() {
    if (tag_.plan().strikes(tag_.id(), Fault::connect_failed))
        return fail_connect("Failed", "le-connection-abort-by-local");
    if (firmware_.advertising()) return link_is_up();
    if (tag_.scheduler().clock().steady() >= connect_by_) return fail_connect("Failed", "le-connection-abort-by-local");
    link_timer_.start(std::max<std::chrono::milliseconds>(20ms, tag_.speed().scaled(kConnectTakes)),
                      [this] { try_connect(); });
}

void Device::fail_connect(const std::string& name, const std::string& message) {
    link_ = Link::down;
    --radio_.links;
    ++radio_.failed_connections;
    link_timer_.stop();
    if (const auto waiting = std::exchange(connecting_, nullptr)) waiting->returnError(error(name, message));
}

void Device::link_is_up() {
    link_ = Link::up;
    ++radio_.connections;
    ++epoch_;
    firmware_.connected();
    object_->emitPropertiesChangedSignal(kDeviceInterface, {"Connected"});
    if (const auto waiting = std::exchange(connecting_, nullptr)) waiting->returnResults();
    link_timer_.start(tag_.speed().scaled(kDiscoveryTakes), [this] { resolve_services(); });
}

void Device::resolve_services() {
    if (!gatt_) {
        const auto connected = [this] { return link_ == Link::up; };
        const auto written = [this](const Bytes& value, bool request, std::function<void(bool)> done) {
            write(value, request, std::move(done));
        };
        gatt_ = std::make_unique<Gatt>(radio_.connection, path_, Characteristic::Callbacks{connected, written},
                                       Characteristic::Callbacks{connected, written});
    }
    resolved_ = true;
    object_->emitPropertiesChangedSignal(kDeviceInterface, {"ServicesResolved"});
}

void Device::write(const Bytes& value, bool request, std::function<void(bool)> done) {
    ++radio_.writes;
    tag_.scheduler().after(tag_.speed().scaled(kWriteTakes),
                           [this, value, request, done = std::move(done), epoch = epoch_] {
                               if (epoch != epoch_ || link_ != Link::up) return;
                               if (!tag_.powered()) return;  // no answer until the link counts as lost
                               if (request) {
                                   firmware_.command(value);
                               } else {
                                   firmware_.data(value);
                               }
                               done(true);
                           });
}

void Device::notify(const Bytes& value) {
    if (link_ != Link::up || !gatt_) return;
    ++radio_.notifications;
    gatt_->command().notify(value);
}

void Device::disconnect(sdbus::Result<>&& result) {
    if (link_ == Link::down) return result.returnError(error("NotConnected", "Not Connected"));
    if (link_ == Link::connecting) {
        fail_connect("Failed", "le-connection-abort-by-local");
        return result.returnResults();
    }
    firmware_.disconnected();
    link_is_down();
    result.returnResults();
}

void Device::drop() {
    link_is_down();
}

void Device::drop_now() {
    if (link_ == Link::connecting) return fail_connect("Failed", "le-connection-abort-by-local");
    if (link_ != Link::up) return;
    firmware_.disconnected();
    link_is_down();
}

void Device::link_is_down() {
    if (link_ != Link::up) return;
    link_ = Link::down;
    --radio_.links;
    ++epoch_;
    link_timer_.stop();
    if (!tag_.powered()) firmware_.disconnected();
    if (gatt_) gatt_->disconnected();
    if (std::exchange(resolved_, false)) object_->emitPropertiesChangedSignal(kDeviceInterface, {"ServicesResolved"});
    object_->emitPropertiesChangedSignal(kDeviceInterface, {"Connected"});
}

void Device::client_gone(const std::string& name) {
    if (gatt_) gatt_->client_gone(name);
}

}  // namespace esl::sim::bluez
