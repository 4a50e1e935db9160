// Traces: what the session core says of clients and messages, and the files that keep it.
#include "broker/core/trace.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "broker/adapters/trace_block.hpp"
#include "broker/adapters/trace_files.hpp"
#include "broker/tests/rig.hpp"

namespace esl::broker {
namespace {

using namespace testing;  // NOLINT: the rig
using std::chrono::hours;

class TraceFolder : public ::testing::Test {
protected:
    TraceFilesOptions options() { return {.folder = folder_ / "traces"}; }
    void open(const TraceFilesOptions& options) {
        files_.reset();
        files_ = std::make_unique<TraceFiles>(options, clock_);
        tracer_ = Tracer(TraceMode::all, clock_, *files_);
    }
    // `count` messages, each published by `client` and pushed to `client`-r.
    void publish(MessageId first, std::size_t count, const std::string& client) {
        for (MessageId id = first; id < first + count; ++id) {
            tracer_.message(TraceAction::pub_mqtt, id, client);
            tracer_.message(TraceAction::sub, id, client + "-r");
            tracer_.end_turn();
            clock_.advance(milliseconds(1));
        }
        tracer_.flush();
        files_->settle();
    }
    std::uintmax_t bytes_on_disk() {
        std::uintmax_t sum = 0;
        for (const auto& entry : std::filesystem::directory_iterator(folder_ / "traces")) sum += entry.file_size();
        return sum;
    }

