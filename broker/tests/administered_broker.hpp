// A broker with a data folder and its administration, and an HTTP client that has the first key.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "audit_log/log.hpp"
#include "broker/app/admin.hpp"
#include "broker/tests/running_broker.hpp"
#include "common/http/client.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {

// Nobody comes in without saying who: user "service" with password "pw", access key "AK" with secret "sk".
inline Config config_with_accounts(std::string instance = {}) {
    auto config = test_config();
    config.allow_anonymous = false;
    config.users = {{.name = "service", .password = "pw", .password_hash = {}}};
    config.access_keys = {{.id = "AK", .secret = "sk", .instance = std::move(instance)}};
    return config;
}

class AdministeredBroker : public ::testing::Test {
protected:
    // Folder and administration are added.
    explicit AdministeredBroker(Config config = test_config()) : config_(std::move(config)) {
        config_.data = folder_ / "data";
        config_.admin = "127.0.0.1:0";
        restart();
    }
    void stop() {
        http_.reset();
        broker_.reset();
    }
    // With `config_` as it is now, on the same folder.
    void restart() {
        stop();
        broker_ = std::make_unique<RunningBroker>(config_);
        http_ = std::make_unique<http::Client>(broker_->admin(), with_key(first_key()));
    }
    // What the audit log has of an object, or in all, the newest first. Stops the broker.
    [[nodiscard]] std::vector<audit::Record> audited(std::string object = {}) {
        stop();
        const SystemClock clock;
        const auto log = audit::Log::open({.dir = folder_ / "data/audit", .origin = {}, .read_only = true}, clock);
        EXPECT_TRUE(log);
        if (!log) return {};
        audit::Query query;
        query.object = std::move(object);
        const auto records = (*log)->query(query);
        EXPECT_TRUE(records);
        return records.value_or(std::vector<audit::Record>{});
    }
    [[nodiscard]] std::string first_key() const { return read_admin_key(folder_ / "data/admin.key"); }
    [[nodiscard]] static http::ClientOptions with_key(const std::string& key) {
        return {.headers = {{"Authorization", "Bearer " + key}}};
    }

    esl::testing::TempDir folder_;
    Config config_;
    std::unique_ptr<RunningBroker> broker_;
    std::unique_ptr<http::Client> http_;
};

}  // namespace esl::broker::testing
