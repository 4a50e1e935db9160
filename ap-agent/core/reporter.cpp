#include "ap-agent/core/reporter.hpp"

#include <algorithm>
#include <utility>

namespace esl::ap {
namespace {

constexpr std::size_t kBatchesInFlight = 4;
constexpr std::size_t kBatch = 200;
// Only while the broker acknowledges slowly; the oldest go first, as `accepted` can be asked for again.
constexpr std::size_t kMaxProgress = 50'000;

}  // namespace

Reporter::Reporter(TaskEngine& engine, Uplink& uplink, std::string client_id,
                   std::function<void(std::vector<std::uint64_t>)> delivered)
    : engine_(engine), uplink_(uplink), client_id_(std::move(client_id)), delivered_(std::move(delivered)) {}

void Reporter::connected() {
    connected_ = true;
    ++connection_;
    in_flight_ = 0;
    sent_ = 0;
    const auto untold = engine_.untold();
    progress_.assign(untold.begin(), untold.end());
    pump();
}

void Reporter::disconnected() {
    connected_ = false;
    ++connection_;
    in_flight_ = 0;
    progress_.clear();
}

void Reporter::progress(std::vector<contract::TaskResult> results) {
    if (!connected_) return;
    for (auto& result : results) progress_.push_back(std::move(result));
    while (progress_.size() > kMaxProgress) progress_.pop_front();
    pump();
}

void Reporter::outcomes_durable(std::uint64_t sequence) {
    durable_ = std::max(durable_, sequence);
    pump();
}

bool Reporter::idle() const {
    return in_flight_ == 0 && progress_.empty() && engine_.undelivered(0, 1).empty();
}

void Reporter::pump() {
    while (connected_ && in_flight_ < kBatchesInFlight) {
        auto batch = next_batch();
        if (batch.results.empty()) return;
        auto payload = contract::encode(contract::Uplink(contract::ResultReport{client_id_, batch.results}));
        send(std::move(batch), std::move(payload));
    }
}

// Progress first: `accepted` of a task comes before its outcome.
Reporter::Batch Reporter::next_batch() {
    Batch out;
    std::size_t size = 0;
    // 200 bytes hold the fixed part of a result; the texts come on top.
    const auto fits = [&](const contract::TaskResult& r) {
        size += 200 + r.job.size() + r.detail.size();
        return size < contract::kMaxPayload - 512 && out.results.size() < kBatch;
    };
    while (!progress_.empty() && fits(progress_.front())) {
        out.results.push_back(std::move(progress_.front()));
        progress_.pop_front();
    }
    if (!progress_.empty()) return out;
    for (auto& outcome : engine_.undelivered(sent_, kBatch)) {
        if (outcome.sequence > durable_ || !fits(outcome.result)) break;
        sent_ = outcome.sequence;
        out.sequences.push_back(outcome.sequence);
        out.results.push_back(std::move(outcome.result));
    }
    return out;
}

void Reporter::send(Batch batch, Bytes payload) {
    ++in_flight_;
    uplink_.publish(
        contract::ReportKind::result, std::move(payload),
        [this, alive = std::weak_ptr(alive_), connection = connection_, batch = std::move(batch)](Result<> r) {
            if (!alive.expired()) done(batch, r, connection);
        });
}

void Reporter::done(const Batch& batch, const Result<>& result, std::uint64_t connection) {
    if (connection == connection_) --in_flight_;
    if (result) {
        for (const auto& r : batch.results) {
            if (r.state == contract::TaskState::accepted) engine_.told({r.tag, r.version});
        }
        if (!batch.sequences.empty()) delivered_(batch.sequences);
    } else if (connection == connection_ && !batch.sequences.empty()) {
        sent_ = std::min(sent_, batch.sequences.front() - 1);  // again from here on, at the next tick
    }
    if (result) pump();
}

}  // namespace esl::ap
