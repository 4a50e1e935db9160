// Every way to log in, without sockets.
#include <gtest/gtest.h>

#include <future>

#include "broker/tests/credential_rig.hpp"

namespace esl::broker {
namespace {

using mqtt::ReasonCode;
using std::chrono::hours;
using testing::CredentialRig;

constexpr const char* kClient = "GID_a@@@1";

class Modes : public ::testing::Test, public CredentialRig {
protected:
    bool good(std::optional<std::string> user, std::optional<std::string> password, const char* client = kClient) {
        return login(client, std::move(user), std::move(password)).good;
    }
};

TEST_F(Modes, TakeTokensOfEachTypeInAnyOrder) {
    const auto read = token("R", {"down/#"}, hours(1));
    const auto write = token("W", {"up/#"}, hours(2));
    const auto any = token("R,W", {"all"}, hours(3));
    for (const auto& password : {"R|" + read + "|W|" + write, "W|" + write + "|R|" + read}) {
        const auto answer = login(kClient, "Token|AK|mqtt-1", password);
        ASSERT_TRUE(answer.good);
        ASSERT_TRUE(answer.grant);
        EXPECT_EQ(answer.grant->list()->publish("up/1"), AccessList::Verdict::allowed);
        EXPECT_EQ(answer.grant->list()->publish("down/1"), AccessList::Verdict::wrong_access);
        EXPECT_EQ(answer.grant->list()->subscribe("down/+"), AccessList::Verdict::allowed);
        EXPECT_EQ(answer.grant->list()->subscribe("other"), AccessList::Verdict::no_rule);
        EXPECT_EQ(answer.grant->first_to_expire()->type, "R");
    }
    EXPECT_TRUE(good("Token|AK|mqtt-1", "RW|" + any));
    // A token is worth what its type says, and no more.
    EXPECT_EQ(login(kClient, "Token|AK|mqtt-1", "R|" + any).grant->list()->publish("all"),
              AccessList::Verdict::wrong_access);
    EXPECT_FALSE(good("Token|AK|mqtt-1", "RW|" + read));
    EXPECT_FALSE(good("Token|AK|mqtt-1", "R|" + read + "|W|" + read));  // all must be good
    EXPECT_FALSE(good("Token|AK|mqtt-1", "R|" + read + "x"));
    EXPECT_FALSE(good("Token|AK|mqtt-1", read));
    EXPECT_FALSE(good("Token|AK|mqtt-1", std::nullopt));
    clock.advance(hours(1));
    EXPECT_FALSE(good("Token|AK|mqtt-1", "R|" + read));
    EXPECT_TRUE(good("Token|AK|mqtt-1", "W|" + write));
    ASSERT_TRUE(book->revoke_token(write));
    EXPECT_FALSE(good("Token|AK|mqtt-1", "W|" + write));
}

TEST_F(Modes, TieATokenToTheAccessKeyThatAskedForIt) {
    const auto bound = token("R", {"a"}, hours(1), "AK");
    EXPECT_TRUE(good("Token|AK|mqtt-1", "R|" + bound));
    EXPECT_FALSE(good("Token|other|mqtt-1", "R|" + bound));
    EXPECT_FALSE(good("Token|gone|mqtt-1", "R|" + token("R", {"a"}, hours(1), "gone")));  // not configured any more
}

TEST_F(Modes, AnswerUploadedTokensWithTheCodesOfTheReference) {
    const auto first = login(kClient, "Token|AK|mqtt-1", "W|" + token("W", {"a"}, hours(1))).grant;
    ASSERT_TRUE(first);
    const auto upload = [&](const std::string& body) { return modes->upload_token(*first, kClient, body); };
    const auto read = token("R", {"b"}, hours(1));
    for (const auto* key : {"token", "Token"}) {
        const auto answer = upload(std::string("{\"") + key + "\":\"" + read + R"(","type":"R"})");
        ASSERT_TRUE(answer.grant) << key;
        EXPECT_EQ(answer.grant->tokens().size(), 2U);
        EXPECT_EQ(answer.grant->list()->subscribe("b"), AccessList::Verdict::allowed);
        EXPECT_EQ(answer.grant->list()->publish("a"), AccessList::Verdict::allowed);
    }
    const auto other = upload(R"({"token":")" + token("W", {"c"}, hours(1)) + R"(","type":"W"})");
    ASSERT_TRUE(other.grant);
    EXPECT_EQ(other.grant->list()->publish("a"), AccessList::Verdict::no_rule);  // replaced
    EXPECT_EQ(upload(R"({"token":"x","type":"R"})").fault, TokenFault::forged);
    EXPECT_EQ(upload(R"({"token":")" + read + R"(","type":"W"})").fault, TokenFault::permission_mismatch);
    EXPECT_EQ(upload(R"({"token":")" + token("R", {"a"}, hours(1), "XX") + R"(","type":"R"})").fault,
              TokenFault::account_invalid);
    const auto brief = token("R", {"b"}, std::chrono::seconds(60));
    ASSERT_TRUE(book->revoke_token(read));
    EXPECT_EQ(upload(R"({"token":")" + read + R"(","type":"R"})").fault, TokenFault::revoked);
    clock.advance(std::chrono::seconds(60));
    EXPECT_EQ(upload(R"({"token":")" + brief + R"(","type":"R"})").fault, TokenFault::expired);
    for (const auto* bad : {"", "{", "[]", "{\"token\":5,\"type\":\"R\"}", R"({"type":"R"})"})
        EXPECT_TRUE(upload(bad).fault) << bad;
}

TEST_F(Modes, TakeADeviceCredentialOfThatDeviceOnly) {
    const auto credential = book->register_device(kClient).value();
    const auto user = "DeviceCredential|" + credential.id + "|mqtt-1";
    const auto password = signature_password(credential.secret, kClient);
    EXPECT_TRUE(good(user, password));
    EXPECT_FALSE(good(user, signature_password(credential.secret, "GID_a@@@2"), "GID_a@@@2"));
    EXPECT_FALSE(good(user, signature_password("wrong", kClient)));
    EXPECT_FALSE(good("DeviceCredential|DC.none|mqtt-1", password));
    EXPECT_FALSE(good(user, std::nullopt));
    const auto before = login(kClient, user, password).grant;
    ASSERT_TRUE(book->refresh_device(kClient));
    EXPECT_FALSE(good(user, password));
    EXPECT_FALSE(before->ended());  // the connection stays
    ASSERT_TRUE(book->unregister_device(kClient));
    EXPECT_TRUE(before->ended());
}

TEST_F(Modes, TakeIdentitiesByUserAndByPair) {
    ASSERT_TRUE(book->add_identity({.type = IdentityType::user, .username = "u", .client_id = {}}, SignMode::origin,
                                   "open sesame"));
    EXPECT_TRUE(good("u", "open sesame"));
    EXPECT_TRUE(good("u", "open sesame"));  // remembered
    EXPECT_FALSE(good("u", "sesame"));
    EXPECT_FALSE(good("u", std::nullopt));
    ASSERT_TRUE(book->add_identity({.type = IdentityType::client, .username = "u", .client_id = kClient},
                                   SignMode::signed_, "key"));
    EXPECT_TRUE(good("u", signature_password("key", kClient)));
    EXPECT_FALSE(good("u", "open sesame"));  // the pair counts for this client
    EXPECT_TRUE(good("u", "open sesame", "GID_a@@@2"));
    ASSERT_TRUE(book->update_identity({.type = IdentityType::user, .username = "u", .client_id = {}}, SignMode::origin,
                                      "changed"));
    EXPECT_FALSE(good("u", "open sesame", "GID_a@@@2"));
    EXPECT_TRUE(good("u", "changed", "GID_a@@@2"));
}

TEST_F(Modes, LeaveTheRestToTheConfiguration) {
    EXPECT_TRUE(good("plain", "pw"));
    EXPECT_FALSE(good("plain", "wp"));
    EXPECT_TRUE(good("Signature|AK|mqtt-1", signature_password("sk", kClient)));
    EXPECT_EQ(login(kClient, "plain", "pw").grant->list(), nullptr);  // everything
    EXPECT_FALSE(good(std::nullopt, std::nullopt));
}

TEST_F(Modes, RefuseStrangersByNameAlsoWhereAnonymousIsAllowed) {
    const ListenerAuth open_house{.methods = 0xFF, .allow_anonymous = true};
    const auto signature = signature_password("sk", kClient);
    for (const bool listener_says : {false, true}) {
        static_cast<void>(configured.replace({{.name = "plain", .password = "pw", .password_hash = {}}},
                                                  {{.id = "AK", .secret = "sk", .instance = {}}}, !listener_says));
        const auto answer = [&](std::optional<std::string> user, std::optional<std::string> password) {
            return login(kClient, std::move(user), std::move(password), nullptr, listener_says ? &open_house : nullptr);
        };
        EXPECT_TRUE(answer(std::nullopt, std::nullopt).good);
        EXPECT_TRUE(answer("plain", "pw").good);
        EXPECT_TRUE(answer("Signature|AK|mqtt-1", signature).good);
        // Modes that there are not, a key and a user that there are not, no password.
        for (const auto* user : {"Sig|AK|mqtt-1", "signature|AK|mqtt-1", "|AK|mqtt-1", "Signature", "Signature|NOKEY|x",
                                 "Token|AK|mqtt-1", "DeviceCredential|AK|mqtt-1", "nobody", ""}) {
            const auto refused = answer(user, signature);
            EXPECT_FALSE(refused.good) << user;
            EXPECT_EQ(refused.reason, ReasonCode::bad_user_name_or_password) << user;
            EXPECT_FALSE(answer(user, std::nullopt).good) << user;
        }
    }
}

TEST_F(Modes, HoldStrangersToAKeyOrAUserWhicheverThereIs) {
    static_cast<void>(configured.replace({}, {{.id = "AK", .secret = "sk", .instance = {}}}, true));
    EXPECT_FALSE(good("nobody", "x"));
    static_cast<void>(configured.replace({{.name = "plain", .password = "pw", .password_hash = {}}}, {}, true));
    EXPECT_FALSE(good("Signature|AK|mqtt-1", "x"));
    static_cast<void>(configured.replace({}, {}, true));  // nothing that a name could be held to
    EXPECT_TRUE(good("nobody", "x"));
    EXPECT_TRUE(good("Signature|AK|mqtt-1", "x"));
    static_cast<void>(configured.replace({}, {}, false));
    EXPECT_FALSE(good("nobody", "x"));
}

TEST_F(Modes, RefuseTheBlacklistedHoweverTheyLogIn) {
    ASSERT_TRUE(book->add_to_blacklist(kClient));
    const auto answer = login(kClient, "plain", "pw");
    EXPECT_FALSE(answer.good);
    EXPECT_EQ(answer.reason, ReasonCode::banned);
    EXPECT_TRUE(good("plain", "pw", "GID_a@@@2"));
}

TEST_F(Modes, KeepToTheMethodsOfTheListener) {
    ListenerAuth tokens_only{.methods = 1U << static_cast<unsigned>(AuthMethod::token), .allow_anonymous = {}};
    const auto refused = login(kClient, "plain", "pw", nullptr, &tokens_only);
    EXPECT_FALSE(refused.good);
    EXPECT_EQ(refused.reason, ReasonCode::not_authorized);
    EXPECT_TRUE(login(kClient, "Token|AK|i", "R|" + token("R", {"a"}, hours(1)), nullptr, &tokens_only).good);
    const ListenerAuth open_house{.methods = 0xFF, .allow_anonymous = true};
    EXPECT_TRUE(login(kClient, std::nullopt, std::nullopt, nullptr, &open_house).good);
}

}  // namespace
}  // namespace esl::broker
