#include "tag-sim/core/fault_plan.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tag-sim/adapters/http/plan_json.hpp"

namespace esl::sim {
namespace {

FaultPlan parse(std::string_view toml) {
    return FaultPlan::from(config::Table::parse(toml, "faults.toml"), std::nullopt);
}

std::vector<TagId> tags(unsigned count) {
    std::vector<TagId> out;
    for (unsigned i = 0; i < count; ++i) out.push_back(TagId::eui48(0xFFFF'9210'0001 + i));
    return out;
}

TEST(FaultPlan, ReadsRatesForAllAndForSingleTags) {
    const auto plan = parse(R"(
        seed = 7
        [all]
        notify_lost = 20
        late_by = "2s"
        [[tag]]
        id = "FF:FF:92:10:00:02"
        dead = 100
        disconnect_at_part = 5
    )");
    EXPECT_EQ(plan.seed(), 7U);
    EXPECT_EQ(plan.all().of(Fault::notify_lost), 20);
    EXPECT_EQ(plan.all().late_by.count(), 2000);
    const auto& own = plan.rates(TagId::eui48(0xFFFF92100002));
    EXPECT_EQ(own.of(Fault::dead), 100);
    EXPECT_EQ(own.of(Fault::notify_lost), 20);
    EXPECT_EQ(own.disconnect_at_part, 5U);
}

TEST(FaultPlan, NamesFileLineAndKeyOfAMistake) {
    const auto error = [](std::string_view toml) -> std::string {
        try {
            (void)parse(toml);
        } catch (const config::ConfigError& e) {
            return e.what();
        }
        return "";
    };
    EXPECT_NE(error("[all]\nnotify_lost = 120").find("faults.toml:2"), std::string::npos);
    EXPECT_NE(error("[all]\nnotify_last = 1").find("notify_last"), std::string::npos);
    EXPECT_NE(error("[[tag]]\nid = 'FFFF'").find("tag.id"), std::string::npos);
}

TEST(FaultPlan, StrikesAsOftenAsItSaysAndTheSameWayForTheSameSeed) {
    Rates rates;
    rates.of(Fault::notify_lost) = 20;
    FaultPlan one{42}, same{42}, other{43};
    for (auto* plan : {&one, &same, &other}) plan->set_all(rates);
    const auto tag = TagId::eui48(1);
    unsigned struck = 0, different = 0;
    for (int i = 0; i < 10'000; ++i) {
        const bool hit = one.strikes(tag, Fault::notify_lost);
        EXPECT_EQ(hit, same.strikes(tag, Fault::notify_lost));
        different += hit != other.strikes(tag, Fault::notify_lost);
        struck += hit;
    }
    EXPECT_GT(struck, 1'800U);
    EXPECT_LT(struck, 2'200U);
    EXPECT_GT(different, 1'000U);
    EXPECT_EQ(one.struck(Fault::notify_lost), struck);
}

TEST(FaultPlan, OneTagsFaultsDoNotDependOnWhatOthersDo) {
    Rates rates;
    rates.of(Fault::wrong_part) = 50;
    FaultPlan alone{1}, crowded{1};
    alone.set_all(rates);
    crowded.set_all(rates);
    for (int i = 0; i < 100; ++i) {
        (void)crowded.strikes(TagId::eui48(2), Fault::wrong_part);
        EXPECT_EQ(alone.strikes(TagId::eui48(1), Fault::wrong_part),
                  crowded.strikes(TagId::eui48(1), Fault::wrong_part));
    }
}

TEST(FaultPlan, ChoosesExactlyTheShareOfTagsAndAlwaysTheSameOnes) {
    FaultPlan plan{1};
    Rates rates;
    rates.of(Fault::dead) = 2;
    plan.set_all(rates);
    const auto chosen = plan.chosen(Fault::dead, tags(100));
    EXPECT_EQ(chosen.size(), 2U);
    EXPECT_EQ(plan.chosen(Fault::dead, tags(100)), chosen);
    EXPECT_EQ(plan.chosen(Fault::dead, tags(5)).size(), 1U);
    EXPECT_TRUE(plan.chosen(Fault::low_battery, tags(100)).empty());
    Rates alive;
    plan.set(*chosen.begin(), alive);
    EXPECT_FALSE(plan.chosen(Fault::dead, tags(100)).contains(*chosen.begin()));
}

TEST(FaultPlanJson, MergesWhatIsNamedAndKeepsTheRest) {
    FaultPlan plan{1};
    ASSERT_TRUE(
        web::merge_json(plan, R"({"all":{"notify_lost":20,"wrong_part":5},"tags":{"FFFF92100001":{"dead":true}}})"));
    ASSERT_TRUE(web::merge_json(plan, R"({"dead_percent":2,"tags":{"FFFF92100002":{"low_battery":100}}})"));
    EXPECT_EQ(plan.all().of(Fault::notify_lost), 20);
    EXPECT_EQ(plan.all().of(Fault::dead), 2);
    EXPECT_EQ(plan.rates(TagId::eui48(0xFFFF92100001)).of(Fault::dead), 100);
    EXPECT_EQ(plan.rates(TagId::eui48(0xFFFF92100002)).of(Fault::wrong_part), 5);
    ASSERT_TRUE(web::merge_json(plan, R"({"tags":{"FFFF92100001":null}})"));
    EXPECT_EQ(plan.overrides().size(), 1U);
}

TEST(FaultPlanJson, ChangesNothingWhenAnythingInItIsWrong) {
    FaultPlan plan{1};
    const auto said = [&](std::string_view json) {
        const auto merged = web::merge_json(plan, json);
        return merged ? std::string{} : merged.error().message();
    };
    EXPECT_EQ(said("{"), "malformed: body: expected a JSON object");
    EXPECT_EQ(said("[]"), "malformed: body: expected a JSON object");
    EXPECT_EQ(said(R"({"all":{"dead":101}})"), "out of range: all.dead");
    EXPECT_EQ(said(R"({"all":{"dead":-1}})"), "out of range: all.dead");
    EXPECT_EQ(said(R"({"all":{"dad":1}})"), "unknown: all.dad");
    EXPECT_EQ(said(R"({"all":{"dead":"x"}})"), "malformed: all.dead: expected a number");
    EXPECT_EQ(said(R"({"all":[]})"), "malformed: all: expected an object");
    EXPECT_EQ(said(R"({"tags":[]})"), "unknown: tags");
    EXPECT_EQ(said(R"({"all":{"dead":3},"tags":{"XY":{}}})"), "malformed: tags.XY");
    EXPECT_EQ(plan.all().of(Fault::dead), 0);
}

}  // namespace
}  // namespace esl::sim
