// Tokens and device credentials.
#include "broker/app/rpc.hpp"
#include "broker/auth/credential_book.hpp"

namespace esl::broker {
namespace {

using nlohmann::json;

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> out;
    while (!text.empty()) {
        const auto comma = text.find(',');
        out.emplace_back(text.substr(0, comma));
        text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    }
    return out;
}

RpcAnswer apply_token(const RpcCall& call) {
    const auto resources = split(call.text("Resources"));
    if (resources.size() > kTokenResources)
        return std::unexpected(RpcFault{400, "ApplyTokenOverFlow", "At most 100 resources in one token."});
    const auto issued = call.book.apply_token({.actions = call.text("Actions"),
                                               .resources = resources,
                                               .expires = call.number("ExpireTime", 0),
                                               .access_key = call.access_key,
                                               .instance = call.text("InstanceId")});
    if (!issued) return std::unexpected(rpc_fault(issued.error()));
    call.object = "token:" + issued->token.id;
    return json{{"Token", issued->text}};
}

RpcAnswer query_token(const RpcCall& call) {
    return json{{"TokenStatus", call.book.check_token(call.text("Token")).has_value()}};
}

RpcAnswer revoke_token(const RpcCall& call) {
    const auto token = call.book.revoke_token(call.text("Token"));
    if (!token) return std::unexpected(rpc_fault(token.error()));
    call.object = "token:" + token->id;
    return json::object();
}

RpcAnswer described(const RpcCall& call, const Result<DeviceCredential>& credential) {
    if (!credential) return std::unexpected(rpc_fault(credential.error()));
    return json{{"DeviceCredential",
                 {{"ClientId", credential->client_id},
                  {"InstanceId", call.text("InstanceId")},
                  {"DeviceAccessKeyId", credential->id},
                  {"DeviceAccessKeySecret", credential->secret},
                  {"CreateTime", to_millis(credential->created)},
                  {"UpdateTime", to_millis(credential->updated)}}}};
}

RpcAnswer register_device(const RpcCall& call) {
    return described(call, call.book.register_device(call.text("ClientId")));
}
RpcAnswer refresh_device(const RpcCall& call) {
    return described(call, call.book.refresh_device(call.text("ClientId")));
}
RpcAnswer get_device(const RpcCall& call) {
    return described(call, call.book.device(call.text("ClientId")));
}
RpcAnswer unregister_device(const RpcCall& call) {
    return rpc_done(call.book.unregister_device(call.text("ClientId")));
}

RpcAnswer list_devices(const RpcCall& call) {
    const auto size = call.number("PageSize", 0);
    const auto page_no = call.number("PageNo", 1);
    if (size < 1 || size > static_cast<std::int64_t>(kPageMost) || page_no < 1 || page_no > 1'000'000)
        return std::unexpected(RpcFault{400, "InvalidParameter.PageSize", "PageSize is 1 to 1000, PageNo from 1."});
    PageQuery query{.after = call.text("NextToken"), .limit = static_cast<std::size_t>(size)};
    if (query.after.empty()) query.skip = static_cast<std::size_t>((page_no - 1) * size);
    const auto page = call.book.devices(call.text("GroupId"), query);
    json ids = json::array();
    for (const auto& item : page.items) ids.push_back(item.client_id);
    return json{{"DeviceCredentialClientIdList",
                 {{"ClientIdList", std::move(ids)},
                  {"NextToken", page.next},
                  {"PageNo", page_no},
                  {"PageSize", size},
                  {"Total", page.total}}}};
}

constexpr RpcAction kActions[] = {
    {"ApplyToken", "Actions ExpireTime InstanceId Resources", apply_token, "token.applied", "token"},
    {"QueryToken", "InstanceId Token", query_token},
    {"RevokeToken", "InstanceId Token", revoke_token, "token.revoked", "token"},
    {"RegisterDeviceCredential", "ClientId InstanceId", register_device, "device_credential.registered",
     "client:{ClientId}"},
    {"RefreshDeviceCredential", "ClientId InstanceId", refresh_device, "device_credential.refreshed",
     "client:{ClientId}"},
    {"GetDeviceCredential", "ClientId InstanceId", get_device, "device_credential.read", "client:{ClientId}"},
    {"UnRegisterDeviceCredential", "ClientId InstanceId", unregister_device, "device_credential.unregistered",
     "client:{ClientId}"},
    {"ListDeviceCredentialClientId", "GroupId InstanceId PageSize", list_devices},
    {nullptr, "", nullptr},
};

}  // namespace

const RpcAction* rpc_token_actions() {
    return kActions;
}

}  // namespace esl::broker
