#include "broker/core/access_list.hpp"

#include <gtest/gtest.h>

#include <random>

#include "common/mqtt/topic_filter.hpp"

namespace esl::broker {
namespace {

using Verdict = AccessList::Verdict;

TEST(AccessList, RefusesWhatNoRuleNames) {
    const AccessList none;
    EXPECT_EQ(none.publish("a"), Verdict::no_rule);
    EXPECT_EQ(none.subscribe("a"), Verdict::no_rule);
}

TEST(AccessList, TellsTheWrongDirectionFromTheWrongTopic) {
    const AccessList list(
        {{.filter = "up/#", .access = Access::publish}, {.filter = "down", .access = Access::subscribe}});
    EXPECT_EQ(list.publish("up"), Verdict::allowed);
    EXPECT_EQ(list.publish("up/1/2"), Verdict::allowed);
    EXPECT_EQ(list.publish("upper"), Verdict::no_rule);
    EXPECT_EQ(list.publish("down"), Verdict::wrong_access);
    EXPECT_EQ(list.subscribe("down"), Verdict::allowed);
    EXPECT_EQ(list.subscribe("up/1"), Verdict::wrong_access);
    EXPECT_EQ(list.subscribe("down/#"), Verdict::no_rule);
}

TEST(AccessList, DenyWinsOverAllowWhateverTheOrder) {
    for (const bool deny_first : {true, false}) {
        std::vector<AccessRule> rules{{.filter = "a/#"},
                                      {.filter = "a/secret/+", .access = Access::subscribe, .allow = false}};
        if (deny_first) std::swap(rules[0], rules[1]);
        const AccessList list(rules);
        EXPECT_EQ(list.subscribe("a/open"), Verdict::allowed);
        EXPECT_EQ(list.subscribe("a/secret/1"), Verdict::denied);
        EXPECT_EQ(list.subscribe("a/#"), Verdict::denied);  // it would show the secret ones too
        EXPECT_EQ(list.subscribe("a/+"), Verdict::allowed);
        EXPECT_EQ(list.publish("a/secret/1"), Verdict::allowed);
    }
}

TEST(AccessList, APointToPointMessageIsAPublishToItsParent) {
    const AccessList parent({{.filter = "task", .access = Access::publish}});
    EXPECT_EQ(parent.publish("task/p2p/GID_a@@@1", "task"), Verdict::allowed);
    EXPECT_EQ(parent.publish("task/other"), Verdict::no_rule);
    const AccessList denied({{.filter = "task"}, {.filter = "task/p2p/GID_a@@@1", .allow = false}});
    EXPECT_EQ(denied.publish("task/p2p/GID_a@@@1", "task"), Verdict::denied);
    EXPECT_EQ(denied.publish("task/p2p/GID_a@@@2", "task"), Verdict::allowed);
}

// The compiled list beside the plain statement of the rule, over random lists and topics.
TEST(AccessList, AnswersAsTheRulesReadOneByOneDo) {
    constexpr unsigned kSeed = 20'263;
    SCOPED_TRACE(kSeed);
    std::mt19937 random(kSeed);
    const char* words[] = {"a", "b", "c", "+", "#"};
    const auto topic = [&](bool wild) {
        std::string out;
        const auto levels = 1 + random() % 3;
        for (std::size_t i = 0; i < levels; ++i)
            out += std::string(i > 0 ? "/" : "") + words[random() % (wild ? (i + 1 == levels ? 5 : 4) : 3)];
        return out;
    };
    int counts[4] = {};
    for (int round = 0; round < 5'000; ++round) {
        std::vector<AccessRule> rules(random() % 6);
        for (auto& rule : rules)
            rule = {.filter = topic(true), .access = static_cast<Access>(1 + random() % 3), .allow = random() % 4 != 0};
        const AccessList list(rules);
        for (int i = 0; i < 10; ++i) {
            const auto asked = topic(false);
            bool allowed = false;
            bool denied = false;
            for (const auto& rule : rules) {
                if (!mqtt::matches(rule.filter, asked) || !includes(rule.access, Access::publish)) continue;
                (rule.allow ? allowed : denied) = true;
            }
            const auto got = list.publish(asked);
            ASSERT_EQ(got == Verdict::denied, denied) << asked;
            ASSERT_EQ(got == Verdict::allowed, allowed && !denied) << asked;
            ++counts[static_cast<int>(got)];
            // Whoever may hold a filter may hold each topic under it.
            const auto filter = topic(true);
            if (list.subscribe(filter) == Verdict::allowed && mqtt::matches(filter, asked)) {
                ASSERT_EQ(list.subscribe(asked), Verdict::allowed) << filter << " " << asked;
            }
        }
    }
    for (const int count : counts) EXPECT_GT(count, 100);
}

}  // namespace
}  // namespace esl::broker
