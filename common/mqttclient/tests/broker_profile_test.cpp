#include "common/mqttclient/broker_profile.hpp"

#include <gtest/gtest.h>

#include "common/config/config.hpp"
#include "common/mqttclient/client.hpp"

namespace esl::mqttclient {
namespace {

TEST(BrokerProfile, SignatureIsTheBase64HmacSha1OfTheClientId) {
    // RFC 2202 test case 2: key "Jefe", data "what do ya want for nothing?",
    // digest effcdf6ae5eb2fa2d27416d5f184df9c259a7c79.
    EXPECT_EQ(hmac_sha1_base64("Jefe", "what do ya want for nothing?"), "7/zfauXrL6LSdBbV8YTfnCWafHk=");
    const auto c = signature_credentials("AK1", "Jefe", "post-cn-1", "what do ya want for nothing?");
    EXPECT_EQ(c.username, "Signature|AK1|post-cn-1");
    EXPECT_EQ(c.password, "7/zfauXrL6LSdBbV8YTfnCWafHk=");
    EXPECT_EQ(device_credentials("DC.1", "k", "i", "c").username, "DeviceCredential|DC.1|i");
}

TEST(BrokerProfile, TokensAreJoinedWithTheirKind) {
    EXPECT_EQ(token_credentials("AK", "i", "", "", "xyz").password, "RW|xyz");
    EXPECT_EQ(token_credentials("AK", "i", "123", "abcd", "").password, "R|123|W|abcd");
    EXPECT_EQ(token_credentials("AK", "i", "123", "", "").username, "Token|AK|i");
}

TEST(BrokerProfile, NamesGoBothWaysAndOthersAreRefused) {
    for (const auto profile : {BrokerProfile::apsara, BrokerProfile::plain, BrokerProfile::apsaramq}) {
        EXPECT_EQ(profile_from(name(profile)).value(), profile);
    }
    EXPECT_FALSE(profile_from("Plain"));
}

TEST(BrokerTable, SignatureNeedsItsThreeSettings) {
    Options options;
    BrokerSettings settings;
    read_broker_table(
        config::Table::parse("auth='signature'\naccess_key='A'\nclient_id='GID_a@@@1'\nprofile='apsaramq'"), options,
        settings);
    EXPECT_EQ(settings.profile, BrokerProfile::apsaramq);
    EXPECT_THROW(apply_credentials(settings, options), config::ConfigError);
    settings.secret = "s";
    settings.instance = "i";
    apply_credentials(settings, options);
    EXPECT_EQ(options.username, "Signature|A|i");
    EXPECT_EQ(options.password, hmac_sha1_base64("s", "GID_a@@@1"));
}

TEST(BrokerTable, AUserNameAloneMeansPasswordAuth) {
    Options options;
    BrokerSettings settings;
    read_broker_table(config::Table::parse("username='u'\npassword='p'\nkeep_alive='90s'"), options, settings);
    apply_credentials(settings, options);
    EXPECT_EQ(options.username, "u");
    EXPECT_EQ(options.keep_alive, std::chrono::seconds(90));
}

TEST(BrokerTable, AMisspeltKeyOrUnknownWayIsRefused) {
    Options options;
    BrokerSettings settings;
    EXPECT_THROW(read_broker_table(config::Table::parse("profil='plain'"), options, settings), config::ConfigError);
    EXPECT_THROW(read_broker_table(config::Table::parse("profile='plane'"), options, settings), config::ConfigError);
    settings.auth = "magic";
    EXPECT_THROW(apply_credentials(settings, options), config::ConfigError);
}

}  // namespace
}  // namespace esl::mqttclient
