// /approval-rule, and what moves a draft or a waiting change: edit, submit, approve, reject; its items by page.
#include "mgmt-service/core/approval_rule.hpp"
#include "mgmt-service/http/input.hpp"
#include "mgmt-service/http/problems.hpp"
#include "mgmt-service/http/routes.hpp"
#include "mgmt-service/http/views.hpp"

namespace esl::mgmt::rest {
namespace {

using Need = ObjectReader::Need;
using Version = std::optional<std::uint64_t>;
constexpr std::int64_t kMaxTime = 4'102'444'800'000;  // 2100-01-01

void set_version(http::Response& response, std::uint64_t version) {
    response.headers.set("ETag", '"' + std::to_string(version) + '"');
}

http::Response change_response(const Result<Change>& change, const FieldErrors& errors = {}) {
    if (!change) return problem_from(change.error(), errors);
    auto response = json(200, encoded(view(*change)));
    set_version(response, change->version);
    return response;
}

std::string id_of(const Call& call) {
    return std::string(call.request.param("change"));
}

// Of a store that the principal does not see: not there.
Result<Change> visible(const Context& context, const Call& call) {
    auto change = context.service().change(id_of(call));
    if (!change) return fail(change.error());
    if (!call.principal.sees(change->change.store)) return fail(ServiceError::not_found, "change " + id_of(call));
    return std::move(change->change);
}

http::Response edit(const Context& context, const Call& call) {
    const auto change = visible(context, call);
    if (!change) return problem_from(change.error());
    const auto currency = context.currency_of(change->store);
    if (!currency) return problem_from(currency.error());
    auto body = json_body(call.request);
    if (auto* refusal = std::get_if<http::Response>(&body)) return std::move(*refusal);
    FieldErrors errors;
    ObjectReader in(std::get<Json>(body), "", errors);
    ChangeEdit edit;
    edit.title = in.text("title", {.least = 0, .most = 200});
    if (in.has("at")) {
        const auto at = in.integer("at", 0, kMaxTime);
        edit.at = at ? std::optional(from_millis(*at)) : std::nullopt;
    }
    if (const Json* items = in.member("items")) edit.items = read_change_items(*items, *currency, errors);
    in.finish();
    if (!errors.empty()) return refused(errors);
    auto match = if_match(call.request);
    if (auto* refusal = std::get_if<http::Response>(&match)) return std::move(*refusal);
    const auto done = context.service().edit_change(call.caller, id_of(call), edit, std::get<Version>(match), errors);
    return change_response(done, errors);
}

// {note}, or no body at all.
std::variant<std::string, http::Response> read_note(const Call& call, Need need) {
    Json json = Json::object();
    if (!call.request.body.empty()) {
        auto body = json_body(call.request);
        if (auto* refusal = std::get_if<http::Response>(&body)) return std::move(*refusal);
        json = std::get<Json>(std::move(body));
    }
    FieldErrors errors;
    ObjectReader in(json, "", errors);
    const std::size_t least = need == Need::required ? 1 : 0;
    auto note = in.text("note", {.least = least, .most = 500}, need);
    in.finish();
    if (!errors.empty()) return refused(errors);
    return note.value_or("");
}

http::Response submit(const Context& context, const Call& call) {
    if (const auto change = visible(context, call); !change) return problem_from(change.error());
    auto note = read_note(call, Need::optional);
    if (auto* refusal = std::get_if<http::Response>(&note)) return std::move(*refusal);
    auto match = if_match(call.request);
    if (auto* refusal = std::get_if<http::Response>(&match)) return std::move(*refusal);
    return change_response(context.service().submit_change(call.caller, id_of(call), std::get<std::string>(note),
                                                           std::get<Version>(match)));
}

using Decide = Result<Change> (Service::*)(const Caller&, const std::string&, const std::string&, std::uint64_t);

http::Response decide(const Context& context, const Call& call, Decide how, Need note_need) {
    if (const auto change = visible(context, call); !change) return problem_from(change.error());
    auto note = read_note(call, note_need);
    if (auto* refusal = std::get_if<http::Response>(&note)) return std::move(*refusal);
    auto match = if_match(call.request);
    if (auto* refusal = std::get_if<http::Response>(&match)) return std::move(*refusal);
    const auto version = std::get<Version>(match);
    if (!version) {
        return problem(ProblemKind::precondition_required, "If-Match must carry the ETag of the change that was seen");
    }
    return change_response((context.service().*how)(call.caller, id_of(call), std::get<std::string>(note), *version));
}

http::Response items(const Context& context, const Call& call) {
    const auto change = visible(context, call);
    if (!change) return problem_from(change.error());
    const auto currency = context.currency_of(change->store);
    if (!currency) return problem_from(currency.error());
    QueryReader query(call.request);
    const bool tripped = query.boolean("tripped").value_or(false);
    const auto page = query.page();
    if (query.refusal()) return *query.refusal();
    const auto found = context.service().change_items(change->id, tripped, page);
    if (!found) return problem_from(found.error());
    auto list = Json::array();
    for (const auto& item : found->items) list.push_back(view(item, *currency));
    return json(200, encoded({{"items", std::move(list)},
                              {"next", found->next ? Json(*found->next) : Json(nullptr)},
                              {"total", found->total}}));
}

http::Response rule_response(const Result<ApprovalRule>& rule) {
    if (!rule) return problem_from(rule.error());
    auto response = json(200, encoded(view(*rule)));
    set_version(response, rule->version);
    return response;
}

http::Response put_rule(const Context& context, const Call& call) {
    auto body = json_body(call.request);
    if (auto* refusal = std::get_if<http::Response>(&body)) return std::move(*refusal);
    FieldErrors errors;
    ObjectReader in(std::get<Json>(body), "", errors);
    ApprovalRule rule;
    rule.store = std::string(call.request.param("store"));
    const auto limit = [&](const char* name, std::int64_t least, std::int64_t most) {
        const auto v = in.integer(name, least, most);
        return v ? std::optional(static_cast<std::uint32_t>(*v)) : std::nullopt;
    };
    rule.max_up_percent = limit("max_up_percent", 0, kMaxRulePercent);
    rule.max_down_percent = limit("max_down_percent", 0, kMaxRulePercent);
    rule.max_items = limit("max_items", 1, kMaxRuleItems);
    if (!rule.store.empty()) rule.inherits = in.boolean("inherits").value_or(false);
    if (const auto role = in.text("role", {.least = 1, .most = 32})) {
        const auto known = approver_role_from(*role);
        if (!known) in.error("role", "'" + *role + "' is none of operator, store_manager, chain_admin");
        rule.role = known.value_or(rule.role);
    }
    in.finish();
    if (!errors.empty()) return refused(errors);
    auto match = if_match(call.request);
    if (auto* refusal = std::get_if<http::Response>(&match)) return std::move(*refusal);
    return rule_response(context.service().put_approval_rule(call.caller, rule, std::get<Version>(match)));
}

}  // namespace

void add_approval_routes(Routes& routes) {
    using auth::Right;
    const auto context = routes.shared();
    const http::RouteOptions small{.max_body = 16 * 1024};
    const std::string change = "/changes/{change}";
    routes.add("PATCH", change, Right::write_prices, [context](const Call& call) { return edit(*context, call); },
               {.max_body = std::size_t{8} << 20});
    routes.add("GET", change + "/items", Right::read, [context](const Call& call) { return items(*context, call); });
    routes.add(
        "POST", change + "/submit", Right::write_prices, [context](const Call& call) { return submit(*context, call); },
        small);
    routes.add(
        "POST", change + "/approve", Right::write_prices,
        [context](const Call& call) { return decide(*context, call, &Service::approve_change, Need::optional); },
        small);
    routes.add(
        "POST", change + "/reject", Right::write_prices,
        [context](const Call& call) { return decide(*context, call, &Service::reject_change, Need::required); }, small);
    for (const std::string of : {"", "/stores/{store}"}) {
        const auto path = of + "/approval-rule";
        routes.add("GET", path, Right::read, [context](const Call& call) {
            return rule_response(context->service().approval_rule(std::string(call.request.param("store"))));
        });
        routes.add(
            "PUT", path, Right::administer, [context](const Call& call) { return put_rule(*context, call); }, small);
    }
}

}  // namespace esl::mgmt::rest
