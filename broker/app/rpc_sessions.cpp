// Groups, sessions, SendMessage.
#include "broker/app/rpc.hpp"

namespace esl::broker {
namespace {

using nlohmann::json;

constexpr int kBatchMost = 10;

RpcAnswer send_message(const RpcCall& call) {
    const auto payload = call.text("Payload");
    const auto bytes = as_bytes(payload);
    const auto id =
        call.control.send(call.text("MqttTopic"), Bytes(bytes.begin(), bytes.end()), mqtt::QoS::at_least_once);
    if (!id) return std::unexpected(rpc_fault(id.error()));
    return json{{"MsgId", *id}};
}

RpcAnswer query_session(const RpcCall& call) {
    return json{{"OnlineStatus", call.control.connected(call.text("ClientId"))}};
}

RpcAnswer query_sessions(const RpcCall& call) {
    json list = json::array();
    for (int i = 1;; ++i) {
        const auto id = call.text("ClientIdList." + std::to_string(i));
        if (id.empty()) break;
        if (i > kBatchMost)
            return std::unexpected(
                RpcFault{400, "InvalidParameter.ClientIdList", "At most 10 client ids in one request."});
        list.push_back({{"ClientId", id}, {"OnlineStatus", call.control.connected(id)}});
    }
    if (list.empty())
        return std::unexpected(RpcFault{400, "MissingClientIdList", "ClientIdList is mandatory for this action."});
    return json{{"OnlineStatusList", std::move(list)}};
}

RpcAnswer close_connection(const RpcCall& call) {
    if (!call.control.kick(call.text("ClientId")))
        return std::unexpected(RpcFault{400, "ParameterCheckFailed", "The client is not connected."});
    return rpc_done({}, true);
}

RpcAnswer create_group(const RpcCall& call) {
    return rpc_done(call.control.registrar().add(NameKind::group, call.text("GroupId")));
}

RpcAnswer delete_group(const RpcCall& call) {
    return rpc_done(call.control.registrar().remove(NameKind::group, call.text("GroupId")));
}

RpcAnswer list_groups(const RpcCall& call) {
    json list = json::array();
    for (const auto& [group, since] : call.control.registrar().groups()) {
        list.push_back({{"GroupId", group},
                        {"InstanceId", call.text("InstanceId")},
                        {"IndependentNaming", true},
                        {"CreateTime", since},
                        {"UpdateTime", since},  // a group is made and removed, never changed
                        {"Tags", json::array()}});
    }
    return json{{"Data", std::move(list)}};
}

constexpr RpcAction kActions[] = {
    {"SendMessage", "InstanceId MqttTopic Payload", send_message, "message.published", "topic:{MqttTopic}"},
    {"QuerySessionByClientId", "ClientId InstanceId", query_session},
    {"BatchQuerySessionByClientIds", "InstanceId", query_sessions},
    {"CloseConnection", "ClientId InstanceId", close_connection, "client.kicked", "client:{ClientId}"},
    {"CreateGroupId", "GroupId InstanceId", create_group, "group.added", "group:{GroupId}"},
    {"DeleteGroupId", "GroupId InstanceId", delete_group, "group.removed", "group:{GroupId}"},
    {"ListGroupId", "InstanceId", list_groups},
    {nullptr, "", nullptr},
};

}  // namespace

const RpcAction* rpc_session_actions() {
    return kActions;
}

}  // namespace esl::broker
