// What the engine keeps beside the records. Internal to mgmt-service/core.
#pragma once

#include "mgmt-service/core/engine.hpp"

namespace esl::mgmt {

inline constexpr std::chrono::milliseconds kLeaseRetry{3'000};
// An AP that knows a higher version than ours (its store outlived our database) drops what we send; so far do we jump.
inline constexpr std::uint64_t kVersionJump = 1'000;

struct Engine::TagState {
    Tag rec;
    std::optional<Job> job;  // the one job that has not come to its end
    struct Heard {
        std::int32_t rssi = 0;
        SteadyTime at{};
        std::uint32_t stronger = 0;  // sightings on end that were clearly stronger than those of the tag's AP
        SteadyTime stronger_since{};
    };
    std::map<std::string, Heard> hearers;
    bool lost = false;  // its AP has said `left`, and no other heard it then
    std::optional<SteadyTime> timer;
    bool queued = false;        // stands in its AP's queue
    bool in_window = false;     // counts against its AP's window
    bool drawing = false;       // a render request is out
    bool draw_again = false;    // and its result will be of no use
    bool ahead_queued = false;  // the same three for what is planned
    bool ahead_in_window = false;
    std::optional<SteadyTime> ahead_timer;
    std::uint32_t ahead_resends = 0;
    std::optional<UnixMillis> drawing_ahead_for;  // with the inputs beside it
    std::string drawing_ahead;
    std::uint64_t sent_version = 0;  // highest that may have reached an AP
    std::uint32_t resends = 0;       // without an answer
    SteadyTime failed_at{};
    SteadyTime displayed_at{};
    std::map<std::uint64_t, ImageRef> sent_images;  // of the last few versions
};

struct Engine::ApState {
    Ap rec;
    SteadyTime heard{};
    SteadyTime written{};
    std::deque<TagId> queue;
    std::size_t window = 0;
    std::deque<TagId> ahead;  // tags whose planned image is to be sent, when nothing else is
    std::size_t ahead_window = 0;
    std::set<TagId> tags;  // whose lease it holds
};

struct Engine::ProductState {
    Product rec;
    std::vector<TagId> tags;
    std::vector<PricePoint> points;  // added by this process
};

struct Engine::StoreState {
    Store rec;
    Rows products;
    SearchIndex index;
    std::uint64_t tags = 0;
};

struct Engine::LiveChange {
    Change rec;
    std::vector<ChangeItem> items;  // until it is in force
    std::set<TagId> tags;           // with a job of this change that is not final
    std::uint32_t pending = 0;      // tags not drawn yet
    std::vector<std::int64_t> took_ms;
    SteadyTime told{};
};

// Prices of a batch of rows that are not to be in force yet.
struct Engine::Held {
    const ApprovalRule& rule;
    bool whole_file = false;
    LiveChange* draft = nullptr;  // of the rows before
    std::size_t before = 0;       // items in it
    std::vector<ChangeItem> items;
};

// Outcomes of the last hour.
struct Engine::Pulse {
    std::map<std::int64_t, MinuteStats> minutes;  // by whole minute
    std::deque<std::pair<UnixMillis, std::int64_t>> took_ms;
};

}  // namespace esl::mgmt
