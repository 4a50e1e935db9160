#include "tag-sim/adapters/bluez/service.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <stdexcept>

#include "tag-sim/adapters/bluez/adapter.hpp"
#include "tag-sim/adapters/bluez/bus_loop.hpp"
#include "tag-sim/adapters/bluez/device.hpp"

namespace esl::sim::bluez {
namespace {

using namespace std::chrono_literals;
namespace gicisky = tagwire::gicisky;

constexpr std::uint64_t kFirstAddress = 0xFFFF'9210'0001;
constexpr std::uint16_t kFirmware = 0x8101;
constexpr std::uint16_t kFirmwareOfChunked = 0x0101;
constexpr auto kAdvertPeriod = 2'000ms;
constexpr auto kShortestPeriod = 250ms;
constexpr auto kPeriodPerTag = 1ms;  // bounds the signals on the bus to 1000 a second

std::unique_ptr<sdbus::IConnection> open_bus(const std::string& address) {
    try {
        if (address.empty()) return sdbus::createSystemBusConnection();
        return sdbus::createSessionBusConnectionWithAddress(address);
    } catch (const sdbus::Error& error) {
        throw std::runtime_error("bus " + (address.empty() ? "(system)" : address) + ": " + error.getMessage());
    }
}

TagProfile profile_of(const gicisky::Model& model, std::uint64_t address) {
    return {TagId::eui48(address), gicisky::model_name(model.id), model.width, model.height, model.palette,
            model.refresh,         model.battery_max_mv};
}

std::uint16_t firmware_of(const gicisky::Model& model) {
    return model.coding == gicisky::Coding::chunked ? kFirmwareOfChunked : kFirmware;
}

}  // namespace

struct BluezService::Impl {
    Impl(boost::asio::io_context& io_context, BluezOptions options, Shelf& shelf, std::function<void()> on_lost)
        : io(io_context),
          bus(open_bus(options.bus)),
          radio{.connection = *bus,
                .adapter_path = "/org/bluez/" + options.adapter,
                .max_links = options.max_links,
                .heard = {}} {
        bus->addObjectManager("/", sdbus::floating_slot);
        radio.advert_period = std::max({shelf.speed().scaled(kAdvertPeriod), std::chrono::milliseconds{kShortestPeriod},
                                        std::chrono::milliseconds{kPeriodPerTag * options.tags}});
        adapter = std::make_unique<Adapter>(*bus, radio.adapter_path, "00:1A:7D:DA:71:13",
                                            Adapter::Callbacks{[this](const std::string& path) { return remove(path); },
                                                               [this](bool on) {
                                                                   if (on) return;
                                                                   for (auto& device : devices) device->drop_now();
                                                               }});
        radio.heard = [this](std::int16_t rssi, const auto& uuids) { return adapter->wants(rssi, uuids); };
        add_tags(options, shelf);
        watch_clients();
        try {
            bus->requestName("org.bluez");
        } catch (const sdbus::Error& error) {
            throw std::runtime_error("the name org.bluez on this bus: " + error.getMessage());
        }
        loop = std::make_unique<BusLoop>(io, *bus, std::move(on_lost));
    }

    void add_tags(const BluezOptions& options, Shelf& shelf) {
        for (unsigned i = 0; i < options.tags; ++i) {
            const auto id = options.models.at(i % options.models.size());
            const auto* model = gicisky::find_model(id);
            if (model == nullptr) throw std::runtime_error("model " + gicisky::model_name(id) + " is not known");
            auto& tag = shelf.add(profile_of(*model, kFirstAddress + i));
            devices.push_back(std::make_unique<Device>(radio, tag, *model, firmware_of(*model)));
        }
    }

    // What a client had asked for ends when it leaves the bus. Connections stay, as with the real daemon.
    void watch_clients() {
        bus->addMatch(
            "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged'",
            [this](sdbus::Message& message) {
                std::string name, old_owner, new_owner;
                message >> name >> old_owner >> new_owner;
                if (!new_owner.empty() || !name.starts_with(":")) return;
                adapter->client_gone(name);
                for (auto& device : devices) device->client_gone(name);
            },
            sdbus::floating_slot);
    }

    bool remove(const std::string& path) {
        const auto at = std::ranges::find_if(devices, [&](const auto& d) { return d->visible() && d->path() == path; });
        if (at == devices.end()) return false;
        // Later: the object may be the one whose call is being served.
        boost::asio::post(io, [device = at->get()] { device->remove(); });
        return true;
    }

    boost::asio::io_context& io;
    std::unique_ptr<sdbus::IConnection> bus;
    Radio radio;
    std::unique_ptr<Adapter> adapter;
    std::vector<std::unique_ptr<Device>> devices;
    std::unique_ptr<BusLoop> loop;
};

BluezService::BluezService(boost::asio::io_context& io, BluezOptions options, Shelf& shelf,
                           std::function<void()> on_lost)
    : impl_(std::make_unique<Impl>(io, std::move(options), shelf, std::move(on_lost))) {
    spdlog::info("org.bluez with {} tags on {}", impl_->devices.size(), impl_->radio.adapter_path);
}

BluezService::~BluezService() = default;

BluezFigures BluezService::figures() const {
    const auto& r = impl_->radio;
    return {r.adverts, r.connections, r.failed_connections, r.writes, r.notifications, r.links};
}

}  // namespace esl::sim::bluez
