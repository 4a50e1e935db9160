// Counts for /metrics (Prometheus text format 0.0.4).
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <string>

#include "common/http/server.hpp"
#include "mgmt-service/core/service.hpp"

namespace esl::mgmt::rest {

// Thread-safe.
class RequestCounts {
public:
    void answered(int status, std::chrono::microseconds taken);
    std::atomic<std::uint64_t> imported_rows{0};

    struct Snapshot {
        std::array<std::uint64_t, 6> by_class{};  // by_class[2]: 2xx
        std::uint64_t microseconds = 0;
    };
    [[nodiscard]] Snapshot snapshot() const;

private:
    std::array<std::atomic<std::uint64_t>, 6> by_class_{};
    std::atomic<std::uint64_t> microseconds_{0};
};

struct LiveCounts {
    std::size_t listeners = 0;
    std::uint64_t dropped = 0;
};

[[nodiscard]] std::string metrics_text(const Metrics& service, const http::ServerStats& server,
                                       const RequestCounts& counts, const LiveCounts& live);

}  // namespace esl::mgmt::rest