    esl::testing::TempDir folder_;
    ManualClock clock_;
    std::unique_ptr<TraceFiles> files_;
    Tracer tracer_;
};

TEST(TraceIds, AreThirtyTwoHexDigitsAndDiffer) {
    EXPECT_EQ(message_id_text(0xAC1E'C003'0EAB'7830ULL, 0x8DB1'6A3E'C773'BD95ULL), "AC1EC0030EAB78308DB16A3EC773BD95");
    EXPECT_EQ(message_id_text(0, 0), std::string(32, '0'));
    std::set<std::string> seen;
    const ChannelKey key{.high = 0x9C6E1F0A77D3B521, .low = 0x31F5A2C48E90D67B};
    for (ChannelNumber channel = 1; channel <= 10'000; ++channel) {
        const auto text = channel_text(channel, key);
        ASSERT_EQ(text.size(), 32U);
        ASSERT_EQ(text.find_first_not_of("0123456789abcdef"), std::string::npos) << text;
        ASSERT_TRUE(seen.insert(text).second) << text;
    }
    EXPECT_FALSE(seen.contains(channel_text(1, {.high = 0x0B4D77E2915CA36F, .low = 0xE8126CD05F3B9A47})));
}

TEST(TraceBlock, IsWrittenByteForByteAsThePageSays) {
    TraceChunk chunk{.kind = TraceKind::message, .rows = 1, .first = 0x0102, .last = 0x0102};
    chunk.bytes = {0x10,                             // pub_mqtt
                   0x02, 0x01, 0,   0,  0, 0, 0, 0,  // time
                   0x07, 0,    0,   0,  0, 0, 0, 0,  // message
                   0x02, 0,    'a', 'b'};            // client
    Bytes block;
    traces::encode_block(chunk, block);
    ASSERT_EQ(block.size(), 40U + 16U + 21U);
    EXPECT_EQ(to_hex(BytesView(block).first(16)), "424C4B31010000001000000015000000");
    const auto header = traces::decode_header(block);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->rows, 1U);
    EXPECT_EQ(header->first, 0x0102);
    const auto filter = BytesView(block).subspan(40, 16);
    EXPECT_TRUE(traces::may_hold(filter, traces::key_of_client("ab")));
    EXPECT_TRUE(traces::may_hold(filter, traces::key_of_message(7)));
    EXPECT_FALSE(traces::may_hold(filter, traces::key_of_client("ac")));
    EXPECT_TRUE(traces::intact(*header, BytesView(block).subspan(40)));
    block.back() = 'c';
    EXPECT_FALSE(traces::intact(*header, BytesView(block).subspan(40)));
    esl::testing::for_every_truncation(BytesView(block).first(40),
                                       [](BytesView part) { EXPECT_FALSE(traces::decode_header(part)); });
    esl::testing::for_every_truncation(chunk.bytes, [](BytesView part) {
        if (!part.empty()) EXPECT_FALSE(traces::for_each_row(TraceKind::message, part, [](const auto&) {}));
    });
}

TEST_F(TraceFolder, AnswersByMessageAndByClientAcrossARestart) {
    open(options());
    publish(1, 3'000, "GID_test@@@a");
    publish(5'000, 3'000, "GID_test@@@b");
    open(options());
    publish(9'000, 10, "GID_test@@@a");
    const auto one = files_->query({.message = 1'500});
    ASSERT_EQ(one.total, 2U);
    EXPECT_EQ(one.rows[0].action, TraceAction::pub_mqtt);
    EXPECT_EQ(one.rows[0].client, "GID_test@@@a");
    EXPECT_EQ(one.rows[1].action, TraceAction::sub);
    EXPECT_EQ(one.rows[1].client, "GID_test@@@a-r");
    EXPECT_EQ(files_->query({.client = "GID_test@@@a"}).total, 3'010U);
    EXPECT_EQ(files_->query({.client = "GID_test@@@b-r", .actions = {TraceAction::sub}}).total, 3'000U);
    EXPECT_EQ(files_->query({.client = "GID_test@@@b-r", .actions = {TraceAction::pub_mqtt}}).total, 0U);
    EXPECT_EQ(files_->query({.client = "GID_test@@@nobody"}).total, 0U);
    EXPECT_EQ(files_->query({.message = 4'000}).total, 0U);
}

TEST_F(TraceFolder, PagesEitherWayAndIsEmptyBeyondTheEnd) {
    open(options());
    publish(1, 250, "c");
    std::vector<MessageId> seen;
    for (std::size_t page = 1; page <= 4; ++page) {
        const auto answer = files_->query({.client = "c", .page = page, .page_size = 100});
        EXPECT_EQ(answer.total, 250U);
        for (const auto& row : answer.rows) seen.push_back(row.message);
    }
    ASSERT_EQ(seen.size(), 250U);
    EXPECT_TRUE(std::ranges::is_sorted(seen));
    const auto newest = files_->query({.client = "c", .newest_first = true, .page_size = 1});
    ASSERT_EQ(newest.rows.size(), 1U);
    EXPECT_EQ(newest.rows[0].message, 250U);
    const auto from = files_->query({.client = "c", .page = 101, .page_size = 1}).rows[0].time;
    EXPECT_EQ(files_->query({.client = "c", .from = from, .to = from + 10}).total, 10U);
}

TEST_F(TraceFolder, ForgetsAfterThreeDaysFileByFile) {
    open(options());
    publish(1, 100, "old");
    clock_.advance(hours(71));
    publish(1'000, 100, "new");
    EXPECT_EQ(files_->query({.client = "old"}).total, 100U);
    clock_.advance(hours(2));
    EXPECT_EQ(files_->query({.client = "old"}).total, 0U);
    EXPECT_EQ(files_->query({.client = "new"}).total, 100U);
    const auto before = bytes_on_disk();
    files_->expire();
    EXPECT_LT(bytes_on_disk(), before);
    clock_.advance(hours(80));
    open(options());
    files_->expire();
    EXPECT_EQ(bytes_on_disk(), 0U);
}

TEST_F(TraceFolder, KeepsToItsBytesAndDropsTheOldest) {
    auto small = options();
    small.message_bytes = 1 << 20;
    open(small);
    publish(1, 30'000, "GID_test@@@a-rather-long-client-name");
    EXPECT_LE(bytes_on_disk(), small.message_bytes + (128U << 10));
    EXPECT_GE(bytes_on_disk(), small.message_bytes / 2);
    EXPECT_EQ(files_->query({.message = 1}).total, 0U);
    EXPECT_EQ(files_->query({.message = 30'000}).total, 2U);
    EXPECT_EQ(files_->figures().rows_written, 60'000U);
    EXPECT_EQ(files_->figures().rows_dropped, 0U);
}

TEST_F(TraceFolder, LeavesOutATornEndAndADamagedBlock) {
    open(options());
    publish(1, 10, "a");
    publish(100, 10, "b");
    files_.reset();
    std::filesystem::path file;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "traces")) file = entry.path();
    const auto whole = esl::testing::read_file(file);
    for (const std::size_t cut : {std::size_t{1}, std::size_t{100}, whole.size() - 10}) {
        std::filesystem::resize_file(file, whole.size() - cut);
        open(options());
        EXPECT_EQ(files_->query({.client = "b"}).total, 0U);
        EXPECT_EQ(files_->query({.client = "a"}).total, cut < 1'000 ? 10U : 0U) << cut;
        files_.reset();
        std::ofstream(file, std::ios::binary) << whole;
    }
    auto damaged = whole;
    damaged[damaged.size() - 1] ^= 1;
    std::ofstream(file, std::ios::binary) << damaged;
    open(options());
    EXPECT_EQ(files_->query({.client = "b"}).total, 0U);
    EXPECT_EQ(files_->query({.client = "a"}).total, 10U);
}

TEST_F(TraceFolder, CountsWhatItCannotWriteAndGoesOn) {
    open(options());
    std::filesystem::remove_all(folder_ / "traces");
    publish(1, 5, "a");
    EXPECT_EQ(files_->figures().rows_dropped, 10U);
    std::filesystem::create_directories(folder_ / "traces");
    publish(10, 5, "a");
    EXPECT_EQ(files_->query({.client = "a"}).total, 5U);
}

// A sink whose writer has stopped: the newest chunks stay, the shard is never held up.
TEST_F(TraceFolder, DropsTheOldestWhenTheWriterIsBehind) {
    auto few = options();
    few.waiting_chunks = 2;
    open(few);
    std::size_t posted = 0;
    // Faster than any disk, until something had to go.
    ASSERT_TRUE(esl::testing::wait_until([&] {
        for (int i = 0; i < 100; ++i, ++posted) {
            TraceChunk chunk{.kind = TraceKind::message, .rows = 1'000, .first = 1, .last = 1};
            for (MessageId id = 0; id < 1'000; ++id) {
                const Bytes row{18, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0};
                chunk.bytes.insert(chunk.bytes.end(), row.begin(), row.end());
            }
            files_->post(std::move(chunk));
        }
        return files_->figures().rows_dropped > 0;
    }));
    files_->settle();
    const auto figures = files_->figures();
    EXPECT_EQ(figures.rows_written + figures.rows_dropped, posted * 1'000);
}

}  // namespace
}  // namespace esl::broker
