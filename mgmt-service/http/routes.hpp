// Registers the interface's routes: who is asking, may they, and the handler.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/http/router.hpp"
#include "mgmt-service/auth/auth_service.hpp"
#include "mgmt-service/core/service.hpp"
#include "mgmt-service/http/once.hpp"
#include "mgmt-service/http/server.hpp"

namespace esl::mgmt::rest {

class EventHub;
class RequestCounts;

inline constexpr std::string_view kCookieName = "shelfwire_session";
inline constexpr std::string_view kBase = "/api/v1";

// What every handler can reach; immutable but for what its members guard themselves.
struct Context {
    Dependencies deps;
    Settings settings;
    EventHub& events;
    RequestCounts& counts;
    KeysUnderWay& keys;

    [[nodiscard]] Service& service() const { return deps.service; }
    [[nodiscard]] Result<std::string> currency_of(const std::string& store) const;
};

// One authorised request. Valid for the call.
struct Call {
    const http::Request& request;
    auth::Principal principal;
    Caller caller;       // on whose behalf the service acts
    std::string cookie;  // the session's secret; empty for a token

    // The refusal when this principal may not see the store.
    [[nodiscard]] std::optional<http::Response> refuse_store(const std::string& store) const;
    // Narrows a list's store filter to what the principal sees: a user of one store gets that one, a user of several
    // must say which.
    [[nodiscard]] std::optional<http::Response> narrow(std::optional<std::string>& store) const;
    [[nodiscard]] bool sees(const std::optional<std::string>& store) const;
};
using Endpoint = std::function<http::Response(const Call&)>;
using StreamEndpoint = std::function<void(const Call&, http::Exchange&)>;

class Routes {
public:
    Routes(http::Router& router, std::shared_ptr<const Context> context)
        : router_(router), context_(std::move(context)) {}

    // `path` is below /api/v1. Writes with an Idempotency-Key are carried out once.
    void add(std::string_view method, std::string path, auth::Right right, Endpoint endpoint,
             http::RouteOptions options = {}, Keys keys = Keys::answers);
    void add_stream(std::string_view method, std::string path, auth::Right right, StreamEndpoint endpoint,
                    http::RouteOptions options);
    // For everybody.
    void add_open(std::string_view method, std::string path, http::Handler handler, http::RouteOptions options = {});

    [[nodiscard]] const Context& context() const { return *context_; }
    [[nodiscard]] const std::shared_ptr<const Context>& shared() const { return context_; }

private:
    http::Router& router_;
    std::shared_ptr<const Context> context_;
};

void add_auth_routes(Routes& routes);
void add_people_routes(Routes& routes);
void add_store_routes(Routes& routes);
void add_tag_routes(Routes& routes);
void add_product_routes(Routes& routes);
void add_import_routes(Routes& routes);
void add_change_routes(Routes& routes);
void add_approval_routes(Routes& routes);
void add_audit_routes(Routes& routes);
void add_live_routes(Routes& routes);

// GTINs padded, in-store codes as they are; what is neither is passed on and will not be found.
[[nodiscard]] std::string product_id(std::string_view text);
[[nodiscard]] http::Response json(int status, const std::string& encoded);

}  // namespace esl::mgmt::rest
