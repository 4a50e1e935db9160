#include "audit_log/log.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "common/testing/testing.hpp"

namespace esl::audit {
namespace {

Entry entry(const std::string& object, const std::string& action = "price.changed", const std::string& change = "c1") {
    Entry e;
    e.actor = "user:anna";
    e.action = action;
    e.object = object;
    e.change = change;
    e.after = R"({"price":199,"currency":"EUR"})";
    return e;
}

class LogTest : public ::testing::Test {
protected:
    std::unique_ptr<Log> open(std::uint64_t segment_bytes = 64 << 20) {
        Options options;
        options.dir = dir_ / "audit";
        options.origin = "shelfwire/test";
        options.segment_bytes = segment_bytes;
        return std::move(Log::open(options, clock_).value());
    }
    testing::TempDir dir_;
    testing::ManualClock clock_;
};

TEST_F(LogTest, KeepsWhatItAcknowledgedOverReopening) {
    {
        const auto log = open();
        EXPECT_EQ(log->append(entry("tag:1")).value(), 0U);
        clock_.advance(std::chrono::seconds(5));
        EXPECT_EQ(log->append({entry("tag:2"), entry("tag:3")}).value(), 1U);
    }
    const auto log = open();
    EXPECT_EQ(log->size(), 3U);
    const auto record = log->read(2).value();
    EXPECT_EQ(record.entry.object, "tag:3");
    EXPECT_EQ(to_millis(*record.entry.at), 1'767'225'605'000);
    EXPECT_EQ(
        record.json,
        R"({"action":"price.changed","actor":"user:anna","after":{"currency":"EUR","price":199},"at":1767225605000,)"
        R"("change":"c1","index":2,"logged":1767225605000,"object":"tag:3"})");
    EXPECT_TRUE(verify(dir_ / "audit").good);
    EXPECT_TRUE(log->read(3).error().is(AuditError::not_found));
}

TEST_F(LogTest, AnEntryWithLineBreaksCannotForgeALine) {
    const auto log = open();
    auto e = entry("tag:1\n0000 {\"index\":1}\r\n");
    e.after = "not json \"\n";
    ASSERT_TRUE(log->append(e));
    ASSERT_TRUE(log->append(entry("tag:2")));
    EXPECT_EQ(log->read(0).value().entry.object, e.object);
    EXPECT_EQ(log->read(0).value().entry.after, R"("not json \"\n")");
    EXPECT_EQ(verify(dir_ / "audit").entries, 2U);
}

TEST_F(LogTest, FindsByEveryFieldNewestFirstAndPages) {
    const auto log = open(2'000);  // several segments
    for (int i = 0; i < 50; ++i) {
        ASSERT_TRUE(log->append(entry("tag:" + std::to_string(i % 5), i % 2 == 0 ? "job.displayed" : "job.failed",
                                      "c" + std::to_string(i / 10))));
        clock_.advance(std::chrono::seconds(1));
    }
    EXPECT_GT(std::distance(std::filesystem::directory_iterator(dir_ / "audit"), {}), 5);
    Query q;
    q.object = "tag:3";
    q.action = "job.displayed";
    auto found = log->query(q).value();
    ASSERT_EQ(found.size(), 5U);  // 48, 38, 28, 18, 8
    EXPECT_EQ(found.front().index, 48U);
    q.limit = 2;
    q.before_index = 28;
    found = log->query(q).value();
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].index, 18U);
    EXPECT_EQ(found[1].index, 8U);

    Query by_change;
    by_change.change = "c2";
    by_change.action = "job.";
    EXPECT_EQ(log->query(by_change).value().size(), 10U);
    Query by_time;
    by_time.from = from_millis(1'767'225'600'000 + 10'000);
    by_time.to = from_millis(1'767'225'600'000 + 12'000);
    EXPECT_EQ(log->query(by_time).value().size(), 2U);
}

TEST_F(LogTest, ProvesAnEntryToSomeoneWithOnlyTheKey) {
    const auto log = open();
    for (int i = 0; i < 21; ++i) ASSERT_TRUE(log->append(entry("tag:" + std::to_string(i))));
    const auto verifier = parse_verifier(log->verifier()).value();
    for (std::uint64_t i = 0; i < 21; ++i) {
        auto text = proof_json(log->prove(i).value());
        EXPECT_EQ(check_proof(text, verifier).value().index, i);
        text.replace(text.find("199"), 3, "149");
        EXPECT_FALSE(check_proof(text, verifier).has_value());
    }
    const auto other = SigningKey::open(dir_ / "other").value();
    EXPECT_TRUE(check_proof(proof_json(log->prove(0).value()), Verifier{"shelfwire/test", other.public_key()})
                    .error()
                    .is(AuditError::bad_signature));
    EXPECT_TRUE(check_proof("{}", verifier).error().is(AuditError::damaged));
}

TEST_F(LogTest, ThreadsShareFlushesAndEveryEntryGetsAnIndexOfItsOwn) {
    const auto log = open();
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&log, t] {
            for (int i = 0; i < 50; ++i) {
                const auto index = log->append(entry("tag:" + std::to_string(t) + "-" + std::to_string(i)));
                ASSERT_TRUE(index);
                ASSERT_EQ(log->read(*index).value().entry.object, "tag:" + std::to_string(t) + "-" + std::to_string(i));
            }
        });
    }
    for (auto& thread : threads) thread.join();
    const auto verdict = verify(dir_ / "audit");
    EXPECT_TRUE(verdict.good) << verdict.problem;
    EXPECT_EQ(verdict.entries, 400U);
}

TEST_F(LogTest, OnlyOneWriterAtATimeButReadersBesideIt) {
    const auto log = open();
    ASSERT_TRUE(log->append(entry("tag:1")));
    Options options;
    options.dir = dir_ / "audit";
    EXPECT_TRUE(Log::open(options, clock_).error().is(AuditError::locked));
    options.read_only = true;
    const auto reader = Log::open(options, clock_).value();
    EXPECT_EQ(reader->size(), 1U);
    EXPECT_TRUE(check_proof(proof_json(reader->prove(0).value()), parse_verifier(log->verifier()).value()));
    EXPECT_TRUE(reader->append(entry("tag:2")).error().is(AuditError::closed));
}

TEST_F(LogTest, CutsOffATornLastLineAndSaysSo) {
    {
        ASSERT_TRUE(open()->append({entry("tag:1"), entry("tag:2")}));
    }
    std::ofstream(dir_ / "audit" / "segment-000000000000.log", std::ios::app) << "0123 torn";
    EXPECT_TRUE(verify(dir_ / "audit").good);
    const auto log = open();
    ASSERT_EQ(log->size(), 3U);
    EXPECT_EQ(log->read(2).value().entry.action, action::kTailRepaired);
    EXPECT_TRUE(verify(dir_ / "audit").good);
}

TEST_F(LogTest, SurvivesALostTornCheckpoint) {
    {
        const auto log = open();
        for (int i = 0; i < 3; ++i) ASSERT_TRUE(log->append(entry("tag:1")));
    }
    const auto notes = dir_ / "audit" / "checkpoints";
    std::filesystem::resize_file(notes, std::filesystem::file_size(notes) - 20);
    {
        const auto log = open();
        EXPECT_EQ(log->size(), 3U);
        ASSERT_TRUE(log->append(entry("tag:2")));
    }
    const auto verdict = verify(dir_ / "audit");
    EXPECT_TRUE(verdict.good) << verdict.problem;
    EXPECT_EQ(verdict.signed_size, 4U);
}

}  // namespace
}  // namespace esl::audit
