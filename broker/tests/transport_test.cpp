// Listeners over sockets: TLS, WebSocket, several at once, and what they do with clients that are neither.
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <fstream>

#include "broker/tests/broker_fixture.hpp"
#include "broker/tests/test_certificates.hpp"
#include "broker/tests/test_wire.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

using esl::testing::wait_until;

constexpr ListenerKind kKinds[] = {ListenerKind::tcp, ListenerKind::tls, ListenerKind::ws, ListenerKind::wss};

auto soon() {
    return std::chrono::steady_clock::now() + std::chrono::seconds(10);
}

// All that comes until the broker closes.
std::string rest_of(Wire& wire) {
    std::string out;
    while (const auto got = wire.receive(soon())) out.append(as_text(*got));
    return out;
}

bool shakes_hands(std::uint16_t port, const TlsClientOptions& options) {
    try {
        static_cast<void>(connect_tls(port, options));
        return true;
    } catch (const std::runtime_error&) {
        return false;
    }
}

ConnectOptions named(std::string id, ProtocolVersion version = ProtocolVersion::v311) {
    ConnectOptions out;
    out.client_id = std::move(id);
    out.version = version;
    return out;
}

// One listener of each kind.
class Transport : public ::testing::Test {
protected:
    static Config config() {
        auto out = test_config(Mode::standard);
        out.listen.clear();
        out.listeners.clear();
        for (const auto kind : kKinds) out.listeners.push_back(test_listener(kind));
        return out;
    }
    [[nodiscard]] std::uint16_t port(ListenerKind kind) const { return broker_.port(static_cast<std::size_t>(kind)); }
    [[nodiscard]] std::unique_ptr<Wire> wire(ListenerKind kind) const { return connect_by(kind, port(kind)); }
    TestClient client(ListenerKind kind, std::string id) {
        TestClient out(wire(kind));
        EXPECT_EQ(out.connect(named(std::move(id))).reason, ReasonCode::success);
        return out;
    }
    void expect_soon(const char* counter, std::uint64_t value) {
        EXPECT_TRUE(wait_until([&] { return broker_.counter(counter) == value; }))
            << counter << " is " << broker_.counter(counter);
    }
    RunningBroker broker_{config()};
};

