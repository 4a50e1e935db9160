// X.509: CAs registered with proof of their key, devices registered by their first connection, over TLS too.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "broker/tests/administered_broker.hpp"
#include "broker/tests/credential_rig.hpp"
#include "broker/tests/test_certificates.hpp"
#include "broker/tests/test_client.hpp"
#include "common/http/client.hpp"

namespace esl::broker::testing {
namespace {

using mqtt::ReasonCode;
using nlohmann::json;

std::string pem(const std::filesystem::path& file) {
    return esl::testing::read_file(file);
}

// Base64 between the lines of a PEM file.
Bytes der(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::string line;
    std::string text;
    while (std::getline(in, line)) {
        if (!line.starts_with("---")) text += line;
    }
    std::ranges::replace(text, '+', '-');
    std::ranges::replace(text, '/', '_');
    while (text.ends_with('=')) text.pop_back();
    return from_base64url(text).value();
}

class X509 : public ::testing::Test, public CredentialRig {
protected:
    X509() { clock.set_wall(to_millis(SystemClock().wall())); }
    Result<CaCertificate> register_ca(TestCa& ca) {
        const auto code = book->registration_code();
        EXPECT_TRUE(code);
        return book->register_ca("ours", pem(ca.certificate()), pem(ca.issue(*code).certificate));
    }
    Login by(const CertificateFiles& device, std::optional<std::string> user = {},
             std::optional<std::string> password = {}) {
        PeerCertificate shown;
        shown.der = der(device.certificate);
        return login("GID_a@@@1", std::move(user), std::move(password), &shown);
    }
    TestCa ca_{"Devices"};
};

TEST_F(X509, ACaIsRegisteredByWhoeverHasItsKey) {
    const auto code = book->registration_code().value();
    EXPECT_EQ(book->registration_code().value(), code);  // until it is used
    TestCa other("Other");
    const auto ours = pem(ca_.certificate());
    const auto try_it = [&](const std::string& certificate, const std::string& verification) {
        const auto made = book->register_ca("ours", certificate, verification);
        EXPECT_FALSE(made);
        return made ? CertificateError{} : made.error().as<CertificateError>().value();
    };
    EXPECT_EQ(try_it("nonsense", pem(ca_.issue(code).certificate)), CertificateError::not_a_certificate);
    EXPECT_EQ(try_it(ours, "nonsense"), CertificateError::not_a_certificate);
    EXPECT_EQ(try_it(ours, pem(ca_.issue("another code").certificate)), CertificateError::wrong_code);
    EXPECT_EQ(try_it(ours, pem(other.issue(code).certificate)), CertificateError::wrong_issuer);
    EXPECT_EQ(try_it(pem(ca_.issue("leaf").certificate), pem(ca_.issue(code).certificate)), CertificateError::not_a_ca);
    const auto made = book->register_ca("ours", ours, pem(ca_.issue(code).certificate));
    ASSERT_TRUE(made);
    EXPECT_EQ(made->sn, ca_.serial());
    EXPECT_NE(book->registration_code().value(), code);
    const auto again = register_ca(ca_);
    ASSERT_FALSE(again);
    EXPECT_TRUE(again.error().is(CredentialError::exists));
    open();
    EXPECT_EQ(book->ca(made->sn)->name, "ours");
    EXPECT_EQ(book->cas({}).total, 1U);
}

TEST_F(X509, ADeviceIsRegisteredByItsFirstConnection) {
    ASSERT_TRUE(register_ca(ca_));
    std::vector<std::string> told_of;
    book->on_certificate([&](const DeviceCertificate& c) { told_of.push_back(c.name); });
    const auto device = ca_.issue("ap-1");
    const auto first = by(device);
    ASSERT_TRUE(first.good);
    ASSERT_TRUE(first.grant);
    EXPECT_EQ(first.grant->list(), nullptr);  // may do everything
    EXPECT_TRUE(by(device).good);
    EXPECT_EQ(told_of, std::vector<std::string>{"ap-1"});
    const auto kept = book->device_certificate(ca_.serial(), device.serial);
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->name, "ap-1");
    EXPECT_TRUE(kept->active);
    // With a user name both are asked, on the first connect and later.
    const auto other = ca_.issue("ap-2");
    EXPECT_FALSE(by(other, "plain", "wrong").good);
    EXPECT_TRUE(by(other, "plain", "pw").good);
    EXPECT_FALSE(by(device, "plain", "wrong").good);
    EXPECT_EQ(book->device_certificates(ca_.serial(), {}).total, 2U);
    open();
    EXPECT_TRUE(by(device).good);
    EXPECT_EQ(book->device_certificates({}, {}).total, 2U);
}

TEST_F(X509, InactiveRemovedAndExpiredOnesStayOutside) {
    ASSERT_TRUE(register_ca(ca_));
    const auto device = ca_.issue("ap-1");
    auto grant = by(device).grant;
    ASSERT_TRUE(grant);
    ASSERT_TRUE(book->set_device_certificate_active(ca_.serial(), device.serial, false));
    EXPECT_TRUE(grant->ended());
    EXPECT_EQ(by(device).reason, ReasonCode::not_authorized);
    EXPECT_FALSE(by(device, "plain", "pw").good);  // a good password does not help
    ASSERT_TRUE(book->set_device_certificate_active(ca_.serial(), device.serial, true));
    grant = by(device).grant;
    ASSERT_TRUE(grant);
    EXPECT_FALSE(grant->ended());
    ASSERT_TRUE(book->set_ca_active(ca_.serial(), false));
    EXPECT_TRUE(grant->ended());
    EXPECT_FALSE(by(device).good);
    ASSERT_TRUE(book->set_ca_active(ca_.serial(), true));
    grant = by(device).grant;
    ASSERT_TRUE(grant);
    EXPECT_FALSE(grant->ended());
    EXPECT_FALSE(by(ca_.issue("old", std::chrono::hours(-1))).good);
    const auto brief = ca_.issue("brief", std::chrono::hours(2));
    EXPECT_TRUE(by(brief).good);
    clock.advance(std::chrono::hours(3));
    EXPECT_FALSE(by(brief).good);
    ASSERT_TRUE(book->remove_ca(ca_.serial()));
    EXPECT_TRUE(grant->ended());
    EXPECT_EQ(book->device_certificates({}, {}).total, 0U);
    EXPECT_FALSE(by(device).good);  // a stranger's now, and it has no user name
    EXPECT_TRUE(by(device, "plain", "pw").good);
}

TEST_F(X509, ANameWithoutTheKeyIsNoCa) {
    ASSERT_TRUE(register_ca(ca_));
    TestCa impostor("Devices");  // the same name, another key
    EXPECT_EQ(by(impostor.issue("ap-1")).reason, ReasonCode::not_authorized);
    EXPECT_FALSE(by(impostor.issue("ap-1"), "plain", "pw").good);
    TestCa stranger("Somebody else");
    EXPECT_FALSE(by(stranger.issue("x")).good);
    EXPECT_TRUE(by(stranger.issue("x"), "plain", "pw").good);
    PeerCertificate nonsense;
    nonsense.der = {1, 2, 3};
    EXPECT_FALSE(login("GID_a@@@1", {}, {}, &nonsense).good);
}

Config asking_for_certificates() {
    auto config = test_config();
    config.allow_anonymous = false;
    config.listen.clear();
    auto listener = test_listener(ListenerKind::tls);
    listener.tls.client_certificates = ClientCertificates::optional;
    config.listeners = {listener};
    return config;
}

class X509OverTls : public AdministeredBroker {
protected:
    X509OverTls() : AdministeredBroker(asking_for_certificates()) {}
};

TEST_F(X509OverTls, ConnectsByCertificateAndIsClosedWhenItIsMadeInactive) {
    TestCa ca("Devices");
    const auto code = json::parse(http_->get("/api/v1/ca-registration-code")->body)["registration_code"];
    const json body{{"name", "ours"},
                    {"certificate", pem(ca.certificate())},
                    {"verification", pem(ca.issue(code.get<std::string>()).certificate)}};
    const auto made = http_->post_json("/api/v1/cas", body.dump());
    ASSERT_EQ(made->status, 201) << made->body;
    const auto device = ca.issue("ap-1");
    const auto connect = [&](const TlsClientOptions& options) {
        TestClient c(connect_tls(broker_->port(), options));
        const auto reason = c.connect({.client_id = "GID_test@@@1"}).reason;
        return std::pair{std::move(c), reason};
    };
    const TlsClientOptions with_certificate{.certificate = device.certificate, .key = device.key};
    EXPECT_EQ(connect({}).second, ReasonCode::bad_user_name_or_password);
    auto [client, reason] = connect(with_certificate);
    ASSERT_EQ(reason, ReasonCode::success);
    EXPECT_EQ(client.publish("esl_report/a", "m", mqtt::QoS::at_least_once), ReasonCode::success);
    const auto path = "/api/v1/device-certificates/" + ca.serial() + "/" + device.serial;
    EXPECT_EQ(json::parse(http_->get(path)->body)["name"], "ap-1");
    EXPECT_EQ(http_->send("POST", path + "/inactivate")->status, 204);
    EXPECT_TRUE(client.closed_by_broker());
    EXPECT_EQ(connect(with_certificate).second, ReasonCode::not_authorized);
    EXPECT_EQ(http_->send("POST", path + "/activate")->status, 204);
    EXPECT_EQ(connect(with_certificate).second, ReasonCode::success);
    EXPECT_EQ(http_->send("DELETE", "/api/v1/cas/" + ca.serial())->status, 204);
    EXPECT_EQ(connect(with_certificate).second, ReasonCode::bad_user_name_or_password);
    const auto records = audited("certificate:" + ca.serial() + "|" + device.serial);
    ASSERT_EQ(records.size(), 3U);
    EXPECT_EQ(records.back().entry.action, "device_certificate.registered");
    EXPECT_EQ(records.back().entry.actor, "system");
}

}  // namespace
}  // namespace esl::broker::testing
