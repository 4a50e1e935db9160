// Where credentials outlive the process: identities, permissions, certificates, what is revoked.
#pragma once

#include <string>
#include <vector>

#include "common/core/result.hpp"

namespace esl::broker {

// One credential. `fields` is JSON that anybody may read; `secret` is for the store to hide.
// docs/formats/broker-auth.md has the kinds with their keys and fields.
struct CredentialRecord {
    std::string kind;
    std::string key;  // unique within its kind
    std::string fields = "{}";
    std::string secret = {};

    bool operator==(const CredentialRecord&) const = default;
};

struct CredentialKey {
    std::string kind;
    std::string key;

    bool operator==(const CredentialKey&) const = default;
};

struct CredentialChange {
    std::vector<CredentialRecord> put;  // replaces the one with this key
    std::vector<CredentialKey> remove;  // one that is not there: nothing
};

// One thread at a time. Errors are StoreError.
class CredentialStore {
public:
    virtual ~CredentialStore() = default;
    // All of them, by kind and key.
    [[nodiscard]] virtual Result<std::vector<CredentialRecord>> load() = 0;
    // The whole change or none of it, on disk when it returns. Blocks.
    [[nodiscard]] virtual Result<> apply(const CredentialChange& change) = 0;
};

}  // namespace esl::broker
