// SIGHUP to the built executable: what is in force afterwards, and that a bad file changes nothing.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include "broker/app/admin.hpp"
#include "broker/app/listen.hpp"
#include "broker/auth/secrets.hpp"
#include "broker/tests/running_broker.hpp"
#include "broker/tests/test_certificates.hpp"
#include "broker/tests/test_client.hpp"
#include "broker/tests/test_wire.hpp"
#include "common/http/client.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

using esl::testing::wait_until;
using mqtt::PacketType;
using mqtt::ProtocolVersion;
using mqtt::ReasonCode;
using nlohmann::json;

// Addresses differ by their last byte, so that the log tells which port each has.
constexpr const char* kFirst = "[[listener]]\naddress = \"127.0.0.1:0\"\n";
constexpr const char* kSecond = "[[listener]]\naddress = \"127.0.0.2:0\"\n";

class Reload : public ::testing::Test {
protected:
    void write(const std::string& listeners, const std::string& rest = {}) {
        std::ofstream(file_) << "admin = \"127.0.0.1:0\"\nshards = 2\ngroups = [\"GID_test\"]\n"
                             << "topics = [\"esl_task\"]\nauth.allow_anonymous = true\n"
                             << rest << "\n"
                             << listeners;
    }
    void start(const std::string& listeners, const std::string& rest = {}) {
        write(listeners, rest);
        broker_.listen_as_configured();
        broker_.start();
    }
    // How often the log says it.
    [[nodiscard]] std::size_t said(const std::string& what) const {
        const auto log = broker_.log();
        std::size_t count = 0;
        for (auto at = log.find(what); at != std::string::npos; at = log.find(what, at + 1)) ++count;
        return count;
    }
    void reload_well() {
        const auto before = said("reloaded listeners");
        broker_.reload();
        ASSERT_TRUE(wait_until([&] { return said("reloaded listeners") > before; })) << broker_.log();
    }
    // The line that says why not.
    std::string reload_badly() {
        const auto before = said("nothing has changed");
        broker_.reload();
        EXPECT_TRUE(wait_until([&] { return said("nothing has changed") > before; })) << broker_.log();
        const auto log = broker_.log();
        return log.substr(log.rfind("reload: "));
    }
    // The port of the last listener that was opened there.
    [[nodiscard]] std::uint16_t port_at(const std::string& host) const {
        const auto log = broker_.log();
        const auto line = "listening on " + host + ":";
        const auto at = log.rfind(line);
        if (at == std::string::npos) throw std::runtime_error("no listener on " + host + ": " + log);
        return static_cast<std::uint16_t>(std::stoi(log.substr(at + line.size())));
    }
    [[nodiscard]] std::string admin() const {
        const auto log = broker_.log();
        std::smatch match;
        std::regex_search(log, match, std::regex("administration on (\\S+)"));
        return match[1].str();
    }
    [[nodiscard]] http::Client rest() const {
        return http::Client(admin(),
                            {.headers = {{"Authorization", "Bearer " + read_admin_key(folder_ / "data/admin.key")}}});
    }
    ReasonCode enters(const std::string& host, ConnectOptions how = {.client_id = "GID_test@@@visitor"}) {
        TestClient c(connect_tcp_to(host, port_at(host)));
        return c.connect(std::move(how)).reason;
    }

    esl::testing::TempDir folder_;
    std::filesystem::path file_ = folder_ / "broker.toml";
    BrokerProcess broker_{folder_.path(), {"--config", file_.string(), "--group", "GID_option"}};
};

