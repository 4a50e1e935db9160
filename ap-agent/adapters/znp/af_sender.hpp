// Data requests to tags: in order for each tag, as many at a time in all as the coordinator bears, each with what
// zigbee networks need to recover (reference section 5.2).
#pragma once

#include <bitset>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "ap-agent/adapters/znp/dialog.hpp"
#include "ap-agent/adapters/znp/tag_table.hpp"
#include "ap-agent/adapters/znp/task.hpp"

namespace esl::ap::znp {

// How a data request ended. `delivered`: the coordinator's confirmation says that the tag has it.
struct Delivery {
    bool delivered = false;
    std::int64_t code = 0;  // the last ZNP status; 0 with `delivered`, or when there was none
    std::string why;        // empty with `delivered`
};

struct DataJob {
    std::uint16_t cluster = 0;
    Bytes data = {};  // a ZCL frame
    // Four more attempts with all recovery; without it one more attempt, for what the tag asks for again by itself.
    bool persistent = true;
    // A job of the same tag with the same kind, other than 0, that has not been sent yet is replaced (and ends as not
    // delivered): the older answer to a question asked twice.
    std::uint8_t replaces = 0;
    std::function<void(const Delivery&)> done = {};  // may be empty
};

class AfSender {
public:
    static constexpr std::size_t kMaxQueued = 64;  // for one tag; one more ends at once, not delivered

    // The references outlive this object. `moved` is called when a tag is found under another short address.
    AfSender(Dialog& dialog, TagTable& tags, std::size_t max_outstanding,
             std::function<void(TagId, std::uint16_t)> moved);

    void send(TagId tag, DataJob job);
    // Ends everything queued for this tag; what is on the air runs on.
    void drop(TagId tag);
    // Call from outside of tasks, after each receive() and tick() of the dialog: starts what may start.
    void reap();

    [[nodiscard]] std::size_t outstanding() const { return busy_.size(); }
    [[nodiscard]] std::size_t most_outstanding() const { return most_outstanding_; }

private:
    void pump();
    Task<> deliver(TagId tag, DataJob job);
    Task<Delivery> try_to_deliver(TagId tag, const DataJob& job);
    Task<Result<std::uint8_t>> attempt(std::uint16_t nwk, std::uint8_t endpoint, const DataJob& job);
    Task<> recover(TagId tag, std::uint8_t status, int attempt);
    Task<> find_again(TagId tag);
    Task<> adopt_child_again(TagId tag);
    std::optional<std::uint8_t> free_transaction();

    Dialog& dialog_;
    TagTable& tags_;
    std::size_t max_outstanding_;
    std::function<void(TagId, std::uint16_t)> moved_;
    std::map<TagId, std::deque<DataJob>> queues_;
    std::set<TagId> busy_;  // one request on the air each
    std::bitset<256> transactions_;
    std::uint8_t next_transaction_ = 1;
    std::size_t most_outstanding_ = 0;
    std::optional<TagId> last_served_;  // the turn goes round
    bool pumping_ = false;
    Tasks tasks_;
};

}  // namespace esl::ap::znp
