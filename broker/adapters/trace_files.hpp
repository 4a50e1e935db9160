// Traces in files of their own (docs/formats/broker-traces.md): rows are appended as the shards wrote them, a block a
// chunk, and a Bloom filter in front of each block tells a look-up which to read. Bounded by time and by bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/core/trace.hpp"
#include "broker/ports/trace_sink.hpp"
#include "common/core/clock.hpp"
#include "common/core/result.hpp"

namespace esl::broker {

struct TraceFilesOptions {
    std::filesystem::path folder;
    std::chrono::milliseconds keep = std::chrono::hours(72);
    std::uint64_t message_bytes = 1ULL << 30;  // on disk; the oldest file goes when there is more
    std::uint64_t device_bytes = 128ULL << 20;
    std::size_t waiting_chunks = 256;  // handed over and not written, 12 MB; the oldest goes when there are more
};

struct TraceRow {
    TraceAction action{};
    std::int64_t time = 0;  // Unix ms
    MessageId message = 0;  // message rows
    std::string channel;    // device rows
    std::string info;       // device rows
    std::string client;     // empty: not of a client
};

struct TraceQuery {
    TraceKind kind = TraceKind::message;
    std::string client{};                // empty: any
    std::optional<MessageId> message{};  // message rows; one of the two is needed
    std::int64_t from = 0;               // Unix ms, inclusive
    std::int64_t to = INT64_MAX;         // exclusive
    bool newest_first = false;
    std::size_t page = 1;
    std::size_t page_size = 20;
    std::vector<TraceAction> actions{};  // empty: any
};

struct TraceAnswer {
    std::vector<TraceRow> rows;  // of the page; empty beyond the end
    std::size_t total = 0;       // of all pages
    bool cut = false;            // there are more than kTraceMatchesMost: `total` counts those nearest the asked end
};
constexpr std::size_t kTraceMatchesMost = 100'000;

// Thread-safe. One thread of its own writes. A killed process leaves all blocks but perhaps a torn last one, which is
// left out.
class TraceFiles final : public TraceSink {
public:
    // Throws std::runtime_error for a folder that cannot be made or read.
    TraceFiles(TraceFilesOptions options, const Clock& clock);
    ~TraceFiles() override;

    void post(TraceChunk chunk) override;
    // Returns when all that was posted before is in the files, or has been dropped.
    void settle();
    [[nodiscard]] TraceAnswer query(const TraceQuery& query) const;
    // Takes away files that are too old or too many, and waits for that; the writer does so by itself as well.
    void expire();

    struct Figures {
        std::uint64_t rows_written = 0;
        std::uint64_t rows_dropped = 0;  // the writer could not keep up, or could not write
        std::uint64_t bytes = 0;         // on disk
    };
    [[nodiscard]] Figures figures() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::broker
