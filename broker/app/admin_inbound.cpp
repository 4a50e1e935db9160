// POST /api/v1/inbound/{rule}: another system's message, signed or with the administrator's key.
#include <future>
#include <nlohmann/json.hpp>

#include "broker/app/admin_routes.hpp"
#include "broker/rules/inbound.hpp"
#include "common/http/problem.hpp"

namespace esl::broker {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;

constexpr std::chrono::seconds kCommitWithin{10};

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

}  // namespace

void add_inbound_route(http::Router& router, std::function<bool(const Request&)> has_key, Control& control,
                       Rules& rules, const Clock& clock) {
    router.add("POST", "/api/v1/inbound/{rule}",
               [has_key = std::move(has_key), &control, &rules, &clock](const Request& request) {
                   const auto rule = rules.book().find(request.param("rule"));
                   const bool inbound = rule && rule->rule_kind() == RuleKind::inbound && rule->via == "http";
                   const bool good =
                       has_key(request) ||
                       (inbound && !rule->secret.empty() &&
                        signature_is_good(*rule, request.headers.get("X-Shelfwire-Timestamp"),
                                          request.headers.get("X-Shelfwire-Signature"), request.body, clock.wall()));
                   if (!good) return http::problem(401, "neither the rule's signature nor the administrator's key");
                   if (!inbound) return http::problem(404, "no inbound rule of this name");
                   if (!rule->enabled) return http::problem(409, "the rule is switched off");
                   auto message =
                       inbound_message(*rule, request.content_type() == "application/json", request.body, clock.wall());
                   if (!message) return http::problem(400, message.error().message());
                   return publish(control, std::move(*message));
               });
}

}  // namespace esl::broker
