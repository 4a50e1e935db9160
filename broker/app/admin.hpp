// Administration by HTTP: REST under /api/v1 with a key, /metrics and /healthz without.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "broker/app/control.hpp"
#include "common/core/clock.hpp"

namespace esl::broker {

struct AdminOptions {
    std::string listen;
    std::filesystem::path data;  // the key is in admin.key (0600, made when absent), the audit log in audit/
};

// Starts with the constructor, which throws std::runtime_error when it cannot listen or open its files; ends with the
// destructor.
class Admin {
public:
    Admin(const AdminOptions& options, Control& control, const Clock& clock);
    ~Admin();
    [[nodiscard]] const std::string& address() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// The key in a data folder's admin.key; throws std::runtime_error that names the file.
[[nodiscard]] std::string read_admin_key(const std::filesystem::path& file);

}  // namespace esl::broker