TEST_F(Transport, CarriesMessagesFromEachKindToEachOther) {
    std::vector<TestClient> subs;
    for (const auto to : kKinds) {
        subs.push_back(client(to, "sub-" + std::string(describe(to))));
        subs.back().subscribe("a/+", kQos1);
    }
    for (const auto from : kKinds) {
        auto pub = client(from, "pub-" + std::string(describe(from)));
        const std::string payload(100'000, 'x');
        pub.publish("a/b", payload, kQos2);
        for (auto& sub : subs) EXPECT_EQ(sub.receive().payload, payload);
        pub.disconnect();
    }
    for (const auto* name : {"sockets_tcp", "sockets_tls", "sockets_ws", "sockets_wss"}) expect_soon(name, 1);
    EXPECT_EQ(broker_.counter("tls_handshakes_total"), 4);
    EXPECT_EQ(broker_.counter("tls_handshake_failures_total"), 0);
}

TEST_F(Transport, KeepsMessagesForAClientThatReadsSlowly) {
    for (const auto kind : kKinds) {
        auto slow = client(kind, "slow");
        slow.subscribe("a", kQos1);
        auto pub = client(ListenerKind::tcp, "pub");
        for (int i = 0; i < 40; ++i) pub.publish("a", std::string(400'000, static_cast<char>('a' + i % 26)), kQos1);
        for (int i = 0; i < 40; ++i) {
            const auto got = slow.receive();
            ASSERT_EQ(got.payload.size(), 400'000U) << describe(kind) << i;
            ASSERT_EQ(got.payload.back(), static_cast<char>('a' + i % 26)) << describe(kind) << i;
        }
        slow.disconnect();
    }
}

TEST_F(Transport, TakesPacketsHoweverTheyLieInFrames) {
    auto sub = client(ListenerKind::tcp, "sub");
    sub.subscribe("a", kQos2);
    for (const bool one_message : {false, true}) {
        for (const std::size_t most : {1UL, 3UL, 130UL, 70'000UL}) {
            TestClient pub(connect_websocket(connect_tcp(port(ListenerKind::ws)),
                                             {.frame_most = most, .in_one_message = one_message}));
            EXPECT_EQ(pub.connect(named("pub")).reason, ReasonCode::success);
            pub.publish("a", std::string(3'000, 'x'), kQos2);
            EXPECT_EQ(sub.receive().payload.size(), 3'000U);
            // Two packets in one frame.
            Bytes two;
            ASSERT_TRUE(mqtt::encode_publish({.topic = "a", .payload = as_bytes("1")}, ProtocolVersion::v311, two));
            ASSERT_TRUE(mqtt::encode_publish({.topic = "a", .payload = as_bytes("2")}, ProtocolVersion::v311, two));
            pub.send(two);
            EXPECT_EQ(sub.receive().payload, "1");
            EXPECT_EQ(sub.receive().payload, "2");
            pub.disconnect();
        }
    }
}

TEST_F(Transport, ClosesWhatIsNoTlsAndGoesOn) {
    auto canary = client(ListenerKind::tls, "canary");
    Bytes connect;
    mqtt::ConnectView packet;
    packet.version = ProtocolVersion::v311;
    packet.client_id = "plain";
    ASSERT_TRUE(mqtt::encode_connect(packet, connect));
    const std::string long_garbage(5'000, '\xA5');
    std::uint64_t failures = 0;
    for (const std::string_view said : {as_text(connect), std::string_view("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
                                        std::string_view(long_garbage), std::string_view("\x16\x03\x01\xFF\xFF\x01", 6),
                                        std::string_view("\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00", 10)}) {
        const auto raw = connect_tcp(port(ListenerKind::tls));
        raw->send(as_bytes(said));
        EXPECT_EQ(rest_of(*raw).find("\x20\x02"), std::string::npos);  // no CONNACK
        expect_soon("tls_handshake_failures_total", ++failures);
    }
    EXPECT_TRUE(canary.nothing_waits());
}

TEST_F(Transport, ClosesTlsOnAPlainListener) {
    EXPECT_FALSE(shakes_hands(port(ListenerKind::tcp), {}));
    expect_soon("malformed_total", 1);
    EXPECT_FALSE(shakes_hands(port(ListenerKind::ws), {}));
    expect_soon("websocket_refused_total", 1);
}

TEST_F(Transport, AnswersHttpThatIsNoWebSocket) {
    const auto raw = connect_tcp(port(ListenerKind::ws));
    raw->send(as_bytes("GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_TRUE(rest_of(*raw).starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
    const auto refused = [&](const WebSocketClientOptions& options) -> std::string {
        try {
            static_cast<void>(connect_websocket(connect_tcp(port(ListenerKind::ws)), options));
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "accepted";
    };
    EXPECT_NE(refused({.path = "/other"}).find(" 404 "), std::string::npos);
    EXPECT_NE(refused({.protocol = "chat"}).find(" 400 "), std::string::npos);
    EXPECT_NE(refused({.more = "X: " + std::string(9'000, 'x') + "\r\n"}).find(" 431 "), std::string::npos);
    expect_soon("websocket_refused_total", 4);
}

TEST_F(Transport, PublishesTheWillWhenWebSocketRulesAreBroken) {
    auto watcher = client(ListenerKind::tcp, "watcher");
    watcher.subscribe("will", kQos1);
    const struct {
        std::string_view what;
        Bytes frame;
        std::uint64_t violations;
    } rows[] = {{"text", {0x81, 0x81, 0, 0, 0, 0, 'x'}, 1},
                {"no mask", {0x82, 0x02, 0xC0, 0x00}, 2},
                {"reserved bits", {0xF2, 0x80, 0, 0, 0, 0}, 3},
                {"a close frame instead of DISCONNECT", {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8}, 3}};
    for (const auto& row : rows) {
        auto under = connect_tcp(port(ListenerKind::ws));
        Wire* raw = under.get();
        TestClient victim(connect_websocket(std::move(under), {}));
        auto options = named("victim");
        options.will_topic = "will";
        options.will_payload = row.what;
        victim.connect(options);
        raw->send(row.frame);
        EXPECT_EQ(watcher.receive().payload, row.what);
        EXPECT_TRUE(victim.closed_by_broker()) << row.what;
        EXPECT_EQ(broker_.counter("layer_violations_total"), row.violations);
    }
}

TEST_F(Transport, DoesNotTakeAWebSocketPingForMqttsOwn) {
    auto under = connect_tcp(port(ListenerKind::ws));
    Wire* raw = under.get();
    TestClient silent(connect_websocket(std::move(under), {}));
    auto options = named("silent");
    options.keep_alive = 1;
    silent.connect(options);
    EXPECT_TRUE(wait_until([&] {
        Bytes ping;
        write_masked_frame(0x89, as_bytes("x"), 7, ping);
        raw->send(ping);
        return broker_.counter("keep_alive_timeouts_total") == 1;
    }));
}

TEST_F(Transport, ResumesTlsSessions) {
    esl::testing::TempDir folder;
    const TlsClientOptions options{.ca = shared_certificates().ca.certificate(), .session = folder / "session"};
    for (int i = 0; i < 2; ++i) {
        TestClient c(connect_tls(port(ListenerKind::tls), options));
        c.connect(named("c"));
        c.drop();
    }
    EXPECT_EQ(broker_.counter("tls_handshakes_total"), 2);
    EXPECT_EQ(broker_.counter("tls_resumptions_total"), 1);
}

// Sixteen at once, as after a power cut, while one who is there goes on.
TEST_F(Transport, ServesOthersWhileManyShakeHands) {
    auto canary = client(ListenerKind::tcp, "canary");
    std::vector<std::thread> threads;
    std::atomic<int> in{0};
    for (int i = 0; i < 16; ++i) {
        threads.emplace_back([&, i] {
            for (int round = 0; round < 5; ++round) {
                TestClient c(wire(i % 2 == 0 ? ListenerKind::tls : ListenerKind::wss));
                if (c.connect(named("c" + std::to_string(i))).reason == ReasonCode::success) ++in;
            }
        });
    }
    while (in < 80 && canary.nothing_waits()) {
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(in, 80);
    EXPECT_EQ(broker_.counter("tls_handshakes_total"), 80);
}

TEST(TransportLimits, EndsAHandshakeThatDoesNotEnd) {
    auto config = test_config(Mode::standard);
    config.listen.clear();
    config.listeners.clear();
    for (const auto kind : {ListenerKind::tls, ListenerKind::ws}) {
        config.listeners.push_back(test_listener(kind));
        config.listeners.back().connect_timeout = std::chrono::seconds(1);
    }
    RunningBroker broker(config);
    const auto silent = connect_tcp(broker.port(0));
    const auto half = connect_tcp(broker.port(0));
    half->send(as_bytes(std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01", 8)));
    const auto dripping = connect_tcp(broker.port(1));
    const auto upgraded = connect_websocket(connect_tcp(broker.port(1)), {});
    EXPECT_TRUE(wait_until([&] {
        dripping->send(as_bytes("G"));
        return broker.counter("connect_timeouts_total") == 4;
    }));
    EXPECT_EQ(rest_of(*silent), "");
    EXPECT_EQ(rest_of(*half), "");
    EXPECT_EQ(rest_of(*dripping), "");
    EXPECT_EQ(rest_of(*upgraded), "");
}

TEST(TransportLimits, EndAClientThatPingsAndReadsNoPongs) {
    auto config = test_config(Mode::standard);
    config.listen.clear();
    config.listeners = {test_listener(ListenerKind::ws)};
    config.settings.limits.output_bytes = 10'000;
    RunningBroker broker(config);
    auto under = connect_tcp(broker.port());
    Wire* raw = under.get();
    TestClient deaf(connect_websocket(std::move(under), {}));
    deaf.connect(named("deaf"));
    Bytes pings;
    for (int i = 0; i < 500; ++i) write_masked_frame(0x89, Bytes(125, 'p'), 7, pings);
    // What the kernel holds comes on top of the broker's bound.
    constexpr std::size_t kMost = 256UL << 20;
    std::size_t sent = 0;
    for (; sent < kMost && broker.counter("sockets_ws") == 1; sent += pings.size()) raw->send(pings);
    // Sends to a connection that is gone take no time, so all of it may be out before the count of sockets says so.
    EXPECT_TRUE(wait_until([&] { return broker.counter("sockets_ws") == 0; }));
}

TEST(TransportLimits, AreEachListenersOwn) {
    auto config = test_config(Mode::standard);
    config.listen.clear();
    config.listeners = {test_listener(ListenerKind::tcp), test_listener(ListenerKind::tcp),
                        test_listener(ListenerKind::tcp)};
    config.listeners[0].packet = 1'000;
    config.listeners[0].packet_before_connect = 200;
    config.listeners[1].connections = 2;
    config.listeners[2].connections_per_address = 1;
    RunningBroker broker(config);
    TestClient small(connect_tcp(broker.port(0)));
    EXPECT_EQ(small.connect(named("small", ProtocolVersion::v5)).number(PropertyId::maximum_packet_size), 1'000U);
    small.send_publish("a", std::string(2'000, 'x'), kQos0, 0);
    EXPECT_EQ(small.expect(PacketType::disconnect).reason, ReasonCode::packet_too_large);
    TestClient wordy(connect_tcp(broker.port(0)));
    EXPECT_THROW(wordy.connect(named(std::string(300, 'x'))), std::runtime_error);
    std::vector<TestClient> clients;
    for (const std::size_t at : {1UL, 1UL, 2UL}) {
        clients.emplace_back(connect_tcp(broker.port(at)));
        EXPECT_EQ(clients.back().connect(named("c" + std::to_string(clients.size()))).reason, ReasonCode::success);
    }
    for (const std::size_t at : {1UL, 2UL}) {
        const auto refused = connect_tcp(broker.port(at));
        EXPECT_EQ(rest_of(*refused), "");
    }
    EXPECT_EQ(broker.counter("limit_connections_total"), 1);
    EXPECT_EQ(broker.counter("limit_address_total"), 1);
    clients.clear();
    EXPECT_TRUE(wait_until([&] { return broker.counter("sockets_tcp") == 0; }));
    for (const std::size_t at : {1UL, 2UL}) {
        TestClient again(connect_tcp(broker.port(at)));
        EXPECT_EQ(again.connect(named("again")).reason, ReasonCode::success);
    }
}

class Mutual : public ::testing::Test {
protected:
    static Config config(ClientCertificates asked) {
        auto out = test_config(Mode::standard);
        out.listen.clear();
        out.listeners = {test_listener(ListenerKind::tls)};
        out.listeners[0].tls.client_certificates = asked;
        out.listeners[0].tls.client_ca = shared_certificates().ca.certificate();
        return out;
    }
    // True when the client gets its CONNACK. In TLS 1.3 a client hears of a refusal only then.
    static bool connects(const RunningBroker& broker, const CertificateFiles* own, int version) {
        TlsClientOptions options{.ca = shared_certificates().ca.certificate(), .highest_version = version};
        if (own != nullptr) {
            options.certificate = own->certificate;
            options.key = own->key;
        }
        try {
            TestClient c(connect_tls(broker.port(), options));
            return c.connect(named("c")).reason == ReasonCode::success;
        } catch (const std::runtime_error&) {
            return false;
        }
    }
};

TEST_F(Mutual, TakesCertificatesOfItsCaAlone) {
    TestCa stranger("Stranger");
    const auto good = shared_certificates().ca.issue("good");
    const auto foreign = stranger.issue("foreign");
    for (const auto asked : {ClientCertificates::required, ClientCertificates::optional}) {
        RunningBroker broker(config(asked));
        for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
            EXPECT_TRUE(connects(broker, &good, version));
            EXPECT_FALSE(connects(broker, &foreign, version));
            EXPECT_EQ(connects(broker, nullptr, version), asked == ClientCertificates::optional);
        }
        const std::uint64_t refused = asked == ClientCertificates::optional ? 2 : 4;
        EXPECT_TRUE(wait_until([&] { return broker.counter("tls_handshake_failures_total") == refused; }));
    }
}

TEST(Certificates, AreReadAgainWithoutDroppingAnyone) {
    esl::testing::TempDir folder;
    TestCa next("Next CA");
    auto config = test_config(Mode::standard);
    config.listen.clear();
    config.listeners = {test_listener(ListenerKind::tls)};
    auto& tls = config.listeners[0].tls;
    tls.certificate = folder / "c.pem";
    tls.key = folder / "c.key";
    const auto put = [&](const CertificateFiles& files) {
        using std::filesystem::copy_options;
        std::filesystem::copy_file(files.certificate, tls.certificate, copy_options::overwrite_existing);
        std::filesystem::copy_file(files.key, tls.key, copy_options::overwrite_existing);
    };
    put(shared_certificates().server);
    RunningBroker broker(config);
    const TlsClientOptions old_ca{.ca = shared_certificates().ca.certificate()};
    const TlsClientOptions new_ca{.ca = next.certificate()};
    TestClient there(connect_tls(broker.port(), old_ca));
    there.connect(named("there"));
    EXPECT_FALSE(shakes_hands(broker.port(), new_ca));
    std::ofstream(tls.key) << "-----BEGIN PRIVATE KEY-----\nbroken\n";
    broker.reload();
    EXPECT_TRUE(shakes_hands(broker.port(), old_ca));
    put(next.issue("localhost"));
    broker.reload();
    EXPECT_TRUE(shakes_hands(broker.port(), new_ca));
    EXPECT_FALSE(shakes_hands(broker.port(), old_ca));
    EXPECT_TRUE(there.nothing_waits());
}

}  // namespace
}  // namespace esl::broker::testing
