#include "mgmt-service/http/server.hpp"

#include <spdlog/spdlog.h>

#include "common/http/problem.hpp"
#include "common/http/server.hpp"
#include "common/http/static_files.hpp"
#include "mgmt-service/http/event_hub.hpp"
#include "mgmt-service/http/metrics.hpp"
#include "mgmt-service/http/routes.hpp"
#include "mgmt-service/http/views.hpp"

namespace esl::mgmt::rest {
namespace {

// Currencies are looked up as they are needed; a store's never changes once it has products.
std::optional<EventHub::Encoded> encode(Service& service, const Event& event) {
    struct Visitor {
        Service& service;
        std::optional<EventHub::Encoded> operator()(const TagView& t) const { return {{"tag", encoded(view(t))}}; }
        std::optional<EventHub::Encoded> operator()(const Job& j) const { return {{"job", encoded(view(j))}}; }
        std::optional<EventHub::Encoded> operator()(const Change& c) const { return {{"change", encoded(view(c))}}; }
        std::optional<EventHub::Encoded> operator()(const ApView& a) const { return {{"ap", encoded(view(a))}}; }
        // Read from the log itself, where each has its index: see AuditTail.
        std::optional<EventHub::Encoded> operator()(const AuditEntry&) const { return std::nullopt; }
        std::optional<EventHub::Encoded> operator()(const ProductView& p) const {
            const auto store = service.store(p.product.store);
            if (!store) return std::nullopt;
            return {{"product", encoded(view(p, store->store.currency))}};
        }
    };
    return std::visit(Visitor{service}, event.what);
}

// New entries of the audit log, whoever wrote them. Used on the hub's thread.
class AuditTail {
public:
    explicit AuditTail(const audit::Log& log) : log_(log), next_(log.size()) {}
    std::vector<EventHub::Tailed> operator()() {
        std::vector<EventHub::Tailed> out;
        for (const auto size = log_.size(); next_ < size && out.size() < kMost; ++next_) {
            const auto record = log_.read(next_);
            if (!record) break;
            const auto json = view(*record);
            const auto store = json.find("store");
            out.push_back(
                {.store = store != json.end() && store->is_string() ? store->get<std::string>() : std::string{},
                 .event = {"audit", encoded(json)}});
        }
        return out;
    }

private:
    static constexpr std::size_t kMost = 1000;
    const audit::Log& log_;
    std::uint64_t next_;
};

http::ServerOptions server_options(const Settings& settings, RequestCounts& counts) {
    http::ServerOptions options;
    options.listen = settings.listen;
    options.worker_threads = settings.worker_threads;
    options.on_answered = [&counts](const http::Request&, int status, std::chrono::microseconds taken) {
        counts.answered(status, taken);
    };
    return options;
}

}  // namespace

struct RestServer::Impl {
    Dependencies deps;
    Settings settings;
    RequestCounts counts;
    KeysUnderWay keys;
    EventHub hub;
    std::shared_ptr<http::Router> router = std::make_shared<http::Router>();
    std::optional<http::Server> server;
    std::shared_ptr<void> subscription;
    bool ready = false;

    Impl(Dependencies d, Settings s)
        : deps(std::move(d)),
          settings(std::move(s)),
          hub(
              deps.clock, [this](const Event& e) { return encode(deps.service, e); },
              {.memory = settings.event_memory,
               .max_listeners = settings.max_event_listeners,
               .heartbeat = settings.heartbeat},
              AuditTail(deps.audit)) {
        add_routes();
    }

    void add_routes() {
        Routes routes(*router, std::make_shared<const Context>(Context{deps, settings, hub, counts, keys}));
        add_auth_routes(routes);
        add_people_routes(routes);
        add_store_routes(routes);
        add_tag_routes(routes);
        add_product_routes(routes);
        add_import_routes(routes);
        add_change_routes(routes);
        add_approval_routes(routes);
        add_audit_routes(routes);
        add_live_routes(routes);
        router->add("GET", "/healthz", [](const http::Request&) { return http::text_response(200, "ok\n"); });
        router->add("GET", "/readyz", [this](const http::Request&) {
            const bool up = deps.service.metrics().link_up != 0;
            return http::text_response(up ? 200 : 503, up ? "ready\n" : "no broker\n");
        });
        router->add("GET", "/metrics", [this](const http::Request&) {
            const LiveCounts live{.listeners = hub.listeners(), .dropped = hub.dropped()};
            return http::text_response(200, metrics_text(deps.service.metrics(), server->stats(), counts, live),
                                       "text/plain; version=0.0.4");
        });
        if (!settings.web.empty()) router->set_fallback(http::serve_files({.root = settings.web}));
    }

    void start() {
        server.emplace(server_options(settings, counts), router);
        server->start();
        subscription = deps.service.subscribe([this](const auto& events) { hub.post(events); });
        spdlog::info("listening on {}", server->address());
        if (const auto secret = deps.auth.first_link_secret()) {
            spdlog::warn(
                "nobody can log in yet; this link lets the first administrator in, once: "
                "http://{}/api/v1/auth/once?secret={}",
                server->address(), *secret);
        }
    }

    void stop(std::chrono::milliseconds grace) {
        subscription.reset();
        hub.stop();
        if (server) server->stop(grace);
    }
};

RestServer::RestServer(Dependencies dependencies, Settings settings)
    : impl_(std::make_unique<Impl>(std::move(dependencies), std::move(settings))) {}
RestServer::~RestServer() {
    impl_->stop(std::chrono::milliseconds(0));
}

void RestServer::start() {
    impl_->start();
}
const std::string& RestServer::address() const {
    return impl_->server->address();
}
void RestServer::stop(std::chrono::milliseconds grace) {
    impl_->stop(grace);
}

std::vector<std::string> RestServer::routes() const {
    std::vector<std::string> out;
    for (const auto& route : impl_->router->routes()) out.push_back(route.method + ' ' + route.pattern);
    return out;
}

std::function<Result<>(const auth::AuthEvent&)> audit_to(const Clock& clock, Service& service) {
    return [&clock, &service](const auth::AuthEvent& e) {
        return service.audit({AuditEntry{.at = clock.wall(),
                                         .actor = e.actor,
                                         .action = e.action,
                                         .object = e.object,
                                         .store = {},
                                         .change = {},
                                         .job = {},
                                         .tag = {},
                                         .source = e.source,
                                         .before = e.before,
                                         .after = e.after}});
    };
}

}  // namespace esl::mgmt::rest
