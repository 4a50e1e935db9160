// All credentials that administration can change, as they are in force: tokens, device credentials, identities with
// their permissions, the blacklist, certificates.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "broker/auth/certificates.hpp"
#include "broker/auth/token.hpp"
#include "broker/core/grant.hpp"
#include "broker/ports/credential_store.hpp"
#include "common/core/clock.hpp"
#include "common/core/result.hpp"

namespace esl::broker {

class Hub;

enum class CredentialError { bad_value, exists, not_there, over_capacity, bad_token };

constexpr std::string_view describe(CredentialError e) {
    switch (e) {
        case CredentialError::bad_value:
            return "not a good value";
        case CredentialError::exists:
            return "exists already";
        case CredentialError::not_there:
            return "does not exist";
        case CredentialError::over_capacity:
            return "there are too many";
        case CredentialError::bad_token:
            return "not a good token";
    }
    return "credential error";
}

constexpr std::size_t kIdentities = 1'000'000;
constexpr std::size_t kRulesPerIdentity = 100;
constexpr std::size_t kDeviceCredentials = 1'000'000;
constexpr std::size_t kBlacklist = 100'000;
constexpr std::size_t kRevokedTokens = 100'000;  // of those that have not expired
constexpr std::size_t kPageMost = 1'000;

struct DeviceCredential {
    std::string client_id;
    std::string id;  // DC.…
    std::string secret;
    UnixMillis created{};
    UnixMillis updated{};
};

enum class IdentityType : std::uint8_t { user, client };
enum class SignMode : std::uint8_t { origin, signed_ };

[[nodiscard]] std::string_view name(IdentityType type);  // USER, CLIENT
[[nodiscard]] std::string_view name(SignMode mode);      // ORIGIN, SIGNED
[[nodiscard]] std::optional<IdentityType> parse_identity_type(std::string_view text);
[[nodiscard]] std::optional<SignMode> parse_sign_mode(std::string_view text);
[[nodiscard]] std::optional<Access> parse_permit_action(std::string_view text);  // PUB, SUB, PUB_SUB

// Whose permissions are meant: a user name, or a client id.
struct IdentityName {
    IdentityType type = IdentityType::user;
    std::string username;
    std::string client_id;  // of type CLIENT only

    bool operator==(const IdentityName&) const = default;
};

struct Permission {
    IdentityType type = IdentityType::user;
    std::string identity;
    AccessRule rule;
};

// One page of a list, in the order of its keys; `next` (empty: that was all) is `after` of the next.
template <class T>
struct Page {
    std::vector<T> items;
    std::string next;
    std::size_t total = 0;  // of those that fit the filter
};

struct PageQuery {
    std::string after;
    std::size_t limit = 100;  // at most kPageMost
    std::size_t skip = 0;     // this many first
};

struct TokenRequest {
    std::string actions;                 // "R", "W" or "R,W"
    std::vector<std::string> resources;  // any order
    std::int64_t expires = 0;            // Unix ms
    std::string access_key;              // empty: any may use it
    std::string instance;
};
struct IssuedToken {
    Token token;
    std::string text;
};
struct RevokedToken {
    std::string id;
    UnixMillis expires{};
};

// Thread-safe. Changes block until they are on disk and then are in force, at once for connected clients too where a
// comment says so; questions never wait for a disk. Errors are CredentialError or StoreError; they never hold a secret.
class CredentialBook {
public:
    // Takes what the store has; throws std::runtime_error when it cannot be read.
    CredentialBook(std::unique_ptr<CredentialStore> store, MasterKey key, const Clock& clock);
    ~CredentialBook();

    // Runs work on every shard, some time later; before the first change. Without it nobody is connected.
    using OnEveryShard = std::function<void(std::function<void(Hub&)>)>;
    void on_every_shard(OnEveryShard run) { on_every_shard_ = std::move(run); }
    // Told of a device certificate that was registered by its first connection.
    void on_certificate(std::function<void(const DeviceCertificate&)> tell);

