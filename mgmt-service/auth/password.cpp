#include "mgmt-service/auth/password.hpp"

#include <sodium.h>

#include <array>
#include <semaphore>
#include <stdexcept>

#include "common/core/bytes.hpp"
#include "common/core/ids.hpp"

namespace esl::mgmt::auth {
namespace {

constexpr unsigned long long kPasses = 3;
constexpr std::size_t kMemory = std::size_t{19} << 20;

void initialise() {
    static const bool ready = sodium_init() >= 0;
    if (!ready) throw std::runtime_error("libsodium does not start");
}

std::counting_semaphore<2>& hashing_slots() {
    static std::counting_semaphore<2> slots(2);
    return slots;
}

class Slot {
public:
    Slot() { hashing_slots().acquire(); }
    ~Slot() { hashing_slots().release(); }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
};

}  // namespace

std::string hash_password(std::string_view password) {
    initialise();
    const Slot slot;
    std::array<char, crypto_pwhash_STRBYTES> out{};
    if (crypto_pwhash_str_alg(out.data(), password.data(), password.size(), kPasses, kMemory,
                              crypto_pwhash_ALG_ARGON2ID13) != 0) {
        throw std::runtime_error("no memory for argon2id");
    }
    return out.data();
}

bool verify_password(std::string_view hash, std::string_view password) {
    initialise();
    // Of a random password that nobody has.
    static const std::string kNobody = hash_password(new_secret());
    const std::string against{hash.empty() ? std::string_view{kNobody} : hash};
    const Slot slot;
    const bool good = crypto_pwhash_str_verify(against.c_str(), password.data(), password.size()) == 0;
    return good && !hash.empty();
}

std::string new_secret() {
    return to_lower_hex(random_bytes(32));
}

std::string hash_secret(std::string_view secret) {
    std::array<std::uint8_t, crypto_hash_sha256_BYTES> digest{};
    crypto_hash_sha256(digest.data(), as_bytes(secret).data(), secret.size());
    return to_lower_hex(digest);
}

bool same_secret(std::string_view a, std::string_view b) {
    return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace esl::mgmt::auth
