#include "broker/adapters/config_authenticator.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <unordered_map>

namespace esl::broker {
namespace {

using Digest = std::array<std::uint8_t, crypto_generichash_BYTES>;
constexpr std::size_t kWaitingMost = 1'000;  // logins whose hash is not computed yet; more are refused
constexpr std::string_view kSignature = "Signature|";

bool same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

struct User {
    std::string hash;
    std::optional<Digest> known_good;
};

}  // namespace

std::string signature_password(std::string_view secret, std::string_view client_id) {
    std::array<std::uint8_t, 20> mac{};
    unsigned size = mac.size();
    HMAC(EVP_sha1(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(client_id.data()), client_id.size(), mac.data(), &size);
    std::array<unsigned char, 32> text{};
    const int length = EVP_EncodeBlock(text.data(), mac.data(), static_cast<int>(size));
    return {reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(length)};
}

std::string hash_password(std::string_view password) {
    if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
    std::array<char, crypto_pwhash_STRBYTES> out{};
    if (crypto_pwhash_str(out.data(), password.data(), password.size(), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0) {
        throw std::runtime_error("not enough memory for a password hash");
    }
    return out.data();
}

struct ConfigAuthenticator::Impl {
    std::unordered_map<std::string, User> users;
    std::vector<AccessKeyConfig> keys;
    bool anonymous = false;
    std::array<std::uint8_t, crypto_generichash_KEYBYTES> key{};

    struct Job {
        std::string user;
        std::string password;
        Digest digest;
        Later later;
    };
    std::mutex lock;  // users' known_good, jobs
    std::condition_variable more;
    std::deque<Job> jobs;
    bool stopping = false;
    std::thread thread;

    [[nodiscard]] Digest digest(std::string_view user, BytesView password) const {
        Digest out{};
        crypto_generichash_state state;
        crypto_generichash_init(&state, key.data(), key.size(), out.size());
        const std::uint64_t length = user.size();
        crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(&length), sizeof length);
        crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(user.data()), user.size());
        crypto_generichash_update(&state, password.data(), password.size());
        crypto_generichash_final(&state, out.data(), out.size());
        return out;
    }

    void run() {
        std::unique_lock guard(lock);
        for (;;) {
            more.wait(guard, [this] { return stopping || !jobs.empty(); });
            if (stopping) return;
            Job job = std::move(jobs.front());
            jobs.pop_front();
            auto& user = users.at(job.user);
            bool good = user.known_good && *user.known_good == job.digest;
            if (!good) {
                guard.unlock();
                good = crypto_pwhash_str_verify(user.hash.c_str(), job.password.data(), job.password.size()) == 0;
                guard.lock();
                if (good) user.known_good = job.digest;
            }
            sodium_memzero(job.password.data(), job.password.size());
            guard.unlock();
            job.later({.good = good});
            guard.lock();
        }
    }

    [[nodiscard]] Login check_signature(const Credentials& c) const {
        const auto rest = c.user_name->substr(kSignature.size());
        const auto bar = rest.find('|');
        const auto id = rest.substr(0, bar);
        const auto instance = bar == std::string_view::npos ? std::string_view{} : rest.substr(bar + 1);
        for (const auto& access : keys) {
            if (access.id != id || (!access.instance.empty() && access.instance != instance)) continue;
            return {.good = c.password && same(as_text(*c.password), signature_password(access.secret, c.client_id))};
        }
        return {};
    }

    [[nodiscard]] std::optional<Login> check_user(const Credentials& c, Later later) {
        const auto at = users.find(std::string(*c.user_name));
        if (at == users.end() || !c.password) return Login{};
        const auto wanted = digest(at->first, *c.password);
        const std::lock_guard guard(lock);
        auto& user = at->second;
        if (user.known_good && sodium_memcmp(user.known_good->data(), wanted.data(), wanted.size()) == 0)
            return Login{.good = true};
        if (user.hash.empty() || jobs.size() >= kWaitingMost) return Login{};
        jobs.push_back({at->first, std::string(as_text(*c.password)), wanted, std::move(later)});
        more.notify_one();
        return std::nullopt;
    }
};

ConfigAuthenticator::ConfigAuthenticator(std::vector<UserConfig> users, std::vector<AccessKeyConfig> keys,
                                         bool allow_anonymous)
    : impl_(std::make_unique<Impl>()) {
    if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
    randombytes_buf(impl_->key.data(), impl_->key.size());
    impl_->keys = std::move(keys);
    impl_->anonymous = allow_anonymous;
    bool hashes = false;
    for (auto& user : users) {
        User known{.hash = user.password_hash, .known_good = std::nullopt};
        if (known.hash.empty()) {
            known.known_good = impl_->digest(user.name, as_bytes(user.password));  // the plain text is not kept
        } else {
            if (!known.hash.starts_with("$argon2id$"))
                throw std::runtime_error("user '" + user.name + "': password_hash is not an argon2id hash");
            hashes = true;
        }
        impl_->users.emplace(user.name, std::move(known));
    }
    if (hashes) impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

ConfigAuthenticator::~ConfigAuthenticator() {
    {
        const std::lock_guard guard(impl_->lock);
        impl_->stopping = true;
    }
    impl_->more.notify_all();
    if (impl_->thread.joinable()) impl_->thread.join();
}

std::optional<Login> ConfigAuthenticator::check(const Credentials& credentials, Later later) {
    if (credentials.user_name) {
        if (credentials.user_name->starts_with(kSignature)) {
            if (!impl_->keys.empty()) return impl_->check_signature(credentials);
        } else if (impl_->users.contains(std::string(*credentials.user_name))) {
            return impl_->check_user(credentials,
                                     std::move(later));  // a known name with a wrong password is not anonymous
        }
    }
    return Login{.good = impl_->anonymous};
}

}  // namespace esl::broker
