// What a connection was let in by, and what it may do. A session without one may do everything.
#pragma once

#include <atomic>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/core/access_list.hpp"
#include "common/core/clock.hpp"

namespace esl::broker {

// Codes of `$SYS/tokenInvalidNotice`.
enum class TokenFault : std::int8_t {
    forged = 1,
    expired = 2,
    revoked = 3,
    resource_mismatch = 4,
    permission_mismatch = 5,
    bad_signature = 8,
    account_invalid = -1,
};

[[nodiscard]] constexpr std::string_view describe(TokenFault fault) {
    switch (fault) {
        case TokenFault::forged:
            return "the token is forged";
        case TokenFault::expired:
            return "the token has expired";
        case TokenFault::revoked:
            return "the token is revoked";
        case TokenFault::resource_mismatch:
            return "the token is for other topics";
        case TokenFault::permission_mismatch:
            return "the token is for the other direction";
        case TokenFault::bad_signature:
            return "the signature is wrong";
        case TokenFault::account_invalid:
            return "the access key of the token is not known";
    }
    return "token fault";
}

// One token of a connection, under the type it was given: "R", "W" or "RW".
struct HeldToken {
    std::string type;
    std::string id;            // as the token's maker numbered it
    std::string access_key{};  // that it is good with; empty: any
    UnixMillis expires{};
    std::vector<AccessRule> rules;
};

// Shared by all connections of one identity, on any shard. Thread-safe: what it allows is replaced as a whole, and the
// list that was in force is kept by whoever replaced it until no shard can be reading it any more.
class Grant : public boost::intrusive_ref_counter<Grant, boost::thread_safe_counter> {
public:
    enum class Kind : std::uint8_t { token, device, user, client, certificate, access_key };

    // `list` null: everything.
    Grant(Kind kind, std::string subject, std::shared_ptr<const AccessList> list = nullptr)
        : kind_(kind), subject_(std::move(subject)), owner_(std::move(list)), list_(owner_.get()) {}
    // By tokens; `subject` is the account they were used with, "AK|instance".
    Grant(std::string subject, std::vector<HeldToken> tokens);

    [[nodiscard]] Kind kind() const { return kind_; }
    // Whose it is, for logs.
    [[nodiscard]] const std::string& subject() const { return subject_; }
    // Empty unless of kind token; never changes.
    [[nodiscard]] const std::vector<HeldToken>& tokens() const { return tokens_; }
    // The token that ends first; null when there is none.
    [[nodiscard]] const HeldToken* first_to_expire() const;

    // Null: everything is allowed. Valid until the calling shard's next message from elsewhere.
    [[nodiscard]] const AccessList* list() const { return list_.load(std::memory_order_acquire); }
    // One writer at a time. The returned list must live until every shard has taken a message posted after this call.
    [[nodiscard]] std::shared_ptr<const AccessList> replace(std::shared_ptr<const AccessList> next);

    // No connection may be, or go on, by this grant: its identity is gone.
    void end() { ended_.store(true, std::memory_order_release); }
    [[nodiscard]] bool ended() const { return ended_.load(std::memory_order_acquire); }

private:
    const Kind kind_;
    const std::string subject_;
    std::vector<HeldToken> tokens_;
    std::shared_ptr<const AccessList> owner_;
    std::atomic<const AccessList*> list_;
    std::atomic<bool> ended_{false};
};

using GrantPtr = boost::intrusive_ptr<Grant>;

}  // namespace esl::broker
