#include "broker/app/admin_keys.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "broker/adapters/durable_file.hpp"
#include "common/core/bytes.hpp"
#include "common/core/ids.hpp"

namespace esl::broker {
namespace {

using nlohmann::json;

constexpr std::string_view kFirst = "admin";
constexpr std::size_t kShortest = 32;  // of admin.key; 128 bits as hex digits
constexpr std::size_t kLongest = 256;
constexpr std::array<std::string_view, 3> kRoles = {"read", "operate", "admin"};

// Ways to act that need less than `admin`, and to look that need more than `read`.
struct Exception {
    std::string_view method, pattern;
    AdminRole role;
};
constexpr Exception kExceptions[] = {
    {"POST", "/api/v1/publish", AdminRole::operate},
    {"DELETE", "/api/v1/clients/{id}", AdminRole::operate},
    {"POST", "/api/v1/tokens/query", AdminRole::read},  // a question; the token is in the body
    {"GET", "/api/v1/device-credentials/{client}", AdminRole::admin},
    {"GET", "/api/v1/ca-registration-code", AdminRole::admin},
    {"GET", "/api/v1/keys", AdminRole::admin},
};

std::string digest_of(std::string_view key) {
    std::array<std::uint8_t, crypto_hash_sha256_BYTES> out{};
    crypto_hash_sha256(out.data(), as_bytes(key).data(), key.size());
    return to_lower_hex(out);
}

bool good_name(std::string_view name) {
    const auto good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    };
    return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, good);
}

std::string new_key() {
    return to_lower_hex(random_bytes(32));
}

void refuse_others(const std::filesystem::path& file) {
    using std::filesystem::perms;
    constexpr auto kOthers = perms::group_all | perms::others_all;
    if ((std::filesystem::status(file).permissions() & kOthers) == perms::none) return;
    throw std::runtime_error(file.string() +
                             ": its group or others have rights to it, and it opens the administration: chmod 600");
}

}  // namespace

std::string_view name(AdminRole role) {
    return kRoles[static_cast<std::size_t>(role)];
}

std::optional<AdminRole> admin_role_from(std::string_view text) {
    const auto at = std::ranges::find(kRoles, text);
    if (at == kRoles.end()) return std::nullopt;
    return static_cast<AdminRole>(at - kRoles.begin());
}

AdminRole role_needed(std::string_view method, std::string_view pattern) {
    for (const auto& e : kExceptions) {
        if (e.method == method && e.pattern == pattern) return e.role;
    }
    return method == "GET" ? AdminRole::read : AdminRole::admin;
}

std::string read_admin_key(const std::filesystem::path& file) {
    std::ifstream in(file);
    if (!in) throw std::runtime_error(file.string() + ": cannot be read: " + std::strerror(errno));
    std::string key;
    std::getline(in, key);
    const auto visible = [](char c) { return c > ' ' && c < '\x7F'; };
    if (key.size() < kShortest || key.size() > kLongest || !std::ranges::all_of(key, visible)) {
        throw std::runtime_error(file.string() + ": its first line is no key: a key has " + std::to_string(kShortest) +
                                 " to " + std::to_string(kLongest) + " visible ASCII characters and no spaces");
    }
    return key;
}

AdminKeys::AdminKeys(const std::filesystem::path& folder, const Clock& clock)
    : file_(folder / "admin-keys.json"), clock_(clock) {
    const auto first = folder / "admin.key";
    if (!std::filesystem::exists(first)) write_durably(first, new_key() + "\n", 0600);
    refuse_others(first);
    first_ = digest_of(read_admin_key(first));
    load();
}

void AdminKeys::load() {
    if (!std::filesystem::exists(file_)) return;
    std::ifstream in(file_);
    std::stringstream text;
    text << in.rdbuf();
    const auto refuse = [this](const std::string& why) { throw std::runtime_error(file_.string() + ": " + why); };
    const auto body = json::parse(text.str(), nullptr, false);
    if (!body.is_object() || !body.contains("keys") || !body["keys"].is_array()) refuse("not {\"keys\": [...]}");
    for (const auto& entry : body["keys"]) {
        const auto field = [&](const char* key) {
            if (!entry.is_object() || !entry.contains(key) || !entry[key].is_string())
                refuse("entry " + std::to_string(keys_.size() + 1) + ": " + key + " is missing");
            return entry[key].get<std::string>();
        };
        const auto role = admin_role_from(field("role"));
        const auto called = field("name");
        if (!role) refuse("key '" + called + "': role: " + field("role"));
        const auto created = entry.value("created", json(0));
        keys_[called] = {.sha256 = field("sha256"),
                         .role = *role,
                         .created = from_millis(created.is_number_integer() ? created.get<std::int64_t>() : 0)};
    }
}

void AdminKeys::save(const std::map<std::string, Kept, std::less<>>& keys) const {
    auto list = json::array();
    for (const auto& [called, key] : keys) {
        list.push_back(
            {{"name", called}, {"role", name(key.role)}, {"sha256", key.sha256}, {"created", to_millis(key.created)}});
    }
    write_durably(file_, json{{"keys", std::move(list)}}.dump(2) + "\n", 0600);
}

// By its digest: how long a comparison takes says nothing of a key that is not known.
std::optional<AdminKeys::Caller> AdminKeys::find(std::string_view key) const {
    const auto digest = digest_of(key);
    if (digest == first_) return Caller{std::string(kFirst), AdminRole::admin};
    const std::lock_guard guard(lock_);
    for (const auto& [called, kept] : keys_) {
        if (kept.sha256 == digest) return Caller{called, kept.role};
    }
    return std::nullopt;
}

std::vector<AdminKeys::Entry> AdminKeys::list() const {
    const std::lock_guard guard(lock_);
    std::vector<Entry> out{{std::string(kFirst), AdminRole::admin, {}}};
    for (const auto& [called, kept] : keys_) out.push_back({called, kept.role, kept.created});
    return out;
}

Result<std::string> AdminKeys::add(std::string_view called, AdminRole role) {
    if (!good_name(called)) return fail(KeyError::bad, "name: 1 to 64 letters, digits, - or _");
    const std::lock_guard guard(lock_);
    if (called == kFirst || keys_.contains(called)) return fail(KeyError::exists, std::string(called));
    if (keys_.size() >= kMost) return fail(KeyError::too_many, std::to_string(kMost));
    auto key = new_key();
    auto next = keys_;
    next[std::string(called)] = {.sha256 = digest_of(key), .role = role, .created = clock_.wall()};
    save(next);
    keys_ = std::move(next);
    return key;
}

Result<> AdminKeys::remove(std::string_view called) {
    const std::lock_guard guard(lock_);
    auto next = keys_;
    const auto at = next.find(called);
    if (at == next.end()) return fail(KeyError::not_there, std::string(called));
    next.erase(at);
    save(next);
    keys_ = std::move(next);
    return {};
}

}  // namespace esl::broker
