// /stores and /aps.
#include "mgmt-service/http/input.hpp"
#include "mgmt-service/http/problems.hpp"
#include "mgmt-service/http/routes.hpp"
#include "mgmt-service/http/views.hpp"

namespace esl::mgmt::rest {
namespace {

using Need = ObjectReader::Need;

http::Response list_stores(const Context& context, const Call& call) {
    auto stores = context.service().stores();
    std::erase_if(stores, [&](const StoreView& s) { return !call.principal.sees(s.store.id); });
    return json(200, encoded(items_of(stores)));
}

http::Response put_store(const Context& context, const Call& call) {
    auto body = json_body(call.request);
    if (auto* refusal = std::get_if<http::Response>(&body)) return std::move(*refusal);
    FieldErrors errors;
    ObjectReader in(std::get<Json>(body), "", errors);
    StoreWrite write;
    write.name = in.text("name", {.least = 1, .most = 100}, Need::required).value_or("");
    write.currency = in.text("currency", {.least = 3, .most = 3}, Need::required).value_or("");
    write.locale = in.text("locale", {.least = 2, .most = 35}).value_or("en");
    in.finish();
    if (!errors.empty()) return refused(errors);
    bool created = false;
    const auto done =
        context.service().put_store(call.caller, std::string(call.request.param("store")), write, created);
    return done ? json(created ? 201 : 200, encoded(view(*done))) : problem_from(done.error());
}

http::Response list_aps(const Context& context, const Call& call) {
    QueryReader query(call.request);
    auto store = query.text("store", 16);
    if (query.refusal()) return *query.refusal();
    if (store) {
        if (auto refusal = call.refuse_store(*store)) return *std::move(refusal);
    }
    auto aps = context.service().aps(store);
    std::erase_if(aps, [&](const ApView& a) { return !call.sees(a.ap.store); });
    return json(200, encoded(items_of(aps)));
}

// An AP of somebody else's store is not there. One without a store can be claimed by whoever manages APs.
Result<ApView> visible_ap(const Context& context, const Call& call) {
    const std::string id(call.request.param("ap"));
    auto ap = context.service().ap(id);
    if (!ap) return ap;
    if (ap->ap.store ? !call.principal.sees(*ap->ap.store) : !call.principal.may(auth::Right::manage_aps)) {
        return fail(ServiceError::not_found, "AP " + id);
    }
    return ap;
}

http::Response get_ap(const Context& context, const Call& call) {
    const auto ap = visible_ap(context, call);
    return ap ? json(200, encoded(view(*ap))) : problem_from(ap.error());
}

http::Response update_ap(const Context& context, const Call& call) {
    if (const auto ap = visible_ap(context, call); !ap) return problem_from(ap.error());
    auto body = json_body(call.request);
    if (auto* refusal = std::get_if<http::Response>(&body)) return std::move(*refusal);
    const auto& json_in = std::get<Json>(body);
    FieldErrors errors;
    ObjectReader in(json_in, "", errors);
    auto store = in.text("store", {.least = 1, .most = 16});
    if (in.has("store") && json_in["store"].is_null()) store = "";  // taken out of its store
    const auto name = in.text("name", {.least = 0, .most = 100});
    in.finish();
    if (!errors.empty()) return refused(errors);
    if (store && !store->empty()) {
        if (auto refusal = call.refuse_store(*store)) return *std::move(refusal);
    }
    const auto done = context.service().update_ap(call.caller, std::string(call.request.param("ap")), store, name);
    return done ? json(200, encoded(view(*done))) : problem_from(done.error());
}

http::Response permit_join(const Context& context, const Call& call) {
    if (const auto ap = visible_ap(context, call); !ap) return problem_from(ap.error());
    auto body = json_body(call.request);
    if (auto* refusal = std::get_if<http::Response>(&body)) return std::move(*refusal);
    FieldErrors errors;
    ObjectReader in(std::get<Json>(body), "", errors);
    const auto seconds = in.integer("seconds", 0, 254, Need::required);
    in.finish();
    if (!errors.empty()) return refused(errors);
    const auto done = context.service().permit_join(call.caller, std::string(call.request.param("ap")),
                                                    static_cast<std::uint32_t>(*seconds));
    return done ? http::empty_response(202) : problem_from(done.error());
}

}  // namespace

void add_store_routes(Routes& routes) {
    using auth::Right;
    const auto context = routes.shared();
    routes.add("GET", "/stores", Right::read, [context](const Call& call) { return list_stores(*context, call); });
    routes.add("GET", "/stores/{store}", Right::read, [context](const Call& call) {
        const auto store = context->service().store(std::string(call.request.param("store")));
        return store ? json(200, encoded(view(*store))) : problem_from(store.error());
    });
    routes.add("PUT", "/stores/{store}", Right::administer,
               [context](const Call& call) { return put_store(*context, call); });
    routes.add("GET", "/aps", Right::read, [context](const Call& call) { return list_aps(*context, call); });
    routes.add("GET", "/aps/{ap}", Right::read, [context](const Call& call) { return get_ap(*context, call); });
    routes.add("PATCH", "/aps/{ap}", Right::manage_aps,
               [context](const Call& call) { return update_ap(*context, call); });
    routes.add("POST", "/aps/{ap}/permit-join", Right::manage_aps,
               [context](const Call& call) { return permit_join(*context, call); });
}

}  // namespace esl::mgmt::rest
