// Passwords, signatures over client ids, and the key under which secrets lie on disk.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "common/core/bytes.hpp"

namespace esl::broker {

// base64(HMAC-SHA1(secret, client id)): the password of signature, device credential and SIGNED modes.
[[nodiscard]] std::string signature_password(std::string_view secret, std::string_view client_id);
// For password_hash and ORIGIN identities: libsodium's argon2id text. Takes tens of milliseconds.
[[nodiscard]] std::string hash_password(std::string_view password);
// In a time that says nothing about where they differ.
[[nodiscard]] bool same_secret(std::string_view a, std::string_view b);
// A new secret of 32 characters out of [0-9A-Za-z_-], 192 random bits.
[[nodiscard]] std::string new_secret();

// base64url (RFC 4648 section 5) without padding.
[[nodiscard]] std::string to_base64url(BytesView bytes);
[[nodiscard]] std::optional<Bytes> from_base64url(std::string_view text);

// Keys for two uses, derived from one master key. Immutable.
class MasterKey {
public:
    using Key = std::array<std::uint8_t, 32>;

    // Random, gone with the process.
    MasterKey();
    // 64 hex digits in a file of mode 0600, made when absent unless `must_exist`. Throws std::runtime_error that names
    // the file when it is missing, is not a key, or can be read by others.
    MasterKey(const std::filesystem::path& file, bool must_exist);
    ~MasterKey();
    MasterKey(const MasterKey&) = default;
    MasterKey& operator=(const MasterKey&) = default;

    [[nodiscard]] const Key& tokens() const { return tokens_; }
    // XChaCha20-Poly1305, nonce in front; `about` is bound to it: what is sealed for one row opens for no other.
    [[nodiscard]] Bytes seal(std::string_view secret, std::string_view about) const;
    [[nodiscard]] std::optional<std::string> open(BytesView sealed, std::string_view about) const;

private:
    void derive(const Key& master);

    Key sealing_{};
    Key tokens_{};
};

}  // namespace esl::broker
