#include "mgmt-service/http/routes.hpp"

#include <variant>

#include "mgmt-service/auth/password.hpp"
#include "mgmt-service/domain/gtin.hpp"
#include "mgmt-service/http/problems.hpp"

namespace esl::mgmt::rest {
namespace {

constexpr std::string_view kBearer = "Bearer ";

bool writes(const http::Request& request) {
    return request.method != "GET" && request.method != "HEAD";
}

// A token is no person, whoever made it.
std::optional<ApproverRole> approves(const auth::Principal& principal) {
    if (principal.user.empty()) return std::nullopt;
    switch (principal.role) {
        case auth::Role::chain_admin:
            return ApproverRole::chain_admin;
        case auth::Role::store_manager:
            return ApproverRole::store_manager;
        case auth::Role::operator_:
            return ApproverRole::operator_;
        case auth::Role::auditor:
        case auth::Role::api:
            return std::nullopt;
    }
    return std::nullopt;
}

Result<Call> authenticate(const Context& context, const http::Request& request) {
    Call call{.request = request, .principal = {}, .caller = {}, .cookie = {}};
    const auto authorization = request.headers.get("authorization");
    if (authorization.size() > kBearer.size() &&
        http::same_text_ignoring_case(authorization.substr(0, kBearer.size()), kBearer)) {
        auto principal = context.deps.auth.by_token(std::string(authorization.substr(kBearer.size())));
        if (!principal) return fail(principal.error());
        call.principal = *std::move(principal);
    } else {
        call.cookie = request.cookie(kCookieName).value_or("");
        if (call.cookie.empty()) return fail(auth::AuthError::unauthenticated, "log in first");
        auto principal = context.deps.auth.by_cookie(call.cookie);
        if (!principal) return fail(principal.error());
        if (writes(request) && !auth::same_secret(principal->csrf_token, request.headers.get("x-csrf-token"))) {
            return fail(auth::AuthError::csrf, "X-CSRF-Token must repeat the session's csrf_token");
        }
        call.principal = *std::move(principal);
    }
    call.caller = {.actor = call.principal.actor, .source = request.peer, .approves = approves(call.principal)};
    return call;
}

std::variant<Call, http::Response> authorise(const Context& context, const http::Request& request, auth::Right right) {
    auto call = authenticate(context, request);
    if (!call) return problem_from(call.error());
    if (!call->principal.may(right)) {
        const AuditEntry entry{.at = context.deps.clock.wall(),
                               .actor = call->principal.actor,
                               .action = "access.refused",
                               .object = request.method + ' ' + request.pattern,
                               .store = {},
                               .change = {},
                               .job = {},
                               .tag = {},
                               .source = request.peer,
                               .before = {},
                               .after = {}};
        if (auto noted = context.service().audit({entry}); !noted) return problem_from(noted.error());
        return problem(ProblemKind::forbidden,
                       "the role " + std::string(auth::name(call->principal.role)) + " does not allow this");
    }
    if (const auto store = request.param("store"); !store.empty()) {
        if (auto refusal = call->refuse_store(std::string(store))) return *std::move(refusal);
    }
    return *std::move(call);
}

}  // namespace

Result<std::string> Context::currency_of(const std::string& store) const {
    auto found = deps.service.store(store);
    if (!found) return fail(found.error());
    return found->store.currency;
}

std::optional<http::Response> Call::refuse_store(const std::string& store) const {
    if (principal.sees(store)) return std::nullopt;
    return problem(ProblemKind::forbidden, "store " + store + " is not among yours");
}

std::optional<http::Response> Call::narrow(std::optional<std::string>& store) const {
    if (store) return refuse_store(*store);
    if (principal.stores.empty()) return std::nullopt;
    if (principal.stores.size() > 1) return bad_parameter("store", "say which of your stores");
    store = principal.stores.front();
    return std::nullopt;
}

bool Call::sees(const std::optional<std::string>& store) const {
    return store ? principal.sees(*store) : principal.stores.empty();
}

void Routes::add(std::string_view method, std::string path, auth::Right right, Endpoint endpoint,
                 http::RouteOptions options, Keys keys) {
    router_.add(
        method, std::string(kBase) + path,
        [context = context_, right, endpoint = std::move(endpoint), keys](const http::Request& request) {
            auto authorised = authorise(*context, request, right);
            if (auto* refusal = std::get_if<http::Response>(&authorised)) return std::move(*refusal);
            const auto& call = std::get<Call>(authorised);
            if (!writes(request) || !request.headers.has("idempotency-key")) return endpoint(call);
            if (auto refusal = refuse_bad_key(request)) return *std::move(refusal);
            if (keys == Keys::own) return endpoint(call);
            return once(context->service(), context->keys, context->deps.clock, request, call.caller.actor, keys,
                        [&] { return endpoint(call); });
        },
        options);
}

void Routes::add_stream(std::string_view method, std::string path, auth::Right right, StreamEndpoint endpoint,
                        http::RouteOptions options) {
    router_.add_stream(
        method, std::string(kBase) + path,
        [context = context_, right, endpoint = std::move(endpoint)](http::Exchange& exchange) {
            auto call = authorise(*context, exchange.request(), right);
            if (const auto* refusal = std::get_if<http::Response>(&call)) {
                (void)exchange.respond(*refusal);
                return;
            }
            const auto& authorised = std::get<Call>(call);
            if (!exchange.request().headers.has("idempotency-key")) return endpoint(authorised, exchange);
            if (const auto refusal = refuse_bad_key(exchange.request())) {
                (void)exchange.respond(*refusal);
                return;
            }
            once(context->service(), context->keys, context->deps.clock, exchange, authorised.caller.actor,
                 [&](http::Exchange& recorded) { endpoint(authorised, recorded); });
        },
        options);
}

void Routes::add_open(std::string_view method, std::string path, http::Handler handler, http::RouteOptions options) {
    router_.add(method, std::string(kBase) + path, std::move(handler), options);
}

std::string product_id(std::string_view text) {
    auto code = read_product_code(text);
    return code.accepted() ? std::move(code.id) : std::string(text);
}

http::Response json(int status, const std::string& encoded) {
    return http::json_response(status, encoded);
}

}  // namespace esl::mgmt::rest
