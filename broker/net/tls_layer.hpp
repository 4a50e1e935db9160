// One connection's TLS session. Made by TlsContext.
#pragma once

#include <memory>

#include "broker/net/tls.hpp"

namespace esl::broker {

class TlsLayer final : public Layer {
public:
    // Throws std::bad_alloc when OpenSSL has no memory.
    TlsLayer(SSL_CTX* context, bool verifies);
    ~TlsLayer() override;
    TlsLayer(const TlsLayer&) = delete;
    TlsLayer& operator=(const TlsLayer&) = delete;

    [[nodiscard]] Result<> receive(BytesView wire, Bytes& plain, Bytes& answer) override;
    void send(BytesView plain, Bytes& wire) override;
    void finish(CloseCause cause, Bytes& wire) override;
    [[nodiscard]] bool costly() const override { return !established_ && !over_; }
    [[nodiscard]] bool resumed() const override;
    [[nodiscard]] const PeerCertificate* certificate() const override { return certificate_.get(); }

private:
    struct Source;  // what OpenSSL reads from and writes to
    [[nodiscard]] Result<> shake_hands();
    [[nodiscard]] Result<> trouble(int result);

    SSL* ssl_;
    BytesView in_;          // what OpenSSL has not read yet, during a call
    Bytes* out_ = nullptr;  // where it writes, during a call
    std::unique_ptr<PeerCertificate> certificate_;
    bool established_ = false;
    bool over_ = false;  // failed or finished: OpenSSL is not called again
    bool verifies_;
};

}  // namespace esl::broker