TEST_F(Reload, OpensNewListenersAndTellsTheClientsOfThoseThatAreGone) {
    start(kFirst);
    TestClient stays(broker_.port());
    ASSERT_EQ(stays.connect({.client_id = "GID_test@@@stays"}).reason, ReasonCode::success);
    write(std::string(kFirst) + kSecond);
    reload_well();
    const auto second = port_at("127.0.0.2");
    TestClient old(connect_tcp_to("127.0.0.2", second));
    TestClient v5(connect_tcp_to("127.0.0.2", second));
    ASSERT_EQ(old.connect({.client_id = "GID_test@@@old"}).reason, ReasonCode::success);
    ASSERT_EQ(v5.connect({.client_id = "GID_test@@@v5", .version = ProtocolVersion::v5}).reason, ReasonCode::success);
    auto silent = connect_tcp_to("127.0.0.2", second);
    write(kFirst);
    reload_well();
    EXPECT_EQ(v5.expect(PacketType::disconnect).reason, ReasonCode::administrative_action);
    EXPECT_TRUE(old.closed_by_broker());
    EXPECT_EQ(silent->receive(std::chrono::steady_clock::now() + std::chrono::seconds(10)), std::nullopt);
    EXPECT_THROW(static_cast<void>(connect_tcp_to("127.0.0.2", second)), std::runtime_error);
    EXPECT_TRUE(stays.nothing_waits());
    // And once more, by a number that was used before.
    write(std::string(kFirst) + kSecond);
    reload_well();
    EXPECT_EQ(enters("127.0.0.2"), ReasonCode::success);
}

TEST_F(Reload, TakesNewSettingsOfAListenerForConnectionsToComeAtTheSamePort) {
    start(kFirst);
    TestClient there(broker_.port());
    ASSERT_EQ(there.connect({.client_id = "GID_test@@@there"}).reason, ReasonCode::success);
    write(std::string(kFirst) + "auth = [\"password\"]\nallow_anonymous = false\n");
    reload_well();
    auto admin = rest();
    const auto listeners = [&] { return json::parse(admin.get("/api/v1/listeners")->body)["items"]; };
    const auto both = listeners();  // who came by the old settings is still there
    ASSERT_EQ(both.size(), 2U);
    EXPECT_EQ(both[0]["address"], both[1]["address"]);
    EXPECT_EQ(both[0]["since"], both[1]["since"]);
    EXPECT_EQ(both[0]["open"], false);
    EXPECT_EQ(both[0]["connections"], 1);
    EXPECT_EQ(both[1]["open"], true);
    EXPECT_EQ(both[1]["auth"], json::array({"password"}));
    EXPECT_EQ(port_at("127.0.0.1"), broker_.port());
    EXPECT_NE(enters("127.0.0.1"), ReasonCode::success);
    EXPECT_TRUE(there.nothing_waits());
    write(kFirst);
    reload_well();
    EXPECT_EQ(enters("127.0.0.1"), ReasonCode::success);
    EXPECT_TRUE(there.nothing_waits());
    there.disconnect();
    EXPECT_TRUE(wait_until([&] { return listeners().size() == 1; }));
}

TEST_F(Reload, TakesAnotherCertificatePathWithoutDroppingAnyone) {
    TestCa first("First CA");
    TestCa next("Next CA");
    const auto tls = [](const CertificateFiles& files) {
        return "[[listener]]\naddress = \"mqtts://127.0.0.1:0\"\ncertificate = \"" + files.certificate.string() +
               "\"\nkey = \"" + files.key.string() + "\"\n";
    };
    start(tls(first.issue("localhost")));
    TestClient there(connect_tls(broker_.port(), {.ca = first.certificate()}));
    ASSERT_EQ(there.connect({.client_id = "GID_test@@@there"}).reason, ReasonCode::success);
    write(tls(next.issue("localhost")));
    reload_well();
    TestClient later(connect_tls(broker_.port(), {.ca = next.certificate()}));
    EXPECT_EQ(later.connect({.client_id = "GID_test@@@later"}).reason, ReasonCode::success);
    EXPECT_THROW(static_cast<void>(connect_tls(broker_.port(), {.ca = first.certificate()})), std::runtime_error);
    EXPECT_TRUE(there.nothing_waits());
}

