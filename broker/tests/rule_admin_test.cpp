// How rules are made, changed and removed while a broker runs.
#include <gtest/gtest.h>

#include <fstream>

#include "broker/adapters/http_sink.hpp"
#include "broker/tests/rule_rig.hpp"

namespace esl::broker::testing {
namespace {

TEST_F(RuleApi, IsListedAndMadeByCtl) {
    const auto ctl = [&](const std::string& words) {
        return run_executable("ctl --admin " + broker_->admin() + " --data " + (folder_ / "data").string() + " " +
                              words);
    };
    std::ofstream(folder_ / "rule.json") << webhook("to-erp", "esl_report/#").dump();
    EXPECT_EQ(ctl("rule add @" + (folder_ / "rule.json").string()).code, 0);
    EXPECT_NE(ctl("rule list").text.find("to-erp"), std::string::npos);
    EXPECT_NE(ctl("rule show to-erp").text.find("esl_report/#"), std::string::npos);
    EXPECT_EQ(ctl("rule set @" + (folder_ / "rule.json").string()).code, 0);
    EXPECT_EQ(ctl("rule rm to-erp").code, 0);
    EXPECT_EQ(ctl("rule rm to-erp").code, 1);
}

TEST_F(RuleApi, IsChangedForGoodAndInTheAuditLog) {
    EXPECT_EQ(status("POST", "/api/v1/rules", json("x")), 400);
    EXPECT_EQ(status("POST", "/api/v1/rules", {{"id", "ab"}}), 400);
    EXPECT_NE(said_.find("id:"), std::string::npos);
    auto spec = webhook("to-erp", "esl_report/a");
    spec["secret"] = "s3cret";
    ASSERT_EQ(status("POST", "/api/v1/rules", spec), 201) << said_;
    EXPECT_EQ(status("POST", "/api/v1/rules", spec), 409);
    EXPECT_EQ(status("POST", "/api/v1/rules", webhook("another", "esl_report/a")), 409);
    spec["resource"] = "esl_report/b";
    spec["secret"] = "***";  // as it was shown
    EXPECT_EQ(status("PUT", "/api/v1/rules/to-erp", spec), 200) << said_;
    EXPECT_EQ(status("PUT", "/api/v1/rules/nobody", webhook("nobody", "x/y")), 404);
    restart();
    EXPECT_EQ(rule("to-erp")["resource"], "esl_report/b");
    auto pub = client("ap1");
    pub.publish("esl_report/a", "a", QoS::at_least_once);
    pub.publish("esl_report/b", "b", QoS::at_least_once);
    ASSERT_TRUE(hook_.wait_for(1));
    EXPECT_EQ(hook_.payloads(), (std::vector<std::string>{"b"}));
    const auto request = hook_.got().front();
    EXPECT_EQ(request.headers.get("X-Shelfwire-Signature"),
              webhook_signature("s3cret", request.headers.get("X-Shelfwire-Timestamp"), request.body));
    EXPECT_EQ(status("DELETE", "/api/v1/rules/to-erp"), 204);
    EXPECT_EQ(status("DELETE", "/api/v1/rules/to-erp"), 404);
    pub.publish("esl_report/b", "after", QoS::at_least_once);
    EXPECT_EQ(hook_.got().size(), 1U);
    http::Client stranger(broker_->admin());
    EXPECT_EQ(stranger.get("/api/v1/rules")->status, 401);
}

}  // namespace
}  // namespace esl::broker::testing
