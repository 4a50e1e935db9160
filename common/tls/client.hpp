// TLS for who calls others: a certificate that leads to a trusted CA and is for the host that was asked for, or
// nothing.
#pragma once

#include <openssl/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace esl::tls {

// Whom to trust. Immutable; thread-safe.
class ClientContext {
public:
    // `ca_file`: PEM, its CAs alone count; empty: the system's (OpenSSL's default, SSL_CERT_FILE and SSL_CERT_DIR
    // included). Throws std::runtime_error "/etc/x.pem: No such file or directory".
    explicit ClientContext(const std::filesystem::path& ca_file);
    [[nodiscard]] SSL_CTX* get() const { return context_.get(); }

private:
    std::shared_ptr<SSL_CTX> context_;
};

// What came of one try on a non-blocking socket.
enum class Step {
    done,        // some bytes
    wait_read,   // try again when the socket is readable
    wait_write,  // ... writable
    end,         // the peer has closed, in good order
    broken,      // why() says what happened; of no further use
};

// One connection over a connected, non-blocking socket, which outlives it and is not closed by it. For one thread.
class ClientStream {
public:
    // `host`, a name or an IP address, is what the certificate must be for; a name also goes out as SNI.
    ClientStream(const ClientContext& context, int socket, const std::string& host);
    ~ClientStream();
    ClientStream(const ClientStream&) = delete;
    ClientStream& operator=(const ClientStream&) = delete;

    [[nodiscard]] Step shake_hands();
    // `got` and `put`: how many bytes, with Step::done at least one.
    [[nodiscard]] Step read(char* to, std::size_t size, std::size_t& got);
    [[nodiscard]] Step write(std::string_view bytes, std::size_t& put);
    // Tells the peer that nothing more comes, as far as the socket takes it now.
    void finish();
    // "certificate verify failed: certificate has expired".
    [[nodiscard]] const std::string& why() const { return why_; }

private:
    struct Socket;
    Step step(int result);

    int socket_;
    SSL* ssl_ = nullptr;
    std::string why_;
};

}  // namespace esl::tls
