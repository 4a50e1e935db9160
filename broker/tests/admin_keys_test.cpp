// Keys and roles of the administration, and openapi.yaml against what is served.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "audit_log/log.hpp"
#include "broker/app/admin_keys.hpp"
#include "broker/tests/administered_broker.hpp"
#include "broker/tests/test_client.hpp"
#include "common/http/client.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

using nlohmann::json;

class AdminKeysApi : public AdministeredBroker {
protected:
    int status(const std::string& key, std::string_view method, std::string_view target, const std::string& body = {}) {
        http::Client client(broker_->admin(), with_key(key));
        const auto answer = client.send(method, target, body, {{"Content-Type", "application/json"}});
        EXPECT_TRUE(answer) << target;
        last_ = answer ? answer->body : std::string{};
        return answer ? answer->status : 0;
    }
    std::string make(const std::string& name, const std::string& role) {
        EXPECT_EQ(status(first_key(), "POST", "/api/v1/keys", json{{"name", name}, {"role", role}}.dump()), 201)
            << last_;
        return json::parse(last_)["key"];
    }

    std::string last_;
};

TEST_F(AdminKeysApi, ARoleMayDoWhatThoseBeforeItMayAndNoMore) {
    const auto read = make("watcher", "read");
    const auto operate = make("desk", "operate");
    const auto admin = make("chief", "admin");
    TestClient client(broker_->port());
    ASSERT_EQ(client.connect({.client_id = "GID_test@@@c"}).reason, mqtt::ReasonCode::success);
    const auto message = json{{"topic", "esl_task/p2p/GID_test@@@c"}, {"payload", "m"}}.dump();
    const auto group = json{{"name", "GID_more"}}.dump();
    for (const auto& key : {read, operate, admin}) {
        EXPECT_EQ(status(key, "GET", "/api/v1/clients"), 200);
        EXPECT_EQ(status(key, "GET", "/api/v1/stats"), 200);
    }
    EXPECT_EQ(status(read, "POST", "/api/v1/publish", message), 403);
    EXPECT_NE(last_.find("'operate'"), std::string::npos) << last_;
    EXPECT_EQ(status(operate, "POST", "/api/v1/publish", message), 202);
    EXPECT_EQ(client.receive().payload, "m");
    EXPECT_EQ(status(operate, "POST", "/api/v1/groups", group), 403);
    EXPECT_EQ(status(operate, "GET", "/api/v1/keys"), 403);
    EXPECT_EQ(status(read, "DELETE", "/api/v1/clients/GID_test@@@c"), 403);
    EXPECT_EQ(status(operate, "DELETE", "/api/v1/clients/GID_test@@@c"), 204);
    EXPECT_EQ(status(admin, "POST", "/api/v1/groups", group), 201);
    EXPECT_EQ(status("0000", "GET", "/api/v1/stats"), 401);
}

TEST_F(AdminKeysApi, KeysOutliveARestartAndARemovedOneIsWorthNothing) {
    const auto key = make("watcher", "read");
    EXPECT_EQ(status(first_key(), "POST", "/api/v1/keys", R"({"name": "watcher", "role": "read"})"), 409);
    EXPECT_EQ(status(first_key(), "POST", "/api/v1/keys", R"({"name": "admin", "role": "read"})"), 409);
    EXPECT_EQ(status(first_key(), "POST", "/api/v1/keys", R"({"name": "x", "role": "king"})"), 400);
    EXPECT_EQ(status(first_key(), "POST", "/api/v1/keys", R"({"name": "no spaces", "role": "read"})"), 400);
    EXPECT_EQ(status(first_key(), "POST", "/api/v1/keys", "[]"), 400);
    stop();
    const auto kept = esl::testing::read_file(folder_ / "data/admin-keys.json");
    EXPECT_EQ(kept.find(key), std::string::npos) << "a key in plain text";
    restart();
    EXPECT_EQ(status(key, "GET", "/api/v1/stats"), 200);
    EXPECT_EQ(status(first_key(), "GET", "/api/v1/keys"), 200);
    EXPECT_EQ(last_.find(key), std::string::npos);
    const auto items = json::parse(last_)["items"];
    ASSERT_EQ(items.size(), 2U);
    EXPECT_EQ(items[1]["name"], "watcher");
    EXPECT_EQ(status(first_key(), "DELETE", "/api/v1/keys/watcher"), 204);
    EXPECT_EQ(status(first_key(), "DELETE", "/api/v1/keys/watcher"), 404);
    EXPECT_EQ(status(key, "GET", "/api/v1/stats"), 401);
}

