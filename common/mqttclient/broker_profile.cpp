#include "common/mqttclient/broker_profile.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <fstream>
#include <iterator>

#include "common/config/config.hpp"
#include "common/mqttclient/client.hpp"

namespace esl::mqttclient {
namespace {

std::string user(std::string_view kind, std::string_view key, std::string_view instance) {
    return std::string(kind).append("|").append(key).append("|").append(instance);
}

std::string read_secret(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw config::ConfigError("broker.secret_file: cannot read '" + file + "'");
    std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return text;
}

void need(const std::string& value, std::string_view key, std::string_view auth) {
    if (value.empty()) {
        throw config::ConfigError("broker." + std::string(key) + " is needed for broker.auth = \"" + std::string(auth) +
                                  "\"");
    }
}

}  // namespace

std::string_view name(BrokerProfile profile) {
    switch (profile) {
        case BrokerProfile::apsara:
            return "apsara";
        case BrokerProfile::plain:
            return "plain";
        case BrokerProfile::apsaramq:
            return "apsaramq";
    }
    return "?";
}

Result<BrokerProfile> profile_from(std::string_view text) {
    for (const auto profile : {BrokerProfile::apsara, BrokerProfile::plain, BrokerProfile::apsaramq}) {
        if (name(profile) == text) return profile;
    }
    return fail(ParseError::unknown, "broker profile '" + std::string(text) + "' (apsara, plain or apsaramq)");
}

std::string hmac_sha1_base64(std::string_view key, std::string_view data) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(data.data()),
         data.size(), digest.data(), &length);
    std::string out(4 * ((length + 2) / 3), '\0');
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), digest.data(), static_cast<int>(length));
    return out;
}

Credentials signature_credentials(std::string_view access_key, std::string_view secret, std::string_view instance,
                                  std::string_view client_id) {
    return {user("Signature", access_key, instance), hmac_sha1_base64(secret, client_id)};
}

Credentials device_credentials(std::string_view device_key, std::string_view secret, std::string_view instance,
                               std::string_view client_id) {
    return {user("DeviceCredential", device_key, instance), hmac_sha1_base64(secret, client_id)};
}

Credentials token_credentials(std::string_view access_key, std::string_view instance, std::string_view read_token,
                              std::string_view write_token, std::string_view read_write_token) {
    std::string password;
    const auto add = [&](std::string_view kind, std::string_view token) {
        if (token.empty()) return;
        if (!password.empty()) password += '|';
        password.append(kind).append("|").append(token);
    };
    add("R", read_token);
    add("W", write_token);
    add("RW", read_write_token);
    return {user("Token", access_key, instance), std::move(password)};
}

void read_broker_table(const config::Table& table, Options& options, BrokerSettings& settings) {
    table.only({"url", "client_id", "profile", "auth", "username", "password", "access_key", "secret", "secret_file",
                "instance", "token", "read_token", "write_token", "ca_file", "keep_alive", "connect_timeout"});
    std::string profile{name(settings.profile)};
    std::string secret_file;
    std::chrono::milliseconds keep_alive = options.keep_alive;
    table.read("url", options.url);
    table.read("client_id", options.client_id);
    table.read("profile", profile);
    table.read("auth", settings.auth);
    table.read("username", options.username);
    table.read("password", options.password);
    table.read("access_key", settings.access_key);
    table.read("secret", settings.secret);
    table.read("secret_file", secret_file);
    table.read("instance", settings.instance);
    table.read("token", settings.token);
    table.read("read_token", settings.read_token);
    table.read("write_token", settings.write_token);
    table.read("ca_file", options.ca_file);
    table.read("keep_alive", keep_alive);
    table.read("connect_timeout", options.connect_timeout);
    options.keep_alive = std::chrono::duration_cast<std::chrono::seconds>(keep_alive);
    if (!secret_file.empty()) settings.secret = read_secret(secret_file);

    const auto parsed = profile_from(profile);
    if (!parsed) throw config::ConfigError(table.where("profile") + ": " + parsed.error().message());
    settings.profile = *parsed;
    // A user name given without a way to authenticate means the plain one.
    if (!table.has("auth") && settings.auth == "none" && !options.username.empty()) settings.auth = "password";
}

void apply_credentials(const BrokerSettings& s, Options& options) {
    if (s.auth == "none") {
        options.username.clear();
        options.password.clear();
        return;
    }
    if (s.auth == "password") {
        need(options.username, "username", s.auth);
        return;
    }
    Credentials made;
    if (s.auth == "signature" || s.auth == "device") {
        need(s.access_key, "access_key", s.auth);
        need(s.secret, "secret", s.auth);
        need(s.instance, "instance", s.auth);
        made = s.auth == "signature" ? signature_credentials(s.access_key, s.secret, s.instance, options.client_id)
                                     : device_credentials(s.access_key, s.secret, s.instance, options.client_id);
    } else if (s.auth == "token") {
        need(s.access_key, "access_key", s.auth);
        need(s.instance, "instance", s.auth);
        need(s.token + s.read_token + s.write_token, "token", s.auth);
        made = token_credentials(s.access_key, s.instance, s.read_token, s.write_token, s.token);
    } else {
        throw config::ConfigError("broker.auth '" + s.auth + "' is none of none, password, signature, token, device");
    }
    options.username = std::move(made.username);
    options.password = std::move(made.password);
}

}  // namespace esl::mqttclient
