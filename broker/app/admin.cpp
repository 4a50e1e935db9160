#include "broker/app/admin.hpp"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "audit_log/log.hpp"
#include "broker/app/admin_body.hpp"
#include "broker/app/admin_keys.hpp"
#include "broker/app/admin_routes.hpp"
#include "broker/app/openapi_text.hpp"
#include "broker/app/rpc.hpp"
#include "broker/auth/credential_book.hpp"
#include "common/core/ids.hpp"
#include "common/http/problem.hpp"
#include "common/http/process_metrics.hpp"
#include "common/http/server.hpp"

namespace esl::broker {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;

constexpr std::size_t kListMost = 10'000;

int status_of(const Error& error) {
    if (error.is(NameError::exists)) return 409;
    if (error.is(NameError::not_there)) return 404;
    return 400;
}

json to_json(const SessionInfo& s) {
    return {{"client_id", s.client_id}, {"connected", s.connected},   {"address", s.address},
            {"protocol", s.version},    {"persistent", s.persistent}, {"since", s.since},
            {"filters", s.filters},     {"queued", s.queued},         {"in_flight", s.in_flight}};
}

// Exact up to 2^53.
double in_units(const Control::Figure& f) {
    return static_cast<double>(f.value) / f.per_unit;
}

// What stands behind "Bearer ", empty when there is none.
std::string_view key_of(const Request& request) {
    constexpr std::string_view kBearer = "Bearer ";
    const auto header = request.headers.get("Authorization");
    return header.starts_with(kBearer) ? header.substr(kBearer.size()) : std::string_view{};
}

}  // namespace

struct Admin::Impl {
    Impl(const AdminOptions& options, Control& c, Rules& r, const Clock& k)
        : control(c), rules(r), clock(k), keys(options.data, k) {}

    Control& control;
    Rules& rules;
    const Clock& clock;
    AdminKeys keys;
    std::unique_ptr<audit::Log> audit;
    std::optional<Rpc> rpc;
    std::shared_ptr<http::Router> router = std::make_shared<http::Router>();
    std::unique_ptr<http::Server> server;

    // Nothing is acknowledged unaudited.
    [[nodiscard]] std::optional<Response> write_down(const Request& request, std::string action, std::string object,
                                                     const json& after, std::string actor = {}) {
        auto written = audit->append(audit::Entry{
            .actor = actor.empty() ? actor_of(request) : std::move(actor),
            .action = std::move(action),
            .object = std::move(object),
            .source = request.peer,
            .change = {},
            .job = {},
            .before = {},
            .after = after.is_null() ? std::string{} : after.dump(-1, ' ', false, json::error_handler_t::replace),
            .detail = {},
            .at = std::nullopt});
        if (written) return std::nullopt;
        return http::problem(503, "done, but the audit log cannot be written: " + written.error().message());
    }

    [[nodiscard]] std::string actor_of(const Request& request) const {
        const auto caller = keys.find(key_of(request));
        return "token:" + (caller ? caller->name : std::string("unknown"));
    }

    void add(std::string_view method, std::string_view pattern, std::function<Response(const Request&)> handler) {
        const auto needed = role_needed(method, pattern);
        router->add(method, pattern, [this, needed, handler = std::move(handler)](const Request& request) {
            const auto caller = keys.find(key_of(request));
            if (!caller) {
                auto response = http::problem(401, "a key of the administration goes into Authorization: Bearer");
                response.headers.set("WWW-Authenticate", "Bearer");
                return response;
            }
            if (caller->role >= needed) return handler(request);
            return http::problem(403, fmt::format("this needs the role '{}', and key '{}' has '{}'", name(needed),
                                                  caller->name, name(caller->role)));
        });
    }

