#include "ap-agent/adapters/bluez/device_table.hpp"

#include <algorithm>
#include <array>

#include "common/tagwire/gicisky/message.hpp"

namespace esl::ap::bluez {
namespace {

constexpr std::string_view kDeviceInterface = "org.bluez.Device1";
constexpr std::string_view kCharacteristicInterface = "org.bluez.GattCharacteristic1";

}  // namespace

DeviceTable::Heard DeviceTable::changed(const std::string& path, const Properties& p, bool snapshot) {
    auto* device = at(path);
    std::optional<tagwire::gicisky::Advert> advert;
    if (p.gicisky) {
        const auto decoded = tagwire::gicisky::decode_advert(*p.gicisky);
        if (decoded) {
            advert = *decoded;
        } else {
            misfits_.report(path, kDeviceInterface, "ManufacturerData", decoded.error().message());
        }
    }
    if (device == nullptr && advert) device = make(path, p);
    if (device == nullptr) return {};
    if (advert && device->advert != *advert) {
        device->advert = *advert;
        device->changed = true;
    }
    if (p.rssi) device->rssi = *p.rssi;
    if (p.connected) device->connected = *p.connected;
    if (p.resolved) device->resolved = *p.resolved;
    // RSSI and manufacturer data change by advertisements only. In a snapshot an RSSI means "in range now", but not
    // when.
    const bool heard = advert || p.rssi;
    if (heard && (!snapshot || p.rssi)) device->heard = clock_.steady();
    return {device, heard && !snapshot};
}

Device* DeviceTable::make(const std::string& path, const Properties& p) {
    if (!p.address || !path.starts_with(adapter_ + "/")) return nullptr;
    const auto tag = TagId::parse(*p.address);
    if (!tag || !tag->is_eui48()) return nullptr;
    if (const auto* other = find(*tag); other != nullptr && other->present && other->path != path) {
        misfits_.report(path, kDeviceInterface, "Address", "is another object's");
        return nullptr;
    }
    if (!devices_.contains(*tag) && devices_.size() >= max_devices_) {
        misfits_.report(path, kDeviceInterface, "Address", "more tags than are kept");
        return nullptr;
    }
    auto& device = devices_[*tag];
    device.tag = *tag;
    device.path = path;
    device.present = true;
    device.connected = device.resolved = false;
    device.changed = true;
    by_path_[path] = *tag;
    return &device;
}

void DeviceTable::characteristic(const std::string& path, const Properties& p) {
    if (!p.uuid || !path.starts_with(adapter_ + "/")) return;
    if (*p.uuid != tagwire::gicisky::kCommandUuid && *p.uuid != tagwire::gicisky::kDataUuid) {
        characteristics_.erase(path);
        return;
    }
    if (characteristics_.contains(path) || make_room_for(path)) {
        characteristics_[path] = *p.uuid;
        return;
    }
    misfits_.report(path, kCharacteristicInterface, "UUID", "more characteristics than are kept");
}

// Objects of strangers may come before their device has advertised, and go again for those of tags.
bool DeviceTable::make_room_for(const std::string& path) {
    const auto device = path.substr(0, path.rfind("/service")) + "/";
    std::size_t of_device = 0;
    for (auto it = characteristics_.lower_bound(device); it != characteristics_.end(); ++it, ++of_device) {
        if (!it->first.starts_with(device)) break;
    }
    if (of_device >= kMostCharacteristics) return false;
    if (characteristics_.size() < max_devices_ * kMostCharacteristics) return true;
    if (owner_of(path) == nullptr) return false;
    const auto stranger =
        std::ranges::find_if(characteristics_, [this](const auto& at) { return owner_of(at.first) == nullptr; });
    if (stranger == characteristics_.end()) return false;
    characteristics_.erase(stranger);
    return true;
}

void DeviceTable::removed(ObjectKind kind, const std::string& path) {
    if (kind == ObjectKind::characteristic) {
        characteristics_.erase(path);
        return;
    }
    if (auto* device = at(path); device != nullptr) {
        device->present = device->connected = device->resolved = false;
        by_path_.erase(path);
    }
}

void DeviceTable::forget_objects() {
    by_path_.clear();
    characteristics_.clear();
    for (auto& [tag, device] : devices_) device.present = device.connected = device.resolved = false;
}

void DeviceTable::erase(TagId tag) {
    if (auto* device = find(tag); device != nullptr) {
        by_path_.erase(device->path);
        devices_.erase(tag);
    }
}

Device* DeviceTable::find(TagId tag) {
    const auto found = devices_.find(tag);
    return found == devices_.end() ? nullptr : &found->second;
}

Device* DeviceTable::at(const std::string& path) {
    const auto found = by_path_.find(path);
    return found == by_path_.end() ? nullptr : find(found->second);
}

Device* DeviceTable::owner_of(const std::string& characteristic) {
    const auto service = characteristic.rfind("/service");
    return service == std::string::npos ? nullptr : at(characteristic.substr(0, service));
}

std::optional<std::string> DeviceTable::characteristic(const std::string& device, std::string_view uuid) const {
    const auto prefix = device + "/";
    for (auto it = characteristics_.lower_bound(prefix); it != characteristics_.end(); ++it) {
        if (!it->first.starts_with(prefix)) break;
        if (it->second == uuid) return it->first;
    }
    return std::nullopt;
}

std::uint32_t DeviceTable::heard_since(SteadyTime when) const {
    std::uint32_t out = 0;
    for (const auto& [tag, device] : devices_) out += device.heard && *device.heard >= when ? 1 : 0;
    return out;
}

TagSighting sighting_of(const Device& device) {
    TagSighting out;
    out.tag = device.tag;
    out.model = tagwire::gicisky::model_name(device.advert.model);
    if (const auto* model = device.model(); model != nullptr) {
        out.width = model->width;
        out.height = model->height;
        out.palette = model->palette;
        out.battery_percent = tagwire::gicisky::battery_percent(*model, device.advert.battery_mv());
    }
    out.rssi = device.rssi;
    out.battery_mv = device.advert.battery_mv();
    const std::array<std::uint8_t, 2> firmware{static_cast<std::uint8_t>(device.advert.firmware >> 8),
                                               static_cast<std::uint8_t>(device.advert.firmware)};
    out.firmware = to_hex(firmware);
    return out;
}

}  // namespace esl::ap::bluez
