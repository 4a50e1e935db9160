// A signed request that was overheard is worth nothing.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "broker/adapters/http_sink.hpp"
#include "broker/tests/administered_broker.hpp"

namespace esl::broker::testing {
namespace {

using nlohmann::json;

class InboundReplay : public AdministeredBroker {
protected:
    void add_rule(const std::string& id, const std::string& topic) {
        const json rule{{"id", id}, {"kind", "inbound"}, {"resource", topic}, {"via", "http"}, {"secret", "k"}};
        ASSERT_EQ(http_->post_json("/api/v1/rules", rule.dump())->status, 201);
    }
    // Without a key; `stamp`: of the timestamp, in ms from now.
    http::Response post(const std::string& rule, const std::string& body, std::int64_t stamp) {
        http::Client stranger(broker_->admin());
        const auto time = std::to_string(began_ + stamp);
        return *stranger.send(
            "POST", "/api/v1/inbound/" + rule, body,
            {{"X-Shelfwire-Timestamp", time}, {"X-Shelfwire-Signature", webhook_signature("k", time, body)}});
    }
    const std::int64_t began_ = to_millis(SystemClock().wall());
};

TEST_F(InboundReplay, ASignatureIsTakenOnce) {
    add_rule("erp", "esl_task/a");
    EXPECT_EQ(post("erp", "price", 0).status, 200);
    const auto again = post("erp", "price", 0);
    EXPECT_EQ(again.status, 409);
    EXPECT_NE(again.body.find("taken already"), std::string::npos) << again.body;
    EXPECT_EQ(post("erp", "price", 1).status, 200);   // signed anew
    EXPECT_EQ(post("erp", "price2", 0).status, 200);  // another body
    EXPECT_EQ(post("erp", "price", 0).status, 409);
}

TEST_F(InboundReplay, NorByAnotherRuleOfTheSameSecret) {
    add_rule("erp", "esl_task/a");
    add_rule("till", "esl_task/b");
    EXPECT_EQ(post("erp", "price", 0).status, 200);
    EXPECT_EQ(post("till", "price", 0).status, 409);
}

TEST_F(InboundReplay, ARequestThatWasRefusedIsNotTakenLater) {
    add_rule("erp", "esl_task/a");
    const auto set = [&](bool enabled) {
        const json rule{{"id", "erp"},   {"kind", "inbound"}, {"resource", "esl_task/a"},
                        {"via", "http"}, {"secret", "k"},     {"enabled", enabled}};
        EXPECT_EQ(http_->send("PUT", "/api/v1/rules/erp", rule.dump(), {{"Content-Type", "application/json"}})->status,
                  200);
    };
    set(false);
    EXPECT_EQ(post("erp", "price", 0).status, 409);
    set(true);
    EXPECT_EQ(post("erp", "price", 0).status, 409);
    EXPECT_EQ(post("erp", "price", 1).status, 200);
}

TEST_F(InboundReplay, TheAdministratorsKeyNeedsNoSignature) {
    add_rule("erp", "esl_task/a");
    for (int i = 0; i < 2; ++i) EXPECT_EQ(http_->send("POST", "/api/v1/inbound/erp", "price")->status, 200);
}

}  // namespace
}  // namespace esl::broker::testing
