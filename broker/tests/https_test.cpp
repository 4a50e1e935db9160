// Webhooks by https: whom the client believes, and what a rule says when it does not.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "broker/app/listen.hpp"
#include "broker/tests/administered_broker.hpp"
#include "broker/tests/https_server.hpp"
#include "broker/tests/test_client.hpp"
#include "common/http/client.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

using esl::testing::wait_until;
using mqtt::QoS;
using nlohmann::json;
using std::chrono::hours;

// Puts back what the environment said.
class SystemStore {
public:
    explicit SystemStore(const std::filesystem::path& file) {
        if (const char* before = std::getenv("SSL_CERT_FILE")) before_ = before;
        ::setenv("SSL_CERT_FILE", file.c_str(), 1);
    }
    ~SystemStore() {
        if (before_) {
            ::setenv("SSL_CERT_FILE", before_->c_str(), 1);
        } else {
            ::unsetenv("SSL_CERT_FILE");
        }
    }
    SystemStore(const SystemStore&) = delete;
    SystemStore& operator=(const SystemStore&) = delete;

private:
    std::optional<std::string> before_;
};

class HttpsHook {
protected:
    [[nodiscard]] std::string base(const std::string& host) const {
        return "https://" + host + ":" + std::to_string(server_.port());
    }

    TestCa ca_{"Shop CA"};
    HttpsServer server_{ca_.issue("hook")};
};

class Https : public ::testing::Test, protected HttpsHook {
protected:
    // What the client says of this host; empty when it was answered.
    std::string trouble(const std::string& host, const std::filesystem::path& ca) {
        http::Client client(base(host), {.timeout = std::chrono::seconds(10), .ca_file = ca});
        const auto answer = client.send("POST", "/hook", "text");
        if (answer) {
            EXPECT_EQ(answer->status, 204);
            return {};
        }
        EXPECT_TRUE(answer.error().is(http::HttpError::unreachable)) << answer.error().message();
        return answer.error().message();
    }
    [[nodiscard]] std::string at(const std::string& host) const {
        return host + ":" + std::to_string(server_.port()) + ": TLS: ";
    }
};

TEST_F(Https, ReachesAServerWhoseCertificateLeadsToTheCaFileByNameAndByAddress) {
    EXPECT_EQ(trouble("localhost", ca_.certificate()), "");
    EXPECT_EQ(trouble("127.0.0.1", ca_.certificate()), "");
    EXPECT_EQ(server_.asked_names(), std::vector<std::string>{"localhost"});  // no SNI for an address
    EXPECT_EQ(server_.bodies(), (std::vector<std::string>{"text", "text"}));
}

TEST_F(Https, RefusesACaThatItDoesNotKnow) {
    TestCa stranger{"Stranger"};
    EXPECT_NE(trouble("localhost", stranger.certificate()).find(at("localhost") + "certificate verify failed: "),
              std::string::npos);
    EXPECT_EQ(server_.bodies().size(), 0U);
}

TEST_F(Https, RefusesAnExpiredCertificate) {
    server_.show(ca_.issue("hook", hours(-24)));
    EXPECT_NE(trouble("localhost", ca_.certificate())
                  .find(at("localhost") + "certificate verify failed: certificate has expired"),
              std::string::npos);
}

TEST_F(Https, RefusesACertificateForAnotherHost) {
    server_.show(ca_.issue("localhost", hours(24), "DNS:other.example"));  // the common name counts for nothing
    EXPECT_NE(
        trouble("localhost", ca_.certificate()).find(at("localhost") + "certificate verify failed: hostname mismatch"),
        std::string::npos);
    EXPECT_NE(trouble("127.0.0.1", ca_.certificate()).find("IP address mismatch"), std::string::npos);
    server_.show(ca_.issue("hook", hours(24), "DNS:localhost"));
    EXPECT_EQ(trouble("localhost", ca_.certificate()), "");
    EXPECT_NE(trouble("127.0.0.1", ca_.certificate()).find("IP address mismatch"), std::string::npos);
}

TEST_F(Https, BelievesTheSystemsCasWithoutACaFile) {
    {
        const SystemStore store(ca_.certificate());
        EXPECT_EQ(trouble("localhost", {}), "");
    }
    TestCa stranger{"Stranger"};
    const SystemStore store(stranger.certificate());
    EXPECT_NE(trouble("localhost", {}).find("certificate verify failed: "), std::string::npos);
}

