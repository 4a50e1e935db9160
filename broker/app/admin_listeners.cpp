// GET /api/v1/listeners
#include <nlohmann/json.hpp>

#include "broker/app/admin_routes.hpp"

namespace esl::broker {
namespace {

using nlohmann::json;

json to_json(const ListenerInfo& l) {
    json out{{"address", l.address},
             {"kind", describe(l.kind)},
             {"open", l.open},
             {"since", l.since},
             {"connections", l.connections},
             {"auth", json::array()},
             {"limits",
              {{"connections", l.connections_most},
               {"connections_per_address", l.connections_per_address},
               {"packet", l.packet},
               {"packet_before_connect", l.packet_before_connect},
               {"connect_timeout_ms", milliseconds(l.connect_timeout).count()}}}};
    for (const auto method : l.auth) out["auth"].push_back(describe(method));
    if (has_websocket(l.kind)) out["paths"] = l.paths;
    if (l.certificate) {
        out["certificate"] = {{"subject", l.certificate->subject}, {"not_after", to_millis(l.certificate->not_after)}};
        out["client_certificates"] = describe(l.certificate->asked);
    }
    return out;
}

}  // namespace

void add_listener_routes(const AddRoute& add, const Control& control) {
    add("GET", "/api/v1/listeners", [&control](const http::Request&) {
        json items = json::array();
        for (const auto& listener : control.listeners()) items.push_back(to_json(listener));
        return http::json_response(
            200, json{{"items", std::move(items)}}.dump(-1, ' ', false, json::error_handler_t::replace));
    });
}

}  // namespace esl::broker
