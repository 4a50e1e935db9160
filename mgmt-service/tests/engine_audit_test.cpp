// What the audit log is told about the end of a job, and of APs.
#include <algorithm>

#include "mgmt-service/tests/engine_harness.hpp"

namespace esl::mgmt::test {
namespace {

using contract::TaskState;
using namespace std::chrono_literals;

// The only entry with this action.
AuditEntry only(const Harness& h, const std::string& action) {
    EXPECT_EQ(h.audited(action), 1U) << action;
    for (const auto& e : h.audit) {
        if (e.action == action) return e;
    }
    return {};
}

void expect_names(const AuditEntry& e, const OutgoingTask& task, const std::string& change) {
    EXPECT_EQ(e.object, "tag:" + task.tag.text());
    EXPECT_EQ(e.tag, task.tag.text());
    EXPECT_EQ(e.store, "s1");
    EXPECT_EQ(e.job, task.job);
    EXPECT_EQ(e.change, change);
    EXPECT_NE(e.after.find("\"version\":" + std::to_string(task.version)), std::string::npos) << e.after;
}

TEST(EngineAudit, ASupersededJobNamesTheChangeThatTookItsPlaceAndWhoMadeIt) {
    Harness h;
    h.furnish(1);
    h.display_all();
    const auto first = h.change_price(1, 150).change.id;
    const auto older = h.take_tasks().at(0);
    h.ana.actor = "user:ben";
    const auto second = h.change_price(1, 175).change.id;
    const auto entry = only(h, "job.superseded");
    expect_names(entry, older, first);
    EXPECT_EQ(entry.actor, "user:ben");
    EXPECT_NE(entry.after.find("\"why\":\"change:" + second + "\""), std::string::npos) << entry.after;
}

TEST(EngineAudit, ACancelledJobNamesWhoCancelledIt) {
    Harness h;
    h.furnish(1);
    h.display_all();
    const auto id = h.change_price(1, 300).change.id;
    const auto task = h.take_tasks().at(0);
    h.ana.actor = "user:ben";
    ASSERT_TRUE(h.engine->cancel_change(h.ana, id));
    h.run();
    const auto entry = only(h, "job.cancelled");
    expect_names(entry, task, id);
    EXPECT_EQ(entry.actor, "user:ben");
}

TEST(EngineAudit, AJobThatRanOutOfTimeIsLoggedAsExpired) {
    Harness h;
    h.furnish(1);
    h.display_all();
    std::vector<FieldError> errors;
    ChangeItemWrite item{Harness::product(1), {}, true, Promotion{70, {}, h.clock.wall(), h.clock.wall() + 2h}};
    const auto made = h.engine->create_change(h.ana, {"s1", "", {}, {item}, {}, {}}, errors);
    ASSERT_TRUE(made);
    h.run();
    const auto task = h.take_tasks().at(0);
    h.advance(2h);
    ASSERT_EQ(h.store.job(task.job)->state, JobState::expired);
    const auto entry = only(h, "job.expired");
    EXPECT_EQ(entry.actor, "service");
    EXPECT_EQ(entry.job, task.job);
    EXPECT_EQ(entry.change, made->change.id);
}

TEST(EngineAudit, ADisplaySaysWhatAPersonReadsOnTheTag) {
    Harness h;
    h.furnish(1);
    h.display_all();
    EXPECT_NE(only(h, "job.displayed").after.find(R"("currency":"EUR","image":)"), std::string::npos);
    EXPECT_NE(only(h, "job.displayed").after.find(R"("products":[{"id":"P1","name":"Product 1","price":100}])"),
              std::string::npos);
    h.audit.clear();
    std::vector<FieldError> errors;
    ChangeItemWrite item{Harness::product(1), {}, true, Promotion{70, 95, h.clock.wall(), h.clock.wall() + 2h}};
    ASSERT_TRUE(h.engine->create_change(h.ana, {"s1", "", {}, {item}, {}, {}}, errors));
    h.run();
    h.display_all();
    const auto after = only(h, "job.displayed").after;
    EXPECT_NE(after.find(R"("name":"Product 1","price":70,"prior_price":)"), std::string::npos) << after;
    EXPECT_NE(after.find(R"("promotion":true)"), std::string::npos) << after;
}

TEST(EngineAudit, ADisplayAfterARestartStillSaysWhatAPersonReads) {
    Harness h;
    h.furnish(1);
    const auto task = h.take_tasks().at(0);
    h.restart();
    h.run();
    h.report(task, TaskState::displayed);
    EXPECT_NE(only(h, "job.displayed").after.find(R"("price":100)"), std::string::npos);
}

TEST(EngineAudit, ADisplayNeverNamesAPriceThatThePictureWasNotDrawnFrom) {
    Harness h;
    h.furnish(1);
    const auto task = h.take_tasks().at(0);
    std::vector<FieldError> errors;
    ChangeItemWrite item;
    item.product = Harness::product(1);
    item.price = 777;
    ASSERT_TRUE(h.engine->create_change(h.ana, {"s1", "", {}, {item}, {}, {}}, errors));
    h.report(task, TaskState::displayed);  // before the new price is drawn
    const auto after = only(h, "job.displayed").after;
    EXPECT_EQ(after.find("777"), std::string::npos) << after;
    EXPECT_EQ(after.find("products"), std::string::npos) << after;
}

TEST(EngineAudit, AnEndIsInTheSameBatchAsTheRecordOfIt) {
    Harness h;
    h.furnish(1);
    h.display_all();
    const auto id = h.change_price(1, 300).change.id;
    const auto task = h.take_tasks().at(0);
    ASSERT_TRUE(h.engine->cancel_change(h.ana, id));
    const auto out = h.engine->take();
    const auto recorded = [&](const Job& j) { return j.id == task.job && j.state == JobState::cancelled; };
    EXPECT_TRUE(std::any_of(out.batch.jobs.begin(), out.batch.jobs.end(), recorded));
    EXPECT_TRUE(std::any_of(out.audit.begin(), out.audit.end(),
                            [&](const AuditEntry& e) { return e.action == "job.cancelled" && e.job == task.job; }));
}

TEST(EngineAudit, AHelloSaidAgainIsAnsweredAndNoNews) {
    Harness h;
    h.furnish(1);
    const auto before = h.audited("ap.hello");
    h.sends.clear();
    h.hello();
    EXPECT_EQ(h.audited("ap.hello"), before);
    EXPECT_TRUE(std::ranges::any_of(h.sends, [](const auto& send) {
        const auto* message = std::get_if<contract::Downlink>(&send.what);
        return message != nullptr && std::holds_alternative<contract::Lease>(*message);
    }));
    h.hello(kAp, "b2");
    EXPECT_EQ(h.audited("ap.hello"), before + 1);
}

}  // namespace
}  // namespace esl::mgmt::test
