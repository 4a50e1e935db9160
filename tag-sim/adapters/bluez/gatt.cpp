#include "tag-sim/adapters/bluez/gatt.hpp"

#include <utility>

#include "common/tagwire/gicisky/message.hpp"

namespace esl::sim::bluez {
namespace {

namespace gicisky = tagwire::gicisky;

constexpr std::uint16_t kMtu = 247;
constexpr std::size_t kAttHeader = 3;

}  // namespace

Characteristic::Characteristic(sdbus::IConnection& connection, Traits traits, Callbacks callbacks)
    : traits_(std::move(traits)),
      callbacks_(std::move(callbacks)),
      object_(sdbus::createObject(connection, traits_.path)) {
    register_methods();
    register_properties();
    object_->finishRegistration();
    object_->emitInterfacesAddedSignal();
}

void Characteristic::register_methods() {
    const auto on = kCharacteristicInterface;
    object_->registerMethod("WriteValue")
        .onInterface(on)
        .withInputParamNames("value", "options")
        .implementedAs([this](sdbus::Result<>&& result, const std::vector<std::uint8_t>& value,
                              const Options& options) { write(std::move(result), value, options); });
    object_->registerMethod("ReadValue")
        .onInterface(on)
        .withInputParamNames("options")
        .withOutputParamNames("value")
        .implementedAs(
            [](const Options&) -> std::vector<std::uint8_t> { throw error("NotPermitted", "Read not permitted"); });
    object_->registerMethod("StartNotify").onInterface(on).implementedAs([this] { start_notify(); });
    object_->registerMethod("StopNotify").onInterface(on).implementedAs([this] { stop_notify(); });
}

void Characteristic::register_properties() {
    const auto on = kCharacteristicInterface;
    object_->registerProperty("UUID").onInterface(on).withGetter([this] { return traits_.uuid; });
    object_->registerProperty("Service").onInterface(on).withGetter(
        [this] { return sdbus::ObjectPath{traits_.service}; });
    object_->registerProperty("Value").onInterface(on).withGetter([this] { return value_; });
    object_->registerProperty("Notifying").onInterface(on).withGetter([this] { return notifying(); });
    object_->registerProperty("MTU").onInterface(on).withGetter([] { return kMtu; });
    object_->registerProperty("Flags").onInterface(on).withGetter([this] {
        return traits_.request ? std::vector<std::string>{"write", "notify"}
                               : std::vector<std::string>{"write-without-response"};
    });
}

void Characteristic::write(sdbus::Result<>&& result, const std::vector<std::uint8_t>& value, const Options& options) {
    bool request = traits_.request;
    if (const auto type = options.find("type"); type != options.end()) {
        const bool text = type->second.containsValueOfType<std::string>();
        const auto wanted = text ? type->second.get<std::string>() : "";
        if (wanted != "request" && wanted != "command")
            return result.returnError(error("InvalidArguments", "Invalid arguments in method call"));
        request = wanted == "request";
    }
    if (!callbacks_.connected()) return result.returnError(error("Failed", "Not connected"));
    if (request != traits_.request) return result.returnError(error("NotSupported", "Operation is not supported"));
    if (pending_) return result.returnError(error("InProgress", "Operation already in progress"));
    if (value.size() > kMtu - kAttHeader)
        return result.returnError(error("InvalidValueLength", "Invalid value length"));
    if (!request) {
        callbacks_.write(value, false, [](bool) {});
        return result.returnResults();
    }
    pending_ = std::make_shared<sdbus::Result<>>(std::move(result));
    callbacks_.write(value, true, [this, mine = pending_](bool ok) {
        if (pending_ != mine) return;
        pending_.reset();
        if (ok) return mine->returnResults();
        mine->returnError(error("Failed", "Operation failed with ATT error: 0x0e"));
    });
}

void Characteristic::start_notify() {
    if (!traits_.request) throw error("NotSupported", "Operation is not supported");
    if (!callbacks_.connected()) throw error("NotConnected", "Not Connected");
    const std::string client = object_->getCurrentlyProcessedMessage()->getSender();
    if (!listeners_.insert(client).second) throw error("InProgress", "Operation already in progress");
    if (listeners_.size() == 1) object_->emitPropertiesChangedSignal(kCharacteristicInterface, {"Notifying"});
}

void Characteristic::stop_notify() {
    const std::string client = object_->getCurrentlyProcessedMessage()->getSender();
    if (listeners_.erase(client) == 0) throw error("Failed", "No notify session started");
    if (listeners_.empty()) object_->emitPropertiesChangedSignal(kCharacteristicInterface, {"Notifying"});
}

void Characteristic::notify(const Bytes& value) {
    if (!notifying()) return;
    value_ = value;
    object_->emitPropertiesChangedSignal(kCharacteristicInterface, {"Value"});
}

void Characteristic::disconnected() {
    if (const auto pending = std::exchange(pending_, nullptr)) pending->returnError(error("Failed", "Not connected"));
    if (!notifying()) return;
    listeners_.clear();
    object_->emitPropertiesChangedSignal(kCharacteristicInterface, {"Notifying"});
}

void Characteristic::client_gone(const std::string& name) {
    if (listeners_.erase(name) > 0 && listeners_.empty()) {
        object_->emitPropertiesChangedSignal(kCharacteristicInterface, {"Notifying"});
    }
}

Gatt::Gatt(sdbus::IConnection& connection, const std::string& device_path, const Characteristic::Callbacks& command,
           const Characteristic::Callbacks& data) {
    const auto path = device_path + "/service0010";
    service_ = sdbus::createObject(connection, path);
    service_->registerProperty("UUID").onInterface(kServiceInterface).withGetter([] {
        return std::string{gicisky::kServiceUuid};
    });
    service_->registerProperty("Device").onInterface(kServiceInterface).withGetter([device_path] {
        return sdbus::ObjectPath{device_path};
    });
    service_->registerProperty("Primary").onInterface(kServiceInterface).withGetter([] { return true; });
    service_->registerProperty("Includes").onInterface(kServiceInterface).withGetter([] {
        return std::vector<sdbus::ObjectPath>{};
    });
    service_->finishRegistration();
    service_->emitInterfacesAddedSignal();
    command_ = std::make_unique<Characteristic>(
        connection, Characteristic::Traits{path + "/char0011", path, std::string{gicisky::kCommandUuid}, true},
        command);
    data_ = std::make_unique<Characteristic>(
        connection, Characteristic::Traits{path + "/char0014", path, std::string{gicisky::kDataUuid}, false}, data);
}

void Gatt::disconnected() {
    command_->disconnected();
    data_->disconnected();
}

void Gatt::client_gone(const std::string& name) {
    command_->client_gone(name);
    data_->client_gone(name);
}

}  // namespace esl::sim::bluez
