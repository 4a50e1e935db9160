// CaCertificate and DeviceCertificate.
#include "broker/app/rpc.hpp"
#include "broker/auth/credential_book.hpp"

namespace esl::broker {
namespace {

using nlohmann::json;

json fields_of(const CaCertificate& c) {
    return {{"CaContent", c.pem},
            {"CaName", c.name},
            {"RegistrationCode", c.registration_code},
            {"Sn", c.sn},
            {"Status", c.active ? "1" : "0"},
            {"ValidBegin", std::to_string(to_millis(c.valid_from))},
            {"ValidEnd", std::to_string(to_millis(c.valid_to))},
            {"VerificationContent", c.verification_pem}};
}
json fields_of(const DeviceCertificate& c) {
    return {{"CaSn", c.ca_sn},
            {"DeviceName", c.name},
            {"DeviceSn", c.sn},
            {"Status", c.active ? "1" : "0"},
            {"ValidBegin", std::to_string(to_millis(c.valid_from))},
            {"ValidEnd", std::to_string(to_millis(c.valid_to))}};
}

RpcAnswer register_code(const RpcCall& call) {
    const auto code = call.book.registration_code();
    if (!code) return std::unexpected(rpc_fault(code.error()));
    return json{{"RegisterCode", *code}};
}

RpcAnswer register_ca(const RpcCall& call) {
    const auto made =
        call.book.register_ca(call.text("CaName"), call.text("CaContent"), call.text("VerificationContent"));
    if (!made) return std::unexpected(rpc_fault(made.error()));
    call.object = "ca:" + made->sn;
    return json{{"Sn", made->sn}};
}

RpcAnswer get_ca(const RpcCall& call) {
    const auto found = call.book.ca(call.text("Sn"));
    if (!found) return std::unexpected(rpc_fault(found.error()));
    return json{{"Data", fields_of(*found)}};
}

RpcAnswer sn_of(const RpcCall& call, const Result<>& done) {
    if (!done) return std::unexpected(rpc_fault(done.error()));
    return json{{"Sn", call.text("Sn")}};
}
RpcAnswer active_ca(const RpcCall& call) {
    return sn_of(call, call.book.set_ca_active(call.text("Sn"), true));
}
RpcAnswer inactivate_ca(const RpcCall& call) {
    return sn_of(call, call.book.set_ca_active(call.text("Sn"), false));
}
RpcAnswer delete_ca(const RpcCall& call) {
    return sn_of(call, call.book.remove_ca(call.text("Sn")));
}

RpcAnswer device_sn_of(const RpcCall& call, const Result<>& done) {
    if (!done) return std::unexpected(rpc_fault(done.error()));
    return json{{"DeviceSn", call.text("DeviceSn")}};
}
RpcAnswer get_device(const RpcCall& call) {
    const auto found = call.book.device_certificate(call.text("CaSn"), call.text("DeviceSn"));
    if (!found) return std::unexpected(rpc_fault(found.error()));
    return json{{"Data", fields_of(*found)}};
}
RpcAnswer active_device(const RpcCall& call) {
    return device_sn_of(call, call.book.set_device_certificate_active(call.text("CaSn"), call.text("DeviceSn"), true));
}
RpcAnswer inactivate_device(const RpcCall& call) {
    return device_sn_of(call, call.book.set_device_certificate_active(call.text("CaSn"), call.text("DeviceSn"), false));
}
RpcAnswer delete_device(const RpcCall& call) {
    return device_sn_of(call, call.book.remove_device_certificate(call.text("CaSn"), call.text("DeviceSn")));
}

// `list` takes a PageQuery.
template <class List>
RpcAnswer listed(const RpcCall& call, const char* field, List list) {
    const auto size = call.number("PageSize", 0);
    const auto number = call.number("PageNo", 0);
    if (size < 1 || size > static_cast<std::int64_t>(kPageMost) || number < 1 || number > 1'000'000)
        return std::unexpected(RpcFault{400, "InvalidParameter.PageSize", "PageSize is 1 to 1000, PageNo from 1."});
    const auto page = list(PageQuery{
        .after = {}, .limit = static_cast<std::size_t>(size), .skip = static_cast<std::size_t>((number - 1) * size)});
    json items = json::array();
    for (const auto& item : page.items) items.push_back(fields_of(item));
    return json{{"Data", {{field, std::move(items)}, {"PageNo", number}, {"PageSize", size}, {"Total", page.total}}}};
}
RpcAnswer list_cas(const RpcCall& call) {
    return listed(call, "CaCertificateVOS", [&](const PageQuery& query) { return call.book.cas(query); });
}
RpcAnswer list_devices(const RpcCall& call) {
    return listed(call, "DeviceCertificateVOS",
                  [&](const PageQuery& query) { return call.book.device_certificates(call.text("CaSn"), query); });
}

constexpr RpcAction kActions[] = {
    {"GetRegisterCode", "MqttInstanceId", register_code},
    {"RegisterCaCertificate", "MqttInstanceId CaName CaContent VerificationContent", register_ca, "ca.registered",
     "ca"},
    {"GetCaCertificate", "MqttInstanceId Sn", get_ca},
    {"ActiveCaCertificate", "MqttInstanceId Sn", active_ca, "ca.activated", "ca:{Sn}"},
    {"InactivateCaCertificate", "MqttInstanceId Sn", inactivate_ca, "ca.inactivated", "ca:{Sn}"},
    {"DeleteCaCertificate", "MqttInstanceId Sn", delete_ca, "ca.removed", "ca:{Sn}"},
    {"ListCaCertificate", "MqttInstanceId PageNo PageSize", list_cas},
    {"GetDeviceCertificate", "MqttInstanceId CaSn DeviceSn", get_device},
    {"ActiveDeviceCertificate", "MqttInstanceId CaSn DeviceSn", active_device, "device_certificate.activated",
     "certificate:{CaSn}|{DeviceSn}"},
    {"InactivateDeviceCertificate", "MqttInstanceId CaSn DeviceSn", inactivate_device, "device_certificate.inactivated",
     "certificate:{CaSn}|{DeviceSn}"},
    {"DeleteDeviceCertificate", "MqttInstanceId CaSn DeviceSn", delete_device, "device_certificate.removed",
     "certificate:{CaSn}|{DeviceSn}"},
    {"ListDeviceCertificate", "MqttInstanceId PageNo PageSize", list_devices},
    {"ListDeviceCertificateByCaSn", "MqttInstanceId PageNo PageSize CaSn", list_devices},
    {nullptr, "", nullptr},
};

}  // namespace

const RpcAction* rpc_certificate_actions() {
    return kActions;
}

}  // namespace esl::broker
