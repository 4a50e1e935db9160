// `[[listener]]`, `[tls]` and the URLs of `listen`.
#include "broker/app/listener_config.hpp"

#include <gtest/gtest.h>

namespace esl::broker {
namespace {

using config::Table;

std::vector<ListenerConfig> read(std::string_view text) {
    return read_listeners(Table::parse(text, "broker.toml"));
}

std::string refusal(std::string_view text) {
    try {
        static_cast<void>(read(text));
        return "good";
    } catch (const config::ConfigError& error) {
        return error.what();
    }
}

TEST(ListenerUrl, GivesKindAddressAndPath) {
    const struct {
        std::string_view text;
        ListenerKind kind;
        std::string_view address;
    } rows[] = {{"127.0.0.1:1883", ListenerKind::tcp, "127.0.0.1:1883"},
                {"mqtt://[::1]", ListenerKind::tcp, "[::1]:1883"},
                {"mqtt://:2883", ListenerKind::tcp, ":2883"},
                {"mqtts://0.0.0.0", ListenerKind::tls, "0.0.0.0:8883"},
                {"mqtts://0.0.0.0:0/", ListenerKind::tls, "0.0.0.0:0"},
                {"ws://127.0.0.1", ListenerKind::ws, "127.0.0.1:80"},
                {"wss://[::]:8443/tags", ListenerKind::wss, "[::]:8443"}};
    for (const auto& row : rows) {
        const auto got = parse_listener(std::string(row.text));
        EXPECT_EQ(got.kind, row.kind) << row.text;
        EXPECT_EQ(got.address, row.address) << row.text;
    }
    EXPECT_EQ(parse_listener("wss://[::]:8443/tags").websocket.paths, std::vector<std::string>{"/tags"});
    EXPECT_EQ(parse_listener("ws://:80").websocket.paths, (std::vector<std::string>{"/mqtt", "/"}));
}

TEST(ListenerUrl, SaysWhatIsWrong) {
    const struct {
        std::string_view text;
        std::string_view why;
    } rows[] = {{"http://127.0.0.1:80", "the scheme is none of mqtt, mqtts, ws, wss"},
                {"127.0.0.1", "no port"},
                {"mqtts://127.0.0.1:99999", "the port is not a number up to 65535"},
                {"mqtts://shop.example:8883", "'shop.example' is not an IP address"},
                {"mqtt://127.0.0.1:1883/mqtt", "only ws:// and wss:// have a path"}};
    for (const auto& row : rows) {
        try {
            static_cast<void>(parse_listener(std::string(row.text)));
            ADD_FAILURE() << row.text;
        } catch (const std::runtime_error& error) {
            EXPECT_NE(std::string_view(error.what()).find(row.why), std::string_view::npos) << error.what();
        }
    }
}

TEST(ListenerTables, TakeWhatTheySayAndTheRestFromTls) {
    const auto got = read(R"(
[tls]
certificate = "/etc/all.pem"
key = "/etc/all.key"
tls_lowest = "1.3"

[[listener]]
address = "127.0.0.1:1883"
allow_anonymous = true
auth = ["anonymous", "password"]
connections = 7
connections_per_address = 3
packet = 2000
packet_before_connect = 500
connect_timeout = "2s"

[[listener]]
address = "[::]:8883"
kind = "tls"
dual_stack = false
certificate = "/etc/own.pem"
client_ca = "/etc/ca.pem"
client_certificates = "required"

[[listener]]
address = "wss://:443"
paths = ["/tags"]
origins = ["https://shop.example"]
)");
    ASSERT_EQ(got.size(), 3U);
    EXPECT_EQ(got[0].kind, ListenerKind::tcp);
    EXPECT_EQ(got[0].auth.allow_anonymous, true);
    EXPECT_TRUE(got[0].auth.allows(AuthMethod::password));
    EXPECT_FALSE(got[0].auth.allows(AuthMethod::signature));
    EXPECT_EQ(got[0].connections, 7U);
    EXPECT_EQ(got[0].connections_per_address, 3U);
    EXPECT_TRUE(got[0].tls.certificate.empty());
    EXPECT_EQ(got[1].kind, ListenerKind::tls);
    EXPECT_FALSE(got[1].dual_stack);
    EXPECT_EQ(got[1].tls.certificate, "/etc/own.pem");
    EXPECT_EQ(got[1].tls.key, "/etc/all.key");
    EXPECT_EQ(got[1].tls.client_certificates, ClientCertificates::required);
    EXPECT_TRUE(got[1].tls.only_tls13);
    EXPECT_FALSE(got[1].packet);
    EXPECT_EQ(got[2].kind, ListenerKind::wss);
    EXPECT_EQ(got[2].tls.certificate, "/etc/all.pem");
    EXPECT_EQ(got[2].tls.client_certificates, ClientCertificates::none);
    EXPECT_EQ(got[2].websocket.paths, std::vector<std::string>{"/tags"});
    EXPECT_EQ(got[2].websocket.origins, std::vector<std::string>{"https://shop.example"});
    const auto endpoint = make_endpoint(got[0], Limits{});
    EXPECT_EQ(endpoint->packet, 2'000U);
    EXPECT_EQ(endpoint->packet_before_connect, 500U);
    EXPECT_EQ(endpoint->connect_timeout, seconds(2));
}

TEST(ListenerTables, NameFileLineAndKey) {
    const std::string head = "[[listener]]\naddress = \"127.0.0.1:1\"\n";
    const struct {
        std::string text;
        std::string_view said;
    } rows[] = {
        {"[[listener]]\nkind = \"tls\"\n", "broker.toml:1: key 'address': a listener needs one"},
        {"[[listener]]\naddress = \"nowhere\"\n", "broker.toml:2: key 'address': cannot listen on nowhere: no port"},
        {head + "kind = \"udp\"\n", "broker.toml:3: key 'kind': 'udp' is none of tcp, tls, ws, wss"},
        {"[[listener]]\naddress = \"ws://:1\"\nkind = \"ws\"\n",
         "broker.toml:3: key 'kind': the address has a scheme already"},
        {head + "key = \"/x\"\n", "broker.toml:3: key 'key': a tcp listener has no TLS"},
        {head + "kind = \"tls\"\npaths = [\"/\"]\n", "broker.toml:4: key 'paths': a tls listener has no WebSocket"},
        {head + "kind = \"ws\"\npaths = [\"mqtt\"]\n", "broker.toml:4: key 'paths': 'mqtt' is no path"},
        {head + "kind = \"ws\"\npaths = []\n", "broker.toml:4: key 'paths': nobody could connect"},
        {head + "auth = [\"magic\"]\n",
         "broker.toml:3: key 'auth': 'magic' is none of anonymous, password, signature, token, device, certificate"},
        {head + "kind = \"tls\"\ntls_lowest = \"1.1\"\n",
         "broker.toml:4: key 'tls_lowest': '1.1' is neither 1.2 nor 1.3"},
        {"[tls]\nclient_certificates = \"maybe\"\n",
         "broker.toml:2: key 'client_certificates': 'maybe' is none of none, optional, required"},
    };
    for (const auto& row : rows) EXPECT_EQ(refusal(row.text), row.said) << row.text;
    EXPECT_EQ(refusal(head + "cert = \"/x\"\n"), "broker.toml:3: unknown key 'listener.cert'");
    EXPECT_NE(refusal(head + "packet = 1\n").find("broker.toml:3: key 'listener.packet'"), std::string::npos)
        << refusal(head + "packet = 1\n");
}

TEST(ListenerTables, NameTheListenerWhoseCertificateIsBad) {
    const auto got =
        read("[[listener]]\naddress = \"mqtts://127.0.0.1\"\ncertificate = \"/none.pem\"\nkey = \"/none.key\"\n");
    try {
        static_cast<void>(make_endpoint(got.at(0), Limits{}));
        ADD_FAILURE();
    } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "broker.toml:2: key 'certificate': /none.pem: No such file or directory");
    }
}

}  // namespace
}  // namespace esl::broker
