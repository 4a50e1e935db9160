// Who may use the administration: keys, each with a name and a role.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/clock.hpp"
#include "common/core/result.hpp"

namespace esl::broker {

// Each may do what those before it may.
enum class AdminRole : std::uint8_t {
    read,     // look: names, clients, sessions, traces, rules, figures
    operate,  // and act on what runs: disconnect a client, publish
    admin,    // and change what is in force: names, credentials, permissions, rules, keys
};
[[nodiscard]] std::string_view name(AdminRole role);
[[nodiscard]] std::optional<AdminRole> admin_role_from(std::string_view text);

// What a route asks for. Looking needs `read` except where the answer holds a secret; a route that is not known to need
// less needs `admin`.
[[nodiscard]] AdminRole role_needed(std::string_view method, std::string_view pattern);

enum class KeyError : std::uint8_t { bad, exists, not_there, too_many };
[[nodiscard]] constexpr std::string_view describe(KeyError e) {
    switch (e) {
        case KeyError::bad:
            return "not a key's name or role";
        case KeyError::exists:
            return "a key of this name exists";
        case KeyError::not_there:
            return "no key of this name";
        case KeyError::too_many:
            return "there are too many keys";
    }
    return "key error";
}

// Thread-safe. Keys are 64 hex digits of randomness; only their SHA-256 is kept.
class AdminKeys {
public:
    static constexpr std::size_t kMost = 1'000;

    // `folder`/admin.key holds the first key, called "admin", in plain text for `broker ctl`; made when it is not
    // there, refused when others of the machine may touch it. `folder`/admin-keys.json holds the others. Throws
    // std::runtime_error naming the file.
    AdminKeys(const std::filesystem::path& folder, const Clock& clock);

    struct Caller {
        std::string name;
        AdminRole role{};
    };
    [[nodiscard]] std::optional<Caller> find(std::string_view key) const;

    struct Entry {
        std::string name;
        AdminRole role{};
        UnixMillis created{};
    };
    [[nodiscard]] std::vector<Entry> list() const;
    // The key: told once, never again. On disk when it returns.
    [[nodiscard]] Result<std::string> add(std::string_view name, AdminRole role);
    [[nodiscard]] Result<> remove(std::string_view name);

private:
    struct Kept {
        std::string sha256;  // hex
        AdminRole role{};
        UnixMillis created{};
    };

    void load();
    void save(const std::map<std::string, Kept, std::less<>>& keys) const;

    std::filesystem::path file_;
    const Clock& clock_;
    std::string first_;  // SHA-256 of admin.key
    mutable std::mutex lock_;
    std::map<std::string, Kept, std::less<>> keys_;  // by name
};

// The key of `file` as admin.key holds it: the first line, 32 to 256 visible ASCII characters. Throws
// std::runtime_error naming the file.
[[nodiscard]] std::string read_admin_key(const std::filesystem::path& file);

}  // namespace esl::broker
