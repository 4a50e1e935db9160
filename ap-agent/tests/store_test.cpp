#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "ap-agent/adapters/sqlite/sqlite_store.hpp"
#include "ap-agent/adapters/sqlite/statement.hpp"
#include "ap-agent/tests/fakes.hpp"

namespace esl::ap::testing {
namespace {

using ::testing::HasSubstr;

struct StoreTest : ::testing::Test {
    esl::testing::TempDir dir;
    boost::asio::io_context io;

    std::unique_ptr<SqliteStore> open() {
        return std::make_unique<SqliteStore>(boost::asio::any_io_executor(io.get_executor()), dir.path());
    }
    void write(SqliteStore& store, StoreBatch batch) {
        bool done = false;
        store.write(std::move(batch), [&](const Result<>& r) {
            EXPECT_TRUE(r);
            done = true;
        });
        ASSERT_TRUE(esl::testing::wait_until([&] {
            io.restart();
            io.poll();
            return done;
        }));
    }
    static StoredTask stored(TagId tag, std::uint64_t version, unsigned seed) {
        auto t = task(tag, version, seed);
        auto image = std::make_shared<const Bytes>(std::exchange(t.image, {}));
        return {std::move(t), std::move(image)};
    }
    std::string why_not() {
        try {
            (void)open()->load();
        } catch (const std::exception& e) {
            return e.what();
        }
        return {};
    }
    void sql(const char* statement) {
        ::sqlite3* raw = nullptr;
        ASSERT_EQ(::sqlite3_open((dir / "agent.db").c_str(), &raw), SQLITE_OK);
        const sqlite::Database db(raw);
        ASSERT_EQ(::sqlite3_exec(raw, statement, nullptr, nullptr, nullptr), SQLITE_OK) << ::sqlite3_errmsg(raw);
    }
};

TEST_F(StoreTest, GivesBackAllThatWasWritten) {
    const auto a = TagId::eui48(0xFFFF00000001), b = TagId::eui64(0x00124B0001020304);
    contract::TaskResult result;
    result.tag = a;
    result.version = 7;
    result.job = "j";
    result.state = contract::TaskState::displayed;
    result.image_id = 0xFFFFFFFF;
    {
        auto store = open();
        EXPECT_TRUE(store->load().tasks.empty());
        write(*store, {PutTask{stored(a, 1, 1)}, PutTask{stored(a, 2, 2)}, PutTask{stored(b, 1, 1)},
                       PutSetting{"store", "x"}, PutOutcome{{1, result}}, PutOutcome{{2, result}},
                       PutTag{{a, 0xFFFFFFFFFFFFFFFF, 3, true, Confirmed{0xFFFFFFFF, from_millis(5)}, result}},
                       PutTag{{b, 1, 2, false, {}, {}}}});
        write(*store, {DropTask{a, 1}, DropOutcome{1}});
    }
    const auto found = open()->load();
    ASSERT_EQ(found.tasks.size(), 2u);
    for (const auto& t : found.tasks) {
        EXPECT_EQ(*t.image, image::deflate(picture(t.task.tag == a ? 2 : 1)));
        EXPECT_TRUE(t.task.image.empty());
    }
    ASSERT_EQ(found.outcomes.size(), 1u);
    EXPECT_EQ(found.outcomes[0].sequence, 2u);
    EXPECT_EQ(found.outcomes[0].result, result);
    ASSERT_EQ(found.tags.size(), 2u);
    const auto& tag = found.tags[found.tags[0].tag == a ? 0 : 1];
    EXPECT_EQ(tag.highest, 0xFFFFFFFFFFFFFFFF);
    EXPECT_EQ(tag.confirmed, (Confirmed{0xFFFFFFFF, from_millis(5)}));
    EXPECT_EQ(tag.last, result);
    ASSERT_EQ(found.settings.size(), 1u);
    EXPECT_EQ(found.settings[0].value, "x");
}

TEST_F(StoreTest, KeepsAPictureOnceAndOnlyWhileATaskWantsIt) {
    const auto a = TagId::eui48(1), b = TagId::eui48(2);
    auto store = open();
    (void)store->load();
    write(*store, {PutTask{stored(a, 1, 1)}, PutTask{stored(b, 1, 1)}});
    write(*store, {DropTask{a, 1}});
    store.reset();
    EXPECT_EQ(open()->load().tasks.size(), 1u);
    store = open();
    (void)store->load();
    write(*store, {DropTask{b, 1}, DropTask{b, 9}});
    store.reset();
    ::sqlite3* raw = nullptr;
    ASSERT_EQ(::sqlite3_open((dir / "agent.db").c_str(), &raw), SQLITE_OK);
    const sqlite::Database db(raw);
    sqlite::Statement count(raw, "SELECT count(*) FROM image");
    ASSERT_TRUE(count.next());
    EXPECT_EQ(count.integer(0), 0);
}

TEST_F(StoreTest, ASecondAgentOnTheSameFolderIsTold) {
    auto first = open();
    (void)first->load();
    EXPECT_THAT(why_not(), HasSubstr("agent.db"));
}

TEST_F(StoreTest, ADamagedOrNewerFileIsAStartUpFailureThatSaysWhat) {
    (void)open()->load();
    sql("INSERT INTO outcome VALUES (1, x'A1')");
    EXPECT_THAT(why_not(), HasSubstr("damaged outcome"));
    sql("DELETE FROM outcome; INSERT INTO task VALUES ('FFFF00000001', 1, 99, x'00')");
    EXPECT_THAT(why_not(), HasSubstr("damaged task"));
    sql("DELETE FROM task; PRAGMA user_version = 99");
    EXPECT_THAT(why_not(), HasSubstr("schema 99"));
    std::ofstream(dir / "agent.db", std::ios::trunc)
        << "this is no database, whatever its name says, and it is long enough";
    EXPECT_THAT(why_not(), HasSubstr("agent.db"));
}

TEST_F(StoreTest, AFolderThatCannotBeMadeIsNamed) {
    std::ofstream(dir / "file") << "x";
    try {
        const SqliteStore store(boost::asio::any_io_executor(io.get_executor()), dir / "file" / "below");
        FAIL();
    } catch (const std::exception& e) {
        EXPECT_THAT(e.what(), HasSubstr("below"));
    }
}

TEST_F(StoreTest, WhenWritingFailsTheAgentSaysSoAndTellsNothingMore) {
    struct Broken final : AgentStore {
        explicit Broken(boost::asio::io_context& context) : io(context) {}
        Snapshot load() override { return {}; }
        void write(StoreBatch, Done done) override {
            boost::asio::post(io, [done = std::move(done)] { done(fail(StoreError::broken, "disk full")); });
        }
        [[nodiscard]] std::size_t backlog() const override { return 0; }
        boost::asio::io_context& io;
    };
    esl::testing::ManualClock clock;
    Broken store(io);
    FakeUplink uplink(io);
    std::vector<std::string> fatal;
    Agent agent(clock, store, uplink, Life::named({}), {[&](const std::string& why) { fatal.push_back(why); }, {}});
    agent.start();
    agent.on_connected();
    for (unsigned i = 1; i < 4; ++i) {
        agent.on_message(contract::encode(contract::Downlink(contract::Tasks{{task(kTag, i, i)}})));
    }
    io.run();
    ASSERT_EQ(fatal.size(), 1u);
    EXPECT_THAT(fatal[0], HasSubstr("disk full"));
    EXPECT_EQ(uplink.count(contract::TaskState::accepted), 0);
}

}  // namespace
}  // namespace esl::ap::testing
