#include "common/contract/topics.hpp"

#include <gtest/gtest.h>

namespace esl::contract {
namespace {

TEST(Topics, TaskTopicNamesTheWholeClientId) {
    EXPECT_EQ(task_topic("GID_esl_ap@@@AABB"), "esl_task/p2p/GID_esl_ap@@@AABB");
    EXPECT_EQ(task_client("esl_task/p2p/GID_esl_ap@@@AABB"), "GID_esl_ap@@@AABB");
    EXPECT_EQ(task_client("esl_task/p2p/"), std::nullopt);
    EXPECT_EQ(task_client("esl_task/p2p/a/b"), std::nullopt);
    EXPECT_EQ(task_client("esl_report/p2p/a"), std::nullopt);
}

TEST(Topics, ReportTopicsGoBothWays) {
    for (const auto kind : {ReportKind::result, ReportKind::tags, ReportKind::ap}) {
        EXPECT_EQ(parse_report_topic(report_topic("store-1", kind)), (ReportTopic{"store-1", kind}));
    }
    EXPECT_EQ(report_filter(ReportKind::tags), "esl_report/+/tags");
    EXPECT_EQ(parse_report_topic("esl_report/store-1/other"), std::nullopt);
    EXPECT_EQ(parse_report_topic("esl_report/Store/tags"), std::nullopt);
    EXPECT_EQ(parse_report_topic("esl_report/tags"), std::nullopt);
}

TEST(Topics, StoreIdsAreShortAndPlain) {
    EXPECT_TRUE(is_store_id("zagreb-01"));
    EXPECT_FALSE(is_store_id(""));
    EXPECT_FALSE(is_store_id("seventeen-letters"));
    EXPECT_FALSE(is_store_id("Zagreb"));
    EXPECT_FALSE(is_store_id("a/b"));
}

TEST(Topics, StayWithinThe64CharactersOfApsaraMq) {
    EXPECT_LE(report_topic("sixteen-letters-", ReportKind::result).size(), 64U);
}

}  // namespace
}  // namespace esl::contract