    void add_names(NameKind kind, const std::string& plural) {
        const std::string singular = plural.substr(0, plural.size() - 1);
        add("GET", "/api/v1/" + plural, [this, kind](const Request&) {
            const auto registry = control.registrar().current();
            return http::json_response(
                200, json{{"items", kind == NameKind::group ? registry->groups() : registry->parents()}}.dump());
        });
        add("POST", "/api/v1/" + plural, [this, kind, singular](const Request& request) -> Response {
            AdminBody body(request);
            const auto name = body.text("name");
            if (auto bad = body.failed()) return *std::move(bad);
            if (auto ok = control.registrar().add(kind, name); !ok)
                return http::problem(status_of(ok.error()), ok.error().message());
            if (auto bad = write_down(request, singular + ".added", singular + ":" + name, {{"name", name}}))
                return *bad;
            return http::json_response(201, json{{"name", name}}.dump());
        });
        add("DELETE", "/api/v1/" + plural + "/{name}", [this, kind, singular](const Request& request) -> Response {
            const std::string name(request.param("name"));
            if (auto ok = control.registrar().remove(kind, name); !ok)
                return http::problem(status_of(ok.error()), ok.error().message());
            if (auto bad = write_down(request, singular + ".removed", singular + ":" + name, nullptr)) return *bad;
            return http::empty_response();
        });
    }

    [[nodiscard]] Response list_sessions(const Request& request, bool connected_only) {
        const auto part = request.query_value("client");
        json items = json::array();
        for (const auto& s : control.sessions(std::string(part.value_or("")), connected_only, kListMost))
            items.push_back(to_json(s));
        const bool more = items.size() >= kListMost;
        return http::json_response(200, json{{"items", std::move(items)}, {"truncated", more}}.dump(
                                            -1, ' ', false, json::error_handler_t::replace));
    }

    [[nodiscard]] Response publish(const Request& request) {
        AdminBody body(request);
        const auto topic = body.text("topic");
        const auto payload = body.text("payload");
        const auto qos = body.number_or("qos", 1, 0, 2);
        const bool retain = body.flag_or("retain", false);
        if (auto bad = body.failed()) return *std::move(bad);
        const auto bytes = as_bytes(payload);
        if (auto ok = control.publish(topic, Bytes(bytes.begin(), bytes.end()), static_cast<mqtt::QoS>(qos), retain);
            !ok) {
            return http::problem(400, ok.error().message());
        }
        if (auto bad =
                write_down(request, "message.published", "topic:" + topic, {{"bytes", payload.size()}, {"qos", qos}}))
            return *bad;
        return http::empty_response(202);
    }

    [[nodiscard]] Response metrics() const {
        std::string out;
        for (const auto& f : control.figures()) {
            out += fmt::format("# HELP broker_{0} {1}\n# TYPE broker_{0} {2}\nbroker_{0} {3}\n", f.name, f.help, f.kind,
                               in_units(f));
        }
        out += rule_metrics(rules);
        out += http::process_metrics("broker");
        return http::text_response(200, std::move(out), "text/plain; version=0.0.4; charset=utf-8");
    }

    void add_credentials(const AddRoute& add_route, CredentialBook& book) {
        const CredentialRoutes routes{
            .add = add_route,
            .write_down = [this](const Request& request, std::string action, std::string object,
                                 const json& after) { return write_down(request, action, object, after); },
            .book = book};
        add_credential_routes(routes);
        add_identity_routes(routes);
        add_certificate_routes(routes);
        rpc.emplace(book, control, *control.configured(), clock,
                    [this](const Request& request, std::string actor, std::string action, std::string object) {
                        return write_down(request, std::move(action), std::move(object), nullptr, std::move(actor));
                    });
        for (const auto* method : {"GET", "POST"})
            router->add(method, "/", [this](const Request& request) { return rpc->answer(request); });
        book.on_certificate([this](const DeviceCertificate& c) {
            const auto written = audit->append(
                audit::Entry{.actor = "system",
                             .action = "device_certificate.registered",
                             .object = "certificate:" + c.ca_sn + "|" + c.sn,
                             .source = {},
                             .change = {},
                             .job = {},
                             .before = {},
                             .after = json{{"name", c.name}}.dump(-1, ' ', false, json::error_handler_t::replace),
                             .detail = {},
                             .at = std::nullopt});
            if (!written) spdlog::error("audit log: {}", written.error().message());
        });
    }

