#include "broker/core/subscription_tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "common/mqtt/topic_filter.hpp"

namespace esl::broker {
namespace {

std::multiset<std::uint32_t> matching(const SubscriptionTree& tree, std::string_view topic) {
    std::vector<SubscriptionTree::Match> found;
    tree.match(topic, found);
    std::multiset<std::uint32_t> out;
    for (const auto& match : found) out.insert(match.holder);
    return out;
}

using Holders = std::multiset<std::uint32_t>;

TEST(SubscriptionTree, MatchesExactFiltersAndBothWildcards) {
    SubscriptionTree tree;
    tree.add("a/b", 1, {});
    tree.add("a/+", 2, {});
    tree.add("a/#", 3, {});
    tree.add("#", 4, {});
    EXPECT_EQ(matching(tree, "a/b"), (Holders{1, 2, 3, 4}));
    EXPECT_EQ(matching(tree, "a"), (Holders{3, 4}));  // "a/#" includes its parent
    EXPECT_EQ(matching(tree, "a/b/c"), (Holders{3, 4}));
    EXPECT_EQ(matching(tree, "b"), (Holders{4}));
}

TEST(SubscriptionTree, HidesServerTopicsFromLeadingWildcards) {
    SubscriptionTree tree;
    tree.add("#", 1, {});
    tree.add("+/x", 2, {});
    tree.add("$SYS/x", 3, {});
    tree.add("$SYS/#", 4, {});
    EXPECT_EQ(matching(tree, "$SYS/x"), (Holders{3, 4}));
}

TEST(SubscriptionTree, ReplacesTheOptionsOfAFilterHeldAlready) {
    SubscriptionTree tree;
    EXPECT_EQ(tree.add("a", 1, {.qos = 0}), SubscriptionTree::Added::first);
    EXPECT_EQ(tree.add("a", 2, {.qos = 0}), SubscriptionTree::Added::another);
    EXPECT_EQ(tree.add("a", 1, {.qos = 2}), SubscriptionTree::Added::replaced);
    std::vector<SubscriptionTree::Match> found;
    tree.match("a", found);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(std::ranges::find(found, 1U, &SubscriptionTree::Match::holder)->options.qos, 2);
}

TEST(SubscriptionTree, ForgetsEveryNodeWithItsLastFilter) {
    SubscriptionTree tree;
    tree.add("a/b/c", 1, {});
    tree.add("a/b/+", 1, {});
    tree.add("a/b/c", 2, {});
    bool last = true;
    EXPECT_TRUE(tree.remove("a/b/c", 1, &last));
    EXPECT_FALSE(last);
    EXPECT_FALSE(tree.remove("a/b/c", 1));
    EXPECT_FALSE(tree.remove("a/b", 1));
    EXPECT_TRUE(tree.remove("a/b/c", 2, &last));
    EXPECT_TRUE(last);
    EXPECT_TRUE(tree.remove("a/b/+", 1));
    EXPECT_EQ(tree.size(), 0U);
    EXPECT_EQ(tree.nodes(), 0U);
}

TEST(SubscriptionTree, KeepsManyChildrenOfOneLevelApart) {
    SubscriptionTree tree;
    for (std::uint32_t i = 0; i < 1'000; ++i) tree.add("dev/" + std::to_string(i) + "/cmd", i, {});
    for (std::uint32_t i = 0; i < 1'000; ++i)
        EXPECT_EQ(matching(tree, "dev/" + std::to_string(i) + "/cmd"), Holders{i});
    for (std::uint32_t i = 0; i < 1'000; ++i) EXPECT_TRUE(tree.remove("dev/" + std::to_string(i) + "/cmd", i));
    EXPECT_EQ(tree.nodes(), 0U);
}

// Random filters over a small alphabet, so that they overlap, against asking every filter by itself.
TEST(SubscriptionTree, AgreesWithANaiveMatcherThroughAddsAndRemoves) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto pick = [&](std::initializer_list<const char*> from) {
        return std::string(from.begin()[random() % from.size()]);
    };
    const auto topic = [&] {
        std::string out = pick({"a", "b", "", "$s"});
        for (auto more = random() % 4; more > 0; --more) out += "/" + pick({"a", "b", "", "c"});
        return out;
    };
    const auto filter = [&] {
        std::string out = pick({"a", "b", "+", "", "$s"});
        for (auto more = random() % 4; more > 0; --more) out += "/" + pick({"a", "b", "+", "", "c"});
        const auto ending = random() % 8;
        return ending == 0 ? std::string("#") : ending == 1 ? out + "/#" : out;
    };
    SubscriptionTree tree;
    std::set<std::pair<std::string, std::uint32_t>> held;
    for (int round = 0; round < 6'000; ++round) {
        const auto holder = static_cast<std::uint32_t>(random() % 5);
        const auto f = filter();
        if (random() % 3 == 0) {
            EXPECT_EQ(tree.remove(f, holder), held.erase({f, holder}) == 1) << f;
        } else {
            const bool added = tree.add(f, holder, {}) != SubscriptionTree::Added::replaced;
            EXPECT_EQ(added, held.emplace(f, holder).second) << f;
        }
        if (held.size() > 60 && random() % 2 == 0) {
            const auto [name, who] = *held.begin();
            EXPECT_TRUE(tree.remove(name, who));
            held.erase(held.begin());
        }
        const auto t = topic();
        Holders expected;
        for (const auto& [name, who] : held) {
            if (mqtt::matches(name, t)) expected.insert(who);
        }
        ASSERT_EQ(matching(tree, t), expected) << "topic '" << t << "' in round " << round;
        ASSERT_EQ(tree.size(), held.size());
    }
    for (const auto& [name, who] : held) EXPECT_TRUE(tree.remove(name, who));
    EXPECT_EQ(tree.nodes(), 0U);
}

}  // namespace
}  // namespace esl::broker
