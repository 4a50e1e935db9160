// The administration's routes, a file for each matter.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "broker/app/control.hpp"
#include "broker/app/rules.hpp"
#include "common/http/router.hpp"

namespace esl::broker {

class AdminKeys;
class CredentialBook;

// Adds a route that wants the key.
using AddRoute = std::function<void(std::string_view method, std::string_view pattern, http::Handler handler)>;

// Appends to the audit log; a value is the answer to give when that failed. `after` holds no secret.
using WriteDown = std::function<std::optional<http::Response>(const http::Request& request, std::string action,
                                                              std::string object, const nlohmann::json& after)>;

// What the routes of credentials share. `book` outlives them.
struct CredentialRoutes {
    AddRoute add;
    WriteDown write_down;
    CredentialBook& book;
};

// /api/v1/tokens, /device-credentials, /blacklist; /identities, /permissions; /ca-registration-code, /cas,
// /device-certificates.
void add_credential_routes(const CredentialRoutes& routes);
void add_identity_routes(const CredentialRoutes& routes);
void add_certificate_routes(const CredentialRoutes& routes);

// /api/v1/keys
void add_key_routes(const AddRoute& add, const WriteDown& write_down, AdminKeys& keys);

// /api/v1/listeners
void add_listener_routes(const AddRoute& add, const Control& control);
// /api/v1/traces/...
void add_trace_routes(const AddRoute& add, Control& control);
// /api/v1/rules...
void add_rule_routes(const AddRoute& add, Rules& rules, WriteDown write_down);
// POST /api/v1/inbound/{rule}, which wants the rule's signature or the key.
void add_inbound_route(http::Router& router, std::function<bool(const http::Request&)> has_key, Control& control,
                       Rules& rules, const Clock& clock);
// A part of /metrics: every rule by its name.
[[nodiscard]] std::string rule_metrics(const Rules& rules);

}  // namespace esl::broker