    // Tokens. Resources are sorted; an expiry beyond 30 days becomes 30 days.
    [[nodiscard]] Result<IssuedToken> apply_token(const TokenRequest& request) const;
    // A good token, or its fault; revoked and expired ones come with what they were in `about`.
    [[nodiscard]] std::expected<Token, TokenFault> check_token(std::string_view text, Token* about = nullptr) const;
    // Connections that hold it are closed after `$SYS/tokenInvalidNotice` with code 3. Expired: nothing to do.
    [[nodiscard]] Result<Token> revoke_token(std::string_view text);
    [[nodiscard]] Page<RevokedToken> revoked_tokens(const PageQuery& page) const;

    // Device credentials: one for each client id. Registering again replaces it and closes who came by the old one.
    [[nodiscard]] Result<DeviceCredential> register_device(const std::string& client_id);
    [[nodiscard]] Result<DeviceCredential> refresh_device(const std::string& client_id);
    [[nodiscard]] Result<DeviceCredential> device(const std::string& client_id) const;
    [[nodiscard]] Result<> unregister_device(const std::string& client_id);  // closes its connection
    [[nodiscard]] Page<DeviceCredential> devices(const std::string& group, const PageQuery& page) const;
    // For a login.
    struct DeviceLogin {
        std::string secret;
        GrantPtr grant;
    };
    [[nodiscard]] std::optional<DeviceLogin> device_login(std::string_view id, std::string_view client_id) const;

    // Identities. Removing one closes its connections, and removes its permissions when no other has that name.
    [[nodiscard]] Result<> add_identity(const IdentityName& who, SignMode mode, const std::string& secret);
    [[nodiscard]] Result<> update_identity(const IdentityName& who, SignMode mode, const std::string& secret);
    [[nodiscard]] Result<> remove_identity(const IdentityName& who);
    struct IdentityInfo {
        IdentityName who;
        SignMode mode = SignMode::origin;
    };
    struct IdentityFilter {
        std::optional<IdentityType> type;
        std::string username;   // empty: any
        std::string client_id;  // empty: any
    };
    [[nodiscard]] Page<IdentityInfo> identities(const IdentityFilter& filter, const PageQuery& page) const;
    struct IdentityLogin {
        SignMode mode = SignMode::origin;
        std::string secret;   // SIGNED: itself; ORIGIN: its argon2id hash
        std::string subject;  // what tells it from all others
        GrantPtr grant;
    };
    // The pair first, then the user name alone.
    [[nodiscard]] std::optional<IdentityLogin> identity_login(std::string_view username,
                                                              std::string_view client_id) const;

    // Permissions: in force at once. `update` wants it to be there, `add` not to be.
    [[nodiscard]] Result<> add_permission(const Permission& permission);
    [[nodiscard]] Result<> update_permission(const Permission& permission);
    [[nodiscard]] Result<> remove_permission(IdentityType type, const std::string& identity, const std::string& topic);
    [[nodiscard]] Page<Permission> permissions(std::optional<IdentityType> type, const std::string& identity,
                                               const PageQuery& page) const;

    // Blacklist: closes the client's connection.
    [[nodiscard]] Result<> add_to_blacklist(const std::string& client_id);
    [[nodiscard]] Result<> remove_from_blacklist(const std::string& client_id);
    [[nodiscard]] Page<std::string> blacklist(const PageQuery& page) const;
    [[nodiscard]] bool blacklisted(std::string_view client_id) const;

