// /api/v1/identities and /api/v1/permissions.
#include "broker/app/admin_body.hpp"
#include "common/http/problem.hpp"

namespace esl::broker {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;

constexpr const char* kTypes = "USER or CLIENT";

std::string object_of(const IdentityName& who) {
    return "identity:" + std::string(name(who.type)) + "|" + who.username +
           (who.client_id.empty() ? "" : "|" + who.client_id);
}
json described(const IdentityName& who, SignMode mode) {
    return {
        {"type", name(who.type)}, {"username", who.username}, {"client_id", who.client_id}, {"sign_mode", name(mode)}};
}

// Of the query: ?type=USER&username=alice[&client_id=...].
std::optional<IdentityName> named(const Request& request) {
    const auto type = parse_identity_type(request.query_value("type").value_or(""));
    if (!type) return std::nullopt;
    return IdentityName{.type = *type,
                        .username = std::string(request.query_value("username").value_or("")),
                        .client_id = std::string(request.query_value("client_id").value_or(""))};
}

Response put_identity(const CredentialRoutes& r, const Request& request, bool is_new) {
    AdminBody body(request);
    IdentityName who;
    who.type = body.word("type", kTypes, parse_identity_type);
    who.username = body.text("username");
    who.client_id = body.text_or("client_id", {});
    const auto mode = body.word("sign_mode", "ORIGIN or SIGNED", parse_sign_mode);
    const auto secret = body.text("secret");
    if (auto bad = body.failed()) return *bad;
    const auto done = is_new ? r.book.add_identity(who, mode, secret) : r.book.update_identity(who, mode, secret);
    if (!done) return refusal(done.error());
    const auto answer = described(who, mode);
    if (auto bad = r.write_down(request, is_new ? "identity.added" : "identity.updated", object_of(who), answer))
        return *bad;
    return json_answer(is_new ? 201 : 200, answer);
}

void add_identities(const CredentialRoutes& r) {
    r.add("POST", "/api/v1/identities", [r](const Request& request) { return put_identity(r, request, true); });
    r.add("PUT", "/api/v1/identities", [r](const Request& request) { return put_identity(r, request, false); });
    r.add("GET", "/api/v1/identities", [r](const Request& request) -> Response {
        const auto query = page_query(request);
        if (!query) return bad_page();
        CredentialBook::IdentityFilter filter;
        if (const auto type = request.query_value("type")) {
            filter.type = parse_identity_type(*type);
            if (!filter.type) return http::problem(400, std::string("type: must be ") + kTypes);
        }
        filter.username = request.query_value("username").value_or("");
        filter.client_id = request.query_value("client_id").value_or("");
        return page_answer(r.book.identities(filter, *query),
                           [](const CredentialBook::IdentityInfo& info) { return described(info.who, info.mode); });
    });
    r.add("DELETE", "/api/v1/identities", [r](const Request& request) -> Response {
        const auto who = named(request);
        if (!who) return http::problem(400, std::string("type: must be ") + kTypes);
        if (auto done = r.book.remove_identity(*who); !done) return refusal(done.error());
        if (auto bad = r.write_down(request, "identity.removed", object_of(*who), nullptr)) return *bad;
        return http::empty_response();
    });
}

json described(const Permission& p) {
    return {{"type", name(p.type)},
            {"identity", p.identity},
            {"topic", p.rule.filter},
            {"permit_action", name(p.rule.access)},
            {"effect", p.rule.allow ? "ALLOW" : "DENY"}};
}
std::string object_of(IdentityType type, const std::string& identity) {
    return "identity:" + std::string(name(type)) + "|" + identity;
}
std::optional<bool> parse_effect(std::string_view text) {
    if (text == "ALLOW") return true;
    if (text == "DENY") return false;
    return std::nullopt;
}

Response put_permission(const CredentialRoutes& r, const Request& request, bool is_new) {
    AdminBody body(request);
    Permission p;
    p.type = body.word("type", kTypes, parse_identity_type);
    p.identity = body.text("identity");
    p.rule.filter = body.text("topic");
    p.rule.access = body.word("permit_action", "PUB, SUB or PUB_SUB", parse_permit_action);
    p.rule.allow = body.word("effect", "ALLOW or DENY", parse_effect);
    if (auto bad = body.failed()) return *bad;
    const auto done = is_new ? r.book.add_permission(p) : r.book.update_permission(p);
    if (!done) return refusal(done.error());
    const auto answer = described(p);
    if (auto bad = r.write_down(request, is_new ? "permission.added" : "permission.updated",
                                object_of(p.type, p.identity), answer))
        return *bad;
    return json_answer(is_new ? 201 : 200, answer);
}

void add_permissions(const CredentialRoutes& r) {
    r.add("POST", "/api/v1/permissions", [r](const Request& request) { return put_permission(r, request, true); });
    r.add("PUT", "/api/v1/permissions", [r](const Request& request) { return put_permission(r, request, false); });
    r.add("GET", "/api/v1/permissions", [r](const Request& request) -> Response {
        const auto query = page_query(request);
        if (!query) return bad_page();
        std::optional<IdentityType> type;
        if (const auto text = request.query_value("type")) {
            type = parse_identity_type(*text);
            if (!type) return http::problem(400, std::string("type: must be ") + kTypes);
        }
        const std::string identity(request.query_value("identity").value_or(""));
        return page_answer(r.book.permissions(type, identity, *query),
                           [](const Permission& p) { return described(p); });
    });
    r.add("DELETE", "/api/v1/permissions", [r](const Request& request) -> Response {
        const auto type = parse_identity_type(request.query_value("type").value_or(""));
        if (!type) return http::problem(400, std::string("type: must be ") + kTypes);
        const std::string identity(request.query_value("identity").value_or(""));
        const std::string topic(request.query_value("topic").value_or(""));
        if (auto done = r.book.remove_permission(*type, identity, topic); !done) return refusal(done.error());
        if (auto bad = r.write_down(request, "permission.removed", object_of(*type, identity), {{"topic", topic}}))
            return *bad;
        return http::empty_response();
    });
}

}  // namespace

void add_identity_routes(const CredentialRoutes& routes) {
    add_identities(routes);
    add_permissions(routes);
}

}  // namespace esl::broker
