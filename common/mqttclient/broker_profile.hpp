// How to speak to the three kinds of broker a part may meet (DESIGN section 7), and their user names and passwords.
#pragma once

#include <string>
#include <string_view>

#include "common/core/result.hpp"

namespace esl::config {
class Table;
}

namespace esl::mqttclient {

struct Options;

enum class BrokerProfile {
    apsara,    // our broker: P2P messages arrive without a subscription
    plain,     // Mosquitto, EMQX, RabbitMQ: each side subscribes to its own P2P topic
    apsaramq,  // Alibaba Cloud's service: as apsara; no will
};
[[nodiscard]] std::string_view name(BrokerProfile profile);
[[nodiscard]] Result<BrokerProfile> profile_from(std::string_view name);
[[nodiscard]] constexpr bool subscribes_to_own_p2p(BrokerProfile profile) {
    return profile == BrokerProfile::plain;
}
// ApsaraMQ for MQTT ignores wills, so presence has to come from elsewhere.
[[nodiscard]] constexpr bool has_wills(BrokerProfile profile) {
    return profile != BrokerProfile::apsaramq;
}

struct Credentials {
    std::string username;
    std::string password;
};
// user `Signature|<access key>|<instance>`, password base64(HMAC-SHA1(secret, client id)).
[[nodiscard]] Credentials signature_credentials(std::string_view access_key, std::string_view secret,
                                                std::string_view instance, std::string_view client_id);
// user `DeviceCredential|<device access key id>|<instance>`, password as for a signature.
[[nodiscard]] Credentials device_credentials(std::string_view device_key, std::string_view secret,
                                             std::string_view instance, std::string_view client_id);
// user `Token|<access key>|<instance>`, password `RW|tok`, or `R|tok` and `W|tok` joined by '|'. Empty ones are left
// out.
[[nodiscard]] Credentials token_credentials(std::string_view access_key, std::string_view instance,
                                            std::string_view read_token, std::string_view write_token,
                                            std::string_view read_write_token);
[[nodiscard]] std::string hmac_sha1_base64(std::string_view key, std::string_view data);

// The table `[broker]` that every part with an MQTT client has. Keys: url, client_id, profile, auth ("none",
// "password", "signature", "token", "device"), username, password, access_key, secret, secret_file, instance, token,
// read_token, write_token, ca_file, keep_alive, connect_timeout. Values already in `options` are the defaults. Throws
// ConfigError.
struct BrokerSettings {
    BrokerProfile profile = BrokerProfile::apsara;
    std::string auth = "none";
    std::string access_key, secret, instance, token, read_token, write_token;
};
void read_broker_table(const config::Table& table, Options& options, BrokerSettings& settings);
// Fills user name and password for the final client id. Throws ConfigError when the chosen way lacks a setting.
void apply_credentials(const BrokerSettings& settings, Options& options);

}  // namespace esl::mqttclient