TEST_F(Reload, TakesOtherUsersAndAccessKeys) {
    const auto key = [](const std::string& secret) {
        return "[[access_key]]\nid = \"AK\"\nsecret = \"" + secret + "\"\n[[user]]\nname = \"desk\"\npassword = \"" +
               secret + "\"\n" + kFirst + "allow_anonymous = false\n";
    };
    start(key("old"));
    const std::string id = "GID_test@@@1";
    const auto signs_in = [&](const std::string& secret) {
        return enters("127.0.0.1",
                      {.client_id = id, .user = "Signature|AK|mqtt-1", .password = signature_password(secret, id)}) ==
                   ReasonCode::success &&
               enters("127.0.0.1", {.client_id = id, .user = "desk", .password = secret}) == ReasonCode::success;
    };
    EXPECT_TRUE(signs_in("old"));
    write(key("new"));
    reload_well();
    EXPECT_TRUE(signs_in("new"));
    EXPECT_FALSE(signs_in("old"));
}

TEST_F(Reload, ClosesTheClientsOfUsersAndAccessKeysThatAreGoneOrChanged) {
    const auto key = [](const std::string& id, const std::string& secret) {
        return "[[access_key]]\nid = \"" + id + "\"\nsecret = \"" + secret + "\"\n";
    };
    const auto user = [](const std::string& name, const std::string& secret) {
        return "[[user]]\nname = \"" + name + "\"\npassword = \"" + secret + "\"\n";
    };
    start(key("AKsame", "s") + key("AKother", "s") + key("AKgone", "s") + user("same", "s") + user("other", "s") +
          user("gone", "s") + kFirst);
    std::vector<std::pair<std::string, TestClient>> there;
    for (const std::string who : {"AKsame", "AKother", "AKgone", "same", "other", "gone", "anonymous"}) {
        ConnectOptions how{.client_id = "GID_test@@@" + who, .clean = false, .version = ProtocolVersion::v5};
        how.properties.number(mqtt::PropertyId::session_expiry_interval, 600);
        if (who.starts_with("AK")) {
            how.user = "Signature|" + who + "|mqtt-1";
            how.password = signature_password("s", how.client_id);
        } else if (who != "anonymous") {
            how.user = who;
            how.password = "s";
        }
        TestClient c(broker_.port());
        ASSERT_EQ(c.connect(how).reason, ReasonCode::success) << who;
        c.subscribe("esl_task/x", mqtt::QoS::at_least_once);
        there.emplace_back(who, std::move(c));
    }
    write(key("AKsame", "s") + key("AKother", "t") + user("other", "t") + user("same", "s") + kFirst);
    reload_well();
    for (auto& [who, client] : there) {
        SCOPED_TRACE(who);
        if (who.ends_with("same") || who == "anonymous") {
            EXPECT_TRUE(client.nothing_waits());
            continue;
        }
        EXPECT_EQ(client.expect(PacketType::disconnect).reason, ReasonCode::not_authorized);
        EXPECT_TRUE(client.closed_by_broker());
        if (who.starts_with("AK")) {
            const auto id = "GID_test@@@" + who;
            EXPECT_NE(enters("127.0.0.1", {.client_id = id,
                                           .user = "Signature|" + who + "|mqtt-1",
                                           .password = signature_password("s", id)}),
                      ReasonCode::success);
        }
    }
    EXPECT_EQ(enters("127.0.0.1", {.client_id = "GID_test@@@other", .user = "other", .password = "t"}),
              ReasonCode::success);
    reload_well();  // nothing has changed: nobody goes
    EXPECT_TRUE(there.front().second.nothing_waits());
}

TEST_F(Reload, AgreesWithAdministrationAboutGroupsTopicsAndRules) {
    start(kFirst, "");
    auto rest = this->rest();
    ASSERT_EQ(rest.post_json("/api/v1/groups", R"({"name":"GID_made"})")->status, 201);
    std::ofstream(file_) << "admin = \"127.0.0.1:0\"\nshards = 2\ngroups = [\"GID_other\"]\ntopics = [\"parent\"]\n"
                         << "auth.allow_anonymous = true\n[[rule]]\nid = \"log\"\nkind = \"outbound\"\n"
                         << "resource = \"parent/#\"\nvia = \"file\"\npath = \"" << (folder_ / "out").string() << "\"\n"
                         << kFirst;
    reload_well();
    const auto items = [&](const std::string& what) { return json::parse(rest.get("/api/v1/" + what)->body)["items"]; };
    EXPECT_EQ(items("groups"), (json{"GID_made", "GID_option", "GID_other"}));
    EXPECT_EQ(items("topics"), json{"parent"});
    ASSERT_EQ(items("rules").size(), 1U);
    EXPECT_EQ(items("rules")[0]["id"], "log");
    EXPECT_EQ(enters("127.0.0.1", {.client_id = "GID_other@@@1"}), ReasonCode::success);
    EXPECT_EQ(enters("127.0.0.1", {.client_id = "GID_option@@@1"}), ReasonCode::success);
    EXPECT_NE(enters("127.0.0.1", {.client_id = "GID_test@@@1"}), ReasonCode::success);
}

