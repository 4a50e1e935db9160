#include "tag-sim/adapters/bluez/odd_news.hpp"

#include <string>
#include <vector>

#include "common/core/bytes.hpp"
#include "common/tagwire/gicisky/advert.hpp"
#include "tag-sim/adapters/bluez/names.hpp"

namespace esl::sim::bluez {
namespace {

constexpr const char* kProperties = "org.freedesktop.DBus.Properties";
constexpr const char* kManager = "org.freedesktop.DBus.ObjectManager";

void change(sdbus::IObject& device, const char* interface, const Options& properties) {
    auto signal = device.createSignal(kProperties, "PropertiesChanged");
    signal << std::string(interface) << properties << std::vector<std::string>{};
    device.emitSignal(signal);
}

void change(sdbus::IObject& device, const char* property, sdbus::Variant value) {
    change(device, kDeviceInterface, {{property, std::move(value)}});
}

Options manufacturer(const sdbus::Variant& ours) {
    const std::map<std::uint16_t, sdbus::Variant> data{{tagwire::gicisky::kManufacturerId, ours}};
    return {{"ManufacturerData", sdbus::Variant{data}}};
}

void add(sdbus::IObject& device, const std::string& path, const Options& properties) {
    auto signal = device.createSignal(kManager, "InterfacesAdded");
    const std::map<std::string, Options> interfaces{{kDeviceInterface, properties}};
    signal << sdbus::ObjectPath{path} << interfaces;
    device.emitSignal(signal);
}

}  // namespace

void tell_odd_news(sdbus::IObject& device, std::uint32_t n) {
    const auto text = [](const char* t) { return sdbus::Variant{std::string(t)}; };
    switch (n % kOddNews) {
        case 0:
            return change(device, "RSSI", text("-60"));
        case 1:
            return change(device, "RSSI", sdbus::Variant{std::int16_t{-30'000}});
        case 2:
            return change(device, "Address", sdbus::Variant{std::uint64_t{0xFFFF92100001}});
        case 3:
            return change(device, "Address", text("not an address at all"));
        case 4:
            return change(device, "Connected", sdbus::Variant{std::int32_t{1}});
        case 5:
            return change(device, "ServicesResolved", text("true"));
        case 6:
            return change(device, "ManufacturerData", text("0x5053"));
        case 7:
            return change(device, kDeviceInterface, manufacturer(text("0B1E0000")));
        case 8:
            return change(device, kDeviceInterface, manufacturer(sdbus::Variant{Bytes(60'000, 0xFF)}));
        case 9:
            return change(device, kDeviceInterface, manufacturer(sdbus::Variant{Bytes{0x0B}}));
        case 10:
            return change(device, kCharacteristicInterface,
                          {{"Value", text("0501")}, {"UUID", sdbus::Variant{std::string(100'000, 'f')}}});
        case 11:
            return change(device, kAdapterInterface, {{"Powered", text("no")}, {"Discovering", text("no")}});
        case 12: {
            auto signal = device.createSignal(kProperties, "PropertiesChanged");
            signal << std::int32_t{7};
            return device.emitSignal(signal);
        }
        case 13:
            return add(device, "/org/bluez/hci0/" + std::string(60'000, 'x'), {{"Connected", sdbus::Variant{true}}});
        case 14: {
            auto signal = device.createSignal(kManager, "InterfacesRemoved");
            signal << std::string("/org/bluez/hci0") << std::string("org.bluez.Adapter1");
            return device.emitSignal(signal);
        }
        default:
            return add(device, "/org/bluez/hci0/dev_00",
                       {{"Address", sdbus::Variant{std::vector<std::string>(10'000, "AA:BB")}},
                        {"ManufacturerData", sdbus::Variant{false}}});
    }
}

}  // namespace esl::sim::bluez
