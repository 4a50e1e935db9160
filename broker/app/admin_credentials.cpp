// /api/v1/tokens, /device-credentials, /blacklist.
#include "broker/app/admin_body.hpp"
#include "common/http/problem.hpp"

namespace esl::broker {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;

json described(const Token& token) {
    return {{"id", token.id},
            {"actions", token.access == Access::both ? "R,W" : std::string(token_type(token.access))},
            {"resources", token.resources},
            {"expires", to_millis(token.expires)},
            {"access_key", token.access_key},
            {"instance", token.instance}};
}

json with_secret(const DeviceCredential& c) {
    return {{"client_id", c.client_id},
            {"id", c.id},
            {"secret", c.secret},
            {"created", to_millis(c.created)},
            {"updated", to_millis(c.updated)}};
}
json without_secret(const DeviceCredential& c) {
    auto out = with_secret(c);
    out.erase("secret");
    return out;
}

void add_tokens(const CredentialRoutes& r) {
    r.add("POST", "/api/v1/tokens", [r](const Request& request) -> Response {
        AdminBody body(request);
        const TokenRequest wanted{.actions = body.text("actions"),
                                  .resources = body.texts("resources"),
                                  .expires = body.number("expires"),
                                  .access_key = body.text_or("access_key", {}),
                                  .instance = body.text_or("instance", {})};
        if (auto bad = body.failed()) return *bad;
        const auto issued = r.book.apply_token(wanted);
        if (!issued) return refusal(issued.error());
        auto answer = described(issued->token);
        if (auto bad = r.write_down(request, "token.applied", "token:" + issued->token.id, answer)) return *bad;
        answer["token"] = issued->text;
        return json_answer(201, answer);
    });
    r.add("POST", "/api/v1/tokens/query", [r](const Request& request) -> Response {
        AdminBody body(request);
        const auto text = body.text("token");
        if (auto bad = body.failed()) return *bad;
        Token about;
        const auto good = r.book.check_token(text, &about);
        if (!good && good.error() == TokenFault::forged) return json_answer(200, {{"status", "forged"}});
        auto answer = described(about);
        answer["status"] = good ? "valid" : good.error() == TokenFault::expired ? "expired" : "revoked";
        return json_answer(200, answer);
    });
    r.add("POST", "/api/v1/tokens/revoke", [r](const Request& request) -> Response {
        AdminBody body(request);
        const auto text = body.text("token");
        if (auto bad = body.failed()) return *bad;
        const auto token = r.book.revoke_token(text);
        if (!token) return refusal(token.error());
        if (auto bad = r.write_down(request, "token.revoked", "token:" + token->id, nullptr)) return *bad;
        return http::empty_response();
    });
    r.add("GET", "/api/v1/tokens/revoked", [r](const Request& request) -> Response {
        const auto query = page_query(request);
        if (!query) return bad_page();
        return page_answer(r.book.revoked_tokens(*query),
                           [](const RevokedToken& t) { return json{{"id", t.id}, {"expires", to_millis(t.expires)}}; });
    });
}

void add_devices(const CredentialRoutes& r) {
    r.add("GET", "/api/v1/device-credentials", [r](const Request& request) -> Response {
        const auto query = page_query(request);
        if (!query) return bad_page();
        return page_answer(r.book.devices(std::string(request.query_value("group").value_or("")), *query),
                           without_secret);
    });
    r.add("POST", "/api/v1/device-credentials", [r](const Request& request) -> Response {
        AdminBody body(request);
        const auto client = body.text("client_id");
        if (auto bad = body.failed()) return *bad;
        const auto made = r.book.register_device(client);
        if (!made) return refusal(made.error());
        if (auto bad = r.write_down(request, "device_credential.registered", "client:" + client, {{"id", made->id}}))
            return *bad;
        return json_answer(201, with_secret(*made));
    });
    r.add("POST", "/api/v1/device-credentials/{client}/refresh", [r](const Request& request) -> Response {
        const std::string client(request.param("client"));
        const auto made = r.book.refresh_device(client);
        if (!made) return refusal(made.error());
        if (auto bad = r.write_down(request, "device_credential.refreshed", "client:" + client, {{"id", made->id}}))
            return *bad;
        return json_answer(200, with_secret(*made));
    });
    r.add("GET", "/api/v1/device-credentials/{client}", [r](const Request& request) -> Response {
        const std::string client(request.param("client"));
        const auto found = r.book.device(client);
        if (!found) return refusal(found.error());
        // It hands out a secret: that is worth an entry too.
        if (auto bad = r.write_down(request, "device_credential.read", "client:" + client, nullptr)) return *bad;
        return json_answer(200, with_secret(*found));
    });
    r.add("DELETE", "/api/v1/device-credentials/{client}", [r](const Request& request) -> Response {
        const std::string client(request.param("client"));
        if (auto gone = r.book.unregister_device(client); !gone) return refusal(gone.error());
        if (auto bad = r.write_down(request, "device_credential.unregistered", "client:" + client, nullptr))
            return *bad;
        return http::empty_response();
    });
}

void add_blacklist(const CredentialRoutes& r) {
    r.add("GET", "/api/v1/blacklist", [r](const Request& request) -> Response {
        const auto query = page_query(request);
        if (!query) return bad_page();
        return page_answer(r.book.blacklist(*query), [](const std::string& id) { return json{{"client_id", id}}; });
    });
    r.add("POST", "/api/v1/blacklist", [r](const Request& request) -> Response {
        AdminBody body(request);
        const auto client = body.text("client_id");
        if (auto bad = body.failed()) return *bad;
        if (auto done = r.book.add_to_blacklist(client); !done) return refusal(done.error());
        if (auto bad = r.write_down(request, "blacklist.added", "client:" + client, nullptr)) return *bad;
        return json_answer(201, {{"client_id", client}});
    });
    r.add("DELETE", "/api/v1/blacklist/{client}", [r](const Request& request) -> Response {
        const std::string client(request.param("client"));
        if (auto done = r.book.remove_from_blacklist(client); !done) return refusal(done.error());
        if (auto bad = r.write_down(request, "blacklist.removed", "client:" + client, nullptr)) return *bad;
        return http::empty_response();
    });
}

}  // namespace

void add_credential_routes(const CredentialRoutes& routes) {
    add_tokens(routes);
    add_devices(routes);
    add_blacklist(routes);
}

}  // namespace esl::broker
