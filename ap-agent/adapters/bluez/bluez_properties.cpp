#include "ap-agent/adapters/bluez/bluez_properties.hpp"

#include "common/core/ids.hpp"
#include "common/tagwire/gicisky/advert.hpp"

namespace esl::ap::bluez {
namespace {

// Bounds of the Bluetooth Core specification 5.3: an attribute's value (vol. 3 part F 3.2.9), the data of one
// AD structure (vol. 3 part C 11), RSSI (vol. 4 part E 7.7.65.2: -127 to +20 dBm).
constexpr std::size_t kMaxValue = 512;
constexpr std::size_t kMaxAdvert = 254;
constexpr int kLowestRssi = -127;
constexpr int kHighestRssi = 20;
constexpr std::size_t kMaxText = 64;  // addresses have 17 characters, UUIDs 36

// D-Bus signatures, for the log.
template <class T>
constexpr const char* signature_of = nullptr;
template <>
constexpr const char* signature_of<std::string> = "s";
template <>
constexpr const char* signature_of<std::int16_t> = "n";
template <>
constexpr const char* signature_of<bool> = "b";
template <>
constexpr const char* signature_of<Bytes> = "ay";
template <>
constexpr const char* signature_of<std::map<std::uint16_t, sdbus::Variant>> = "a{qv}";

class Reader {
public:
    Reader(const std::string& path, const std::string& interface, const Variants& from, Misfits& misfits)
        : path_(path), interface_(interface), from_(from), misfits_(misfits) {}

    template <class T>
    [[nodiscard]] std::optional<T> get(const char* property) const {
        const auto found = from_.find(property);
        if (found == from_.end()) return std::nullopt;
        return value_of<T>(property, found->second);
    }
    template <class T>
    [[nodiscard]] std::optional<T> value_of(const char* property, const sdbus::Variant& variant) const {
        if (!variant.containsValueOfType<T>()) {
            refuse(property, std::string("expected ") + signature_of<T> + ", got " + variant.peekValueType());
            return std::nullopt;
        }
        return variant.get<T>();
    }
    // Above `most` bytes or characters: refused.
    template <class T>
    [[nodiscard]] std::optional<T> get_short(const char* property, std::size_t most) const {
        return shorter(property, get<T>(property), most);
    }
    template <class T>
    [[nodiscard]] std::optional<T> shorter(const char* property, std::optional<T> value, std::size_t most) const {
        if (!value || value->size() <= most) return value;
        refuse(property, "expected at most " + std::to_string(most) + " bytes, got " + std::to_string(value->size()));
        return std::nullopt;
    }
    void refuse(const char* property, const std::string& why) const {
        misfits_.report(path_, interface_, property, why);
    }

private:
    const std::string& path_;
    const std::string& interface_;
    const Variants& from_;
    Misfits& misfits_;
};

void read_device(const Reader& r, Properties& out) {
    out.address = r.get_short<std::string>("Address", kMaxText);
    if (out.address) {
        const auto tag = TagId::parse(*out.address);
        if (!tag || !tag->is_eui48()) {
            r.refuse("Address", "expected XX:XX:XX:XX:XX:XX");
            out.address.reset();
        }
    }
    out.rssi = r.get<std::int16_t>("RSSI");
    if (out.rssi && (*out.rssi < kLowestRssi || *out.rssi > kHighestRssi)) {
        r.refuse("RSSI", "expected -127 to 20 dBm, got " + std::to_string(*out.rssi));
        out.rssi.reset();
    }
    out.connected = r.get<bool>("Connected");
    out.resolved = r.get<bool>("ServicesResolved");
    const auto manufacturers = r.get<std::map<std::uint16_t, sdbus::Variant>>("ManufacturerData");
    if (!manufacturers) return;
    const auto ours = manufacturers->find(tagwire::gicisky::kManufacturerId);
    if (ours == manufacturers->end()) return;
    out.gicisky = r.shorter("ManufacturerData", r.value_of<Bytes>("ManufacturerData", ours->second), kMaxAdvert);
}

}  // namespace

std::optional<ObjectKind> kind_of(const std::string& interface) {
    if (interface == kAdapter) return ObjectKind::adapter;
    if (interface == kDevice) return ObjectKind::device;
    if (interface == kCharacteristic) return ObjectKind::characteristic;
    return std::nullopt;
}

Properties read_properties(const std::string& path, const std::string& interface, const Variants& from,
                           Misfits& misfits) {
    Properties out;
    const Reader r(path, interface, from, misfits);
    if (interface == kDevice) {
        read_device(r, out);
    } else if (interface == kAdapter) {
        out.powered = r.get<bool>("Powered");
        out.discovering = r.get<bool>("Discovering");
    } else {
        out.uuid = r.get_short<std::string>("UUID", kMaxText);
        out.value = r.get_short<Bytes>("Value", kMaxValue);
    }
    return out;
}

}  // namespace esl::ap::bluez
