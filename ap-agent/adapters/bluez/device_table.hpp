// The Gicisky tags that BlueZ knows of: where their objects are, what they advertise, when they were heard.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "ap-agent/adapters/bluez/bluez_bus.hpp"
#include "ap-agent/adapters/bluez/misfits.hpp"
#include "ap-agent/ports/tag_radio.hpp"
#include "common/core/clock.hpp"
#include "common/core/ids.hpp"
#include "common/tagwire/gicisky/advert.hpp"
#include "common/tagwire/gicisky/model.hpp"

namespace esl::ap::bluez {

struct Device {
    std::string path;
    TagId tag;
    tagwire::gicisky::Advert advert;
    std::int16_t rssi = 0;
    bool connected = false;
    bool resolved = false;
    bool present = false;  // BlueZ has the object now
    std::optional<SteadyTime> heard;
    std::optional<SteadyTime> told;  // to the listener
    bool changed = false;            // in what a listener wants to know, since `told`

    [[nodiscard]] const tagwire::gicisky::Model* model() const { return tagwire::gicisky::find_model(advert.model); }
};

// Bound to one thread. Devices other than Gicisky tags are not kept.
class DeviceTable {
public:
    DeviceTable(const Clock& clock, std::string adapter_path, std::size_t max_devices, Misfits& misfits)
        : clock_(clock), adapter_(std::move(adapter_path)), max_devices_(max_devices), misfits_(misfits) {}

    struct Heard {
        Device* device = nullptr;  // nullptr: not one of ours
        bool advert = false;       // the tag has just advertised
    };
    // A change of a Device1 object. The pointer is valid until the next call that is not const.
    [[nodiscard]] Heard changed(const std::string& path, const Properties& properties, bool snapshot);
    // Kept are those of Gicisky tags alone (FEF1, FEF2), at most kMostCharacteristics of a device and max_devices times
    // that of all; those of known tags push out those of strangers.
    void characteristic(const std::string& path, const Properties& properties);
    static constexpr std::size_t kMostCharacteristics = 4;
    void removed(ObjectKind kind, const std::string& path);
    // After the bus was lost: no object is there any more, what was heard is remembered.
    void forget_objects();
    void erase(TagId tag);

    [[nodiscard]] Device* find(TagId tag);
    [[nodiscard]] Device* at(const std::string& path);
    // The device that a characteristic belongs to: the object path is /…/dev_X/serviceN/charM.
    [[nodiscard]] Device* owner_of(const std::string& characteristic);
    [[nodiscard]] std::optional<std::string> characteristic(const std::string& device, std::string_view uuid) const;
    [[nodiscard]] std::uint32_t heard_since(SteadyTime when) const;

private:
    [[nodiscard]] bool make_room_for(const std::string& path);
    [[nodiscard]] Device* make(const std::string& path, const Properties& properties);

    const Clock& clock_;
    const std::string adapter_;
    const std::size_t max_devices_;
    std::unordered_map<TagId, Device> devices_;
    std::unordered_map<std::string, TagId> by_path_;
    std::map<std::string, std::string> characteristics_;  // object path to UUID; sorted, so a device's lie together
    Misfits& misfits_;
};

// The contract's view of it.
[[nodiscard]] TagSighting sighting_of(const Device& device);

}  // namespace esl::ap::bluez
