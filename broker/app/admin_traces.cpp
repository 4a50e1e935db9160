// GET /api/v1/traces/devices and /api/v1/traces/messages.
#include <charconv>
#include <nlohmann/json.hpp>

#include "broker/app/admin_routes.hpp"
#include "broker/app/traces.hpp"
#include "common/http/problem.hpp"

namespace esl::broker {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;

constexpr std::int64_t kPageSizeMost = 100;

// A whole number of the query; false when it is there and is none, or out of range.
bool read_number(const Request& request, std::string_view name, std::int64_t& value, std::int64_t lowest,
                 std::int64_t highest) {
    const auto text = request.query_value(name);
    if (!text) return true;
    std::int64_t read = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), read);
    if (error != std::errc{} || end != text->data() + text->size() || read < lowest || read > highest) return false;
    value = read;
    return true;
}

// What both kinds share; the answer to a request that is no good, otherwise.
std::optional<Response> read_common(const Request& request, TraceQuery& query) {
    std::int64_t page = 1;
    std::int64_t page_size = 20;
    if (!read_number(request, "from", query.from, 0, INT64_MAX)) return http::problem(400, "from: must be Unix ms");
    if (!read_number(request, "to", query.to, 0, INT64_MAX)) return http::problem(400, "to: must be Unix ms");
    if (!read_number(request, "page", page, 1, 1'000'000'000)) return http::problem(400, "page: must be 1 or more");
    if (!read_number(request, "page_size", page_size, 1, kPageSizeMost))
        return http::problem(400, "page_size: must be 1 to " + std::to_string(kPageSizeMost));
    query.page = static_cast<std::size_t>(page);
    query.page_size = static_cast<std::size_t>(page_size);
    const auto reverse = request.query_value("reverse").value_or("false");
    if (reverse != "true" && reverse != "false") return http::problem(400, "reverse: must be true or false");
    query.newest_first = reverse == "true";
    query.client = request.query_value("client").value_or("");
    return std::nullopt;
}

Response answer(Control& control, const TraceQuery& query) {
    const auto found = control.traces(query);
    if (!found) return http::problem(503, found.error().message());
    json items = json::array();
    for (const auto& row : found->rows) items.push_back(to_json(row, query.kind, control.instance()));
    return http::json_response(200, json{{"items", std::move(items)},
                                         {"total", found->total},
                                         {"page", query.page},
                                         {"page_size", query.page_size},
                                         {"truncated", found->cut}}
                                        .dump(-1, ' ', false, json::error_handler_t::replace));
}

Response devices(Control& control, const Request& request) {
    TraceQuery query{.kind = TraceKind::device};
    if (auto bad = read_common(request, query)) return *bad;
    if (query.client.empty()) return http::problem(400, "client: a client id is needed");
    return answer(control, query);
}

Response messages(Control& control, const Request& request) {
    TraceQuery query{.kind = TraceKind::message};
    if (auto bad = read_common(request, query)) return *bad;
    const auto id = request.query_value("message");
    if (id && !(query.message = parse_message_id(*id, control.instance()))) {
        return http::problem(400, "message: must be a message id of this broker, 32 hex digits that begin with " +
                                      message_id_text(control.instance(), 0).substr(0, 16));
    }
    if (!id && query.client.empty()) return http::problem(400, "client or message is needed");
    const auto part = request.query_value("part").value_or("all");
    if (part == "publish") {
        query.actions = {TraceAction::pub_mqtt, TraceAction::pub_mq};
    } else if (part == "delivery") {
        query.actions = {TraceAction::sub, TraceAction::push_offline};
    } else if (part != "all") {
        return http::problem(400, "part: must be publish, delivery or all");
    }
    return answer(control, query);
}

}  // namespace

void add_trace_routes(const AddRoute& add, Control& control) {
    add("GET", "/api/v1/traces/devices", [&control](const Request& r) { return devices(control, r); });
    add("GET", "/api/v1/traces/messages", [&control](const Request& r) { return messages(control, r); });
}

}  // namespace esl::broker