    // Certificates.
    // The code that the verification certificate of the next CA must have as its common name.
    [[nodiscard]] Result<std::string> registration_code();
    [[nodiscard]] Result<CaCertificate> register_ca(const std::string& name, const std::string& certificate_pem,
                                                    const std::string& verification_pem);
    // Inactive and removed ones let nobody in; whoever came by them is closed.
    [[nodiscard]] Result<> set_ca_active(const std::string& sn, bool active);
    [[nodiscard]] Result<> remove_ca(const std::string& sn);
    [[nodiscard]] Result<CaCertificate> ca(const std::string& sn) const;
    [[nodiscard]] Page<CaCertificate> cas(const PageQuery& page) const;
    [[nodiscard]] Result<> set_device_certificate_active(const std::string& ca_sn, const std::string& sn, bool active);
    [[nodiscard]] Result<> remove_device_certificate(const std::string& ca_sn, const std::string& sn);
    [[nodiscard]] Result<DeviceCertificate> device_certificate(const std::string& ca_sn, const std::string& sn) const;
    [[nodiscard]] Page<DeviceCertificate> device_certificates(const std::string& ca_sn, const PageQuery& page) const;
    // What a client's certificate (DER) is worth.
    struct CertificateLogin {
        enum class What : std::uint8_t {
            stranger,  // of no registered CA
            refused,   // of one, but inactive, out of its time, or not really signed by it
            good,
            new_here,  // good, and to be registered
        } what = What::stranger;
        GrantPtr grant;
    };
    [[nodiscard]] CertificateLogin certificate_login(BytesView der) const;
    // As certificate_login(), registering what is new. Blocks.
    [[nodiscard]] CertificateLogin register_certificate(BytesView der);

    [[nodiscard]] const Clock& clock() const { return clock_; }

private:
    struct Device {
        DeviceCredential credential;
        GrantPtr grant;
    };
    struct Identity {
        IdentityName who;
        SignMode mode = SignMode::origin;
        std::string secret;
        GrantPtr grant;
    };
    struct Ca {
        CaCertificate certificate;
        std::shared_ptr<const TrustedCa> trusted;
    };
    struct DeviceCert {
        DeviceCertificate certificate;
        GrantPtr grant;
    };
    // What permissions belong to: a user name or a client id.
    struct Owner {
        IdentityType type = IdentityType::user;
        std::string identity;
        std::map<std::string, AccessRule, std::less<>> rules;  // by filter
    };

    void take(const CredentialRecord& record);
    void take_certificate(const CredentialRecord& record);
    void make_grants();
    [[nodiscard]] Result<> save(CredentialChange change);
    void shards(std::function<void(Hub&)> work) const;
    void close_grant(const GrantPtr& grant, std::string why) const;
    [[nodiscard]] Result<DeviceCredential> put_device(DeviceCredential credential);
    [[nodiscard]] Result<> put_identity(const IdentityName& who, SignMode mode, const std::string& secret, bool is_new);
    [[nodiscard]] Result<> put_permission(const Permission& permission, bool is_new);
    [[nodiscard]] Result<> put_rules(Owner owner, CredentialChange change);
    [[nodiscard]] std::shared_ptr<const AccessList> list_of(const IdentityName& who) const;
    [[nodiscard]] bool has_identity(IdentityType type, std::string_view identity) const;
    [[nodiscard]] Result<> put_ca(CaCertificate certificate);
    [[nodiscard]] Result<> put_device_certificate(DeviceCertificate certificate);
    void forget_expired_revocations(CredentialChange& change) const;

    std::unique_ptr<CredentialStore> store_;
    const MasterKey key_;
    const Clock& clock_;
    OnEveryShard on_every_shard_;
    std::function<void(const DeviceCertificate&)> on_certificate_;

    std::mutex writing_;                                  // held for a change, its disk time included
    mutable std::shared_mutex lock_;                      // of what follows; the writer alone may read without it
    std::map<std::string, Device, std::less<>> devices_;  // by client id
    std::map<std::string, std::string, std::less<>> device_ids_;  // id → client id
    std::map<std::string, Identity, std::less<>> identities_;     // by key_of()
    std::map<std::string, Owner, std::less<>> owners_;            // likewise
    std::map<std::string, std::monostate, std::less<>> blacklist_;
    std::map<std::string, UnixMillis, std::less<>> revoked_;
    std::string registration_code_;
    std::map<std::string, Ca, std::less<>> cas_;                   // by serial number
    std::map<std::string, DeviceCert, std::less<>> device_certs_;  // "CA's serial number|its own"
};

}  // namespace esl::broker
