// Brings results to the service: in batches below the payload limit, final outcomes until the broker acknowledged them.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ap-agent/core/task_engine.hpp"
#include "ap-agent/ports/uplink.hpp"

namespace esl::ap {

// Bound to one thread. A few batches are on their way at a time; what comes meanwhile gathers for the next ones.
class Reporter {
public:
    // `delivered`: outcomes the broker has acknowledged, to be forgotten.
    Reporter(TaskEngine& engine, Uplink& uplink, std::string client_id,
             std::function<void(std::vector<std::uint64_t>)> delivered);

    void connected();
    void disconnected();
    // Told while connected, otherwise dropped: `accepted` is told again after the next connect.
    void progress(std::vector<contract::TaskResult> results);
    // Outcomes up to this sequence are durable and may be published.
    void outcomes_durable(std::uint64_t sequence);
    // Now and then: what failed while the connection stayed is tried again.
    void tick() { pump(); }
    [[nodiscard]] bool idle() const;

private:
    struct Batch {
        std::vector<contract::TaskResult> results;
        std::vector<std::uint64_t> sequences;
    };
    void pump();
    [[nodiscard]] Batch next_batch();
    void send(Batch batch, Bytes payload);
    void done(const Batch& batch, const Result<>& result, std::uint64_t connection);

    TaskEngine& engine_;
    Uplink& uplink_;
    const std::string client_id_;
    std::function<void(std::vector<std::uint64_t>)> delivered_;
    std::deque<contract::TaskResult> progress_;
    bool connected_ = false;
    std::uint64_t connection_ = 0;
    std::uint64_t durable_ = 0;  // sequence
    std::uint64_t sent_ = 0;     // sequence
    std::size_t in_flight_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace esl::ap
