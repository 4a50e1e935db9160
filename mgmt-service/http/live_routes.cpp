// /stats, /events, /test/clock, the contract's own text, and for machines /metrics, /healthz, /readyz.
#include <charconv>

#include "mgmt-service/http/event_hub.hpp"
#include "mgmt-service/http/input.hpp"
#include "mgmt-service/http/openapi_text.hpp"
#include "mgmt-service/http/problems.hpp"
#include "mgmt-service/http/routes.hpp"
#include "mgmt-service/http/views.hpp"

namespace esl::mgmt::rest {
namespace {

constexpr std::int64_t kMaxTime = 4'102'444'800'000;  // 2100-01-01

http::Response stats(const Context& context, const Call& call) {
    QueryReader query(call.request);
    auto store = query.text("store", 16);
    if (query.refusal()) return *query.refusal();
    if (auto refusal = call.narrow(store)) return *std::move(refusal);
    if (store) {
        if (const auto known = context.service().store(*store); !known) return problem_from(known.error());
    }
    return json(200, encoded(view(context.service().stats(store))));
}

http::Response events(const Context& context, const Call& call) {
    QueryReader query(call.request);
    auto store = query.text("store", 16);
    if (query.refusal()) return *query.refusal();
    if (store) {
        if (auto refusal = call.refuse_store(*store)) return *std::move(refusal);
    }
    std::optional<std::uint64_t> last_id;
    if (const auto text = call.request.headers.get("last-event-id"); !text.empty()) {
        std::uint64_t id = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
        // One that is no number of ours is answered like one that is too old: with `reset`.
        last_id = error == std::errc{} && end == text.data() + text.size() ? id : 0;
    }
    auto sees = [store, stores = call.principal.stores](const std::string& of) {
        if (store) return of == *store;
        return stores.empty() || std::ranges::find(stores, of) != stores.end();
    };
    auto stream = context.events.listen(last_id, std::move(sees));
    if (!stream) return problem(ProblemKind::unavailable, "as many event streams are open as may be");
    auto response = http::text_response(200, ":\n\n", "text/event-stream");
    response.headers.set("Cache-Control", "no-cache");
    response.push = std::move(stream);
    return response;
}

http::Response set_clock(const Context& context, const Call& call) {
    if (!context.deps.set_clock) return problem(ProblemKind::not_found, "this service runs on real time");
    auto body = json_body(call.request);
    if (auto* refusal = std::get_if<http::Response>(&body)) return std::move(*refusal);
    FieldErrors errors;
    ObjectReader in(std::get<Json>(body), "", errors);
    const auto now = in.integer("now", 0, kMaxTime, ObjectReader::Need::required);
    in.finish();
    if (!errors.empty()) return refused(errors);
    if (auto moved = context.deps.set_clock(from_millis(*now)); !moved) return problem_from(moved.error());
    context.service().settle();
    return json(200, encoded({{"now", to_millis(context.deps.clock.wall())}}));
}

}  // namespace

void add_live_routes(Routes& routes) {
    using auth::Right;
    const auto context = routes.shared();
    routes.add("GET", "/stats", Right::read, [context](const Call& call) { return stats(*context, call); });
    routes.add("GET", "/events", Right::read, [context](const Call& call) { return events(*context, call); });
    routes.add("GET", "/test/clock", Right::read, [context](const Call&) {
        if (!context->deps.set_clock) return problem(ProblemKind::not_found, "this service runs on real time");
        return json(200, encoded({{"now", to_millis(context->deps.clock.wall())}}));
    });
    routes.add("PUT", "/test/clock", Right::administer,
               [context](const Call& call) { return set_clock(*context, call); });
    routes.add_open("GET", "/openapi.yaml", [](const http::Request& request) {
        auto response = http::text_response(200, std::string(kOpenApi), "application/yaml");
        http::apply_etag(request, response, http::etag_of(response.body));
        return response;
    });
}

}  // namespace esl::mgmt::rest
