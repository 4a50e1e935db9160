// TLS without a socket: a client of OpenSSL's own over memory, and files good and bad.
#include "broker/net/tls.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <fstream>

#include "broker/tests/test_certificates.hpp"

namespace esl::broker {
namespace {

using testing::CertificateFiles;
using testing::TestCa;

class MemoryClient {
public:
    explicit MemoryClient(const CertificateFiles* own = nullptr, int highest = 0)
        : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free), ssl_(nullptr, SSL_free) {
        if (highest != 0) SSL_CTX_set_max_proto_version(context_.get(), highest);
        if (own != nullptr) {
            SSL_CTX_use_certificate_file(context_.get(), own->certificate.c_str(), SSL_FILETYPE_PEM);
            SSL_CTX_use_PrivateKey_file(context_.get(), own->key.c_str(), SSL_FILETYPE_PEM);
        }
        ssl_.reset(SSL_new(context_.get()));
        SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_connect_state(ssl_.get());
    }
    // What it has to say now.
    Bytes said() {
        Bytes out(65'536);
        const int got = BIO_read(SSL_get_wbio(ssl_.get()), out.data(), static_cast<int>(out.size()));
        out.resize(static_cast<std::size_t>(std::max(got, 0)));
        return out;
    }
    void hear(BytesView bytes) { BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size())); }
    bool shake() {
        ERR_clear_error();
        return SSL_do_handshake(ssl_.get()) == 1;
    }
    void write(std::string_view text) { SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())); }
    std::string read() {
        std::array<char, 70'000> out{};
        std::string all;
        for (int got = 0; (got = SSL_read(ssl_.get(), out.data(), static_cast<int>(out.size()))) > 0;)
            all.append(out.data(), static_cast<std::size_t>(got));
        return all;
    }
    [[nodiscard]] bool told_goodbye() const { return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0; }

private:
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

class Tls : public ::testing::Test {
protected:
    [[nodiscard]] TlsSettings settings(ClientCertificates asked = ClientCertificates::none) const {
        TlsSettings out{.certificate = server_.certificate, .key = server_.key};
        out.client_certificates = asked;
        if (asked != ClientCertificates::none) out.client_ca = ca_.certificate();
        return out;
    }
    // To the end, with the client's bytes handed over in parts of this size.
    static Result<> shake_hands(MemoryClient& client, Layer& layer, std::size_t part = 100'000) {
        Bytes plain;
        for (int round = 0; round < 6; ++round) {
            client.shake();
            const Bytes said = client.said();
            for (std::size_t at = 0; at < said.size(); at += part) {
                Bytes answer;
                const auto here = std::min(part, said.size() - at);
                const auto good = layer.receive(BytesView(said).subspan(at, here), plain, answer);
                client.hear(answer);
                if (!good) return good;
            }
            if (!layer.costly()) return {};
        }
        return fail(LayerError::handshake, "does not end");
    }

    TestCa ca_{"Test CA"};
    CertificateFiles server_ = ca_.issue("localhost");
};

