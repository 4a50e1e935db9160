#include "broker/net/tls_layer.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "common/tls/x509.hpp"

namespace esl::broker {

// A BIO over the two members of a layer: no buffer of its own, no copy but OpenSSL's.
struct TlsLayer::Source {
    static int read(BIO* bio, char* to, int size) {
        auto& layer = *static_cast<TlsLayer*>(BIO_get_data(bio));
        BIO_clear_retry_flags(bio);
        const auto count = std::min(layer.in_.size(), static_cast<std::size_t>(std::max(size, 0)));
        if (count == 0) {
            BIO_set_retry_read(bio);
            return -1;
        }
        std::memcpy(to, layer.in_.data(), count);
        layer.in_ = layer.in_.subspan(count);
        return static_cast<int>(count);
    }
    static int write(BIO* bio, const char* from, int size) {
        auto& layer = *static_cast<TlsLayer*>(BIO_get_data(bio));
        BIO_clear_retry_flags(bio);
        if (layer.out_ == nullptr || size < 0) return -1;
        const auto bytes = as_bytes({from, static_cast<std::size_t>(size)});
        layer.out_->insert(layer.out_->end(), bytes.begin(), bytes.end());
        return size;
    }
    static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

    static const BIO_METHOD* method() {
        static BIO_METHOD* const made = [] {
            BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
            if (m == nullptr) throw std::bad_alloc();
            BIO_meth_set_read(m, &read);
            BIO_meth_set_write(m, &write);
            BIO_meth_set_ctrl(m, &control);
            return m;
        }();
        return made;
    }
};

TlsLayer::TlsLayer(SSL_CTX* context, bool verifies) : ssl_(SSL_new(context)), verifies_(verifies) {
    BIO* bio = ssl_ != nullptr ? BIO_new(Source::method()) : nullptr;
    if (bio == nullptr) {
        SSL_free(ssl_);
        throw std::bad_alloc();
    }
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_, bio, bio);
    SSL_set_accept_state(ssl_);
}

TlsLayer::~TlsLayer() {
    SSL_free(ssl_);
}

bool TlsLayer::resumed() const {
    return established_ && SSL_session_reused(ssl_) == 1;
}

Result<> TlsLayer::receive(BytesView wire, Bytes& plain, Bytes& answer) {
    if (over_) return fail(LayerError::closed);
    in_ = wire;
    out_ = &answer;
    ERR_clear_error();
    if (!established_) {
        if (const auto shaken = shake_hands(); !shaken || !established_) return shaken;
    }
    std::array<char, 16'384> record;  // the most a record carries
    for (;;) {
        const int got = SSL_read(ssl_, record.data(), static_cast<int>(record.size()));
        if (got <= 0) return trouble(got);
        const auto bytes = as_bytes({record.data(), static_cast<std::size_t>(got)});
        plain.insert(plain.end(), bytes.begin(), bytes.end());
    }
}

Result<> TlsLayer::shake_hands() {
    const int done = SSL_do_handshake(ssl_);
    if (done != 1) return trouble(done);
    established_ = true;
    certificate_ = peer_certificate_of(ssl_, verifies_);
    return {};
}

Result<> TlsLayer::trouble(int result) {
    const int kind = SSL_get_error(ssl_, result);
    if (kind == SSL_ERROR_WANT_READ) return {};
    over_ = kind != SSL_ERROR_ZERO_RETURN;  // after its close_notify the client may still be told ours
    if (kind == SSL_ERROR_ZERO_RETURN) return fail(LayerError::closed, "close_notify");
    const auto code = ERR_peek_error();
    std::string why = "the connection ends";
    if (const char* text = ERR_reason_error_string(code); text != nullptr) why = text;
    // "certificate verify failed" alone says nothing.
    if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        why += std::string(": ") + X509_verify_cert_error_string(SSL_get_verify_result(ssl_));
    ERR_clear_error();
    if (!established_) return fail(LayerError::handshake, why);
    return fail(LayerError::violation, "TLS: " + why);
}

void TlsLayer::send(BytesView plain, Bytes& wire) {
    if (over_ || !established_ || plain.empty()) return;
    out_ = &wire;
    ERR_clear_error();
    std::size_t written = 0;
    if (SSL_write_ex(ssl_, plain.data(), plain.size(), &written) != 1) over_ = true;  // out of memory: reading says so
    ERR_clear_error();
}

void TlsLayer::finish(CloseCause, Bytes& wire) {
    if (over_) return;
    over_ = true;
    if (!established_) return;
    out_ = &wire;
    ERR_clear_error();
    SSL_shutdown(ssl_);
    ERR_clear_error();
}

namespace {

Bytes der_of(X509* certificate) {
    const int size = i2d_X509(certificate, nullptr);
    if (size <= 0) return {};
    Bytes out(static_cast<std::size_t>(size));
    unsigned char* at = out.data();
    i2d_X509(certificate, &at);
    return out;
}

std::string issuer_of(const X509* certificate) {
    BIO* text = BIO_new(BIO_s_mem());
    if (text == nullptr) return {};
    X509_NAME_print_ex(text, X509_get_issuer_name(certificate), 0, XN_FLAG_RFC2253);
    char* data = nullptr;
    const long size = BIO_get_mem_data(text, &data);
    std::string out(data, static_cast<std::size_t>(size));
    BIO_free(text);
    return out;
}

}  // namespace

std::unique_ptr<PeerCertificate> peer_certificate_of(const SSL* ssl, bool verified) {
    constexpr int kChainMost = 10;
    X509* own = SSL_get0_peer_certificate(ssl);
    if (own == nullptr) return nullptr;
    auto out = std::make_unique<PeerCertificate>();
    out->common_name = tls::common_name(*own);
    out->serial = tls::serial_number(*own);
    out->issuer = issuer_of(own);
    out->der = der_of(own);
    // On the server's side this is what came besides the client's own.
    const auto* sent = SSL_get_peer_cert_chain(ssl);
    for (int i = 0; i < std::min(sk_X509_num(sent), kChainMost); ++i)
        out->chain.push_back(der_of(sk_X509_value(sent, i)));
    out->verified = verified && SSL_get_verify_result(ssl) == X509_V_OK;
    if (!out->verified) return out;
    const auto* chain = SSL_get0_verified_chain(ssl);
    if (sk_X509_num(chain) > 1) out->issuer_serial = tls::serial_number(*sk_X509_value(chain, 1));
    return out;
}

}  // namespace esl::broker
