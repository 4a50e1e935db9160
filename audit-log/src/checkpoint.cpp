#include "audit_log/checkpoint.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "audit-log/src/base64.hpp"

namespace esl::audit {
namespace {

constexpr std::string_view kSignatureMark = "\xE2\x80\x94 ";  // em dash and a space, as the note format has it

// First four bytes of SHA-256(name || 0A || 01 || public key), C2SP signed-note.
std::array<std::uint8_t, 4> key_hash(std::string_view origin, const std::array<std::uint8_t, 32>& key) {
    Bytes in(origin.begin(), origin.end());
    in.push_back('\n');
    in.push_back(0x01);
    in.insert(in.end(), key.begin(), key.end());
    std::array<std::uint8_t, 32> hash{};
    crypto_hash_sha256(hash.data(), in.data(), in.size());
    return {hash[0], hash[1], hash[2], hash[3]};
}

std::string body_of(const Checkpoint& c) {
    return c.origin + "\n" + std::to_string(c.size) + "\n" + base64(c.root) + "\n";
}

// Takes one line off the front; nothing when there is no line end.
std::optional<std::string_view> take_line(std::string_view& text) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const auto line = text.substr(0, end);
    text.remove_prefix(end + 1);
    return line;
}

}  // namespace

Result<SigningKey> SigningKey::open(const std::filesystem::path& file) {
    if (sodium_init() < 0) return fail(AuditError::bad_key, "libsodium does not start");
    SigningKey key;
    std::array<std::uint8_t, 32> seed{};
    const int made = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made >= 0) {
        randombytes_buf(seed.data(), seed.size());
        const auto text = to_lower_hex(seed) + "\n";
        const bool written =
            ::write(made, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(made) == 0;
        ::close(made);
        if (!written) return fail(AuditError::io, "writing " + file.string());
    } else {
        std::ifstream in(file, std::ios::binary);
        std::string text;
        std::getline(in, text);
        const auto raw = from_hex(text);
        if (!in || !raw || raw->size() != seed.size()) return fail(AuditError::bad_key, file.string());
        std::memcpy(seed.data(), raw->data(), seed.size());
    }
    crypto_sign_seed_keypair(key.public_.data(), key.secret_.data(), seed.data());
    sodium_memzero(seed.data(), seed.size());
    return key;
}

std::string SigningKey::sign(const Checkpoint& checkpoint) const {
    const auto body = body_of(checkpoint);
    std::array<std::uint8_t, 64> signature{};
    crypto_sign_detached(signature.data(), nullptr, as_bytes(body).data(), body.size(), secret_.data());
    const auto hash = key_hash(checkpoint.origin, public_);
    Bytes raw(hash.begin(), hash.end());
    raw.insert(raw.end(), signature.begin(), signature.end());
    return body + "\n" + std::string(kSignatureMark) + checkpoint.origin + " " + base64(raw) + "\n";
}

std::string verifier_text(std::string_view origin, const std::array<std::uint8_t, 32>& public_key) {
    Bytes raw{0x01};
    raw.insert(raw.end(), public_key.begin(), public_key.end());
    return std::string(origin) + "+" + to_lower_hex(key_hash(origin, public_key)) + "+" + base64(raw);
}

Result<Verifier> parse_verifier(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
    const auto first = text.find('+');
    const auto second = first == std::string_view::npos ? first : text.find('+', first + 1);
    if (second == std::string_view::npos) return fail(AuditError::bad_key, "expected name+hash+key");
    const auto raw = from_base64(text.substr(second + 1));
    if (!raw || raw->size() != 33 || raw->front() != 0x01)
        return fail(AuditError::bad_key, "not an Ed25519 verifier key");
    Verifier out;
    out.origin = std::string(text.substr(0, first));
    std::copy(raw->begin() + 1, raw->end(), out.public_key.begin());
    if (to_lower_hex(key_hash(out.origin, out.public_key)) != text.substr(first + 1, second - first - 1)) {
        return fail(AuditError::bad_key, "key hash does not fit name and key");
    }
    return out;
}

Result<Checkpoint> open_note(std::string_view note, const Verifier& verifier) {
    auto rest = note;
    Checkpoint c;
    const auto origin = take_line(rest);
    const auto size = take_line(rest);
    const auto root = take_line(rest);
    const auto empty = take_line(rest);
    const auto signature = take_line(rest);
    if (!signature || !empty->empty()) return fail(AuditError::bad_checkpoint, "five lines expected");
    const auto [end, error] = std::from_chars(size->data(), size->data() + size->size(), c.size);
    const auto hash = from_base64(*root);
    if (error != std::errc{} || end != size->data() + size->size() || !hash || hash->size() != 32) {
        return fail(AuditError::bad_checkpoint, "size or root");
    }
    c.origin = std::string(*origin);
    std::copy(hash->begin(), hash->end(), c.root.begin());

    const auto expected = std::string(kSignatureMark) + verifier.origin + " ";
    if (c.origin != verifier.origin || !signature->starts_with(expected)) {
        return fail(AuditError::bad_signature, "signed by another log than " + verifier.origin);
    }
    const auto raw = from_base64(signature->substr(expected.size()));
    if (!raw || raw->size() != 68) return fail(AuditError::bad_signature, "not an Ed25519 signature");
    const auto body = body_of(c);
    if (crypto_sign_verify_detached(raw->data() + 4, as_bytes(body).data(), body.size(), verifier.public_key.data()) !=
        0) {
        return fail(AuditError::bad_signature, "size " + std::to_string(c.size));
    }
    return c;
}

}  // namespace esl::audit
