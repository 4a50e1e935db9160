#include "mgmt-service/core/change_flow.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace esl::mgmt {
namespace {

constexpr ChangeState kStates[] = {
    ChangeState::draft, ChangeState::awaiting_approval, ChangeState::scheduled, ChangeState::running,
    ChangeState::done,  ChangeState::partly_failed,     ChangeState::cancelled};

// Written out a second time, by hand: every state, step and outcome that is allowed, and nothing else.
const std::set<std::string> kAllowed{
    "- create draft",
    "- create awaiting_approval",
    "- create scheduled",
    "- create running",
    "draft edit draft",
    "draft submit awaiting_approval",
    "draft submit scheduled",
    "draft submit running",
    "draft discard cancelled",
    "awaiting_approval edit draft",
    "awaiting_approval recheck awaiting_approval",
    "awaiting_approval approve scheduled",
    "awaiting_approval approve running",
    "awaiting_approval reject draft",
    "awaiting_approval cancel cancelled",
    "scheduled start running",
    "scheduled cancel cancelled",
    "running finish done",
    "running finish partly_failed",
    "running cancel cancelled",
    "partly_failed finish done",
    "done finish partly_failed",
    "done resume running",
    "partly_failed resume running",
};

TEST(ChangeFlow, AllowsEveryTransitionOfTheTableAndRefusesAllOthers) {
    std::size_t allowed = 0;
    for (int from = -1; from < 7; ++from) {
        for (std::size_t a = 0; a < kChangeActions; ++a) {
            bool any = false;
            for (const auto to : kStates) {
                const auto state = from < 0 ? std::nullopt : std::optional(kStates[from]);
                const auto action = static_cast<ChangeAction>(a);
                const auto text = (state ? std::string(name(*state)) : "-") + ' ' + std::string(name(action)) + ' ' +
                                  std::string(name(to));
                EXPECT_EQ(leads(state, action, to), kAllowed.contains(text)) << text;
                any = any || kAllowed.contains(text);
                allowed += kAllowed.contains(text) ? 1U : 0U;
            }
            if (from >= 0) {
                EXPECT_EQ(possible(kStates[from], static_cast<ChangeAction>(a)), any) << from << ' ' << a;
            }
        }
    }
    EXPECT_EQ(allowed, kAllowed.size()) << "a word of the list above names nothing";
}

TEST(ChangeFlow, NothingLeavesCancelled) {
    for (std::size_t a = 0; a < kChangeActions; ++a) {
        EXPECT_FALSE(possible(ChangeState::cancelled, static_cast<ChangeAction>(a)));
    }
}

TEST(ChangeFlow, OnlyApprovalOrCancellingOrItsAuthorsLeadAwayFromWaiting) {
    for (const auto to : {ChangeState::scheduled, ChangeState::running}) {
        for (std::size_t a = 0; a < kChangeActions; ++a) {
            const auto action = static_cast<ChangeAction>(a);
            EXPECT_EQ(leads(ChangeState::awaiting_approval, action, to), action == ChangeAction::approve);
        }
    }
}

}  // namespace
}  // namespace esl::mgmt
