// QueryMqttTrace...: the traces in the service's own form.
#include "broker/app/rpc.hpp"
#include "broker/app/traces.hpp"

namespace esl::broker {
namespace {

using nlohmann::json;

constexpr std::int64_t kPageSizeMost = 100;
constexpr std::int64_t kMillisMost = INT64_MAX;

RpcFault bad(const char* parameter) {
    return {400, "InvalidParameter." + std::string(parameter), "The parameter is not valid."};
}

std::expected<TraceQuery, RpcFault> query_of(const RpcCall& call, TraceKind kind, bool paged) {
    TraceQuery query{.kind = kind, .client = call.text("ClientId")};
    query.from = call.number("BeginTime", -1);
    query.to = call.number("EndTime", -1);
    if (query.from < 0) return std::unexpected(bad("BeginTime"));
    if (query.to < query.from) return std::unexpected(bad("EndTime"));
    if (query.to < kMillisMost) ++query.to;  // inclusive over there
    const auto page = paged ? call.number("CurrentPage", -1) : 1;
    const auto size = paged ? call.number("PageSize", -1) : kPageSizeMost;
    if (page < 1) return std::unexpected(bad("CurrentPage"));
    if (size < 1 || size > kPageSizeMost) return std::unexpected(bad("PageSize"));
    query.page = static_cast<std::size_t>(page);
    query.page_size = static_cast<std::size_t>(size);
    const auto reverse = call.text("Reverse");
    if (!reverse.empty() && reverse != "true" && reverse != "false") return std::unexpected(bad("Reverse"));
    query.newest_first = reverse == "true";
    return query;
}

json row_of(const TraceRow& row, TraceKind kind, std::uint64_t instance) {
    const auto told = words(row.action);
    json out{{"Action", told.action},
             {"ActionCode", told.code},
             {"ActionInfo", told.info.empty() ? row.info : told.info},
             {"Time", trace_time(row.time)}};
    if (kind == TraceKind::device) {
        out["ChannelId"] = row.channel;
    } else {
        out["ClientId"] = row.client;
        out["MsgId"] = message_id_text(instance, row.message);
    }
    return out;
}

RpcAnswer answer(const RpcCall& call, const TraceQuery& query, const char* list, bool paged) {
    const auto found = call.control.traces(query);
    if (!found) return std::unexpected(RpcFault{400, "ApiNotSupport", found.error().message()});
    json rows = json::array();
    for (const auto& row : found->rows) rows.push_back(row_of(row, query.kind, call.control.instance()));
    json out{{list, std::move(rows)}};
    if (paged) out.update({{"CurrentPage", query.page}, {"PageSize", query.page_size}, {"Total", found->total}});
    return out;
}

RpcAnswer of_device(const RpcCall& call) {
    auto query = query_of(call, TraceKind::device, true);
    if (!query) return std::unexpected(query.error());
    return answer(call, *query, "DeviceInfoList", true);
}

RpcAnswer of_client(const RpcCall& call) {
    auto query = query_of(call, TraceKind::message, true);
    if (!query) return std::unexpected(query.error());
    return answer(call, *query, "MessageOfClientList", true);
}

// A message id of another broker is nobody's: an empty list.
RpcAnswer of_message(const RpcCall& call, std::vector<TraceAction> actions, bool paged) {
    auto query = query_of(call, TraceKind::message, paged);
    if (!query) return std::unexpected(query.error());
    query->actions = std::move(actions);
    query->message = parse_message_id(call.text("MsgId"), call.control.instance()).value_or(0);
    return answer(call, *query, "MessageTraceLists", paged);
}

RpcAnswer of_publish(const RpcCall& call) {
    return of_message(call, {TraceAction::pub_mqtt, TraceAction::pub_mq}, false);
}

RpcAnswer of_delivery(const RpcCall& call) {
    return of_message(call, {TraceAction::sub, TraceAction::push_offline}, true);
}

constexpr RpcAction kActions[] = {
    {"QueryMqttTraceDevice", "InstanceId ClientId BeginTime EndTime CurrentPage PageSize", of_device},
    {"QueryMqttTraceMessagePublish", "InstanceId MsgId BeginTime EndTime", of_publish},
    {"QueryMqttTraceMessageSubscribe", "InstanceId MsgId BeginTime EndTime CurrentPage PageSize", of_delivery},
    {"QueryMqttTraceMessageOfClient", "InstanceId ClientId BeginTime EndTime CurrentPage PageSize", of_client},
    {nullptr, "", nullptr},
};

}  // namespace

const RpcAction* rpc_trace_actions() {
    return kActions;
}

}  // namespace esl::broker
