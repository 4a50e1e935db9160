// What only the message store in an SQLite file can do: fail and go on, meet older and damaged files, tidy up.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <functional>
#include <future>
#include <random>

#include "broker/adapters/kept_operations.hpp"
#include "broker/adapters/memory_message_store.hpp"
#include "broker/adapters/sqlite.hpp"
#include "broker/adapters/sqlite_message_store.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker {
namespace {

using Operations = std::vector<StoreOperation>;

void on_file(const std::filesystem::path& file, const char* sql) {
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open(file.c_str(), &raw), SQLITE_OK);
    char* why = nullptr;
    EXPECT_EQ(sqlite3_exec(raw, sql, nullptr, nullptr, &why), SQLITE_OK) << why;
    sqlite3_close(raw);
}

// A writer from outside stands for a disk that refuses: the commit fails as a whole, says so, and the next one is good.
TEST(SqliteMessageStore, AnswersAFailedCommitAndLosesNothingOfTheNext) {
    testing::TempDir folder;
    SystemClock clock;
    const SqliteStoreOptions options{.file = folder / "messages.db", .gather = {}, .checkpoint_pages = 250};
    const auto message = [](MessageId id) {
        return make_message({.id = id, .topic = "t", .payload = {}, .properties = {}});
    };
    const auto put = [&](MessageStore& store, Operations operations) {
        std::atomic<int> answer{-1};
        store.post(std::move(operations), [&](const Result<>& result) { answer = result ? 1 : 0; });
        EXPECT_TRUE(testing::wait_until([&] { return answer != -1; }));
        return answer.load() == 1;
    };
    {
        const auto store = open_sqlite_message_store(options, clock);
        ASSERT_TRUE(store->load());
        EXPECT_TRUE(
            put(*store, {PutSession{{.number = 1, .client_id = "a", .expiry_seconds = 60, .offline_since = 0}}}));
        sqlite3* intruder = nullptr;
        ASSERT_EQ(sqlite3_open(options.file.c_str(), &intruder), SQLITE_OK);
        ASSERT_EQ(sqlite3_exec(intruder, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
        EXPECT_FALSE(
            put(*store, {PutMessage{message(1), {{.session = 1, .sequence = 1}, {.session = 1, .sequence = 2}}}}));
        EXPECT_EQ(store->figures().failures, 1U);
        sqlite3_exec(intruder, "ROLLBACK", nullptr, nullptr, nullptr);
        sqlite3_close(intruder);
        EXPECT_TRUE(testing::wait_until([&] { return put(*store, {}); }));
        EXPECT_TRUE(
            put(*store, {PutMessage{message(2), {{.session = 1, .sequence = 3}, {.session = 1, .sequence = 4}}}}));
        EXPECT_TRUE(put(*store, {AckMessage{2, 1}}));
        store->close();
    }
    const auto store = open_sqlite_message_store(options, clock);
    const auto state = store->load();
    ASSERT_TRUE(state);
    ASSERT_EQ(state->messages.size(), 2U);
    EXPECT_EQ(state->messages[0].recipients.size(), 2U);
    EXPECT_EQ(state->messages[1].recipients.size(), 1U);
}

// An hour of gathering: what came during a commit that took longer than that is committed next, without another hour.
TEST(SqliteMessageStore, DoesNotGatherAgainForWhatHasWaitedDuringACommit) {
    testing::TempDir folder;
    testing::ManualClock clock;
    const auto store = open_sqlite_message_store(
        {.file = folder / "messages.db", .gather = std::chrono::hours{1}, .checkpoint_pages = 250}, clock);
    ASSERT_TRUE(store->load());
    std::promise<void> go_on;
    std::promise<void> committed;
    store->post(Operations(512, RemoveSession{1}),  // enough for a commit at once
                [&](const Result<>&) { go_on.get_future().wait(); });
    ASSERT_TRUE(testing::wait_until([&] { return store->figures().commits == 1; }));
    store->post({RemoveSession{2}}, [&](const Result<>& result) {
        EXPECT_TRUE(result);
        committed.set_value();
    });
    clock.advance(std::chrono::hours{1});
    go_on.set_value();
    EXPECT_EQ(committed.get_future().wait_for(std::chrono::seconds{10}), std::future_status::ready);
    store->close();
}

TEST(SqliteMessageStore, KeepsWhatAFailedCommitHadUntilItCanBeWritten) {
    testing::TempDir folder;
    SystemClock clock;
    const SqliteStoreOptions options{.file = folder / "messages.db", .gather = {}, .checkpoint_pages = 250};
    const auto message = [](MessageId id) {
        return make_message({.id = id, .topic = "t", .payload = {}, .properties = {}});
    };
    {
        const auto store = open_sqlite_message_store(options, clock);
        ASSERT_TRUE(store->load());
        std::atomic<int> good{0};
        std::atomic<int> bad{0};
        const auto post = [&](Operations operations) {
            store->post(std::move(operations), [&](const Result<>& result) { ++(result ? good : bad); });
        };
        post({PutSession{{.number = 1, .client_id = "a", .expiry_seconds = 60, .offline_since = 0}},
              PutMessage{message(1), {{.session = 1, .sequence = 1}}}});
        ASSERT_TRUE(testing::wait_until([&] { return good == 1; }));
        sqlite3* intruder = nullptr;
        ASSERT_EQ(sqlite3_open(options.file.c_str(), &intruder), SQLITE_OK);
        ASSERT_EQ(sqlite3_exec(intruder, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
        post({AckMessage{1, 1}, PutMessage{message(2), {{.session = 1, .sequence = 2}}}, PutReceived{1, 8}});
        ASSERT_TRUE(testing::wait_until([&] { return bad == 1; }));
        // Without a try; message 2 was given up by the hub.
        post({AckMessage{2, 1}, RemoveReceived{1, 8}, PutMessage{message(3), {{.session = 1, .sequence = 3}}},
              PutReceived{1, 9}});
        ASSERT_TRUE(testing::wait_until([&] { return bad == 2; }));
        EXPECT_EQ(store->figures().kept, 7U);
        sqlite3_exec(intruder, "ROLLBACK", nullptr, nullptr, nullptr);
        sqlite3_close(intruder);
        EXPECT_TRUE(testing::wait_until([&] { return store->figures().kept == 0; }));  // nobody has to ask
        EXPECT_EQ(store->figures().messages, 1U);
        store->close();
    }
    const auto store = open_sqlite_message_store(options, clock);
    const auto state = store->load();
    ASSERT_TRUE(state);
    ASSERT_EQ(state->messages.size(), 1U);
    EXPECT_EQ(state->messages[0].message->id, 3U);
    EXPECT_EQ(state->sessions[0].received, std::vector<mqtt::PacketId>{9});
}

TEST(SqliteMessageStore, KeepsOneChangeOfEachThingHoweverLongItCannotWrite) {
    KeptOperations kept;
    const auto retained = make_message({.topic = "r", .payload = as_bytes("1"), .properties = {}});
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        kept.keep({PutSession{{.number = i % 7, .client_id = "a", .expiry_seconds = i, .offline_since = 0}},
                   PutRetained{retained, 100'000 - i}, AckMessage{1, 1},
                   PutMessage{make_message({.id = 1'000 + i, .topic = "t", .payload = {}, .properties = {}}),
                              {{.session = 1, .sequence = i}}}});
        kept.keep({AckMessage{1'000 + i, 1}});
    }
    // Acknowledgements of what is on disk all count; of the rest there is what came since the last tidying up.
    EXPECT_GE(kept.size(), 100'000U + 7 + 1);
    EXPECT_LT(kept.size(), 250'000U);
    std::uint32_t newest = 0;
    std::uint64_t highest = 0;
    for (const auto& batch : kept.batches()) {
        for (const auto& operation : batch) {
            if (const auto* put = std::get_if<PutSession>(&operation)) newest = put->session.expiry_seconds;
            if (const auto* put = std::get_if<PutRetained>(&operation)) highest = std::max(highest, put->order);
        }
    }
    EXPECT_EQ(newest, 99'999U);
    EXPECT_EQ(highest, 100'000U);
}

std::string reason_not_to_open(const std::filesystem::path& file) {
    SystemClock clock;
    try {
        const auto store = open_sqlite_message_store({.file = file, .gather = {}, .checkpoint_pages = 250}, clock);
        const auto state = store->load();
        return state ? "" : state.error().message();
    } catch (const std::runtime_error& error) {
        return error.what();
    }
}

// However the file was damaged: it is not taken for a new one, and the reason names it and says what to do.
TEST(SqliteMessageStore, RefusesADamagedFileHoweverItWasDamaged) {
    struct Case {
        const char* name;
        std::function<void(const std::filesystem::path&)> damage;
    };
    const auto overwrite = [](const std::filesystem::path& file, long at, std::size_t size) {
        std::FILE* out = std::fopen(file.c_str(), "r+");
        ASSERT_NE(out, nullptr);
        std::fseek(out, at, SEEK_SET);
        for (std::size_t i = 0; i < size; ++i) std::fputc(static_cast<int>(i * 37 & 0xFF), out);
        std::fclose(out);
    };
    const Case cases[] = {
        {"emptied", [](const auto& file) { std::filesystem::resize_file(file, 0); }},
        {"cut after the header", [](const auto& file) { std::filesystem::resize_file(file, 4'096); }},
        {"cut at its end",
         [](const auto& file) { std::filesystem::resize_file(file, std::filesystem::file_size(file) - 2'000); }},
        {"without its last page",
         [](const auto& file) { std::filesystem::resize_file(file, std::filesystem::file_size(file) - 4'096); }},
        {"a folder in its place",
         [](const auto& file) {
             std::filesystem::remove(file);
             std::filesystem::create_directory(file);
         }},
        {"cut in the middle", [](const auto& file) { std::filesystem::resize_file(file, 64 * 1'024 + 100); }},
        {"header overwritten", [&](const auto& file) { overwrite(file, 0, 100); }},
        {"a page of messages overwritten", [&](const auto& file) { overwrite(file, 80 * 1'024, 4'096); }},
        {"a table missing", [](const auto& file) { on_file(file, "DROP TABLE received"); }},
        {"recipients cut off", [](const auto& file) { on_file(file, "UPDATE messages SET recipients=x'0102'"); }},
        {"a bundle cut off", [](const auto& file) { on_file(file, "INSERT INTO bundles VALUES(1, x'0102')"); }},
        {"an acknowledgement cut off", [](const auto& file) { on_file(file, "INSERT INTO gone VALUES(1, 1, x'01')"); }},
        {"gone, but its log is there",
         [](const auto& file) {
             auto log = file;
             log += "-wal";
             std::filesystem::rename(file, log);
         }},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        testing::TempDir folder;
        const auto file = folder / "messages.db";
        ASSERT_EQ(reason_not_to_open(file), "");
        on_file(file,
                "INSERT INTO sessions VALUES(1,'a',60,0);"
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1000) INSERT INTO messages "
                "SELECT i, x'010000000200000001', 1, 0, 0, 't', x'', randomblob(200), 0 FROM n;"
                "PRAGMA wal_checkpoint(TRUNCATE);");
        ASSERT_EQ(reason_not_to_open(file), "");
        c.damage(file);
        const auto reason = reason_not_to_open(file);
        EXPECT_NE(reason.find("damaged"), std::string::npos) << reason;
        EXPECT_NE(reason.find(file.string()), std::string::npos) << reason;
        EXPECT_EQ(reason.find("CREATE TABLE"), std::string::npos) << reason;
        EXPECT_NE(reason.find("Restore it from a backup; or move"), std::string::npos) << reason;
    }
}

// A backup may be reading while the broker starts.
TEST(SqliteMessageStore, OpensAFileThatIsShortOnlyBecauseAReaderKeepsItSo) {
    testing::TempDir folder;
    const auto file = folder / "messages.db";
    ASSERT_EQ(reason_not_to_open(file), "");
    sqlite3* reader = nullptr;
    sqlite3* writer = nullptr;
    ASSERT_EQ(sqlite3_open(file.c_str(), &reader), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM messages", nullptr, nullptr, nullptr), SQLITE_OK);
    ASSERT_EQ(sqlite3_open(file.c_str(), &writer), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(writer,
                           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1000) INSERT INTO "
                           "messages SELECT i, x'010000000200000001', 1, 0, 0, 't', x'', randomblob(200), 0 FROM n",
                           nullptr, nullptr, nullptr),
              SQLITE_OK);
    EXPECT_LT(std::filesystem::file_size(file), 200U * 1'000);
    EXPECT_EQ(reason_not_to_open(file), "");
    sqlite3_close(writer);
    sqlite3_exec(reader, "COMMIT", nullptr, nullptr, nullptr);
    sqlite3_close(reader);
}

TEST(SqliteMessageStore, IsReadableByNobodyElse) {
    testing::TempDir folder;
    SystemClock clock;
    const auto store =
        open_sqlite_message_store({.file = folder / "messages.db", .gather = {}, .checkpoint_pages = 250}, clock);
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
        using std::filesystem::perms;
        EXPECT_EQ(entry.status().permissions() & (perms::group_all | perms::others_all), perms::none) << entry.path();
    }
}

// Session 7 is owed message 3 and has acknowledged message 2, in the tables as each form had them.
TEST(SqliteMessageStore, BringsEveryOlderFormUpToDateAndRefusesANewerOne) {
    const std::string common =
        "PRAGMA journal_mode=WAL;"
        "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE sessions(number INTEGER PRIMARY KEY, client_id TEXT NOT NULL, expiry INTEGER NOT NULL,"
        " offline_since INTEGER NOT NULL);"
        "CREATE TABLE subscriptions(session INTEGER NOT NULL, filter TEXT NOT NULL, options INTEGER NOT NULL,"
        " identifier INTEGER NOT NULL, PRIMARY KEY(session, filter)) WITHOUT ROWID;"
        "CREATE TABLE received(session INTEGER NOT NULL, packet_id INTEGER NOT NULL,"
        " PRIMARY KEY(session, packet_id)) WITHOUT ROWID;"
        "CREATE TABLE messages(id INTEGER PRIMARY KEY, recipients BLOB NOT NULL, flags INTEGER NOT NULL,"
        " expires INTEGER NOT NULL, publisher INTEGER NOT NULL, topic TEXT NOT NULL, properties BLOB NOT NULL,"
        " payload BLOB NOT NULL);"
        "CREATE TABLE acks(seq INTEGER PRIMARY KEY, highest INTEGER NOT NULL, records BLOB NOT NULL);"
        "CREATE TABLE retained(topic TEXT PRIMARY KEY, ordering INTEGER NOT NULL, flags INTEGER NOT NULL,"
        " expires INTEGER NOT NULL, properties BLOB NOT NULL, payload BLOB NOT NULL);"
        "INSERT INTO sessions VALUES(7,'a',60,0);"
        "INSERT INTO messages VALUES(2, x'070000000100000001', 1, 0, 0, 't', x'', x'70'),"
        " (3, x'070000000200000001', 1, 0, 0, 't', x'', x'70');"
        "INSERT INTO acks VALUES(1, 2, x'02000000000000000700000001');"
        "INSERT INTO meta VALUES('form', 1);";
    const std::string second = common +
                               "ALTER TABLE messages ADD COLUMN born INTEGER NOT NULL DEFAULT 0;"
                               "UPDATE meta SET value=2;";
    const std::string third =
        second +
        "CREATE TABLE wills(session INTEGER PRIMARY KEY, client_id TEXT NOT NULL, delay INTEGER NOT NULL,"
        " flags INTEGER NOT NULL, expires INTEGER NOT NULL, topic TEXT NOT NULL, properties BLOB NOT NULL,"
        " payload BLOB NOT NULL);"
        "CREATE TABLE connections(session INTEGER PRIMARY KEY, client_id TEXT NOT NULL, channel_id TEXT NOT NULL,"
        " peer TEXT NOT NULL);"
        "INSERT INTO wills VALUES(7,'a',60,1,0,'w/a',x'',x'70');"
        "INSERT INTO connections VALUES(7,'a','c0ffee','192.0.2.1:5');"
        "UPDATE meta SET value=3;";
    const std::string fourth = third +
                               "CREATE TABLE bundles(row INTEGER PRIMARY KEY, records BLOB NOT NULL);"
                               "CREATE TABLE gone(seq INTEGER PRIMARY KEY, highest INTEGER NOT NULL,"
                               " messages BLOB NOT NULL);"
                               "UPDATE meta SET value=4;";
    const StoredConnection connection{.session = 7, .client_id = "a", .channel_id = "c0ffee", .peer = "192.0.2.1:5"};
    SystemClock clock;
    for (const auto& form : {common, second, third, fourth}) {
        const bool left_behind = form == third || form == fourth;
        testing::TempDir folder;
        const SqliteStoreOptions options{.file = folder / "messages.db", .gather = {}, .checkpoint_pages = 250};
        on_file(options.file, form.c_str());
        const auto put = [&](MessageStore& store, Operations operations) {
            std::promise<bool> answer;
            store.post(std::move(operations), [&](const Result<>& result) { answer.set_value(result.has_value()); });
            EXPECT_TRUE(answer.get_future().get());
        };
        for (int start = 0; start < 2; ++start) {
            const auto store = open_sqlite_message_store(options, clock);
            const auto state = store->load();
            ASSERT_TRUE(state) << state.error().message();
            ASSERT_EQ(state->messages.size(), start == 0 ? 1U : 2U);
            EXPECT_EQ(state->messages[0].message->id, 3U);
            // The example of docs/formats/broker-store.md.
            EXPECT_EQ(state->messages[0].recipients,
                      (Recipients{{.session = 7, .sequence = 2, .qos = mqtt::QoS::at_least_once}}));
            ASSERT_EQ(state->wills.size(), left_behind ? 1U : 0U);
            ASSERT_EQ(state->connections.size(), left_behind ? 1U : 0U);
            if (left_behind) {
                EXPECT_EQ(state->wills[0].session, 7U);
                EXPECT_EQ(state->wills[0].delay_seconds, 60U);
                EXPECT_EQ(state->wills[0].message->topic, "w/a");
                EXPECT_GE(state->highest_message, state->wills[0].message->id);
                EXPECT_EQ(state->connections[0], connection);
            }
            if (start == 0) {
                const auto message = make_message({.id = 4, .topic = "t", .payload = {}, .properties = {}});
                put(*store, {PutMessage{message, {{.session = 7, .sequence = 3}}}});
            } else {
                put(*store, {AckMessage{3, 7}, AckMessage{4, 7}});
            }
            store->close();
        }
        EXPECT_TRUE(open_sqlite_message_store(options, clock)->load()->messages.empty());
        on_file(options.file, "UPDATE meta SET value=99");
        EXPECT_THROW(static_cast<void>(open_sqlite_message_store(options, clock)), std::runtime_error);
    }
}

TEST(SqliteMessageStore, WritesMessagesOfOneSessionAsThePageOfTheFormatSays) {
    testing::TempDir folder;
    SystemClock clock;
    const SqliteStoreOptions options{.file = folder / "messages.db", .gather = {}, .checkpoint_pages = 250};
    const auto store = open_sqlite_message_store(options, clock);
    ASSERT_TRUE(store->load());
    const auto message = make_message({.id = 3,
                                       .topic = "t",
                                       .payload = as_bytes("p"),
                                       .properties = {},
                                       .qos = mqtt::QoS::at_least_once,
                                       .born = from_millis(66),
                                       .publisher = 5});
    store->post({PutMessage{message, {{.session = 7, .sequence = 2}}}}, {});
    store->close();
    sqlite::Database database(options.file);
    sqlite::Statement row(database, "SELECT hex(records) FROM bundles");
    ASSERT_TRUE(row.step());
    EXPECT_EQ(row.text_at(0),
              "0300000000000000"  // id
              "4200000000000000"  // born
              "0000000000000000"  // expires
              "05000000"
              "01"  // publisher, flags
              "09000000"
              "01000000"  // bytes of recipients, of the topic
              "00000000"
              "01000000"            // of properties, of the payload
              "070000000200000001"  // recipients: session, sequence, flags
              "74"
              "70");  // topic, payload
}

// A message for somebody who never comes, among others that are acknowledged one by one: what is acknowledged does not
// gather on disk, and the message stays.
TEST(SqliteMessageStore, AMessageThatStaysDoesNotKeepTheAcknowledgementsOfOthers) {
    testing::TempDir folder;
    SystemClock clock;
    const SqliteStoreOptions options{.file = folder / "messages.db", .gather = {}, .checkpoint_pages = 250};
    const auto put = [](MessageId id) {
        const Bytes payload(30, 0x42);
        return PutMessage{make_message({.id = id, .topic = "t", .payload = payload, .properties = {}}),
                          {{.session = 1, .sequence = static_cast<std::uint32_t>(id)}}};
    };
    constexpr MessageId kCommits = 1'500;
    const auto session = PutSession{{.number = 1, .client_id = "a", .expiry_seconds = 60, .offline_since = 0}};
    {
        const auto store = open_sqlite_message_store(options, clock);
        ASSERT_TRUE(store->load());
        const auto commit = [&](Operations operations) {
            std::promise<void> done;
            store->post(std::move(operations), [&](const Result<>& result) {
                EXPECT_TRUE(result);
                done.set_value();
            });
            done.get_future().wait();
        };
        commit({session, put(1), put(2), put(3)});
        commit({AckMessage{2, 1}});
        MessageId next = 4;
        for (MessageId i = 0; i < kCommits; ++i, next += 2) {
            Operations operations{put(next), put(next + 1)};
            if (i >= 1) operations.emplace_back(AckMessage{next - 2, 1});
            if (i >= 2) operations.emplace_back(AckMessage{next - 3, 1});
            commit(std::move(operations));
        }
        EXPECT_EQ(store->figures().messages, 2U + 3U);
        store->close();
    }
    {
        sqlite::Database database(options.file);
        sqlite::Statement count(database, "SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM bundles)");
        ASSERT_TRUE(count.step());
        EXPECT_LE(count.integer_at(0), 300);
        EXPECT_LE(count.integer_at(1), 5);
    }
    const auto state = open_sqlite_message_store(options, clock)->load();
    ASSERT_TRUE(state);
    std::vector<MessageId> ids;
    for (const auto& owed : state->messages) ids.push_back(owed.message->id);
    const MessageId last = 3 + 2 * kCommits;
    EXPECT_EQ(ids, (std::vector<MessageId>{1, 3, last - 2, last - 1, last}));
}

// A trigger from outside stands for a disk that is full in the last step of a commit.
TEST(SqliteMessageStore, WritesAgainWhatACommitHadThatFailedInItsLastStep) {
    testing::TempDir folder;
    SystemClock clock;
    const SqliteStoreOptions options{.file = folder / "messages.db", .gather = {}, .checkpoint_pages = 250};
    const auto put = [](MessageId id) {
        return PutMessage{make_message({.id = id, .topic = "t", .payload = {}, .properties = {}}),
                          {{.session = 1, .sequence = static_cast<std::uint32_t>(id)}}};
    };
    {
        const auto store = open_sqlite_message_store(options, clock);
        ASSERT_TRUE(store->load());
        const auto post = [&](Operations operations) {
            std::promise<bool> answer;
            store->post(std::move(operations), [&](const Result<>& result) { answer.set_value(result.has_value()); });
            return answer.get_future().get();
        };
        ASSERT_TRUE(post({PutSession{{.number = 1, .client_id = "a", .expiry_seconds = 60, .offline_since = 0}}, put(1),
                          put(2), put(3)}));
        on_file(options.file, "CREATE TRIGGER full BEFORE INSERT ON gone BEGIN SELECT RAISE(ABORT, 'full'); END");
        EXPECT_FALSE(post({AckMessage{2, 1}, put(4), put(5), AckMessage{4, 1}}));
        EXPECT_EQ(store->figures().messages, 3U);
        on_file(options.file, "DROP TRIGGER full");
        ASSERT_TRUE(testing::wait_until([&] { return store->figures().kept == 0; }));
        EXPECT_EQ(store->figures().messages, 3U);
        ASSERT_TRUE(post({AckMessage{1, 1}, AckMessage{3, 1}, put(6)}));  // the last of their row
        store->close();
    }
    {
        sqlite::Database database(options.file);
        sqlite::Statement count(database, "SELECT count(*) FROM bundles");
        ASSERT_TRUE(count.step());
        EXPECT_EQ(count.integer_at(0), 2);
    }
    const auto state = open_sqlite_message_store(options, clock)->load();
    ASSERT_TRUE(state);
    ASSERT_EQ(state->messages.size(), 2U);
    EXPECT_EQ(state->messages[0].message->id, 5U);
    EXPECT_EQ(state->messages[1].message->id, 6U);
}

// Against the store in memory, by a seeded generator: puts of every kind, acknowledgements in any order, restarts.
TEST(SqliteMessageStore, HoldsWhatTheStoreInMemoryHoldsWhateverComes) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto below = [&](std::uint32_t bound) { return static_cast<std::uint32_t>(random() % bound); };
    testing::TempDir folder;
    SystemClock clock;
    const auto disk = std::make_shared<MemoryDisk>();
    struct Due {
        MessageId message;
        SessionNumber session;
    };
    std::vector<Due> due;
    MessageId next = 1;
    const auto operation = [&]() -> StoreOperation {
        if (!due.empty() && below(100) < 48) {
            auto& one = due[below(static_cast<std::uint32_t>(due.size()))];
            const AckMessage ack{one.message, one.session};
            one = due.back();
            due.pop_back();
            return ack;
        }
        const auto id = next++;
        Recipients to;
        const SessionNumber count = below(4) == 0 ? 3 : 1;
        for (SessionNumber session = 1; session <= count; ++session) {
            to.push_back({.session = session,
                          .sequence = static_cast<std::uint32_t>(id),
                          .subscription_id = below(2),
                          .qos = below(5) == 0 ? mqtt::QoS::exactly_once : mqtt::QoS::at_least_once});
            due.push_back({id, session});
        }
        const Bytes payload(below(10) == 0 ? 6'000 : below(300), 0x42);
        return PutMessage{make_message({.id = id, .topic = "t", .payload = payload, .properties = {}}), std::move(to)};
    };
    for (int restart = 0; restart < 5; ++restart) {
        const auto a = std::make_unique<MemoryMessageStore>(disk);
        const auto b =
            open_sqlite_message_store({.file = folder / "messages.db", .gather = {}, .checkpoint_pages = 250}, clock);
        const auto expected = a->load();
        const auto found = b->load();
        ASSERT_TRUE(expected);
        ASSERT_TRUE(found);
        ASSERT_EQ(found->messages.size(), expected->messages.size());
        for (std::size_t i = 0; i < found->messages.size(); ++i) {
            const auto& x = expected->messages[i];
            const auto& y = found->messages[i];
            ASSERT_EQ(y.message->id, x.message->id);
            ASSERT_EQ(y.message->payload.size(), x.message->payload.size());
            ASSERT_EQ(y.recipients, x.recipients);
        }
        if (restart == 0) {
            for (SessionNumber number = 1; number <= 3; ++number) {
                const PutSession put{{.number = number, .client_id = std::to_string(number), .expiry_seconds = 60}};
                a->post({put}, {});
                b->post({put}, {});
            }
        }
        for (int commit = 0; commit < 600; ++commit) {
            Operations operations;
            for (auto i = below(12); i > 0; --i) operations.push_back(operation());
            a->post(operations, {});
            b->post(std::move(operations), {});
        }
        a->close();
        b->close();
    }
}

TEST(SqliteMessageStore, RefusesAFileThatIsNoDatabaseAndSaysWhich) {
    testing::TempDir folder;
    SystemClock clock;
    const auto file = folder / "messages.db";
    {
        std::FILE* out = std::fopen(file.c_str(), "w");
        ASSERT_NE(out, nullptr);
        for (int i = 0; i < 1'000; ++i) std::fputs("this is not a database ", out);
        std::fclose(out);
    }
    try {
        static_cast<void>(open_sqlite_message_store({.file = file, .gather = {}, .checkpoint_pages = 250}, clock));
        FAIL() << "opened";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("messages.db"), std::string::npos) << error.what();
        EXPECT_NE(std::string(error.what()).find("damaged"), std::string::npos) << error.what();
    }
}

}  // namespace
}  // namespace esl::broker