TEST_F(Reload, LeavesEverythingAsItWasWhenAnythingIsBadAndSaysWhatAndWhere) {
    start(kFirst);
    const auto taken = bind_listeners("127.0.0.3:0", 1);
    // All of these would open a second listener and know a second group if they counted at all.
    const auto bad = [&](const std::string& more, const std::string& rest = {}) {
        write(std::string(kFirst) + kSecond + more, "presence.groups = [\"GID_new\"]\n" + rest);
        auto text = esl::testing::read_file(file_);
        text.replace(text.find("[\"GID_test\"]"), 12, "[\"GID_new\"]");
        std::ofstream(file_) << text;
        return reload_badly();
    };
    const auto expect = [](const std::string& line, const std::string& part) {
        EXPECT_NE(line.find(part), std::string::npos) << line;
    };
    expect(bad("[[listener\n"), "broker.toml:");
    expect(bad("colour = \"red\"\n"), "key 'listener.colour'");
    expect(bad("[[listener]]\naddress = \"" + taken.address + "\"\n"), taken.address + ": Address already in use");
    expect(bad("[[listener]]\naddress = \"mqtts://127.0.0.4:0\"\ncertificate = \"/no/c.pem\"\nkey = \"/no/k.pem\"\n"),
           "broker.toml:");
    expect(bad("[[rule]]\nid = \"to-erp\"\nkind = \"outbound\"\nresource = \"a\"\nvia = \"pigeon\"\n"), "via:");
    expect(bad("[[user]]\nname = \"desk\"\npassword_hash = \"plain\"\n"), "broker.toml:");
    expect(bad("", "limits.payload = \"much\"\n"), "key 'limits.payload'");
    const auto names = folder_ / "data/names.json";
    std::ofstream(names) << R"({"groups": ["nope"]})";
    expect(bad(""), names.string() + ": groups[0]");
    std::filesystem::remove(names);
    EXPECT_EQ(said("listening on 127.0.0.2"), 0U);
    EXPECT_EQ(said("listening on"), 1U);
    auto rest = this->rest();
    EXPECT_EQ(json::parse(rest.get("/api/v1/groups")->body)["items"], (json{"GID_option", "GID_test"}));
    EXPECT_EQ(enters("127.0.0.1"), ReasonCode::success);
    ::close(taken.sockets.front());
    // What was bound for a file that was refused is free.
    write(std::string(kFirst) + kSecond);
    reload_well();
    EXPECT_EQ(enters("127.0.0.2"), ReasonCode::success);
}

TEST_F(Reload, SaysWhichSettingsWaitForARestart) {
    start(kFirst);
    write(kFirst, "limits.payload = 1000\nretain = false\n");
    reload_well();
    EXPECT_EQ(said("limits, what clients are offered differ from what is in force and wait for a restart"), 1U)
        << broker_.log();
    write(kFirst);
    reload_well();
    EXPECT_EQ(said("wait for a restart"), 1U);
}

TEST_F(Reload, SurvivesManyMoreListenersThanThereMayBeAtOnce) {
    start(kFirst);
    for (int i = 0; i < 300; ++i) {
        write(std::string(kFirst) + "connections = " + std::to_string(i + 1) + "\n");
        reload_well();
    }
    EXPECT_EQ(enters("127.0.0.1"), ReasonCode::success);
}

}  // namespace
}  // namespace esl::broker::testing
