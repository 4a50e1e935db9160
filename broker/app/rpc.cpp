#include "broker/app/rpc.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <spdlog/spdlog.h>

#include <array>
#include <charconv>
#include <ctime>

#include "broker/auth/config_authenticator.hpp"
#include "broker/auth/credential_book.hpp"
#include "broker/auth/nonce_memory.hpp"
#include "broker/ports/message_store.hpp"
#include "common/core/ids.hpp"
#include "common/http/url.hpp"

namespace esl::broker {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;

constexpr std::string_view kVersion = "2020-04-20";
constexpr std::chrono::minutes kWindow{5};    // how far a request's Timestamp may be from ours
constexpr std::size_t kNoncesMost = 100'000;  // within the window; more requests are refused
constexpr std::size_t kNonceLength = 128;

std::string request_id() {
    auto id = to_hex(random_bytes(16));
    for (const std::size_t at : {8UL, 13UL, 18UL, 23UL}) id.insert(at, 1, '-');
    return id;
}

Response reply(int status, json body, const std::string& id) {
    body["RequestId"] = id;
    return http::json_response(status, body.dump(-1, ' ', false, json::error_handler_t::replace));
}

// "2026-11-22T18:00:00Z".
std::optional<UnixMillis> parse_timestamp(const std::string& text) {
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (end == nullptr || *end != '\0') return std::nullopt;
    return from_millis(static_cast<std::int64_t>(::timegm(&parts)) * 1'000);
}

std::expected<RpcParameters, RpcFault> parameters_of(const Request& request) {
    RpcParameters out;
    const auto twice = [](const std::string& name) {
        return std::unexpected(RpcFault{400, "InvalidParameter." + name, "The parameter is given twice."});
    };
    for (const auto& [name, value] : request.query) {
        if (!out.emplace(name, value).second) return twice(name);
    }
    if (request.method != "POST" || request.content_type() != "application/x-www-form-urlencoded") return out;
    const auto form = http::parse_query(request.body);
    if (!form) return std::unexpected(RpcFault{400, "ParameterCheckFailed", "The form cannot be read."});
    for (const auto& [name, value] : *form) {
        if (!out.emplace(name, value).second) return twice(name);
    }
    return out;
}

const RpcAction* find_action(std::string_view name) {
    for (const auto* table : {rpc_session_actions(), rpc_token_actions(), rpc_identity_actions(),
                              rpc_certificate_actions(), rpc_trace_actions()}) {
        for (const auto* row = table; row->name != nullptr; ++row) {
            if (name == row->name) return row;
        }
    }
    return nullptr;
}

std::string filled(std::string_view pattern, const RpcCall& call) {
    std::string out;
    for (auto open = pattern.find('{'); open != std::string_view::npos; open = pattern.find('{')) {
        const auto close = pattern.find('}', open);
        out.append(pattern.substr(0, open)).append(call.text(pattern.substr(open + 1, close - open - 1)));
        pattern.remove_prefix(close + 1);
    }
    return out.append(pattern);
}

}  // namespace

std::string RpcCall::text(std::string_view name) const {
    const auto at = parameters.find(name);
    return at == parameters.end() ? std::string{} : at->second;
}

std::int64_t RpcCall::number(std::string_view name, std::int64_t otherwise) const {
    const auto given = text(name);
    std::int64_t out = 0;
    const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), out);
    return given.empty() || error != std::errc{} || end != given.data() + given.size() ? otherwise : out;
}

RpcFault rpc_fault(const Error& error) {
    if (error.is(CredentialError::over_capacity)) return {400, "Customauth.over.capacity", error.message()};
    if (error.as<StoreError>()) return {500, "SystemOverFlow", error.message()};
    return {400, "ParameterCheckFailed", error.message()};
}

RpcAnswer rpc_done(const Result<>& done, bool with_success) {
    if (!done) return std::unexpected(rpc_fault(done.error()));
    if (!with_success) return json::object();
    return json{{"Code", 200}, {"Message", "operation success."}, {"Success", true}};
}

std::string rpc_signature(std::string_view method, const RpcParameters& parameters, std::string_view secret) {
    std::string query;
    for (const auto& [name, value] : parameters) {  // sorted by name
        if (name == "Signature") continue;
        query += (query.empty() ? "" : "&") + http::percent_encode(name) + "=" + http::percent_encode(value);
    }
    const auto text = std::string(method) + "&%2F&" + http::percent_encode(query);
    const auto key = std::string(secret) + "&";
    return signature_password(key, text);
}

struct Rpc::Impl {
    Impl(CredentialBook& b, Control& c, const ConfigAuthenticator& k, const Clock& time, AuditAs a)
        : book(b), control(c), keys(k), clock(time), audit(std::move(a)) {}

    CredentialBook& book;
    Control& control;
    const ConfigAuthenticator& keys;
    const Clock& clock;
    AuditAs audit;