TEST_F(Tls, ShakesHandsAndTalksHoweverTheBytesAreCut) {
    const TlsContext context(settings());
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        for (const std::size_t part : {std::size_t{1}, std::size_t{7}, std::size_t{100'000}}) {
            MemoryClient client(nullptr, version);
            const auto layer = context.open();
            EXPECT_TRUE(layer->costly());
            const auto good = shake_hands(client, *layer, part);
            ASSERT_TRUE(good) << good.error().message();
            EXPECT_EQ(layer->certificate(), nullptr);
            client.shake();
            const std::string large(40'000, 'x');
            client.write(large);
            const Bytes said = client.said();
            Bytes plain;
            Bytes answer;
            for (std::size_t at = 0; at < said.size(); at += part)
                ASSERT_TRUE(
                    layer->receive(BytesView(said).subspan(at, std::min(part, said.size() - at)), plain, answer));
            EXPECT_EQ(as_text(plain), large);
            Bytes wire;
            layer->send(as_bytes(large), wire);
            client.hear(wire);
            EXPECT_EQ(client.read(), large);
            wire.clear();
            layer->finish(CloseCause::kicked, wire);
            layer->finish(CloseCause::kicked, wire);
            layer->send(as_bytes(large), wire);
            client.hear(wire);
            EXPECT_EQ(client.read(), "");
            EXPECT_TRUE(client.told_goodbye());
        }
    }
}

TEST_F(Tls, TellsOfTheClientsCertificate) {
    const TlsContext context(settings(ClientCertificates::required));
    const auto device = ca_.issue("GID_ap@@@7");
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        MemoryClient client(&device, version);
        const auto layer = context.open();
        ASSERT_TRUE(shake_hands(client, *layer));
        const auto* certificate = layer->certificate();
        ASSERT_NE(certificate, nullptr);
        EXPECT_EQ(certificate->common_name, "GID_ap@@@7");
        EXPECT_EQ(certificate->serial, device.serial);
        EXPECT_EQ(certificate->issuer, "CN=Test CA");
        EXPECT_EQ(certificate->issuer_serial, ca_.serial());
        EXPECT_TRUE(certificate->verified);
        const unsigned char* der = certificate->der.data();
        X509* parsed = d2i_X509(nullptr, &der, static_cast<long>(certificate->der.size()));
        EXPECT_NE(parsed, nullptr);
        X509_free(parsed);
    }
}

TEST_F(Tls, RefusesCertificatesByWhatIsWrongWithThem) {
    TestCa stranger("Stranger");
    const auto good = ca_.issue("good");
    const auto gone = ca_.issue("gone");
    const auto old = ca_.issue("old", std::chrono::hours(-1));
    const auto foreign = stranger.issue("foreign");
    auto asked = settings(ClientCertificates::required);
    asked.client_crl = ca_.revoke({gone});
    const TlsContext context(asked);
    const auto said = [&](const CertificateFiles* own) {
        MemoryClient client(own, TLS1_2_VERSION);
        const auto layer = context.open();
        const auto result = shake_hands(client, *layer);
        return result ? std::string("good") : result.error().message();
    };
    EXPECT_EQ(said(&good), "good");
    EXPECT_EQ(said(nullptr), "TLS handshake: peer did not return a certificate");
    EXPECT_EQ(said(&gone), "TLS handshake: certificate verify failed: certificate revoked");
    EXPECT_EQ(said(&old), "TLS handshake: certificate verify failed: certificate has expired");
    EXPECT_EQ(said(&foreign), "TLS handshake: certificate verify failed: unable to get local issuer certificate");
}

TEST_F(Tls, AsksWithoutACaForAnyCertificateAndDoesNotCallItVerified) {
    auto asked = settings(ClientCertificates::required);
    asked.client_ca.clear();
    const TlsContext context(asked);
    TestCa stranger("Stranger");
    const auto foreign = stranger.issue("device");
    MemoryClient client(&foreign);
    const auto layer = context.open();
    ASSERT_TRUE(shake_hands(client, *layer));
    ASSERT_NE(layer->certificate(), nullptr);
    EXPECT_FALSE(layer->certificate()->verified);
    EXPECT_EQ(layer->certificate()->issuer_serial, "");
    EXPECT_EQ(layer->certificate()->serial, foreign.serial);
    MemoryClient none;
    const auto other = context.open();
    EXPECT_FALSE(shake_hands(none, *other));
}

TEST_F(Tls, OptionalTakesAClientWithoutACertificate) {
    const TlsContext context(settings(ClientCertificates::optional));
    MemoryClient client;
    const auto layer = context.open();
    ASSERT_TRUE(shake_hands(client, *layer));
    EXPECT_EQ(layer->certificate(), nullptr);
}

TEST_F(Tls, RefusesOldVersionsAndWhatIsNoTls) {
    auto strict = settings();
    strict.only_tls13 = true;
    const TlsContext only13(strict);
    MemoryClient old(nullptr, TLS1_2_VERSION);
    const auto result = shake_hands(old, *only13.open());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message(), "TLS handshake: unsupported protocol");
    const TlsContext context(settings());
    for (const std::string_view text :
         {"GET / HTTP/1.1\r\n\r\n", "\x10\x0C", "garbage of some length, for OpenSSL to look at"}) {
        const auto layer = context.open();
        Bytes plain;
        Bytes answer;
        // Two bytes of CONNECT are too few to be judged.
        const auto heard = layer->receive(as_bytes(text), plain, answer);
        EXPECT_EQ(heard.has_value(), text.size() < 5) << text;
        EXPECT_TRUE(plain.empty());
        if (heard) continue;
        EXPECT_TRUE(heard.error().is(LayerError::handshake));
        EXPECT_FALSE(layer->costly());
        Bytes wire;
        layer->send(as_bytes("x"), wire);
        layer->finish(CloseCause::invalid_param, wire);
        EXPECT_TRUE(wire.empty());
    }
}

