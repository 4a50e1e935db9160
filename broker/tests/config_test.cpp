#include "broker/app/config.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "broker/auth/config_authenticator.hpp"
#include "common/config/config.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker {
namespace {

std::string refusal(const std::string& toml) {
    testing::TempDir folder;
    std::ofstream(folder / "broker.toml") << toml;
    try {
        static_cast<void>(load_config(folder / "broker.toml", std::nullopt));
    } catch (const config::ConfigError& error) {
        return error.what();
    }
    return {};
}

TEST(BrokerConfig, TheSampleLoads) {
    const auto config = load_config("deploy/config/broker.toml", std::nullopt);
    EXPECT_EQ(config.effective_mode(), Mode::apsara);
    EXPECT_EQ(config.groups, (std::vector<std::string>{"GID_esl_ap", "GID_esl_mgmt"}));
    EXPECT_EQ(config.topics, (std::vector<std::string>{"esl_task", "esl_report"}));
    EXPECT_EQ(config.settings.limits.filters_per_client, 30U);
}

TEST(BrokerConfig, TheSamplesLimitsAreTheDefaultsExceptForTheOneItNames) {
    auto sample = load_config("deploy/config/broker.toml", std::nullopt).settings.limits;
    const auto defaults = load_config({}, std::nullopt).settings.limits;
    EXPECT_NE(sample.offline_batch, defaults.offline_batch);
    sample.offline_batch = defaults.offline_batch;
    EXPECT_EQ(sample, defaults);
}

TEST(BrokerConfig, NamesFileLineAndKeyOfAMistake) {
    EXPECT_NE(refusal("mode = \"emqx\"\n").find("broker.toml:1"), std::string::npos);
    EXPECT_NE(refusal("\n[limits]\npayloud = 3\n").find("payloud"), std::string::npos);
    EXPECT_NE(refusal("[limits]\nin_flight = 0\n").find("in_flight"), std::string::npos);
    EXPECT_NE(refusal("[[user]]\nname = \"a\"\n").find("password"), std::string::npos);
}

TEST(BrokerConfig, ChecksNamesAddressesAndLogLevelBeforeTheStart) {
    const auto complains = [](const std::string& toml, const std::string& line, const std::string& what) {
        const auto said = refusal(toml);
        EXPECT_NE(said.find("broker.toml:" + line + ": key"), std::string::npos) << said;
        EXPECT_NE(said.find(what), std::string::npos) << said;
    };
    complains("\ngroups = [\"GID_good\", \"nope\"]\n", "2", "'nope'");
    complains("topics = [\"a/b/c\"]\n", "1", "'a/b/c'");
    complains("[presence]\ngroups = [\"shop\"]\n", "2", "'shop'");
    complains("[presence]\ntopic = \"a/#\"\n", "2", "'a/#'");
    complains("topics = [\"shop\", \"SHOP\"]\n", "1", "'shop'");
    complains("groups = [\"GID_one\", \"GID_one\"]\n", "1", "'GID_one'");
    const std::string rule = "resource = \"out/#\"\nkind = \"outbound\"\nvia = \"file\"\npath = \"/tmp/x\"\n";
    complains("[[rule]]\nid = \"abc\"\n" + rule + "[[rule]]\nid = \"abd\"\n" + rule, "8", "'abc' has this kind");
    const std::string same_file = "resource = \"in/#\"\nkind = \"outbound\"\nvia = \"sqlite\"\npath = \"/tmp/./x\"\n";
    complains("[[rule]]\nid = \"abc\"\n" + rule + "[[rule]]\nid = \"abd\"\n" + same_file, "8",
              "'abc' writes to this path");
    complains("listen = [\"127.0.0.1:1883\", \"nowhere\"]\n", "1", "nowhere: no port");
    complains("listen = [\"127.0.0.1:70000\"]\n", "1", "the port is not a number up to 65535");
    complains("admin = \"127.0.0.1:x\"\n", "1", "admin");
    complains("[log]\nlevel = \"loud\"\n", "2", "'loud'");
    complains("[limits]\nkeep_alive = \"0s\"\n", "2", "'limits.keep_alive': must be from 1 to 65535 s");
    complains("[limits]\nkeep_alive = \"19h\"\n", "2", "'limits.keep_alive'");
    complains("[limits]\nconnect_timeout = \"0s\"\n", "2", "'limits.connect_timeout'");
    complains("[limits]\nkeep_alive = \"5m\"\nkeep_alive_lowest = \"6m\"\n", "3", "more than keep_alive, 300 s");
    complains("listen = []\n", "1", "nobody could connect");
    complains("[[user]]\nname = \"a|b\"\npassword = \"p\"\n", "2", "'a|b'");
    EXPECT_EQ(refusal("[limits]\nmessage_expiry = \"1d\"\nkeep_alive = \"30s\"\nack_wait = \"0s\"\n"), "");
}

// Seen only with everything together, the command line included.
TEST(BrokerConfig, RefusesListenersThatShareAnAddressAndHalfAnIdentity) {
    const auto refused = [](const std::string& toml, const CommandLine& line) -> std::string {
        const esl::testing::TempDir folder;
        std::ofstream(folder / "broker.toml") << toml;
        try {
            static_cast<void>(load_config(folder / "broker.toml", line));
            return {};
        } catch (const std::runtime_error& error) {
            return error.what();
        }
    };
    const std::string two = "[[listener]]\naddress = \":1883\"\n[[listener]]\naddress = \"ws://:1883\"\n";
    EXPECT_NE(refused(two, {}).find("broker.toml:4: :1883 is the address of another listener"), std::string::npos)
        << refused(two, {});
    EXPECT_NE(refused("listen = [\":1884\", \"mqtt://:1884\"]\n", {}).find(":1884 is the address"), std::string::npos);
    EXPECT_EQ(refused("listen = [\"127.0.0.1:0\", \"127.0.0.1:0\", \"[::1]:0\"]\n", {}), "");
    CommandLine with_key;
    with_key.key = "a.key";
    const std::string half = "[tls]\ncertificate = \"a.pem\"\n";
    EXPECT_NE(refused(half, {}).find("broker.toml: table 'tls': a certificate without its key"), std::string::npos);
    EXPECT_NE(refused("", with_key).find("a key without its certificate"), std::string::npos);
    EXPECT_EQ(refused(half, with_key), "");
}

TEST(BrokerConfig, RefusesAnInstanceWhoseNameIsNone) {
    const auto with = [](const std::string& instance) {
        return refusal("[[access_key]]\nid = \"AK\"\nsecret = \"sk\"\ninstance = \"" + instance + "\"\n");
    };
    for (const auto& good : {std::string("abc"), std::string("mqtt-cn_1"), std::string(64, 'x'), std::string()})
        EXPECT_EQ(with(good), "") << good;
    for (const auto& bad : {std::string("ab"), std::string(65, 'x'), std::string("a|bc"), std::string("a bc")}) {
        EXPECT_NE(with(bad).find(":4: key 'instance': '" + bad + "': an instance has 3 to 64"), std::string::npos)
            << with(bad);
    }
}

TEST(BrokerConfig, StandardModeStartsFromItsOwnDefaults) {
    const auto config = load_config({}, Mode::standard);
    EXPECT_FALSE(config.settings.refuse_duplicates);
    EXPECT_FALSE(config.settings.p2p);
}

enum class Verdict : std::uint8_t { accept, refuse, later };

Verdict check(ConfigAuthenticator& auth, std::string_view id, std::optional<std::string_view> user,
              std::optional<std::string> password, Authenticator::Later later = {}) {
    std::optional<BytesView> bytes;
    if (password) bytes = as_bytes(*password);
    const auto login = auth.check({.client_id = id, .user_name = user, .password = bytes}, std::move(later));
    if (!login) return Verdict::later;
    return login->good ? Verdict::accept : Verdict::refuse;
}

TEST(ConfigAuthenticator, TakesASignatureOverTheClientId) {
    // base64(HMAC-SHA1("secret", "GID_shop@@@ap1")), from `openssl dgst -sha1 -hmac`.
    EXPECT_EQ(signature_password("secret", "GID_shop@@@ap1"), "rDzkzA0WECzPL4706Xivu38hm3Y=");
    ConfigAuthenticator auth({}, {{.id = "AK", .secret = "secret", .instance = "mqtt-1"}}, false);
    const auto good = signature_password("secret", "GID_shop@@@ap1");
    EXPECT_EQ(check(auth, "GID_shop@@@ap1", "Signature|AK|mqtt-1", good), Verdict::accept);
    EXPECT_EQ(check(auth, "GID_shop@@@ap2", "Signature|AK|mqtt-1", good), Verdict::refuse);
    EXPECT_EQ(check(auth, "GID_shop@@@ap1", "Signature|AK|mqtt-2", good), Verdict::refuse);
    EXPECT_EQ(check(auth, "GID_shop@@@ap1", "Signature|XX|mqtt-1", good), Verdict::refuse);
    EXPECT_EQ(check(auth, "GID_shop@@@ap1", "Signature|AK|mqtt-1", std::nullopt), Verdict::refuse);
    EXPECT_EQ(check(auth, "GID_shop@@@ap1", std::nullopt, std::nullopt), Verdict::refuse);
}

TEST(ConfigAuthenticator, ChecksAHashOnceAndRemembersAGoodPassword) {
    ConfigAuthenticator auth({{.name = "ap", .password = {}, .password_hash = hash_password("open sesame")}}, {},
                             false);
    std::atomic<int> answer{-1};
    const auto tell = [&](const Login& login) { answer = login.good ? 1 : 0; };
    EXPECT_EQ(check(auth, "x", "ap", "wrong", tell), Verdict::later);
    EXPECT_TRUE(testing::wait_until([&] { return answer == 0; }));
    answer = -1;
    EXPECT_EQ(check(auth, "x", "ap", "open sesame", tell), Verdict::later);
    EXPECT_TRUE(testing::wait_until([&] { return answer == 1; }));
    EXPECT_EQ(check(auth, "x", "ap", "open sesame", tell), Verdict::accept);
    EXPECT_EQ(check(auth, "x", "nobody", "open sesame", tell), Verdict::refuse);
}

TEST(ConfigAuthenticator, EndsTheGrantsOfWhatIsReplacedAndKeepsThoseOfWhatIsTheSame) {
    const auto user = [](const char* name, const char* password) {
        return UserConfig{.name = name, .password = password, .password_hash = {}};
    };
    const auto key = [](const char* id, const char* instance) {
        return AccessKeyConfig{.id = id, .secret = "s", .instance = instance};
    };
    ConfigAuthenticator auth({user("same", "s"), user("other", "s")},
                             {key("AK", "one"), key("AK", "two"), key("XX", "")}, true);
    const auto signature = signature_password("s", "x");
    const auto grant = [&](std::optional<std::string_view> name) {
        const auto by_key = name && name->starts_with("Signature|");
        const std::string password = by_key ? signature : "s";
        const auto login = auth.check({.client_id = "x", .user_name = name, .password = as_bytes(password)}, {});
        EXPECT_TRUE(login && login->good);
        return login->grant;
    };
    const auto same = grant("same");
    const auto other = grant("other");
    const auto one = grant("Signature|AK|one");
    const auto two = grant("Signature|AK|two");
    const auto xx = grant("Signature|XX|any");
    EXPECT_EQ(grant("same"), same);  // all of one user's share it
    EXPECT_EQ(grant(std::nullopt), nullptr);
    auto gone = auth.replace({user("other", "t"), user("same", "s")}, {key("AK", "two")}, false);
    EXPECT_EQ(gone.logins, 3U);
    EXPECT_EQ(gone.access_keys, std::vector<std::string>{"XX"});
    EXPECT_EQ(grant("same"), same);
    EXPECT_EQ(grant("Signature|AK|two"), two);
    EXPECT_FALSE(same->ended() || two->ended());
    EXPECT_TRUE(other->ended() && one->ended() && xx->ended());
    gone = auth.replace({user("other", "t"), user("same", "s")}, {key("AK", "two")}, false);
    EXPECT_EQ(gone.logins, 0U);
    EXPECT_THROW(
        static_cast<void>(auth.replace({{.name = "same", .password = {}, .password_hash = "plain"}}, {}, false)),
        std::runtime_error);
    EXPECT_FALSE(same->ended());
}

TEST(ConfigAuthenticator, AnonymousLetsInWhoeverNamesNoKnownUser) {
    ConfigAuthenticator auth({{.name = "ap", .password = "p", .password_hash = {}}}, {}, true);
    EXPECT_EQ(check(auth, "x", std::nullopt, std::nullopt), Verdict::accept);
    EXPECT_EQ(check(auth, "x", "ap", "p"), Verdict::accept);
    EXPECT_EQ(check(auth, "x", "ap", "q"), Verdict::refuse);
}

TEST(BrokerConfig, ReadsWhatIsTracedAndForHowLong) {
    testing::TempDir folder;
    const auto load = [&](const std::string& text) {
        const auto file = folder / "broker.toml";
        std::ofstream(file) << "[trace]\n" << text;
        return load_config(file, std::nullopt);
    };
    EXPECT_EQ(load("").trace, TraceMode::all);
    const auto config = load("mode = \"device\"\nkeep = \"1h\"\nmessage_bytes = 1048576\n");
    EXPECT_EQ(config.trace, TraceMode::device);
    EXPECT_EQ(config.trace_keep, std::chrono::hours(1));
    EXPECT_EQ(config.trace_message_bytes, 1U << 20);
    EXPECT_THROW(static_cast<void>(load("mode = \"some\"\n")), config::ConfigError);
    EXPECT_THROW(static_cast<void>(load("keep = \"1s\"\n")), config::ConfigError);
    EXPECT_THROW(static_cast<void>(load("device_bytes = 10\n")), config::ConfigError);
}

}  // namespace
}  // namespace esl::broker