    NonceMemory nonces{kNoncesMost};

    // Each nonce of a key once, as long as its timestamp would be taken.
    std::optional<RpcFault> take_nonce(const std::string& key, const std::string& nonce, UnixMillis until) {
        if (nonce.empty() || nonce.size() > kNonceLength)
            return RpcFault{400, "InvalidParameter.SignatureNonce", "The nonce must have 1 to 128 characters."};
        switch (nonces.take(key + "|" + nonce, until, clock.wall())) {
            case NonceMemory::Verdict::fresh:
                return std::nullopt;
            case NonceMemory::Verdict::used:
                return RpcFault{400, "SignatureNonceUsed", "The request signature nonce has been used."};
            case NonceMemory::Verdict::full:
                return RpcFault{500, "SystemOverFlow", "Too many requests."};
        }
        return std::nullopt;
    }

    std::optional<RpcFault> check(const Request& request, const RpcParameters& p) {
        for (const auto* name : {"Action", "Version", "AccessKeyId", "Signature", "SignatureMethod", "SignatureVersion",
                                 "SignatureNonce", "Timestamp"}) {
            if (!p.contains(name))
                return RpcFault{400, std::string("Missing") + name,
                                std::string(name) + " is mandatory for this action."};
        }
        const auto at = [&](const char* name) -> const std::string& { return p.find(name)->second; };
        if (at("Version") != kVersion)
            return RpcFault{400, "InvalidVersion", "Specified parameter Version is not valid."};
        if (at("SignatureMethod") != "HMAC-SHA1" || at("SignatureVersion") != "1.0")
            return RpcFault{400, "InvalidParameter.SignatureMethod", "HMAC-SHA1 of SignatureVersion 1.0 is taken."};
        const auto key = keys.access_key(at("AccessKeyId"));
        if (!key) return RpcFault{404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."};
        if (!same_secret(at("Signature"), rpc_signature(request.method, p, key->secret)))
            return RpcFault{400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation."};
        const auto time = parse_timestamp(at("Timestamp"));
        const auto now = clock.wall();
        if (!time || *time < now - kWindow || *time > now + kWindow)
            return RpcFault{400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."};
        if (auto used = take_nonce(at("AccessKeyId"), at("SignatureNonce"), *time + kWindow)) return used;
        for (const auto* name : {"InstanceId", "MqttInstanceId"}) {
            if (!key->instance.empty() && p.contains(name) && !at(name).empty() && at(name) != key->instance)
                return RpcFault{400, "InstancePermissionCheckFailed", "The instance is not this access key's."};
        }
        return std::nullopt;
    }

    std::expected<json, RpcFault> run(const Request& request, std::string& action_name) {
        const auto parameters = parameters_of(request);
        if (!parameters) return std::unexpected(parameters.error());
        if (auto fault = check(request, *parameters)) return std::unexpected(*fault);
        action_name = parameters->find("Action")->second;
        const auto* action = find_action(action_name);
        if (action == nullptr) return std::unexpected(RpcFault{404, "ApiNotSupport", "The action is not supported."});
        std::string_view required = action->required;
        while (!required.empty()) {
            const auto end = required.find(' ');
            const auto name = required.substr(0, end);
            const auto at = parameters->find(name);
            if (at == parameters->end() || at->second.empty()) {
                return std::unexpected(
                    RpcFault{400, "Missing" + std::string(name), std::string(name) + " is mandatory for this action."});
            }
            required.remove_prefix(end == std::string_view::npos ? required.size() : end + 1);
        }
        const auto& access_key = parameters->find("AccessKeyId")->second;
        std::string object;
        const RpcCall call{.parameters = *parameters,
                           .request = request,
                           .access_key = access_key,
                           .book = book,
                           .control = control,
                           .object = object};
        auto answer = action->run(call);
        if (!answer || action->audit == nullptr) return answer;
        if (audit(request, "accesskey:" + access_key, action->audit,
                  object.empty() ? filled(action->object, call) : object))
            return std::unexpected(RpcFault{500, "SystemOverFlow", "Done, but the audit log cannot be written."});
        return answer;
    }
};

Rpc::Rpc(CredentialBook& book, Control& control, const ConfigAuthenticator& keys, const Clock& clock, AuditAs audit)
    : impl_(std::make_unique<Impl>(book, control, keys, clock, std::move(audit))) {}
Rpc::~Rpc() = default;

Response Rpc::answer(const Request& request) {
    const auto id = request_id();
    std::string action;
    auto result = impl_->run(request, action);
    if (result) return reply(200, std::move(*result), id);
    const auto& fault = result.error();
    spdlog::debug("rpc {} {}: {} {}", action, id, fault.code, fault.message);
    return reply(fault.status, {{"Code", fault.code}, {"Message", fault.message}, {"HostId", "broker"}}, id);
}

}  // namespace esl::broker
