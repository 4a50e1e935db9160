// CustomAuthIdentity, CustomAuthPermission, CustomAuthConnectBlack.
#include "broker/app/rpc.hpp"
#include "broker/auth/credential_book.hpp"

namespace esl::broker {
namespace {

using nlohmann::json;

std::optional<bool> parse_effect(std::string_view text) {
    if (text == "ALLOW") return true;
    if (text == "DENY") return false;
    return std::nullopt;
}

PageQuery page_of_call(const RpcCall& call) {
    const auto size = call.number("Size", 100);
    return {.after = call.text("NextToken"), .limit = static_cast<std::size_t>(size < 1 || size > 100 ? 100 : size)};
}

template <class T, class ToJson>
RpcAnswer results(const Page<T>& page, ToJson to_json) {
    json list = json::array();
    for (const auto& item : page.items) list.push_back(to_json(item));
    auto out = rpc_done({}, true).value();
    out["Data"] = {{"Results", std::move(list)}, {"NextToken", page.next}};
    return out;
}

std::expected<IdentityName, RpcFault> named(const RpcCall& call) {
    const auto type = rpc_word(call, "IdentityType", parse_identity_type);
    if (!type) return std::unexpected(type.error());
    return IdentityName{.type = *type,
                        .username = call.text("Username"),
                        .client_id = *type == IdentityType::client ? call.text("ClientId") : std::string{}};
}

RpcAnswer put_identity(const RpcCall& call, bool is_new) {
    const auto who = named(call);
    if (!who) return std::unexpected(who.error());
    const auto mode = rpc_word(call, "SignMode", parse_sign_mode);
    if (!mode) return std::unexpected(mode.error());
    const auto secret = call.text("Secret");
    return rpc_done(
        is_new ? call.book.add_identity(*who, *mode, secret) : call.book.update_identity(*who, *mode, secret), true);
}
RpcAnswer add_identity(const RpcCall& call) {
    return put_identity(call, true);
}
RpcAnswer update_identity(const RpcCall& call) {
    return put_identity(call, false);
}
RpcAnswer delete_identity(const RpcCall& call) {
    const auto who = named(call);
    if (!who) return std::unexpected(who.error());
    return rpc_done(call.book.remove_identity(*who), true);
}
RpcAnswer query_identity(const RpcCall& call) {
    const CredentialBook::IdentityFilter filter{.type = parse_identity_type(call.text("IdentityType")),
                                                .username = call.text("Username"),
                                                .client_id = call.text("ClientId")};
    // Without the secrets, which the service shows: ORIGIN ones are hashes here, and a list is no place for any.
    return results(call.book.identities(filter, page_of_call(call)), [](const CredentialBook::IdentityInfo& info) {
        return json{{"Username", info.who.username},
                    {"ClientId", info.who.client_id},
                    {"IdentityType", name(info.who.type)},
                    {"SignMode", name(info.mode)}};
    });
}

RpcAnswer put_permission(const RpcCall& call, bool is_new) {
    const auto type = rpc_word(call, "IdentityType", parse_identity_type);
    const auto access = rpc_word(call, "PermitAction", parse_permit_action);
    const auto allow = rpc_word(call, "Effect", parse_effect);
    if (!type) return std::unexpected(type.error());
    if (!access) return std::unexpected(access.error());
    if (!allow) return std::unexpected(allow.error());
    const Permission permission{.type = *type,
                                .identity = call.text("Identity"),
                                .rule = {.filter = call.text("Topic"), .access = *access, .allow = *allow}};
    return rpc_done(is_new ? call.book.add_permission(permission) : call.book.update_permission(permission), true);
}
RpcAnswer add_permission(const RpcCall& call) {
    return put_permission(call, true);
}
RpcAnswer update_permission(const RpcCall& call) {
    return put_permission(call, false);
}
RpcAnswer delete_permission(const RpcCall& call) {
    const auto type = rpc_word(call, "IdentityType", parse_identity_type);
    if (!type) return std::unexpected(type.error());
    return rpc_done(call.book.remove_permission(*type, call.text("Identity"), call.text("Topic")), true);
}
RpcAnswer query_permission(const RpcCall& call) {
    const auto page = call.book.permissions(parse_identity_type(call.text("IdentityType")), call.text("Identity"),
                                            page_of_call(call));
    return results(page, [](const Permission& p) {
        return json{{"Identity", p.identity},
                    {"IdentityType", name(p.type)},
                    {"Topic", p.rule.filter},
                    {"PermitAction", name(p.rule.access)},
                    {"Effect", p.rule.allow ? "ALLOW" : "DENY"}};
    });
}

RpcAnswer add_black(const RpcCall& call) {
    return rpc_done(call.book.add_to_blacklist(call.text("ClientId")), true);
}
RpcAnswer delete_black(const RpcCall& call) {
    return rpc_done(call.book.remove_from_blacklist(call.text("ClientId")), true);
}
RpcAnswer query_black(const RpcCall& call) {
    const auto client = call.text("ClientId");
    Page<std::string> page;
    if (client.empty()) {
        page = call.book.blacklist(page_of_call(call));
    } else if (call.book.blacklisted(client)) {
        page.items.push_back(client);
    }
    return results(page, [](const std::string& id) {
        return json{{"ClientId", id}, {"Effect", "DENY"}, {"PermitAction", "CONNECT"}};
    });
}

constexpr RpcAction kActions[] = {
    {"AddCustomAuthIdentity", "InstanceId Username IdentityType SignMode Secret", add_identity, "identity.added",
     "identity:{IdentityType}|{Username}"},
    {"UpdateCustomAuthIdentity", "InstanceId Username IdentityType SignMode Secret", update_identity,
     "identity.updated", "identity:{IdentityType}|{Username}"},
    {"DeleteCustomAuthIdentity", "InstanceId Username IdentityType", delete_identity, "identity.removed",
     "identity:{IdentityType}|{Username}"},
    {"QueryCustomAuthIdentity", "InstanceId Size", query_identity},
    {"AddCustomAuthPermission", "InstanceId Identity IdentityType Topic Effect PermitAction", add_permission,
     "permission.added", "identity:{IdentityType}|{Identity}"},
    {"UpdateCustomAuthPermission", "InstanceId Identity IdentityType Topic Effect PermitAction", update_permission,
     "permission.updated", "identity:{IdentityType}|{Identity}"},
    {"DeleteCustomAuthPermission", "InstanceId Identity IdentityType Topic", delete_permission, "permission.removed",
     "identity:{IdentityType}|{Identity}"},
    {"QueryCustomAuthPermission", "InstanceId Size", query_permission},
    {"AddCustomAuthConnectBlack", "InstanceId ClientId", add_black, "blacklist.added", "client:{ClientId}"},
    {"DeleteCustomAuthConnectBlack", "InstanceId ClientId", delete_black, "blacklist.removed", "client:{ClientId}"},
    {"QueryCustomAuthConnectBlack", "InstanceId Size", query_black},
    {nullptr, "", nullptr},
};

}  // namespace

const RpcAction* rpc_identity_actions() {
    return kActions;
}

}  // namespace esl::broker
