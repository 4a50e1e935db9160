// Credential stores: in memory, and in SQLite with the secrets sealed.
#pragma once

#include <filesystem>
#include <map>
#include <memory>

#include "broker/auth/secrets.hpp"
#include "broker/ports/credential_store.hpp"

namespace esl::broker {

// Gone with the process.
class MemoryCredentialStore final : public CredentialStore {
public:
    [[nodiscard]] Result<std::vector<CredentialRecord>> load() override;
    [[nodiscard]] Result<> apply(const CredentialChange& change) override;

private:
    std::map<std::pair<std::string, std::string>, CredentialRecord> records_;
};

// `file` is made when absent. Secrets are sealed with `key`, each bound to its kind and key. Throws std::runtime_error
// when the file cannot be opened or is of another form.
[[nodiscard]] std::unique_ptr<CredentialStore> open_sqlite_credential_store(const std::filesystem::path& file,
                                                                            const MasterKey& key);

}  // namespace esl::broker
