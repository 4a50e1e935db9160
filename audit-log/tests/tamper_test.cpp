// What an intruder with write access to the files may try. Every attempt has to be found, with its place.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "audit-log/src/segments.hpp"
#include "audit_log/log.hpp"
#include "common/testing/testing.hpp"

namespace esl::audit {
namespace {

class TamperTest : public ::testing::Test {
protected:
    void SetUp() override {
        Options options;
        options.dir = log_dir_;
        options.origin = "shelfwire/test";
        const auto log = Log::open(options, clock_).value();
        for (int i = 0; i < 12; ++i) {
            Entry e;
            e.actor = "user:anna";
            e.action = "price.changed";
            e.object = "tag:" + std::to_string(i);
            ASSERT_TRUE(log->append(e));
        }
        head_ = log->checkpoint();
        ASSERT_TRUE(verify(log_dir_).good);
    }

    std::vector<std::string> lines() const {
        std::vector<std::string> out;
        std::ifstream in(segment_);
        for (std::string line; std::getline(in, line);) out.push_back(line);
        return out;
    }
    void write(const std::vector<std::string>& lines) const {
        std::ofstream out(segment_, std::ios::trunc);
        for (const auto& line : lines) out << line << '\n';
    }
    // A line of the intruder's with a hash that fits.
    static std::string forged(std::uint64_t index, const std::string& object) {
        Entry e;
        e.actor = "user:anna";
        e.action = "price.changed";
        e.object = object;
        const auto json = canonical_json(e, index, from_millis(1));
        auto line = segment_line(leaf_hash(as_bytes(json)), json);
        line.pop_back();
        return line;
    }

    testing::TempDir dir_;
    testing::ManualClock clock_;
    std::filesystem::path log_dir_ = dir_ / "audit";
    std::filesystem::path segment_ = log_dir_ / "segment-000000000000.log";
    std::string head_;
};

TEST_F(TamperTest, AnyFlippedBitOfAnyEntryIsFoundAndTheEntryNamed) {
    const auto good = testing::read_file(segment_);
    std::uint64_t entry = 0;
    for (std::size_t at = 0; at < good.size(); ++at) {
        for (const int bit : {0, 3, 6}) {
            auto bad = good;
            bad[at] = static_cast<char>(bad[at] ^ static_cast<char>(1 << bit));
            std::ofstream(segment_, std::ios::trunc | std::ios::binary) << bad;
            const auto verdict = verify(log_dir_);
            ASSERT_FALSE(verdict.good) << at << " bit " << bit;
            // A damaged line end joins two lines, a made one splits one; otherwise the entry itself is named.
            if (good[at] != '\n' && bad[at] != '\n') {
                EXPECT_NE(verdict.problem.find("entry " + std::to_string(entry) + ":"), std::string::npos)
                    << verdict.problem;
            }
        }
        if (good[at] == '\n') ++entry;
    }
}

TEST_F(TamperTest, RemovedDoubledSwappedAndInsertedEntriesAreFound) {
    const auto good = lines();
    auto removed = good;
    removed.erase(removed.begin() + 4);
    auto doubled = good;
    doubled.insert(doubled.begin() + 4, good[4]);
    auto swapped = good;
    std::swap(swapped[4], swapped[5]);
    auto inserted = good;
    inserted.insert(inserted.begin() + 4, forged(4, "tag:none"));
    for (const auto& bad : {removed, doubled, swapped, inserted}) {
        write(bad);
        EXPECT_FALSE(verify(log_dir_).good);
    }
}

TEST_F(TamperTest, AnEntryRewrittenWithAFittingHashIsFoundByTheSignedHeads) {
    auto bad = lines();
    bad[7] = forged(7, "tag:other");
    write(bad);
    const auto verdict = verify(log_dir_);
    EXPECT_FALSE(verdict.good);
    EXPECT_NE(verdict.problem.find("entries 7 to 7"), std::string::npos) << verdict.problem;
    Options options;
    options.dir = log_dir_;
    EXPECT_TRUE(Log::open(options, clock_).error().is(AuditError::damaged));
}

TEST_F(TamperTest, ACutTailIsFound) {
    auto bad = lines();
    bad.pop_back();
    write(bad);
    EXPECT_NE(verify(log_dir_).problem.find("truncated: 11 entries"), std::string::npos);
}

TEST_F(TamperTest, ATailCutTogetherWithItsCheckpointsIsFoundByAHeadKeptElsewhere) {
    auto bad = lines();
    bad.pop_back();
    write(bad);
    auto notes = read_notes(log_dir_ / "checkpoints");
    notes.pop_back();
    std::ofstream out(log_dir_ / "checkpoints", std::ios::trunc);
    for (const auto& note : notes) out << note;
    out.close();
    EXPECT_TRUE(verify(log_dir_).good);  // nothing in the folder can tell
    EXPECT_NE(verify(log_dir_, head_).problem.find("truncated"), std::string::npos);
}

TEST_F(TamperTest, AWholeNewLogWithANewKeyIsFoundByTheKeyKeptElsewhere) {
    const auto true_key = parse_verifier(testing::read_file(log_dir_ / "verifier")).value();
    std::filesystem::remove_all(log_dir_);
    Options options;
    options.dir = log_dir_;
    options.origin = "shelfwire/test";
    {
        ASSERT_TRUE(Log::open(options, clock_).value()->append(Entry{}));
    }
    EXPECT_TRUE(verify(log_dir_).good);
    EXPECT_NE(verify(log_dir_, std::nullopt, true_key).problem.find("signature"), std::string::npos);
}

TEST_F(TamperTest, ADamagedOrMissingCheckpointFileIsFound) {
    auto text = testing::read_file(log_dir_ / "checkpoints");
    text[20] = text[20] == '1' ? '2' : '1';
    std::ofstream(log_dir_ / "checkpoints", std::ios::trunc) << text;
    EXPECT_NE(verify(log_dir_).problem.find("checkpoint 0"), std::string::npos) << verify(log_dir_).problem;
    std::filesystem::remove(log_dir_ / "checkpoints");
    EXPECT_NE(verify(log_dir_).problem.find("no checkpoint"), std::string::npos);
}

}  // namespace
}  // namespace esl::audit
