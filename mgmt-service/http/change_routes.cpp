// /changes and /jobs.
#include <algorithm>

#include "mgmt-service/auth/password.hpp"
#include "mgmt-service/http/input.hpp"
#include "mgmt-service/http/problems.hpp"
#include "mgmt-service/http/routes.hpp"
#include "mgmt-service/http/views.hpp"

namespace esl::mgmt::rest {
namespace {

using Need = ObjectReader::Need;
constexpr std::int64_t kMaxTime = 4'102'444'800'000;  // 2100-01-01
constexpr std::size_t kMaxBody = std::size_t{8} << 20;

http::Response create_change(const Context& context, const Call& call) {
    const std::string store(call.request.param("store"));
    const auto currency = context.currency_of(store);
    if (!currency) return problem_from(currency.error());
    auto body = json_body(call.request);
    if (auto* refusal = std::get_if<http::Response>(&body)) return std::move(*refusal);
    FieldErrors errors;
    ObjectReader in(std::get<Json>(body), "", errors);
    NewChange change{.store = store,
                     .title = {},
                     .at = {},
                     .items = {},
                     .idempotency_key = {},
                     .request_digest = {},
                     .draft = false};
    change.title = in.text("title", {.least = 0, .most = 200}).value_or("");
    if (const auto at = in.integer("at", 0, kMaxTime)) change.at = from_millis(*at);
    if (const Json* items = in.member("items", Need::required)) {
        change.items = read_change_items(*items, *currency, errors);
    }
    change.draft = in.boolean("draft").value_or(false);
    in.finish();
    const auto key = call.request.headers.get("idempotency-key");
    if (!errors.empty()) return refused(errors);
    change.idempotency_key = std::string(key);
    change.request_digest = auth::hash_secret(call.request.path + '\n' + call.request.body);
    const auto made = context.service().create_change(call.caller, change, errors);
    if (!made) return problem_from(made.error(), errors);
    auto response = json(201, encoded(view(made->change)));
    response.headers.set("Location", std::string(kBase) + "/changes/" + made->change.id)
        .set("ETag", '"' + std::to_string(made->change.version) + '"');
    if (made->replay) response.headers.set("Idempotent-Replay", "true");
    return response;
}

http::Response list_changes(const Context& context, const Call& call) {
    QueryReader query(call.request);
    ChangeFilter filter;
    filter.store = query.text("store", 16);
    filter.state = query.one_of<ChangeState>("state", change_state_from);
    const auto page = query.page();
    if (query.refusal()) return *query.refusal();
    if (auto refusal = call.narrow(filter.store)) return *std::move(refusal);
    const auto found = context.service().changes(filter, page);
    if (!found) return problem_from(found.error());
    auto out = items_of(found->items);
    out["next"] = found->next ? Json(*found->next) : Json(nullptr);
    out["total"] = found->total;
    return json(200, encoded(out));
}

Result<ChangeDetail> visible_change(const Context& context, const Call& call) {
    const std::string id(call.request.param("change"));
    auto change = context.service().change(id);
    if (change && !call.principal.sees(change->change.store)) return fail(ServiceError::not_found, "change " + id);
    return change;
}

http::Response get_change(const Context& context, const Call& call) {
    const auto change = visible_change(context, call);
    if (!change) return problem_from(change.error());
    const auto currency = context.currency_of(change->change.store);
    if (!currency) return problem_from(currency.error());
    auto response = json(200, encoded(view(*change, *currency)));
    response.headers.set("ETag", '"' + std::to_string(change->change.version) + '"');
    return response;
}

http::Response cancel_change(const Context& context, const Call& call) {
    if (const auto change = visible_change(context, call); !change) return problem_from(change.error());
    const auto done = context.service().cancel_change(call.caller, std::string(call.request.param("change")));
    return done ? json(200, encoded(view(*done))) : problem_from(done.error());
}

http::Response list_jobs(const Context& context, const Call& call) {
    QueryReader query(call.request);
    JobFilter filter;
    filter.change = query.text("change", 36);
    filter.store = query.text("store", 16);
    if (const auto tag = query.text("tag", 32)) {
        const auto id = TagId::parse(*tag);
        if (!id) query.bad("tag", id.error().about());
        if (id) filter.tag = *id;
    }
    filter.state = query.one_of<JobState>("state", job_state_from);
    const auto page = query.page();
    if (query.refusal()) return *query.refusal();
    if (auto refusal = call.narrow(filter.store)) return *std::move(refusal);
    const auto found = context.service().jobs(filter, page);
    if (!found) return problem_from(found.error());
    auto out = items_of(found->items);
    out["next"] = found->next ? Json(*found->next) : Json(nullptr);
    out["total"] = found->total;
    return json(200, encoded(out));
}

http::Response get_job(const Context& context, const Call& call) {
    const std::string id(call.request.param("job"));
    const auto job = context.service().job(id);
    if (!job) return problem_from(job.error());
    if (!call.principal.sees(job->job.store)) return problem(ProblemKind::not_found, "job " + id);
    return json(200, encoded(view(*job)));
}

}  // namespace

void add_change_routes(Routes& routes) {
    using auth::Right;
    const auto context = routes.shared();
    routes.add(
        "POST", "/stores/{store}/changes", Right::write_prices,
        [context](const Call& call) { return create_change(*context, call); }, {.max_body = kMaxBody}, Keys::own);
    routes.add("GET", "/changes", Right::read, [context](const Call& call) { return list_changes(*context, call); });
    routes.add("GET", "/changes/{change}", Right::read,
               [context](const Call& call) { return get_change(*context, call); });
    routes.add("POST", "/changes/{change}/cancel", Right::write_prices,
               [context](const Call& call) { return cancel_change(*context, call); });
    routes.add("GET", "/jobs", Right::read, [context](const Call& call) { return list_jobs(*context, call); });
    routes.add("GET", "/jobs/{job}", Right::read, [context](const Call& call) { return get_job(*context, call); });
}

}  // namespace esl::mgmt::rest
