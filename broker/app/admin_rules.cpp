// /api/v1/rules: what leaves the broker, and what comes in.
#include <spdlog/fmt/fmt.h>

#include <nlohmann/json.hpp>

#include "broker/app/admin_routes.hpp"
#include "common/http/problem.hpp"

namespace esl::broker {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;

constexpr const char* kHidden = "***";

int status_of(const Error& error) {
    if (error.is(RuleError::exists) || error.is(RuleError::configured)) return 409;
    if (error.is(RuleError::not_there)) return 404;
    if (error.is(RuleError::too_many)) return 409;
    return 400;
}

json to_json(const RuleFigures& f) {
    return {{"exported", f.exported},
            {"failed", f.failed},
            {"retried", f.retried},
            {"waiting", f.waiting},
            {"dropped", f.dropped}};
}

class RuleRoutes {
public:
    RuleRoutes(Rules& rules, WriteDown write_down) : rules_(rules), write_down_(std::move(write_down)) {}

    Response list() {
        json items = json::array();
        const auto figures = rules_.engine().figures();
        for (const auto& rule : rules_.book().all()) items.push_back(shown(rule, figures));
        return http::json_response(200, json{{"items", std::move(items)}}.dump());
    }
    Response get(const Request& request) {
        const auto rule = rules_.book().find(request.param("id"));
        if (!rule) return http::problem(404, "no rule '" + std::string(request.param("id")) + "'");
        return http::json_response(200, shown(*rule, rules_.engine().figures()).dump());
    }
    Response add(const Request& request) {
        const auto rule = rule_from_json(json::parse(request.body, nullptr, false));
        if (!rule) return http::problem(400, rule.error().message());
        if (auto ok = rules_.book().add(*rule); !ok) return http::problem(status_of(ok.error()), ok.error().message());
        if (auto bad = write_down_(request, "rule.added", "rule:" + rule->id, esl::broker::to_json(*rule, false)))
            return *bad;
        return http::json_response(201, esl::broker::to_json(*rule, false).dump());
    }
    Response replace(const Request& request) {
        auto body = json::parse(request.body, nullptr, false);
        const std::string id(request.param("id"));
        if (body.is_object() && !body.contains("id")) body["id"] = id;
        auto rule = rule_from_json(body);
        if (!rule) return http::problem(400, rule.error().message());
        if (rule->id != id) return http::problem(400, "id: must be that of the path, or absent");
        if (const auto before = rules_.book().find(id)) {
            if (rule->secret == kHidden) rule->secret = before->secret;
            if (rule->password == kHidden) rule->password = before->password;
        }
        if (auto ok = rules_.book().replace(*rule); !ok)
            return http::problem(status_of(ok.error()), ok.error().message());
        if (auto bad = write_down_(request, "rule.changed", "rule:" + id, esl::broker::to_json(*rule, false))) return *bad;
        return http::json_response(200, esl::broker::to_json(*rule, false).dump());
    }
    Response remove(const Request& request) {
        const std::string id(request.param("id"));
        if (auto ok = rules_.book().remove(id); !ok) return http::problem(status_of(ok.error()), ok.error().message());
        if (auto bad = write_down_(request, "rule.removed", "rule:" + id, nullptr)) return *bad;
        return http::empty_response();
    }

private:
    json shown(const RuleSpec& rule, const std::map<std::string, RuleFigures>& figures) {
        auto out = esl::broker::to_json(rule, false);
        out["configured"] = rules_.book().is_configured(rule.id);
        if (const auto at = figures.find(rule.id); at != figures.end()) out["figures"] = to_json(at->second);
        return out;
    }

    Rules& rules_;
    WriteDown write_down_;
};

}  // namespace

void add_rule_routes(const AddRoute& add, Rules& rules, WriteDown write_down) {
    const auto routes = std::make_shared<RuleRoutes>(rules, std::move(write_down));
    add("GET", "/api/v1/rules", [routes](const Request&) { return routes->list(); });
    add("POST", "/api/v1/rules", [routes](const Request& r) { return routes->add(r); });
    add("GET", "/api/v1/rules/{id}", [routes](const Request& r) { return routes->get(r); });
    add("PUT", "/api/v1/rules/{id}", [routes](const Request& r) { return routes->replace(r); });
    add("DELETE", "/api/v1/rules/{id}", [routes](const Request& r) { return routes->remove(r); });
}

std::string rule_metrics(const Rules& rules) {
    struct Row {
        const char* name;
        const char* kind;
        const char* help;
        std::uint64_t RuleFigures::* member;
    };
    constexpr Row kRows[] = {
        {"exported_total", "counter", "messages that the rule's sink has", &RuleFigures::exported},
        {"failed_total", "counter", "deliveries to the sink that did not succeed", &RuleFigures::failed},
        {"retried_total", "counter", "deliveries to the sink tried again", &RuleFigures::retried},
        {"waiting", "gauge", "messages that wait for the sink", &RuleFigures::waiting},
        {"dropped_total", "counter", "messages given up: no room, too old, or not on disk", &RuleFigures::dropped}};
    const auto figures = rules.engine().figures();
    std::string out = fmt::format(
        "# HELP broker_outbox_failures_total commits of the rules' outbox that failed\n"
        "# TYPE broker_outbox_failures_total counter\nbroker_outbox_failures_total {}\n",
        rules.engine().outbox_failures());
    for (const auto& row : kRows) {
        if (figures.empty()) break;
        out += fmt::format("# HELP broker_rule_{0} {2}\n# TYPE broker_rule_{0} {1}\n", row.name, row.kind, row.help);
        for (const auto& [id, f] : figures)
            out += fmt::format("broker_rule_{}{{rule=\"{}\"}} {}\n", row.name, id, f.*row.member);
    }
    return out;
}

}  // namespace esl::broker