TEST_F(Https, SaysWhichCaFileCannotBeReadAndTakesItWhenItIsThere) {
    const esl::testing::TempDir folder;
    const auto file = folder / "ca.pem";
    http::Client client(base("localhost"), {.ca_file = file});
    EXPECT_NE(client.get("/").error().message().find(file.string() + ": No such file or directory"), std::string::npos);
    std::ofstream(file) << "no certificate";
    EXPECT_NE(client.get("/").error().message().find(file.string() + ": no CA certificates in PEM"), std::string::npos);
    std::filesystem::copy_file(ca_.certificate(), file, std::filesystem::copy_options::overwrite_existing);
    EXPECT_EQ(client.send("POST", "/", "x")->status, 204);
}

TEST_F(Https, SaysSoWhenTheServerSpeaksNoTlsOrNothingAtAll) {
    http::Client plain("http://localhost:" + std::to_string(server_.port()));
    EXPECT_FALSE(plain.get("/"));  // the other way round
    const auto silent = bind_listeners("127.0.0.1:0", 1);
    http::Client client("https://" + silent.address,
                        {.timeout = std::chrono::milliseconds(300), .ca_file = ca_.certificate()});
    EXPECT_TRUE(client.get("/").error().is(http::HttpError::timed_out));
    ::close(silent.sockets.front());
}

TEST_F(Https, KeepsOneConnectionAndMakesAnotherWhenThatHasGone) {
    http::Client client(base("localhost"), {.ca_file = ca_.certificate()});
    const std::string large(1'000'000, 'x');
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client.send("POST", "/", large)->status, 204);
    EXPECT_EQ(server_.handshakes(), 1);
    server_.drop_connection();
    EXPECT_EQ(client.send("POST", "/", "small")->status, 204);
    EXPECT_EQ(server_.handshakes(), 2);
    EXPECT_EQ(server_.bodies(), (std::vector<std::string>{large, large, large, "small"}));
}

class HttpsRule : public AdministeredBroker, protected HttpsHook {
protected:
    json rule(const std::filesystem::path& ca) {
        return {{"id", "to-erp"},
                {"kind", "outbound"},
                {"resource", "esl_report/#"},
                {"via", "http"},
                {"url", base("localhost") + "/hook"},
                {"ca_file", ca.string()},
                {"retry_first", "20ms"},
                {"retry_limit", "50ms"}};
    }
};

TEST_F(HttpsRule, WaitsForACertificateThatIsGoodAndThenDeliversWhatHasWaited) {
    server_.show(ca_.issue("hook", hours(-24)));
    ASSERT_EQ(http_->post_json("/api/v1/rules", rule(ca_.certificate()).dump())->status, 201);
    TestClient device(broker_->port());
    ASSERT_EQ(device.connect({.client_id = "GID_test@@@ap1"}).reason, mqtt::ReasonCode::success);
    device.publish("esl_report/shop", "shown", QoS::at_least_once);
    const auto figure = [&](const char* name) {
        return json::parse(http_->get("/api/v1/rules/to-erp")->body)["figures"][name].get<int>();
    };
    ASSERT_TRUE(wait_until([&] { return figure("failed") >= 2; }));
    EXPECT_EQ(server_.bodies().size(), 0U);
    server_.show(ca_.issue("hook"));
    ASSERT_TRUE(wait_until([&] { return server_.bodies().size() == 1; }));
    EXPECT_EQ(json::parse(server_.bodies().front())["payload"], "shown");
}

TEST_F(HttpsRule, RefusesARuleWhoseCaFileIsMissingMisplacedOrMeaningless) {
    const auto refused = [&](const json& spec) {
        const auto answer = http_->post_json("/api/v1/rules", spec.dump());
        EXPECT_EQ(answer->status, 400) << answer->body;
        return json::parse(answer->body).value("detail", std::string{});
    };
    EXPECT_NE(refused(rule("/nowhere/ca.pem")).find("ca_file: /nowhere/ca.pem: No such file or directory"),
              std::string::npos);
    EXPECT_NE(refused(rule("ca.pem")).find("ca_file: must be absolute"), std::string::npos);
    auto plain = rule(ca_.certificate());
    plain["url"] = "http://localhost:9/hook";
    EXPECT_NE(refused(plain).find("ca_file: has a meaning for https:// alone"), std::string::npos);
}

}  // namespace
}  // namespace esl::broker::testing
