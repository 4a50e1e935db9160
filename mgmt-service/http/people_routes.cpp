// /users and /tokens.
#include "mgmt-service/http/input.hpp"
#include "mgmt-service/http/problems.hpp"
#include "mgmt-service/http/routes.hpp"
#include "mgmt-service/http/views.hpp"

namespace esl::mgmt::rest {
namespace {

using Need = ObjectReader::Need;
constexpr std::int64_t kMaxTime = 4'102'444'800'000;  // 2100-01-01

std::optional<auth::Role> read_role(ObjectReader& in, Need need) {
    const auto text = in.text("role", {.least = 1, .most = 32}, need);
    if (!text) return std::nullopt;
    const auto role = auth::role_from(*text);
    if (!role) in.error("role", "'" + *text + "' is no role");
    return role;
}

std::vector<std::string> read_stores(ObjectReader& in) {
    return in.texts("stores", 1000, {.least = 1, .most = 16});
}

http::Response create_user(const Context& context, const Call& call, const Json& body) {
    FieldErrors errors;
    ObjectReader in(body, "", errors);
    auth::NewUser user;
    user.name = in.text("name", {.least = 1, .most = 64}, Need::required).value_or("");
    user.role = read_role(in, Need::required).value_or(auth::Role::auditor);
    user.stores = read_stores(in);
    user.password = in.text("password", {.least = 10, .most = 256}, Need::required).value_or("");
    in.finish();
    if (!errors.empty()) return refused(errors);
    const auto made = context.deps.auth.create_user(call.principal, user, call.caller.source);
    return made ? json(201, encoded(view(*made))) : problem_from(made.error());
}

http::Response update_user(const Context& context, const Call& call, const Json& body) {
    FieldErrors errors;
    ObjectReader in(body, "", errors);
    auth::UserPatch patch;
    patch.role = read_role(in, Need::optional);
    if (in.has("stores")) patch.stores = read_stores(in);
    patch.password = in.text("password", {.least = 10, .most = 256});
    patch.disabled = in.boolean("disabled");
    in.finish();
    if (!errors.empty()) return refused(errors);
    const std::string name(call.request.param("user"));
    const auto changed = context.deps.auth.update_user(call.principal, name, patch, call.caller.source, call.cookie);
    return changed ? json(200, encoded(view(*changed))) : problem_from(changed.error());
}

http::Response create_token(const Context& context, const Call& call, const Json& body) {
    FieldErrors errors;
    ObjectReader in(body, "", errors);
    auth::NewToken token;
    token.name = in.text("name", {.least = 1, .most = 64}, Need::required).value_or("");
    token.role = read_role(in, Need::optional).value_or(auth::Role::api);
    token.stores = read_stores(in);
    if (const auto at = in.integer("expires_at", 0, kMaxTime)) token.expires_at = from_millis(*at);
    in.finish();
    if (!errors.empty()) return refused(errors);
    const auto made = context.deps.auth.create_token(call.principal, token, call.caller.source);
    if (!made) return problem_from(made.error());
    auto out = view(made->token);
    out["secret"] = made->secret;
    return json(201, encoded(out));
}

using WithBody = http::Response (*)(const Context&, const Call&, const Json&);

Endpoint with_body(std::shared_ptr<const Context> context, WithBody handle) {
    return [context = std::move(context), handle](const Call& call) {
        auto body = json_body(call.request);
        if (auto* refusal = std::get_if<http::Response>(&body)) return std::move(*refusal);
        return handle(*context, call, std::get<Json>(body));
    };
}

}  // namespace

void add_people_routes(Routes& routes) {
    using auth::Right;
    const auto context = routes.shared();
    const http::RouteOptions small{.max_body = 64 * 1024};
    routes.add("GET", "/users", Right::administer,
               [context](const Call&) { return json(200, encoded(items_of(context->deps.auth.users()))); });
    routes.add("POST", "/users", Right::administer, with_body(context, create_user), small, Keys::secret);
    // One's own password is anybody's; AuthService decides.
    routes.add("PATCH", "/users/{user}", Right::read, with_body(context, update_user), small, Keys::secret);
    routes.add("GET", "/tokens", Right::administer,
               [context](const Call&) { return json(200, encoded(items_of(context->deps.auth.tokens()))); });
    routes.add("POST", "/tokens", Right::administer, with_body(context, create_token), small, Keys::secret);
    routes.add("DELETE", "/tokens/{token}", Right::administer, [context](const Call& call) {
        const auto done = context->deps.auth.revoke_token(call.principal, std::string(call.request.param("token")),
                                                          call.caller.source);
        return done ? http::empty_response(204) : problem_from(done.error());
    });
}

}  // namespace esl::mgmt::rest