TEST_F(AdminKeysApi, TheAuditLogNamesTheKeyThatDidIt) {
    const auto chief = make("chief", "admin");
    EXPECT_EQ(status(chief, "POST", "/api/v1/groups", R"({"name": "GID_more"})"), 201);
    EXPECT_EQ(status(chief, "DELETE", "/api/v1/keys/chief"), 204);
    stop();
    std::string log;
    for (const auto& file : std::filesystem::recursive_directory_iterator(folder_ / "data/audit")) {
        if (file.is_regular_file()) log += esl::testing::read_file(file.path());
    }
    EXPECT_NE(log.find("token:chief"), std::string::npos);
    for (const auto* action : {"key.added", "group.added", "key.removed"})
        EXPECT_NE(log.find(action), std::string::npos) << action;
    EXPECT_EQ(log.find(chief), std::string::npos) << "a key in the audit log";
}

TEST_F(AdminKeysApi, ServesExactlyTheOperationsOfItsDescription) {
    const auto described = esl::testing::operations_of_openapi(esl::testing::read_file("broker/openapi.yaml"));
    EXPECT_GT(described.size(), 40U);
    std::set<std::string> served;
    for (const auto& route : broker_->admin_routes()) {
        if (route.find(" /api/") != std::string::npos) served.insert(route);
    }
    EXPECT_EQ(served, described);
    EXPECT_EQ(status({}, "GET", "/api/v1/openapi.yaml"), 200);
    EXPECT_EQ(last_, esl::testing::read_file("broker/openapi.yaml"));
}

// Every operation asks for a key, and names the role that it truly wants.
TEST_F(AdminKeysApi, EveryOperationWantsTheRoleItsDescriptionNames) {
    const std::map<std::string, std::string> keys{
        {"read", make("r", "read")}, {"operate", make("o", "operate")}, {"admin", make("a", "admin")}};
    std::istringstream lines(esl::testing::read_file("broker/openapi.yaml"));
    std::string path;
    std::string method;
    unsigned seen = 0;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("  /")) path = line.substr(2, line.size() - 3);
        if (line.starts_with("    ") && line[4] != ' ' && line.ends_with(':')) method = line.substr(4, line.size() - 5);
        if (line.find("x-role: ") == std::string::npos) continue;
        const auto wanted = line.substr(line.find("x-role: ") + 8);
        std::ranges::transform(method, method.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
        const auto target = "/api/v1" + std::regex_replace(path, std::regex("\\{[^}]*\\}"), "x");
        EXPECT_EQ(status("0000", method, target), 401) << method << " " << target;
        for (const auto* role : {"read", "operate", "admin"}) {
            const bool enough = admin_role_from(role) >= admin_role_from(wanted);
            if (enough && method != "GET") continue;  // not to be done, only refused
            EXPECT_EQ(status(keys.at(role), method, target) == 403, !enough)
                << role << " " << method << " " << target << " " << last_;
        }
        ++seen;
    }
    EXPECT_GT(seen, 40U);
}

TEST(AdminOpenApi, SaysOfEveryOperationWithARoleThatAKeyIsNeededAndMayBeTooSmall) {
    std::istringstream lines(esl::testing::read_file("broker/openapi.yaml"));
    std::multiset<std::string> told;
    std::size_t roles = 0;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("      x-role: ")) ++roles;
        if (line.starts_with("        \"40")) told.insert(line.substr(9, 3));
        if (line == "components:") break;
    }
    EXPECT_GT(roles, 40U);
    EXPECT_EQ(told.count("403"), roles);
    EXPECT_EQ(told.count("401"), roles + 1);  // and /inbound
}

