#include "broker/adapters/sqlite_checkpointer.hpp"

#include <gtest/gtest.h>

#include "common/testing/testing.hpp"

namespace esl::broker::sqlite {
namespace {

constexpr std::uint64_t kPage = 4'096;
constexpr std::uint64_t kMegabyte = 1 << 20;

class CheckpointedFile {
public:
    CheckpointedFile() {
        writer_.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; CREATE TABLE t(x BLOB NOT NULL)");
        checkpointer_ = std::make_unique<Checkpointer>(folder_ / "file.db", writer_, 250);
    }
    void commit(unsigned pages) {
        writer_.execute("INSERT INTO t VALUES(zeroblob(" + std::to_string(pages * kPage) + "))");
    }
    [[nodiscard]] std::uint64_t size() const { return std::filesystem::file_size(folder_ / "file.db"); }
    [[nodiscard]] std::uint64_t log() const { return std::filesystem::file_size(folder_ / "file.db-wal"); }

private:
    testing::TempDir folder_;
    Database writer_{folder_ / "file.db"};
    std::unique_ptr<Checkpointer> checkpointer_;
};

TEST(Checkpointer, BringsTheLogIntoTheFileWhileTheWriterRests) {
    CheckpointedFile file;
    file.commit(300);
    EXPECT_TRUE(testing::wait_until([&] { return file.size() >= 300 * kPage; }));
}

TEST(Checkpointer, BoundsTheLogOfAWriterThatNeverRests) {
    CheckpointedFile file;
    for (int i = 0; i < 2'500; ++i) file.commit(16);  // 160 MB
    EXPECT_LE(file.log(), 34 * kMegabyte);
    EXPECT_GE(file.size(), 120 * kMegabyte);
}

}  // namespace
}  // namespace esl::broker::sqlite
