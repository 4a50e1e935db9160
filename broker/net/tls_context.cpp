#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "broker/net/tls.hpp"
#include "broker/net/tls_layer.hpp"
#include "common/tls/x509.hpp"

namespace esl::broker {
namespace {

std::string openssl_says() {
    const auto code = ERR_peek_error();  // the first: the others are the callers' of what failed
    const char* text = ERR_reason_error_string(code);
    std::string out = text != nullptr ? text : "error " + std::to_string(code);
    ERR_clear_error();
    return out;
}

[[noreturn]] void refuse(const char* key, const std::filesystem::path& file, const std::string& why) {
    throw std::runtime_error(std::string("key '") + key + "': " + file.string() + ": " + why);
}

void need_readable(const char* key, const std::filesystem::path& file) {
    if (file.empty()) throw std::runtime_error(std::string("key '") + key + "': TLS needs it");
    if (::access(file.c_str(), R_OK) != 0) refuse(key, file, std::generic_category().message(errno));
}

// Asked for a passphrase, OpenSSL would read from the terminal.
int no_passphrase(char*, int, int, void*) {
    return 0;
}

void load_own(SSL_CTX* context, const TlsSettings& s) {
    need_readable("certificate", s.certificate);
    need_readable("key", s.key);
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(context, s.certificate.c_str()) != 1)
        refuse("certificate", s.certificate, openssl_says());
    if (SSL_CTX_use_PrivateKey_file(context, s.key.c_str(), SSL_FILETYPE_PEM) != 1)
        refuse("key", s.key, openssl_says());
    if (SSL_CTX_check_private_key(context) != 1) refuse("key", s.key, "is not the key of " + s.certificate.string());
}

void ask_clients(SSL_CTX* context, const TlsSettings& s) {
    if (s.client_certificates == ClientCertificates::none) return;
    const int mode =
        SSL_VERIFY_PEER | (s.client_certificates == ClientCertificates::required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
    // A resumed session brings no chain and is not verified anew: every connect is to show its certificate.
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
    if (s.client_ca.empty()) {
        SSL_CTX_set_verify(context, mode, [](int, X509_STORE_CTX*) { return 1; });
        return;
    }
    SSL_CTX_set_verify(context, mode, nullptr);
    need_readable("client_ca", s.client_ca);
    if (SSL_CTX_load_verify_file(context, s.client_ca.c_str()) != 1) refuse("client_ca", s.client_ca, openssl_says());
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(s.client_ca.c_str()));
    if (s.client_crl.empty()) return;
    need_readable("client_crl", s.client_crl);
    X509_STORE* store = SSL_CTX_get_cert_store(context);
    X509_LOOKUP* lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    if (lookup == nullptr || X509_load_crl_file(lookup, s.client_crl.c_str(), X509_FILETYPE_PEM) < 1)
        refuse("client_crl", s.client_crl, openssl_says());
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
}

}  // namespace

TlsContext::TlsContext(TlsSettings settings) : settings_(std::move(settings)) {
    context_ = load(shown_);
}

TlsContext::~TlsContext() = default;

std::shared_ptr<SSL_CTX> TlsContext::load(ShownCertificate& shown) const {
    ERR_clear_error();
    std::shared_ptr<SSL_CTX> made(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    SSL_CTX* context = made.get();
    if (context == nullptr) throw std::runtime_error("OpenSSL: " + openssl_says());
    SSL_CTX_set_min_proto_version(context, settings_.only_tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // An idle connection keeps no record buffers: 34 KB less.
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    // Resumption by tickets, which need no memory here and no lock between shards.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 1);
    constexpr std::string_view kName = "shelfwire broker";
    SSL_CTX_set_session_id_context(context, as_bytes(kName).data(), kName.size());
    if (!settings_.ciphers.empty() && SSL_CTX_set_cipher_list(context, settings_.ciphers.c_str()) != 1)
        throw std::runtime_error("key 'ciphers': '" + settings_.ciphers + "': " + openssl_says());
    load_own(context, settings_);
    ask_clients(context, settings_);
    const X509& own = *SSL_CTX_get0_certificate(context);
    shown = {.subject = tls::subject(own), .not_after = tls::not_after(own), .asked = settings_.client_certificates};
    return made;
}

void TlsContext::take(TlsContext& fresh) {
    const std::scoped_lock guard(lock_, fresh.lock_);
    std::swap(settings_, fresh.settings_);
    context_.swap(fresh.context_);
    std::swap(shown_, fresh.shown_);
}

std::unique_ptr<Layer> TlsContext::open() const {
    std::shared_ptr<SSL_CTX> context;
    bool verifies = false;
    {
        const std::lock_guard guard(lock_);
        context = context_;
        verifies = !settings_.client_ca.empty();
    }
    return std::make_unique<TlsLayer>(context.get(), verifies);
}

ShownCertificate TlsContext::shown() const {
    const std::lock_guard guard(lock_);
    return shown_;
}

}  // namespace esl::broker
