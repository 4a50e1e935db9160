// /auth/*: log-in, log-out, who am I.
#include "mgmt-service/http/input.hpp"
#include "mgmt-service/http/problems.hpp"
#include "mgmt-service/http/routes.hpp"
#include "mgmt-service/http/views.hpp"

namespace esl::mgmt::rest {
namespace {

http::Cookie session_cookie(const Context& context, std::string value, UnixMillis ends_at) {
    const auto left = std::chrono::ceil<std::chrono::seconds>(ends_at - context.deps.clock.wall());
    return {.name = std::string(kCookieName),
            .value = std::move(value),
            .max_age = left,
            .secure = context.settings.secure_cookies};
}

Json session_view(const Context& context, const auth::User& user, const auth::Principal& principal) {
    return {{"user", view(user)},
            {"csrf_token", principal.csrf_token},
            {"expires_at", to_millis(principal.session_ends_at)},
            {"service",
             {{"version", ESL_VERSION},
              {"now", to_millis(context.deps.clock.wall())},
              {"test_clock", static_cast<bool>(context.deps.set_clock)}}}};
}

http::Response log_in(const Context& context, const http::Request& request) {
    auto body = json_body(request);
    if (auto* refusal = std::get_if<http::Response>(&body)) return std::move(*refusal);
    FieldErrors errors;
    ObjectReader in(std::get<Json>(body), "", errors);
    const auto user = in.text("user", {.least = 0, .most = 64}, ObjectReader::Need::required);
    const auto password = in.text("password", {.least = 0, .most = 256}, ObjectReader::Need::required);
    in.finish();
    if (!errors.empty()) return refused(errors);
    const auto done = context.deps.auth.log_in(user.value_or(""), password.value_or(""), request.peer);
    if (!done) return problem_from(done.error());
    auto response = json(200, encoded(session_view(context, done->user, done->principal)));
    // The cookie outlives idleness on the browser's side; the service decides. Its age is the longest a session may
    // have.
    const auto longest = context.deps.clock.wall() + std::chrono::hours(12);
    response.headers.set("Set-Cookie", http::set_cookie(session_cookie(context, done->cookie, longest)));
    return response;
}

// The link that the first start prints. HEAD is answered without using it up: link previews ask so.
http::Response log_in_once(const Context& context, const http::Request& request) {
    if (request.method == "HEAD") return http::empty_response(204);
    const auto secret = request.query_value("secret").value_or("");
    const auto done = context.deps.auth.log_in_once(std::string(secret), request.peer);
    if (!done) return problem_from(done.error());
    auto response = http::redirect("/");
    const auto longest = context.deps.clock.wall() + std::chrono::hours(12);
    response.headers.set("Set-Cookie", http::set_cookie(session_cookie(context, done->cookie, longest)));
    return response;
}

http::Response log_out(const Context& context, const Call& call) {
    if (!call.cookie.empty()) {
        if (auto done = context.deps.auth.log_out(call.cookie, call.request.peer); !done)
            return problem_from(done.error());
    }
    auto response = http::empty_response(204);
    response.headers.set("Set-Cookie", http::set_cookie(session_cookie(context, "", context.deps.clock.wall())));
    return response;
}

http::Response me(const Context& context, const Call& call) {
    if (auto user = context.deps.auth.user(call.principal.user)) {
        return json(200, encoded(session_view(context, *user, call.principal)));
    }
    // A token stands for no user: it is shown as one of its own name.
    const auth::User as_user{.name = call.principal.actor.substr(call.principal.actor.find(':') + 1),
                             .role = call.principal.role,
                             .stores = call.principal.stores};
    auto principal = call.principal;
    if (principal.session_ends_at == UnixMillis::max()) {
        principal.session_ends_at = context.deps.clock.wall() + std::chrono::days(365);
    }
    return json(200, encoded(session_view(context, as_user, principal)));
}

}  // namespace

void add_auth_routes(Routes& routes) {
    const auto context = routes.shared();
    routes.add_open("POST", "/auth/login", [context](const http::Request& r) { return log_in(*context, r); },
                    {.max_body = 4096});
    routes.add_open("GET", "/auth/once", [context](const http::Request& r) { return log_in_once(*context, r); });
    routes.add(
        "POST", "/auth/logout", auth::Right::read, [context](const Call& call) { return log_out(*context, call); }, {},
        Keys::own);
    routes.add("GET", "/auth/me", auth::Right::read, [context](const Call& call) { return me(*context, call); });
}

}  // namespace esl::mgmt::rest