    void add_routes() {
        add_names(NameKind::group, "groups");
        add_names(NameKind::topic, "topics");
        add("GET", "/api/v1/clients", [this](const Request& r) { return list_sessions(r, true); });
        add("GET", "/api/v1/sessions", [this](const Request& r) { return list_sessions(r, false); });
        add("DELETE", "/api/v1/clients/{id}", [this](const Request& r) -> Response {
            const std::string id(r.param("id"));
            if (!control.kick(id)) return http::problem(404, "no client '" + id + "' is connected");
            if (auto bad = write_down(r, "client.kicked", "client:" + id, nullptr)) return *bad;
            return http::empty_response();
        });
        add("POST", "/api/v1/publish", [this](const Request& r) { return publish(r); });
        add("GET", "/api/v1/stats", [this](const Request&) {
            json out = json::object();
            for (const auto& f : control.figures()) {
                if (f.per_unit == 1) {
                    out[f.name] = f.value;
                } else {
                    out[f.name] = in_units(f);
                }
            }
            return http::json_response(200, out.dump());
        });
        const AddRoute add_route = [this](std::string_view method, std::string_view pattern, http::Handler handler) {
            add(method, pattern, std::move(handler));
        };
        add_listener_routes(add_route, control);
        add_trace_routes(add_route, control);
        if (control.credentials() != nullptr) add_credentials(add_route, *control.credentials());
        const WriteDown writer = [this](const Request& request, std::string action, std::string object,
                                        const json& after) { return write_down(request, action, object, after); };
        add_key_routes(add_route, writer, keys);
        router->add("GET", "/api/v1/openapi.yaml",
                    [](const Request&) { return http::text_response(200, std::string(kOpenApi), "application/yaml"); });
        add_rule_routes(add_route, rules, writer);
        const auto may_publish = [this](const Request& request) {
            const auto caller = keys.find(key_of(request));
            return caller && caller->role >= AdminRole::operate;
        };
        add_inbound_route(*router, may_publish, control, rules, clock);
        router->add("GET", "/metrics", [this](const Request&) { return metrics(); });
        router->add("GET", "/healthz", [](const Request&) { return http::text_response(200, "ok\n"); });
        router->add("GET", "/readyz", [this](const Request&) {
            if (!control.alive()) return http::problem(503, "a shard does not answer");
            if (const auto kept = control.changes_that_wait_for_the_disk(); kept != 0)
                return http::problem(503, fmt::format("the message store cannot be written, {} changes wait", kept));
            return http::text_response(200, "ok\n");
        });
    }
};

Admin::Admin(const AdminOptions& options, Control& control, Rules& rules, const Clock& clock)
    : impl_(std::make_unique<Impl>(options, control, rules, clock)) {
    auto log = audit::Log::open({.dir = options.data / "audit", .origin = "shelfwire/broker"}, clock);
    if (!log) throw std::runtime_error((options.data / "audit").string() + ": " + log.error().message());
    impl_->audit = std::move(*log);
    impl_->add_routes();
    impl_->server = std::make_unique<http::Server>(http::ServerOptions{.listen = options.listen}, impl_->router);
    impl_->server->start();
}

Admin::~Admin() {
    impl_->server->stop();
    if (auto* book = impl_->control.credentials()) book->on_certificate({});
}

const std::string& Admin::address() const {
    return impl_->server->address();
}

std::vector<std::string> Admin::routes() const {
    std::vector<std::string> out;
    for (const auto& route : impl_->router->routes()) out.push_back(route.method + " " + route.pattern);
    return out;
}

}  // namespace esl::broker
