// Keys of the administration: GET, POST /api/v1/keys, DELETE /api/v1/keys/{name}.
#include <nlohmann/json.hpp>

#include "broker/app/admin_body.hpp"
#include "broker/app/admin_keys.hpp"
#include "broker/app/admin_routes.hpp"
#include "common/http/problem.hpp"

namespace esl::broker {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;

int status_of(const Error& error) {
    if (error.is(KeyError::not_there)) return 404;
    return error.is(KeyError::bad) ? 400 : 409;
}

Response list(const AdminKeys& keys) {
    auto items = json::array();
    for (const auto& key : keys.list())
        items.push_back({{"name", key.name}, {"role", name(key.role)}, {"created", to_millis(key.created)}});
    return http::json_response(200, json{{"items", std::move(items)}}.dump());
}

Response make(AdminKeys& keys, const WriteDown& write_down, const Request& request) {
    AdminBody body(request);
    const auto called = body.text("name");
    const auto role = body.word("role", "read, operate or admin", admin_role_from);
    if (auto bad = body.failed()) return *std::move(bad);
    const auto key = keys.add(called, role);
    if (!key) return http::problem(status_of(key.error()), key.error().message());
    if (auto bad = write_down(request, "key.added", "key:" + called, {{"role", name(role)}})) return *bad;
    return http::json_response(201, json{{"name", called}, {"role", name(role)}, {"key", *key}}.dump());
}

}  // namespace

void add_key_routes(const AddRoute& add, const WriteDown& write_down, AdminKeys& keys) {
    add("GET", "/api/v1/keys", [&keys](const Request&) { return list(keys); });
    add("POST", "/api/v1/keys",
        [&keys, write_down](const Request& request) { return make(keys, write_down, request); });
    add("DELETE", "/api/v1/keys/{name}", [&keys, write_down](const Request& request) -> Response {
        const std::string called(request.param("name"));
        if (const auto gone = keys.remove(called); !gone)
            return http::problem(status_of(gone.error()), gone.error().message());
        if (auto bad = write_down(request, "key.removed", "key:" + called, nullptr)) return *bad;
        return http::empty_response();
    });
}

}  // namespace esl::broker
