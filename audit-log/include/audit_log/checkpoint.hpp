// Signed checkpoints: C2SP tlog-checkpoint in a C2SP signed note, Ed25519 (key type 01). docs/formats/audit-log.md.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "audit_log/merkle.hpp"
#include "common/core/result.hpp"

namespace esl::audit {

enum class AuditError { io, damaged, locked, bad_key, bad_checkpoint, bad_signature, not_found, closed };
constexpr std::string_view describe(AuditError e) {
    switch (e) {
        case AuditError::io:
            return "audit log I/O failed";
        case AuditError::damaged:
            return "audit log is damaged";
        case AuditError::locked:
            return "audit log is in use by another process";
        case AuditError::bad_key:
            return "audit log key is unusable";
        case AuditError::bad_checkpoint:
            return "not a checkpoint";
        case AuditError::bad_signature:
            return "checkpoint signature does not verify";
        case AuditError::not_found:
            return "not in the audit log";
        case AuditError::closed:
            return "audit log is closed for writing";
    }
    return "audit error";
}

struct Checkpoint {
    std::string origin;  // the log's name, on the first line and as key name
    std::uint64_t size = 0;
    Hash root{};
    bool operator==(const Checkpoint&) const = default;
};

// Ed25519 key of one log. The secret stays in the object and in its file (mode 0600).
class SigningKey {
public:
    // Reads `file`, or makes a new key there when it does not exist.
    [[nodiscard]] static Result<SigningKey> open(const std::filesystem::path& file);
    [[nodiscard]] const std::array<std::uint8_t, 32>& public_key() const { return public_; }
    // The whole signed note: three lines, an empty one, the signature line.
    [[nodiscard]] std::string sign(const Checkpoint& checkpoint) const;

private:
    std::array<std::uint8_t, 64> secret_{};
    std::array<std::uint8_t, 32> public_{};
};

// "origin+hash+base64", the C2SP verifier key text.
[[nodiscard]] std::string verifier_text(std::string_view origin, const std::array<std::uint8_t, 32>& public_key);
struct Verifier {
    std::string origin;
    std::array<std::uint8_t, 32> public_key{};
};
[[nodiscard]] Result<Verifier> parse_verifier(std::string_view text);

// A note whose signature by that key and origin is good. Errors: bad_checkpoint, bad_signature.
[[nodiscard]] Result<Checkpoint> open_note(std::string_view note, const Verifier& verifier);

}  // namespace esl::audit
