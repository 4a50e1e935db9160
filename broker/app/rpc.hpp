// The management interface of ApsaraMQ for MQTT in its RPC form (OnsMqtt, version 2020-04-20), for tools written for
// that service: one signed request, `Action` says what. docs/formats/broker-rpc.md.
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "broker/app/admin_routes.hpp"
#include "common/core/clock.hpp"
#include "common/http/message.hpp"

namespace esl::broker {

class ConfigAuthenticator;
class CredentialBook;

using RpcParameters = std::map<std::string, std::string, std::less<>>;

// Code and message as the service words them.
struct RpcFault {
    int status = 400;
    std::string code;
    std::string message;
};
using RpcAnswer = std::expected<nlohmann::json, RpcFault>;  // the reply's fields, but RequestId

// One request whose signature was good.
struct RpcCall {
    const RpcParameters& parameters;
    const http::Request& request;
    const std::string& access_key;
    CredentialBook& book;
    Control& control;
    std::string& object;  // of the audit entry, where the parameters do not name it

    [[nodiscard]] std::string text(std::string_view name) const;  // empty when it is not there
    [[nodiscard]] std::int64_t number(std::string_view name, std::int64_t otherwise) const;
};

struct RpcAction {
    const char* name;
    const char* required;  // parameters, separated by blanks
    RpcAnswer (*run)(const RpcCall&);
    // What the audit log calls it, and its object, where "{ClientId}" stands for that parameter; null: changes nothing.
    const char* audit = nullptr;
    const char* object = nullptr;
};

// A table for each matter; the last row has no name.
[[nodiscard]] const RpcAction* rpc_session_actions();
[[nodiscard]] const RpcAction* rpc_token_actions();
[[nodiscard]] const RpcAction* rpc_identity_actions();
[[nodiscard]] const RpcAction* rpc_certificate_actions();
[[nodiscard]] const RpcAction* rpc_trace_actions();

[[nodiscard]] RpcFault rpc_fault(const Error& error);
// What a parameter may be is said by `parse`; anything else is the fault.
template <class Parse>
[[nodiscard]] auto rpc_word(const RpcCall& call, const char* name, Parse parse)
    -> std::expected<typename decltype(parse(std::string_view{}))::value_type, RpcFault> {
    const auto value = parse(call.text(name));
    if (value) return *value;
    return std::unexpected(RpcFault{400, "InvalidParameter." + std::string(name), "The parameter is not valid."});
}
// The reply of an action that says no more than whether it was done.
[[nodiscard]] RpcAnswer rpc_done(const Result<>& done, bool with_success = false);

// The signature over these parameters (`Signature` left out): base64(HMAC-SHA1(secret + "&", method & "%2F" & query)).
[[nodiscard]] std::string rpc_signature(std::string_view method, const RpcParameters& parameters,
                                        std::string_view secret);

// `audit` writes as this access key. Thread-safe.
class Rpc {
public:
    using AuditAs = std::function<std::optional<http::Response>(const http::Request& request, std::string actor,
                                                                std::string action, std::string object)>;
    Rpc(CredentialBook& book, Control& control, const ConfigAuthenticator& keys, const Clock& clock, AuditAs audit);
    ~Rpc();
    // GET /?Action=…, or POST / with the parameters in a form or in the query.
    [[nodiscard]] http::Response answer(const http::Request& request);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::broker
