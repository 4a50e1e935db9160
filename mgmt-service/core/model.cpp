#include "mgmt-service/core/model.hpp"

#include <charconv>

#include "mgmt-service/core/service.hpp"

namespace esl::mgmt {
namespace {

constexpr std::string_view kTagStatusNames[] = {"shown", "pending", "failed", "unknown"};
constexpr std::string_view kChangeStateNames[] = {"draft", "awaiting_approval", "scheduled", "running",
                                                  "done",  "partly_failed",     "cancelled"};
constexpr std::string_view kChangeActionNames[kChangeActions] = {
    "create", "edit", "submit", "recheck", "approve", "reject", "discard", "start", "resume", "finish", "cancel"};
constexpr std::string_view kApproverRoleNames[] = {"operator", "store_manager", "chain_admin"};
constexpr std::string_view kJobStateNames[] = {"new",       "queued", "sent",       "accepted", "transferring",
                                               "displayed", "failed", "superseded", "expired",  "cancelled"};
constexpr std::string_view kVerdictNames[] = {"created", "updated", "unchanged", "rejected"};

template <class E, std::size_t N>
std::optional<E> find(const std::string_view (&names)[N], std::string_view wanted) {
    for (std::size_t i = 0; i < N; ++i) {
        if (names[i] == wanted) return static_cast<E>(i);
    }
    return std::nullopt;
}

template <class Number>
bool read_number(std::string_view text, Number& out) {
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
    return ec == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::string_view name(TagStatus status) {
    return kTagStatusNames[static_cast<std::size_t>(status)];
}
std::string_view name(ChangeState state) {
    return kChangeStateNames[static_cast<std::size_t>(state)];
}
std::string_view name(ChangeAction action) {
    return kChangeActionNames[static_cast<std::size_t>(action)];
}
std::string_view name(JobState state) {
    return kJobStateNames[static_cast<std::size_t>(state)];
}
std::string_view name(Verdict verdict) {
    return kVerdictNames[static_cast<std::size_t>(verdict)];
}
std::string_view name(ApproverRole role) {
    return kApproverRoleNames[static_cast<std::size_t>(role)];
}
std::optional<ApproverRole> approver_role_from(std::string_view name) {
    return find<ApproverRole>(kApproverRoleNames, name);
}
std::optional<TagStatus> tag_status_from(std::string_view name) {
    return find<TagStatus>(kTagStatusNames, name);
}
std::optional<ChangeState> change_state_from(std::string_view name) {
    return find<ChangeState>(kChangeStateNames, name);
}
std::optional<JobState> job_state_from(std::string_view name) {
    return find<JobState>(kJobStateNames, name);
}

std::string text(const Panel& panel) {
    return std::to_string(panel.width) + "x" + std::to_string(panel.height) + "-" + std::string(name(panel.palette));
}

Result<Panel> panel_from(std::string_view text) {
    const auto bad = [&] { return fail(ParseError::malformed, "panel '" + std::string(text.substr(0, 40)) + "'"); };
    const auto cross = text.find('x');
    const auto dash = text.find('-');
    if (cross == std::string_view::npos || dash == std::string_view::npos || cross > dash) return bad();
    Panel panel;
    if (!read_number(text.substr(0, cross), panel.width)) return bad();
    if (!read_number(text.substr(cross + 1, dash - cross - 1), panel.height)) return bad();
    const auto palette = image::palette_from(text.substr(dash + 1));
    if (!palette) return bad();
    panel.palette = *palette;
    if (panel.width == 0 || panel.height == 0 || panel.width > image::kMaxSide || panel.height > image::kMaxSide) {
        return fail(ParseError::out_of_range, "panel '" + std::string(text.substr(0, 40)) + "'");
    }
    return panel;
}

TagStatus status_of(const Tag& tag) {
    // What is newly wanted could not even be drawn, whatever the tag shows.
    if (tag.failure && tag.failure->kind == "render") return TagStatus::failed;
    if (!tag.desired) return tag.failure ? TagStatus::failed : TagStatus::unknown;
    if (tag.reported && tag.reported->version >= tag.desired->version && tag.reported->image == tag.desired->image) {
        return TagStatus::shown;
    }
    return tag.failure ? TagStatus::failed : TagStatus::pending;
}

}  // namespace esl::mgmt
