// Administration by HTTP: REST under /api/v1 with a key, /metrics and /healthz without.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "broker/app/admin_keys.hpp"
#include "broker/app/control.hpp"
#include "common/core/clock.hpp"

namespace esl::broker {

struct AdminOptions {
    std::string listen;
    std::filesystem::path data;  // the first key is in admin.key (0600, made when absent), the audit log in audit/
};

// Starts with the constructor, which throws std::runtime_error when it cannot listen or open its files; ends with the
// destructor.
class Rules;

class Admin {
public:
    Admin(const AdminOptions& options, Control& control, Rules& rules, const Clock& clock);
    ~Admin();
    [[nodiscard]] const std::string& address() const;
    // "GET /api/v1/groups", for holding openapi.yaml to them.
    [[nodiscard]] std::vector<std::string> routes() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::broker