TEST_F(Tls, EndsOnARecordThatWasTamperedWith) {
    const TlsContext context(settings());
    MemoryClient client;
    const auto layer = context.open();
    ASSERT_TRUE(shake_hands(client, *layer));
    client.shake();
    client.write("hello");
    Bytes said = client.said();
    said.back() ^= 1;
    Bytes plain;
    Bytes answer;
    const auto result = layer->receive(said, plain, answer);
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().is(LayerError::violation));
    EXPECT_TRUE(plain.empty());
    EXPECT_FALSE(answer.empty());  // the alert
}

std::string refusal(const TlsSettings& settings) {
    try {
        const TlsContext context(settings);
        return "good";
    } catch (const std::runtime_error& error) {
        return error.what();
    }
}

TEST_F(Tls, NamesTheKeyAndTheFileThatIsBad) {
    esl::testing::TempDir folder;
    const auto junk = folder / "junk.pem";
    std::ofstream(junk) << "no certificate\n";
    const auto other = ca_.issue("other");
    auto s = settings();
    s.certificate = folder / "none.pem";
    EXPECT_EQ(refusal(s), "key 'certificate': " + s.certificate.string() + ": No such file or directory");
    s.certificate = junk;
    EXPECT_EQ(refusal(s), "key 'certificate': " + junk.string() + ": no start line");
    s = settings();
    s.key.clear();
    EXPECT_EQ(refusal(s), "key 'key': TLS needs it");
    s.key = other.key;
    EXPECT_NE(refusal(s).find("key 'key': " + other.key.string() + ": "), std::string::npos) << refusal(s);
    s = settings(ClientCertificates::optional);
    s.client_ca = junk;
    EXPECT_NE(refusal(s).find("key 'client_ca': " + junk.string() + ": "), std::string::npos) << refusal(s);
    s = settings(ClientCertificates::optional);
    s.client_crl = junk;
    EXPECT_NE(refusal(s).find("key 'client_crl': " + junk.string() + ": "), std::string::npos) << refusal(s);
    s = settings();
    s.ciphers = "NONSENSE";
    EXPECT_EQ(refusal(s), "key 'ciphers': 'NONSENSE': no cipher match");
}

TEST_F(Tls, KeepsTheOldCertificateWhenTheNewOneIsBad) {
    esl::testing::TempDir folder;
    const TlsSettings s{.certificate = folder / "c.pem", .key = folder / "c.key"};
    const auto put = [&](const CertificateFiles& files) {
        using std::filesystem::copy_options;
        std::filesystem::copy_file(files.certificate, s.certificate, copy_options::overwrite_existing);
        std::filesystem::copy_file(files.key, s.key, copy_options::overwrite_existing);
    };
    put(ca_.issue("first", std::chrono::hours(10)));
    TlsContext context(s);
    const auto first = context.shown().not_after;
    std::ofstream(s.certificate) << "half a certi";
    EXPECT_THROW(TlsContext{s}, std::runtime_error);
    EXPECT_EQ(context.shown().not_after, first);
    MemoryClient client;
    EXPECT_TRUE(shake_hands(client, *context.open()));
    put(ca_.issue("second", std::chrono::hours(20)));
    TlsContext next(s);
    context.take(next);
    EXPECT_EQ(std::chrono::round<std::chrono::hours>(context.shown().not_after - first), std::chrono::hours(10));
}

}  // namespace
}  // namespace esl::broker
