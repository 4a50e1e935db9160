#include "broker/auth/secrets.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "common/core/ids.hpp"

namespace esl::broker {
namespace {

constexpr char kContext[] = "eslcreds";  // eight characters, libsodium's crypto_kdf_CONTEXTBYTES
static_assert(sizeof kContext == crypto_kdf_CONTEXTBYTES + 1);
constexpr std::size_t kNonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr int kBase64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

void start_sodium() {
    if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
}

void make_file(const std::filesystem::path& file, std::string_view text) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) throw std::system_error(errno, std::generic_category(), file.string());
    const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
    ::close(fd);
    if (!written) throw std::runtime_error(file.string() + ": cannot be written");
}

const unsigned char* bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string signature_password(std::string_view secret, std::string_view client_id) {
    std::array<std::uint8_t, 20> mac{};
    unsigned size = mac.size();
    HMAC(EVP_sha1(), secret.data(), static_cast<int>(secret.size()), bytes(client_id), client_id.size(), mac.data(),
         &size);
    std::array<unsigned char, 32> text{};
    const int length = EVP_EncodeBlock(text.data(), mac.data(), static_cast<int>(size));
    return {reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(length)};
}

std::string hash_password(std::string_view password) {
    start_sodium();
    std::array<char, crypto_pwhash_STRBYTES> out{};
    if (crypto_pwhash_str(out.data(), password.data(), password.size(), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0) {
        throw std::runtime_error("not enough memory for a password hash");
    }
    return out.data();
}

bool same_secret(std::string_view a, std::string_view b) {
    return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string new_secret() {
    return to_base64url(random_bytes(24));
}

std::string to_base64url(BytesView in) {
    std::string out(sodium_base64_encoded_len(in.size(), kBase64), '\0');
    sodium_bin2base64(out.data(), out.size(), in.data(), in.size(), kBase64);
    out.pop_back();  // its NUL
    return out;
}

std::optional<Bytes> from_base64url(std::string_view text) {
    Bytes out(text.size() / 4 * 3 + 3);
    std::size_t size = 0;
    const char* end = nullptr;
    if (sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &size, &end, kBase64) != 0 ||
        end != text.data() + text.size()) {
        return std::nullopt;
    }
    out.resize(size);
    return out;
}

MasterKey::MasterKey() {
    start_sodium();
    Key master{};
    fill_random(master);
    derive(master);
    sodium_memzero(master.data(), master.size());
}

MasterKey::MasterKey(const std::filesystem::path& file, bool must_exist) {
    start_sodium();
    if (!std::filesystem::exists(file)) {
        if (must_exist)
            throw std::runtime_error(file.string() + " is missing: without it the secrets beside it cannot be read");
        make_file(file, to_lower_hex(random_bytes(32)) + "\n");
    }
    struct stat status{};
    if (::stat(file.c_str(), &status) != 0) throw std::system_error(errno, std::generic_category(), file.string());
    if ((status.st_mode & 077) != 0)
        throw std::runtime_error(file.string() + " can be read by others: its mode must be 0600");
    std::ifstream in(file);
    std::string line;
    std::getline(in, line);
    auto raw = from_hex(line);
    sodium_memzero(line.data(), line.size());
    if (!raw || raw->size() != 32) throw std::runtime_error(file.string() + " is not a key of 64 hex digits");
    Key master{};
    std::copy(raw->begin(), raw->end(), master.begin());
    derive(master);
    sodium_memzero(raw->data(), raw->size());
    sodium_memzero(master.data(), master.size());
}

MasterKey::~MasterKey() {
    sodium_memzero(sealing_.data(), sealing_.size());
    sodium_memzero(tokens_.data(), tokens_.size());
}

void MasterKey::derive(const Key& master) {
    crypto_kdf_derive_from_key(sealing_.data(), sealing_.size(), 1, kContext, master.data());
    crypto_kdf_derive_from_key(tokens_.data(), tokens_.size(), 2, kContext, master.data());
}

Bytes MasterKey::seal(std::string_view secret, std::string_view about) const {
    Bytes out(kNonce + secret.size() + kTag);
    randombytes_buf(out.data(), kNonce);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out.data() + kNonce, nullptr, bytes(secret), secret.size(), bytes(about),
                                               about.size(), nullptr, out.data(), sealing_.data());
    return out;
}

std::optional<std::string> MasterKey::open(BytesView sealed, std::string_view about) const {
    if (sealed.size() < kNonce + kTag) return std::nullopt;
    std::string out(sealed.size() - kNonce - kTag, '\0');
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(reinterpret_cast<unsigned char*>(out.data()), nullptr, nullptr,
                                                   sealed.data() + kNonce, sealed.size() - kNonce, bytes(about),
                                                   about.size(), sealed.data(), sealing_.data()) != 0) {
        return std::nullopt;
    }
    return out;
}

}  // namespace esl::broker