// A key that can be guessed, or read by others of the machine, opens everything.
TEST(AdminKeys, RefusesAFirstKeyThatIsNoSecret) {
    const esl::testing::TempDir folder;
    const SystemClock clock;
    const auto file = folder / "admin.key";
    const auto why = [&](const std::string& text, std::filesystem::perms mode) -> std::string {
        std::filesystem::remove(file);
        std::ofstream(file) << text;
        std::filesystem::permissions(file, mode);
        try {
            const AdminKeys keys(folder.path(), clock);
            return {};
        } catch (const std::runtime_error& error) {
            EXPECT_NE(std::string(error.what()).find(file.string()), std::string::npos) << error.what();
            return error.what();
        }
    };
    using std::filesystem::perms;
    const auto own = perms::owner_read | perms::owner_write;
    const std::string good(32, 'k');
    EXPECT_EQ(why(good, own), "");
    EXPECT_EQ(why(good + "\nanything else", perms::owner_read), "");
    for (const auto& bad : {std::string(), std::string(31, 'k'), std::string(257, 'k'), "\n" + good,
                            std::string(16, 'k') + ' ' + std::string(16, 'k'), good + '\r'}) {
        EXPECT_NE(why(bad, own).find("is no key"), std::string::npos) << bad;
    }
    for (const auto mode : {perms::group_read, perms::others_read, perms::group_write, perms::others_exec})
        EXPECT_NE(why(good, own | mode).find("chmod 600"), std::string::npos);
}

// A field that is misspelt is not one that was left out.
TEST_F(AdminKeysApi, EveryRequestRefusesAFieldItDoesNotHave) {
    unsigned seen = 0;
    for (const auto& route : broker_->admin_routes()) {
        const auto space = route.find(' ');
        const auto method = route.substr(0, space);
        auto target = route.substr(space + 1);
        if ((method != "POST" && method != "PUT") || !target.starts_with("/api/v1/")) continue;
        // Those without a body, and /inbound, whose bodies are a rule's data.
        if (target.ends_with("/refresh") || target.find("/inbound/") != std::string::npos) continue;
        if (target.ends_with("activate")) continue;
        target = std::regex_replace(target, std::regex("\\{[^}]*\\}"), "x");
        EXPECT_EQ(status(first_key(), method, target, "[]"), 400) << route << " " << last_;
        EXPECT_EQ(status(first_key(), method, target, R"({"nonsense": 1})"), 400) << route << " " << last_;
        ++seen;
    }
    EXPECT_GT(seen, 10U);
    EXPECT_EQ(status(first_key(), "POST", "/api/v1/groups", R"({"name": "GID_more", "nmae": "x"})"), 400);
    EXPECT_NE(last_.find("nmae: is no field of this request"), std::string::npos) << last_;
    EXPECT_EQ(status(first_key(), "POST", "/api/v1/keys", R"({"name": "w", "role": "read", "until": 5})"), 400);
    EXPECT_NE(last_.find("until: is no field"), std::string::npos) << last_;
}

TEST(AdminKeysCommand, MakesListsAndRemovesKeys) {
    const esl::testing::TempDir folder;
    auto config = test_config();
    config.data = folder / "data";
    config.admin = "127.0.0.1:0";
    RunningBroker broker(config);
    const auto ctl = "ctl --admin " + broker.admin() + " --data " + (folder / "data").string() + " ";
    const auto made = run_executable(ctl + "key add watcher read");
    EXPECT_EQ(made.code, 0) << made.text;
    EXPECT_EQ(made.text.size(), 65U);
    EXPECT_NE(run_executable(ctl + "key list").text.find("watcher"), std::string::npos);
    EXPECT_EQ(run_executable(ctl + "key add watcher read").code, 1);
    EXPECT_EQ(run_executable(ctl + "key rm watcher").code, 0);
    EXPECT_EQ(run_executable(ctl + "key rm watcher").code, 1);
    EXPECT_EQ(run_executable(ctl + "key add other king").code, 2);
}

}  // namespace
}  // namespace esl::broker::testing
