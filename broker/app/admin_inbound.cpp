// POST /api/v1/inbound/{rule}: another system's message, signed or with the administrator's key.
#include <future>
#include <nlohmann/json.hpp>

#include "broker/app/admin_routes.hpp"
#include "broker/auth/nonce_memory.hpp"
#include "broker/rules/inbound.hpp"
#include "common/http/problem.hpp"

namespace esl::broker {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;

constexpr std::chrono::seconds kCommitWithin{10};
// Of ten minutes at 500 a second; about 60 MB when they have come. docs/decisions/0147.
constexpr std::size_t kSignaturesMost = 300'000;
constexpr std::size_t kDigitsKept = 32;  // 128 bits of one

struct Taken {
    bool stored = false;
    MessageId id = 0;
};

Response publish(Control& control, OutsideMessage message) {
    const auto promise = std::make_shared<std::promise<Taken>>();
    auto future = promise->get_future();
    const auto ok =
        control.publish(std::move(message), [promise](bool stored, MessageId id) { promise->set_value({stored, id}); });
    if (!ok) return http::problem(400, ok.error().message());
    if (future.wait_for(kCommitWithin) != std::future_status::ready)
        return http::problem(503, "no answer from the message store; send it again");
    const auto taken = future.get();
    if (!taken.stored) return http::problem(503, "the message store cannot write; send it again");
    return http::json_response(200, json{{"msgId", message_id_text(control.instance(), taken.id)}}.dump());
}

// Nothing: the signature is good and new.
std::optional<Response> check_signature(const RuleSpec& rule, const Request& request, NonceMemory& taken,
                                        UnixMillis now) {
    const auto timestamp = request.headers.get("X-Shelfwire-Timestamp");
    const auto signature = request.headers.get("X-Shelfwire-Signature");
    if (rule.secret.empty() || !signature_is_good(rule, timestamp, signature, request.body, now))
        return http::problem(401, "neither the rule's signature nor the administrator's key");
    const std::string digits(signature.substr(signature.size() - kDigitsKept));
    switch (taken.take(digits, now + 2 * kSignatureGoodFor, now)) {
        case NonceMemory::Verdict::fresh:
            return std::nullopt;
        case NonceMemory::Verdict::used:
            return http::problem(409, "a request with this signature was taken already; sign with the time of now");
        case NonceMemory::Verdict::full:
            return http::problem(503, "too many signed requests within ten minutes; send it again later");
    }
    return std::nullopt;
}

}  // namespace

void add_inbound_route(http::Router& router, std::function<bool(const Request&)> has_key, Control& control,
                       Rules& rules, const Clock& clock) {
    router.add("POST", "/api/v1/inbound/{rule}",
               [has_key = std::move(has_key), &control, &rules, &clock,
                taken = std::make_shared<NonceMemory>(kSignaturesMost)](const Request& request) -> Response {
                   const auto rule = rules.book().find(request.param("rule"));
                   const bool inbound = rule && rule->rule_kind() == RuleKind::inbound && rule->via == "http";
                   if (!has_key(request)) {
                       const RuleSpec nobody;  // no secret: refused as a wrong signature is
                       if (auto refusal = check_signature(inbound ? *rule : nobody, request, *taken, clock.wall()))
                           return *refusal;
                   }
                   if (!inbound) return http::problem(404, "no inbound rule of this name");
                   if (!rule->enabled) return http::problem(409, "the rule is switched off");
                   auto message =
                       inbound_message(*rule, request.content_type() == "application/json", request.body, clock.wall());
                   if (!message) return http::problem(400, message.error().message());
                   return publish(control, std::move(*message));
               });
}

}  // namespace esl::broker
