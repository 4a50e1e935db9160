#include "broker/core/names.hpp"

#include <gtest/gtest.h>

namespace esl::broker {
namespace {

Registry registry() {
    Registry r;
    EXPECT_TRUE(r.add_group("GID_shop"));
    EXPECT_TRUE(r.add_parent("esl_task"));
    return r;
}

TEST(Names, TakesGroupsThatStartAsTheServiceWantsThem) {
    EXPECT_TRUE(check_group("GID_esl_ap"));
    EXPECT_TRUE(check_group("GID-esl"));
    EXPECT_FALSE(check_group("GID_a"));  // 5 characters, 7 at least
    EXPECT_FALSE(check_group("GIDxesl_ap"));
    EXPECT_FALSE(check_group("GID_esl/ap"));
    EXPECT_FALSE(check_group("GID_" + std::string(61, 'a')));
    EXPECT_TRUE(check_group("GID_" + std::string(60, 'a')));
}

TEST(Names, TakesClientIdsOfRegisteredGroupsOnly) {
    const auto r = registry();
    EXPECT_TRUE(r.check_client_id("GID_shop@@@001122AABBCC"));
    EXPECT_TRUE(r.check_client_id("GID_other@@@x").error().is(NameError::unknown_group));
    EXPECT_TRUE(r.check_client_id("GID_shop@@@").error().is(NameError::bad_client_id));
    EXPECT_TRUE(r.check_client_id("GID_shop").error().is(NameError::bad_client_id));
    EXPECT_TRUE(r.check_client_id("").error().is(NameError::bad_client_id));
    EXPECT_TRUE(r.check_client_id("GID_shop@@@a:b").error().is(NameError::bad_client_id));
    EXPECT_TRUE(r.check_client_id("GID_shop@@@" + std::string(54, 'a')).error().is(NameError::bad_client_id));
    EXPECT_TRUE(r.check_client_id("GID_shop@@@" + std::string(53, 'a')));
}

TEST(Names, ParentTopicsAreUniqueWhateverTheirCase) {
    auto r = registry();
    const auto again = r.add_parent("ESL_Task");
    ASSERT_FALSE(again);
    EXPECT_TRUE(again.error().is(NameError::exists));
    EXPECT_NE(again.error().about().find("esl_task"), std::string::npos);
    EXPECT_TRUE(r.remove_parent("esl_task"));
    EXPECT_TRUE(r.add_parent("ESL_Task"));
    EXPECT_EQ(r.parents(), std::vector<std::string>{"ESL_Task"});
}

TEST(Names, TakesTopicsUnderRegisteredParentsUpToTheirLength) {
    const auto r = registry();
    EXPECT_TRUE(r.check_topic("esl_task"));
    EXPECT_TRUE(r.check_topic("esl_task/a/b-c"));
    EXPECT_TRUE(r.check_topic("other/a").error().is(NameError::unknown_parent));
    EXPECT_TRUE(r.check_topic("esl_task/" + std::string(55, 'a')));
    EXPECT_TRUE(r.check_topic("esl_task/" + std::string(56, 'a')).error().is(NameError::bad_topic));
    EXPECT_TRUE(r.check_topic("esl_task/a b").error().is(NameError::bad_topic));
    EXPECT_TRUE(r.check_filter("esl_task/+/b"));
    EXPECT_TRUE(r.check_filter("esl_task/#"));
    EXPECT_TRUE(r.check_filter("+/b").error().is(NameError::unknown_parent));
    EXPECT_TRUE(r.check_topic("esl_task/+").error().is(NameError::bad_topic));
}

TEST(Names, MeasuresAPointToPointTopicByItsPartsNotAsAWhole) {
    const auto r = registry();
    const auto client = "GID_shop@@@" + std::string(53, 'a');  // 64
    EXPECT_TRUE(r.check_topic("esl_task/p2p/" + client));
    EXPECT_TRUE(r.check_topic("esl_task/p2p/" + client + "a").error().is(NameError::bad_client_id));
    EXPECT_TRUE(r.check_topic("nobody/p2p/" + client).error().is(NameError::unknown_parent));
}

TEST(Names, RecognisesThePointToPointFormAndNothingElse) {
    const auto p = parse_point_to_point("esl_task/p2p/GID_shop@@@ap1");
    ASSERT_TRUE(p);
    EXPECT_EQ(p->parent, "esl_task");
    EXPECT_EQ(p->client_id, "GID_shop@@@ap1");
    for (const auto* topic :
         {"esl_task/p2p", "esl_task/p2p/", "/p2p/x", "esl_task/P2P/x", "esl_task/p2p/x/y", "a/b/p2p/x", ""}) {
        EXPECT_FALSE(parse_point_to_point(topic)) << topic;
    }
}

}  // namespace
}  // namespace esl::broker
