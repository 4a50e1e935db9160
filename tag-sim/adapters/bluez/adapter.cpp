#include "tag-sim/adapters/bluez/adapter.hpp"

#include <algorithm>

namespace esl::sim::bluez {
namespace {

constexpr auto kUuidSuffix = "-0000-1000-8000-00805f9b34fb";

// "fef0" and "0xfef0" stand for whole UUIDs.
std::string full_uuid(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (text.starts_with("0x")) text.erase(0, 2);
    if (text.size() == 4) text = "0000" + text + kUuidSuffix;
    return text;
}

}  // namespace

std::string colon_address(TagId id) {
    std::string out;
    for (const auto text = id.text(); const char c : text) {
        if (!out.empty() && (out.size() + 1) % 3 == 0) out.push_back(':');
        out.push_back(c);
    }
    return out;
}

std::string device_path(const std::string& adapter_path, TagId id) {
    auto address = colon_address(id);
    std::ranges::replace(address, ':', '_');
    return adapter_path + "/dev_" + address;
}

Adapter::Adapter(sdbus::IConnection& connection, std::string path, std::string address, Callbacks callbacks)
    : path_(std::move(path)),
      address_(std::move(address)),
      alias_("tag-sim"),
      callbacks_(std::move(callbacks)),
      object_(sdbus::createObject(connection, path_)) {
    register_methods();
    register_properties();
    object_->finishRegistration();
    object_->emitInterfacesAddedSignal();
}

std::string Adapter::sender() const {
    return object_->getCurrentlyProcessedMessage()->getSender();
}

void Adapter::register_methods() {
    object_->registerMethod("StartDiscovery").onInterface(kAdapterInterface).implementedAs([this] {
        start_discovery(sender());
    });
    object_->registerMethod("StopDiscovery").onInterface(kAdapterInterface).implementedAs([this] {
        stop_discovery(sender());
    });
    object_->registerMethod("SetDiscoveryFilter")
        .onInterface(kAdapterInterface)
        .withInputParamNames("properties")
        .implementedAs([this](const Options& options) { set_filter(sender(), options); });
    object_->registerMethod("GetDiscoveryFilters")
        .onInterface(kAdapterInterface)
        .withOutputParamNames("filters")
        .implementedAs([] {
            return std::vector<std::string>{"UUIDs",         "RSSI",         "Pathloss", "Transport",
                                            "DuplicateData", "Discoverable", "Pattern"};
        });
    object_->registerMethod("RemoveDevice")
        .onInterface(kAdapterInterface)
        .withInputParamNames("device")
        .implementedAs([this](const sdbus::ObjectPath& device) {
            if (!callbacks_.remove_device(device)) throw error("DoesNotExist", "Does Not Exist");
        });
}

void Adapter::register_properties() {
    object_->registerProperty("Address").onInterface(kAdapterInterface).withGetter([this] { return address_; });
    object_->registerProperty("AddressType").onInterface(kAdapterInterface).withGetter([] {
        return std::string{"public"};
    });
    object_->registerProperty("Name").onInterface(kAdapterInterface).withGetter([] { return std::string{"tag-sim"}; });
    object_->registerProperty("Alias")
        .onInterface(kAdapterInterface)
        .withGetter([this] { return alias_; })
        .withSetter([this](const std::string& alias) { alias_ = alias.empty() ? "tag-sim" : alias; });
    object_->registerProperty("Class").onInterface(kAdapterInterface).withGetter([] { return std::uint32_t{0}; });
    object_->registerProperty("Powered")
        .onInterface(kAdapterInterface)
        .withGetter([this] { return powered_; })
        .withSetter([this](const bool& on) { set_powered(on); });
    object_->registerProperty("Discoverable").onInterface(kAdapterInterface).withGetter([] { return false; });
    object_->registerProperty("Pairable").onInterface(kAdapterInterface).withGetter([] { return false; });
    object_->registerProperty("Discovering").onInterface(kAdapterInterface).withGetter([this] {
        return discovering();
    });
    object_->registerProperty("UUIDs").onInterface(kAdapterInterface).withGetter([] {
        return std::vector<std::string>{"00001800-0000-1000-8000-00805f9b34fb", "00001801-0000-1000-8000-00805f9b34fb"};
    });
    object_->registerProperty("Roles").onInterface(kAdapterInterface).withGetter([] {
        return std::vector<std::string>{"central"};
    });
}

void Adapter::start_discovery(const std::string& client) {
    if (!powered_) throw error("NotReady", "Resource Not Ready");
    if (std::ranges::find(searching_, client) != searching_.end())
        throw error("InProgress", "Operation already in progress");
    searching_.push_back(client);
    if (searching_.size() == 1) object_->emitPropertiesChangedSignal(kAdapterInterface, {"Discovering"});
}

void Adapter::stop_discovery(const std::string& client) {
    if (!powered_) throw error("NotReady", "Resource Not Ready");
    if (std::erase(searching_, client) == 0) throw error("Failed", "No discovery started");
    if (searching_.empty()) object_->emitPropertiesChangedSignal(kAdapterInterface, {"Discovering"});
}

void Adapter::set_filter(const std::string& client, const Options& options) {
    Filter filter;
    try {
        for (const auto& [key, value] : options) {
            if (key == "UUIDs") {
                for (const auto& uuid : value.get<std::vector<std::string>>()) filter.uuids.push_back(full_uuid(uuid));
            } else if (key == "RSSI") {
                filter.rssi = value.get<std::int16_t>();
            } else if (key == "Transport") {
                const auto transport = value.get<std::string>();
                if (transport != "le" && transport != "auto")
                    throw error("InvalidArguments", "Invalid arguments in method call");
            } else if (key != "DuplicateData" && key != "Pathloss" && key != "Discoverable" && key != "Pattern") {
                throw error("InvalidArguments", "Invalid arguments in method call");
            }
        }
    } catch (const sdbus::Error& bad) {
        if (bad.getName().starts_with("org.bluez.")) throw;
        throw error("InvalidArguments", "Invalid arguments in method call");  // a value of another type
    }
    filters_[client] = std::move(filter);
}

void Adapter::set_powered(bool on) {
    if (on == powered_) return;
    powered_ = on;
    if (!on) searching_.clear();
    object_->emitPropertiesChangedSignal(kAdapterInterface, {"Powered", "Discovering"});
    callbacks_.powered(on);
}

bool Adapter::wants(std::int16_t rssi, const std::vector<std::string>& uuids) const {
    if (!powered_) return false;
    return std::ranges::any_of(searching_, [&](const std::string& client) {
        const auto at = filters_.find(client);
        if (at == filters_.end()) return true;
        const auto& filter = at->second;
        if (filter.rssi && rssi < *filter.rssi) return false;
        if (filter.uuids.empty()) return true;
        return std::ranges::any_of(filter.uuids,
                                   [&](const auto& u) { return std::ranges::find(uuids, u) != uuids.end(); });
    });
}

void Adapter::client_gone(const std::string& name) {
    filters_.erase(name);
    if (std::erase(searching_, name) > 0 && searching_.empty()) {
        object_->emitPropertiesChangedSignal(kAdapterInterface, {"Discovering"});
    }
}

}  // namespace esl::sim::bluez
