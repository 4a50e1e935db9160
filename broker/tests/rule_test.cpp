// Rules as they are written, kept and put to work, without a broker around them.
#include "broker/rules/rule.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <fstream>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>

#include "broker/adapters/file_sinks.hpp"
#include "broker/adapters/http_sink.hpp"
#include "broker/adapters/outbox.hpp"
#include "broker/adapters/sqlite.hpp"
#include "broker/rules/export_json.hpp"
#include "broker/rules/inbound.hpp"
#include "broker/rules/rule_book.hpp"
#include "broker/rules/rule_engine.hpp"
#include "common/mqtt/properties.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker {
namespace {

using esl::testing::ManualClock;
using esl::testing::TempDir;
using esl::testing::wait_until;
using nlohmann::json;

json outbound(const std::string& id, const std::string& filter = "esl_report/#") {
    return {{"id", id}, {"kind", "outbound"}, {"resource", filter}, {"via", "http"}, {"url", "http://127.0.0.1:1/x"}};
}
RuleSpec rule(const json& from) {
    auto read = rule_from_json(from);
    EXPECT_TRUE(read) << read.error().message();
    return *read;
}
std::string refusal(const json& from) {
    auto read = rule_from_json(from);
    if (!read) return read.error().message();
    auto ok = check_rule(*read, true);
    return ok ? std::string() : ok.error().message();
}
ExportedPtr message(const std::string& payload, const std::string& client = "GID_test@@@a") {
    Exported what;
    what.qos = mqtt::QoS::at_least_once;
    what.born = SystemClock().wall();
    what.id = "7C0B1F6E93A2D45C0000100000000007";
    what.topic = "esl_report/a/b";
    what.client_id = client;
    what.payload.assign(payload.begin(), payload.end());
    return std::make_shared<const Exported>(std::move(what));
}

TEST(Rule, IsCheckedKeyByKey) {
    EXPECT_EQ(refusal(outbound("erp")), "");
    const auto with = [](json base, const char* key, json value) {
        base[key] = std::move(value);
        return refusal(base);
    };
    EXPECT_NE(with(outbound("erp"), "id", "ab").find("id:"), std::string::npos);
    EXPECT_NE(with(outbound("erp"), "id", std::string(65, 'a')).find("id:"), std::string::npos);
    EXPECT_EQ(with(outbound("erp"), "id", std::string(64, 'a')), "");
    EXPECT_NE(with(outbound("erp"), "id", "a b c").find("id:"), std::string::npos);
    EXPECT_NE(with(outbound("erp"), "kind", "sideways").find("kind:"), std::string::npos);
    EXPECT_NE(with(outbound("erp"), "resource", "a/#/b").find("resource:"), std::string::npos);
    EXPECT_NE(with(outbound("erp"), "resource", "$SYS/#").find("resource:"), std::string::npos);
    EXPECT_NE(with(outbound("erp"), "via", "carrier-pigeon").find("via:"), std::string::npos);
    EXPECT_EQ(with(outbound("erp"), "url", "https://x/"), "");
    EXPECT_NE(with(outbound("erp"), "url", "https:///x").find("url:"), std::string::npos);
    EXPECT_NE(with(outbound("erp"), "ca_file", "/x.pem").find("ca_file:"), std::string::npos);
    EXPECT_NE(with(outbound("erp"), "url", "nonsense").find("url:"), std::string::npos);
    EXPECT_NE(with(outbound("erp"), "path", "/x").find("path: has no meaning"), std::string::npos);
    EXPECT_NE(with(outbound("erp"), "connections", 33U).find("connections: must be 1 to 32"), std::string::npos);
    EXPECT_NE(with(outbound("erp"), "timeout", "1ms").find("timeout: must be 100 ms"), std::string::npos);
    EXPECT_NE(with(outbound("erp"), "timeout", "soon").find("timeout:"), std::string::npos);
    EXPECT_NE(with(outbound("erp"), "ordered", "yes").find("ordered: must be true"), std::string::npos);
    EXPECT_NE(with(outbound("erp"), "outbox_rows", -1).find("outbox_rows:"), std::string::npos);
    EXPECT_NE(with(outbound("erp"), "urk", 1).find("urk: unknown"), std::string::npos);
    EXPECT_NE(refusal(json::array()).find("must be an object"), std::string::npos);
    const json bridge{{"id", "far"},   {"kind", "inbound"},          {"resource", "esl_task"},
                      {"via", "mqtt"}, {"url", "ssl://far.example"}, {"ca_file", "/x.pem"}};
    EXPECT_EQ(refusal(bridge), "");
    EXPECT_EQ(with(bridge, "version", "5"), "");
    EXPECT_NE(with(bridge, "version", "3.1").find("version: must be 3.1.1 or 5"), std::string::npos);
    EXPECT_NE(with(bridge, "url", "far.example:1883").find("url: must begin with tcp://"), std::string::npos);
    EXPECT_NE(with(bridge, "url", "ssl://:8883").find("url: ':8883' names no host"), std::string::npos);
    EXPECT_NE(with(bridge, "url", "ssl://far.example:port").find("url:"), std::string::npos);
    EXPECT_NE(with(bridge, "url", "tcp://far.example").find("ca_file: has a meaning for ssl://"), std::string::npos);
    EXPECT_NE(with(bridge, "ca_file", "x.pem").find("ca_file: must be absolute"), std::string::npos);
    EXPECT_NE(with(bridge, "client_id", std::string(65'536, 'x')).find("client_id:"), std::string::npos);
    EXPECT_EQ(parse_broker_url("ssl://far.example")->at.port, 8883);
    EXPECT_EQ(parse_broker_url("tcp://[::1]")->at.port, 1883);
    const json presence{{"id", "who"}, {"kind", "notification"}, {"resource", "GID_shop"}, {"via", "file"}};
    EXPECT_NE(refusal(presence).find("path: must be absolute"), std::string::npos);
    EXPECT_EQ(with(presence, "path", "/tmp/x"), "");
    json bad_group = presence;
    bad_group["path"] = "/tmp/x";
    EXPECT_NE(with(bad_group, "resource", "shop").find("resource:"), std::string::npos);
}

TEST(Rule, ReadsBackWhatItWritesAndHidesSecrets) {
    auto from = outbound("erp");
    from["secret"] = "s3cret";
    from["ordered"] = true;
    from["keep"] = "1h";
    const auto one = rule(from);
    EXPECT_EQ(one.keep, std::chrono::hours(1));
    EXPECT_EQ(rule(to_json(one, true)), one);
    EXPECT_EQ(to_json(one, false)["secret"], "***");
    EXPECT_EQ(to_json(one, false).dump().find("s3cret"), std::string::npos);
    EXPECT_FALSE(to_json(one, true).contains("path"));
}

TEST(RuleBook, KeepsOneRuleForEachKindAndResourceAndAHundredInAll) {
    TempDir folder;
    RuleBook book({rule(outbound("configured", "a/#"))}, folder / "rules.json", true);
    EXPECT_TRUE(book.add(rule(outbound("one", "b/#"))));
    EXPECT_TRUE(book.add(rule(outbound("one", "c/#"))).error().is(RuleError::exists));
    EXPECT_TRUE(book.add(rule(outbound("two", "b/#"))).error().is(RuleError::exists));
    EXPECT_TRUE(book.add(rule(outbound("two", "a/#"))).error().is(RuleError::exists));
    EXPECT_TRUE(book.add(rule(outbound("configured", "d/#"))).error().is(RuleError::configured));
    EXPECT_TRUE(book.replace(rule(outbound("nobody", "d/#"))).error().is(RuleError::not_there));
    EXPECT_TRUE(book.remove("configured").error().is(RuleError::configured));
    EXPECT_TRUE(book.replace(rule(outbound("one", "e/#"))));
    for (int i = 0; i < 98; ++i)
        ASSERT_TRUE(book.add(rule(outbound("more" + std::to_string(i), "x/" + std::to_string(i)))));
    EXPECT_TRUE(book.add(rule(outbound("last", "y"))).error().is(RuleError::too_many));
    const RuleBook again({rule(outbound("configured", "a/#"))}, folder / "rules.json", true);
    EXPECT_EQ(again.all(), book.all());
    EXPECT_EQ(std::filesystem::status(folder / "rules.json").permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    std::ofstream(folder / "rules.json") << "[{\"id\": 1}]";
    EXPECT_THROW(RuleBook({}, folder / "rules.json", true), std::runtime_error);
}

TEST(ExportJson, MapsWhatTheReferenceMaps) {
    Exported what = *message("hello");
    mqtt::Properties properties;
    properties.user("shop", "7").user("shop", "8").text(mqtt::PropertyId::content_type, "text/plain");
    const auto raw = properties.view().raw();
    what.properties.assign(raw.begin(), raw.end());
    what.expires = what.born + std::chrono::seconds(90);
    what.clean_session = false;
    const auto out = json::parse(export_json("erp", what));
    EXPECT_EQ(out["rule"], "erp");
    EXPECT_EQ(out["msgId"], what.id);
    EXPECT_EQ(out["topic"], "esl_report/a/b");
    EXPECT_EQ(out["parentTopic"], "esl_report");
    EXPECT_EQ(out["payload"], "hello");
    EXPECT_EQ(out["payloadEncoding"], "utf8");
    const auto& p = out["properties"];
    EXPECT_EQ(p["qoslevel"], "1");
    EXPECT_EQ(p["cleansessionflag"], "false");
    EXPECT_EQ(p["mqttSecondTopic"], "/a/b");
    EXPECT_EQ(p["clientId"], "GID_test@@@a");
    EXPECT_EQ(p["topic"], "esl_report/a/b");
    EXPECT_EQ(p["mqtt5UserProperty"], R"([{"key":"shop","value":"7"},{"key":"shop","value":"8"}])");
    EXPECT_EQ(p["mqtt5MsgExpireInterval"], "90");
    EXPECT_EQ(p["mqtt5ContentType"], "text/plain");
    what.payload = {0xFF, 0x00, 0x01};
    EXPECT_EQ(json::parse(export_json("erp", what))["payload"], "/wAB");
    EXPECT_EQ(*from_base64("/wAB"), what.payload);
    properties.user("big", std::string(9'000, 'x'));
    const auto large = properties.view().raw();
    what.properties.assign(large.begin(), large.end());
    EXPECT_FALSE(json::parse(export_json("erp", what))["properties"].contains("mqtt5UserProperty"));
    EXPECT_EQ(fill_template("a/${clientId}/${secondTopic}/${parentTopic}/${urk}/${", what),
              "a/GID_test@@@a/a/b/esl_report/${urk}/${");
    for (const auto* bad : {"a", "====", "ab=c", "a\nbc"}) EXPECT_FALSE(from_base64(bad)) << bad;
}

TEST(Inbound, MapsWhatTheReferenceMapsAndSaysWhatItDoesNot) {
    const auto spec = rule({{"id", "inn"}, {"kind", "inbound"}, {"resource", "esl_task"}, {"via", "http"}});
    ASSERT_TRUE(check_rule(spec, true));
    const auto now = from_millis(1'767'225'600'000);
    const auto got = inbound_message(spec, true,
                                     R"({"payload":"/wAB","payloadEncoding":"base64","properties":{"qoslevel":"2",
        "cleansessionflag":"false","mqttSecondTopic":"p2p/GID_a@@@b","mqtt5MsgExpireInterval":"60",
        "mqtt5ContentType":"text/plain","mqtt5UserProperty":"[{\"key\":\"a\",\"value\":\"b\"}]"}})",
                                     now);
    ASSERT_TRUE(got) << got.error().message();
    EXPECT_EQ(got->topic, "esl_task/p2p/GID_a@@@b");
    EXPECT_EQ(got->payload, (Bytes{0xFF, 0, 1}));
    EXPECT_EQ(got->qos, mqtt::QoS::exactly_once);
    EXPECT_FALSE(got->online_only);
    EXPECT_EQ(got->expires, now + std::chrono::seconds(60));
    const mqtt::PropertiesView properties{got->properties};
    EXPECT_EQ(properties.text(mqtt::PropertyId::content_type), "text/plain");
    EXPECT_EQ(properties.find(mqtt::PropertyId::user_property)->text, "b");
    EXPECT_EQ(inbound_message(spec, true, R"({"properties":{"mqttSecondTopic":"/x/y"}})", now)->topic, "esl_task/x/y");
    const auto plain = inbound_message(spec, false, "raw", now);
    EXPECT_EQ(as_text(plain->payload), "raw");
    EXPECT_EQ(plain->qos, mqtt::QoS::at_least_once);
    EXPECT_TRUE(plain->online_only);
    for (const auto* bad :
         {"[]", "{", R"({"urk":1})", R"({"payload":1})", R"({"payloadEncoding":"hex"})",
          R"({"payload":"a","payloadEncoding":"base64"})", R"({"properties":{"qoslevel":1}})",
          R"({"properties":{"qoslevel":"3"}})", R"({"properties":{"cleansessionflag":"no"}})",
          R"({"properties":{"mqttRealTopic":"a"}})", R"({"properties":{"mqtt5MsgExpireInterval":"65536"}})",
          R"({"properties":{"mqtt5UserProperty":"{}"}})", R"({"properties":{"mqtt5UserProperty":"[{\"key\":1}]"}})"}) {
        EXPECT_FALSE(inbound_message(spec, true, bad, now)) << bad;
    }
}

TEST(Inbound, TakesAFreshSignatureOfThisBodyOnly) {
    auto spec = rule({{"id", "inn"}, {"kind", "inbound"}, {"resource", "esl_task"}, {"via", "http"}, {"secret", "k"}});
    const std::int64_t at = 1'767'225'600'000;
    const auto stamp = std::to_string(at);
    const auto good = webhook_signature("k", stamp, "body");
    const auto minutes = [&](int n) { return from_millis(at + n * 60'000); };
    EXPECT_TRUE(signature_is_good(spec, stamp, good, "body", minutes(0)));
    EXPECT_TRUE(signature_is_good(spec, stamp, good, "body", minutes(5)));
    EXPECT_TRUE(signature_is_good(spec, stamp, good, "body", minutes(-5)));
    EXPECT_FALSE(signature_is_good(spec, stamp, good, "body", minutes(6)));
    EXPECT_FALSE(signature_is_good(spec, stamp, good, "body", minutes(-6)));
    EXPECT_FALSE(signature_is_good(spec, stamp, good, "other", minutes(0)));
    EXPECT_FALSE(signature_is_good(spec, std::to_string(at + 1), good, "body", minutes(0)));
    EXPECT_FALSE(signature_is_good(spec, "", good, "body", minutes(0)));
    EXPECT_FALSE(signature_is_good(spec, stamp, "", "body", minutes(0)));
}

TEST(Webhook, SignsTimestampAndBody) {
    // printf '1700000000000.{"a":1}' | openssl dgst -sha256 -hmac key
    EXPECT_EQ(webhook_signature("key", "1700000000000", R"({"a":1})"),
              "sha256=2c8bc12f88d77789404ce0a63cf69acf735ba98832f7a7d36147f537be556f3e");
}

TEST(Outbox, IsNobodyElsesToRead) {
    testing::TempDir folder;
    const auto mode_of = [&](const char* name) {
        return std::filesystem::status(folder / name).permissions() & std::filesystem::perms::mask;
    };
    constexpr auto kOwner = std::filesystem::perms::owner_read | std::filesystem::perms::owner_write;
    std::ofstream(folder / "rules.db").flush();  // as an earlier version left it
    std::filesystem::permissions(folder / "rules.db", kOwner | std::filesystem::perms::others_read);
    Outbox box(folder / "rules.db");
    for (const auto* name : {"rules.db", "rules.db-wal", "rules.db-shm"}) EXPECT_EQ(mode_of(name), kOwner) << name;
}

TEST(Outbox, SaysWhichFileIsDamaged) {
    testing::TempDir folder;
    const auto file = folder / "rules.db";
    std::ofstream(file) << std::string(5'000, 'x');
    try {
        Outbox box(file);
        FAIL() << "it opens";
    } catch (const std::runtime_error& error) {
        EXPECT_TRUE(std::string(error.what()).starts_with(file.string())) << error.what();
    }
}

TEST(Outbox, KeepsRowsAndNeverGivesANumberTwice) {
    TempDir folder;
    Exported full = *message("x");
    full.retain = true;
    full.properties = {1, 2, 3};
    full.expires = from_millis(5);
    full.event = "connect";
    {
        Outbox box(folder / "rules.db");
        ASSERT_TRUE(box.commit({{1, "one", std::make_shared<const Exported>(full)}, {2, "two", message("y")}}, {}));
        ASSERT_TRUE(box.commit({{3, "one", message("z")}}, {2, 3, 77}));
    }
    Outbox box(folder / "rules.db");
    EXPECT_EQ(box.highest(), 3U);
    const auto rows = box.load();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].number, 1U);
    EXPECT_EQ(rows[0].rule, "one");
    const auto& what = *rows[0].what;
    EXPECT_EQ(std::tie(what.id, what.topic, what.client_id, what.event, what.payload, what.properties),
              std::tie(full.id, full.topic, full.client_id, full.event, full.payload, full.properties));
    EXPECT_EQ(what.born, full.born);
    EXPECT_EQ(what.expires, full.expires);
    EXPECT_TRUE(what.retain && what.clean_session && what.qos == mqtt::QoS::at_least_once);
    Bytes bytes;
    encode_exported(full, bytes);
    esl::testing::for_every_truncation(bytes, [](BytesView part) { EXPECT_FALSE(decode_exported(part)); });
    bytes.push_back(0);
    EXPECT_FALSE(decode_exported(bytes));
}

TEST(FileSink, AppendsLinesRotatesAndCutsATornOne) {
    TempDir folder;
    const auto path = (folder / "out.jsonl").string();
    auto spec = rule({{"id", "fff"}, {"kind", "outbound"}, {"resource", "a"}, {"via", "file"}, {"path", path}});
    spec.rotate_bytes = 4'096;
    spec.rotate_keep = 2;
    std::ofstream(path) << "{\"whole\":1}\n{\"torn\"";
    {
        const auto sink = make_file_sink(spec);
        const ExportedPtr one[] = {message("first")};
        ASSERT_TRUE(sink->deliver(one));
    }
    std::ifstream in(path);
    std::string line;
    std::getline(in, line);
    EXPECT_EQ(line, "{\"whole\":1}");
    std::getline(in, line);
    EXPECT_EQ(json::parse(line)["payload"], "first");
    const auto sink = make_file_sink(spec);
    for (int i = 0; i < 100; ++i) {
        const ExportedPtr one[] = {message(std::string(100, 'x'))};
        ASSERT_TRUE(sink->deliver(one));
        EXPECT_LE(std::filesystem::file_size(path), 4'096U);
    }
    EXPECT_TRUE(std::filesystem::exists(path + ".1"));
    EXPECT_TRUE(std::filesystem::exists(path + ".2"));
    EXPECT_FALSE(std::filesystem::exists(path + ".3"));
    spec.path = (folder / "not/there").string();
    const ExportedPtr one[] = {message("x")};
    EXPECT_TRUE(make_file_sink(spec)->deliver(one).error().is(SinkError::broken));
}

TEST(SqliteSink, HasOneRowForAMessageHoweverOftenItComes) {
    TempDir folder;
    const auto path = (folder / "out.db").string();
    const auto spec = rule({{"id", "sss"}, {"kind", "outbound"}, {"resource", "a"}, {"via", "sqlite"}, {"path", path}});
    const auto sink = make_sqlite_sink(spec);
    const ExportedPtr both[] = {message("p"), message("p")};
    ASSERT_TRUE(sink->deliver(both));
    ASSERT_TRUE(sink->deliver(both));
    sqlite::Database db(path);
    sqlite::Statement rows(db, "SELECT rule, topic, payload, properties FROM messages");
    ASSERT_TRUE(rows.step());
    EXPECT_EQ(rows.text_at(0), "sss");
    EXPECT_EQ(rows.text_at(1), "esl_report/a/b");
    EXPECT_EQ(as_text(rows.blob_at(2)), "p");
    EXPECT_EQ(json::parse(rows.text_at(3))["qoslevel"], "1");
    EXPECT_FALSE(rows.step());
}

// What a sink was given, and whether it takes it.
struct Taken {
    std::mutex lock;
    std::condition_variable changed;
    std::vector<std::string> payloads;
    bool hangs = false;
    bool refuses = false;

    void set(bool hang, bool refuse) {
        const std::lock_guard guard(lock);
        hangs = hang;
        refuses = refuse;
        changed.notify_all();
    }
    std::size_t count() {
        const std::lock_guard guard(lock);
        return payloads.size();
    }
};

class TestSink final : public RuleSink {
public:
    explicit TestSink(Taken& taken) : taken_(taken) {}
    Result<> deliver(std::span<const ExportedPtr> batch) override {
        std::unique_lock guard(taken_.lock);
        taken_.changed.wait(guard, [&] { return !taken_.hangs || cancelled_; });
        if (cancelled_ || taken_.refuses) return fail(SinkError::refused);
        for (const auto& what : batch) taken_.payloads.emplace_back(as_text(what->payload));
        return {};
    }
    void cancel() override {
        const std::lock_guard guard(taken_.lock);
        cancelled_ = true;
        taken_.changed.notify_all();
    }

private:
    Taken& taken_;
    bool cancelled_ = false;
};

class Engine : public ::testing::Test {
protected:
    Engine() { start(); }
    void start() {
        engine_.reset();
        engine_ = std::make_unique<RuleEngine>(folder_ / "rules.db", clock_, [this](const RuleSpec& spec) {
            return std::make_unique<TestSink>(taken_[spec.id]);
        });
    }
    RuleSpec fast(const std::string& id, const std::string& filter) {
        auto spec = rule(outbound(id, filter));
        spec.retry_first = spec.retry_limit = std::chrono::milliseconds(10);
        return spec;
    }
    RuleNumber number(const ExportTable& table, const std::string& topic) {
        std::vector<SubscriptionTree::Match> out;
        table.outbound.match(topic, out);
        EXPECT_EQ(out.size(), 1U);
        return out.at(0).holder;
    }
    // True when it was taken.
    bool post(RuleNumber rule, const std::string& payload) {
        std::atomic<int> answer{-1};
        engine_->post({{.rule = rule, .durable = true, .answered = true, .what = message(payload)}},
                      [&](bool ok) { answer = ok ? 1 : 0; });
        EXPECT_TRUE(wait_until([&] { return answer != -1; }));
        return answer == 1;
    }

    TempDir folder_;
    SystemClock clock_;
    std::map<std::string, Taken> taken_;
    std::unique_ptr<RuleEngine> engine_;
};

TEST_F(Engine, LetsOneRuleFlowWhileAnotherHangs) {
    taken_["hang"].hangs = true;
    const auto table = engine_->set_rules({fast("hang", "a"), fast("flow", "b")});
    for (int i = 0; i < 50; ++i) {
        ASSERT_TRUE(post(number(*table, "a"), "x"));
        ASSERT_TRUE(post(number(*table, "b"), "y"));
    }
    EXPECT_TRUE(wait_until([&] { return engine_->figures()["flow"].exported == 50; }));
    EXPECT_EQ(engine_->figures()["hang"].exported, 0U);
    EXPECT_EQ(engine_->figures()["hang"].waiting, 50U);
    taken_["hang"].set(false, false);
    EXPECT_TRUE(wait_until([&] { return engine_->figures()["hang"].exported == 50; }));
}

TEST_F(Engine, DeliversAfterARestartWhatWasNotDelivered) {
    taken_["one"].refuses = true;
    auto table = engine_->set_rules({fast("one", "a"), fast("two", "b")});
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(post(number(*table, "a"), std::to_string(i)));
    ASSERT_TRUE(post(number(*table, "b"), "delivered"));
    EXPECT_TRUE(wait_until([&] {
        const auto f = engine_->figures();
        return f.at("two").exported == 1 && f.at("one").retried > 0 && f.at("one").failed > 0;
    }));
    start();
    taken_["one"].set(false, false);
    table = engine_->set_rules({fast("one", "a"), fast("two", "b")});
    EXPECT_TRUE(wait_until([&] { return taken_["one"].count() == 10; }));
    EXPECT_TRUE(wait_until([&] { return engine_->figures()["one"].waiting == 0; }));
    start();
    table = engine_->set_rules({fast("one", "a"), fast("two", "b")});
    ASSERT_TRUE(post(number(*table, "a"), "last"));
    EXPECT_TRUE(wait_until([&] { return taken_["one"].count() >= 11; }));
    EXPECT_EQ(taken_["one"].count(), 11U);
    EXPECT_EQ(taken_["two"].count(), 1U);
}

TEST_F(Engine, TakesWhatWaitsOverIntoAChangedRuleAndAwayWithARemovedOne) {
    taken_["one"].hangs = true;
    auto table = engine_->set_rules({fast("one", "a"), fast("two", "b")});
    taken_["two"].hangs = true;
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(post(number(*table, "a"), "kept"));
        ASSERT_TRUE(post(number(*table, "b"), "gone"));
    }
    auto changed = fast("one", "c");
    changed.timeout = std::chrono::seconds(1);
    table = engine_->set_rules({changed});
    EXPECT_EQ(engine_->figures().count("two"), 0U);
    EXPECT_EQ(engine_->figures()["one"].waiting, 5U);
    taken_["one"].set(false, false);
    EXPECT_TRUE(wait_until([&] { return taken_["one"].count() == 5; }));
    start();
    table = engine_->set_rules({fast("two", "b")});
    taken_["two"].set(false, false);
    ASSERT_TRUE(post(number(*table, "b"), "new"));
    EXPECT_TRUE(wait_until([&] { return taken_["two"].count() == 1; }));
    EXPECT_EQ(taken_["two"].payloads.at(0), "new");
}

// What is over cannot be forgotten on disk: the end does not wait for that, and a new start delivers it once more.
TEST_F(Engine, StopsWhileTheOutboxTakesNothing) {
    taken_["one"].hangs = true;
    auto table = engine_->set_rules({fast("one", "a")});
    ASSERT_TRUE(post(number(*table, "a"), "kept"));
    sqlite::Database outside(folder_ / "rules.db");
    outside.execute("ALTER TABLE outbox RENAME TO elsewhere");
    EXPECT_FALSE(post(number(*table, "a"), "refused"));
    const auto failures = engine_->outbox_failures();
    taken_["one"].set(false, false);
    EXPECT_TRUE(wait_until([&] { return engine_->outbox_failures() > failures; }));
    auto stopped = std::async(std::launch::async, [&] { engine_->stop(); });
    EXPECT_EQ(stopped.wait_for(std::chrono::seconds(10)), std::future_status::ready);
    outside.execute("ALTER TABLE elsewhere RENAME TO outbox");
    stopped.wait();
    start();
    table = engine_->set_rules({fast("one", "a")});
    EXPECT_TRUE(wait_until([&] { return taken_["one"].count() == 2; }));
    EXPECT_EQ(taken_["one"].payloads, (std::vector<std::string>{"kept", "kept"}));
}

TEST_F(Engine, DropsTheOldestOfAFullOutboxAndCountsIt) {
    taken_["one"].hangs = true;
    auto spec = fast("one", "a");
    spec.outbox_rows = 10;
    const auto table = engine_->set_rules({spec});
    for (int i = 0; i < 30; ++i) ASSERT_TRUE(post(number(*table, "a"), std::to_string(i)));
    EXPECT_TRUE(wait_until([&] { return engine_->figures()["one"].dropped == 20; }));
    taken_["one"].set(false, false);
    EXPECT_TRUE(wait_until([&] { return engine_->figures()["one"].exported == 10; }));
    EXPECT_EQ(taken_["one"].payloads.back(), "29");
}

}  // namespace
}  // namespace esl::broker
