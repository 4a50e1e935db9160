// A broker whose rules a test makes over the administration's API, and the other end of a webhook.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "broker/tests/administered_broker.hpp"
#include "broker/tests/test_client.hpp"
#include "common/http/server.hpp"

namespace esl::broker::testing {

using esl::testing::wait_until;
using mqtt::QoS;
using mqtt::ReasonCode;
using nlohmann::json;

// An HTTP server that takes webhooks.
class Receiver {
public:
    Receiver() {
        router_->add("POST", "/hook", [this](const http::Request& request) {
            std::unique_lock guard(lock_);
            changed_.wait(guard, [&] { return !hanging_; });
            if (status_ < 300) got_.push_back(request);
            return http::empty_response(status_);
        });
        http::ServerOptions options;
        options.worker_threads = 2;
        server_ = std::make_unique<http::Server>(options, router_);
        server_->start();
    }
    ~Receiver() {
        set(false, 204);
        server_->stop();
    }
    void set(bool hanging, int status) {
        const std::lock_guard guard(lock_);
        hanging_ = hanging;
        status_ = status;
        changed_.notify_all();
    }
    [[nodiscard]] std::string url() const { return "http://" + server_->address() + "/hook"; }
    std::vector<http::Request> got() {
        const std::lock_guard guard(lock_);
        return got_;
    }
    std::vector<std::string> payloads() {
        std::vector<std::string> out;
        for (const auto& request : got()) out.push_back(json::parse(request.body)["payload"]);
        return out;
    }
    bool wait_for(std::size_t count) {
        return wait_until([&] { return got().size() >= count; });
    }

private:
    std::mutex lock_;
    std::condition_variable changed_;
    std::vector<http::Request> got_;
    bool hanging_ = false;
    int status_ = 204;
    std::shared_ptr<http::Router> router_ = std::make_shared<http::Router>();
    std::unique_ptr<http::Server> server_;
};

class RuleApi : public AdministeredBroker {
protected:
    int status(std::string_view method, std::string_view target, const json& body = nullptr) {
        const auto answer = http_->send(method, target, body.is_null() ? "" : body.dump());
        EXPECT_TRUE(answer);
        said_ = answer ? answer->body : "";
        return answer ? answer->status : 0;
    }
    json rule(const std::string& id) {
        EXPECT_EQ(status("GET", "/api/v1/rules/" + id), 200);
        return json::parse(said_);
    }
    json webhook(const std::string& id, const std::string& filter) {
        return {{"id", id},           {"kind", "outbound"},    {"resource", filter},   {"via", "http"},
                {"url", hook_.url()}, {"retry_first", "20ms"}, {"retry_limit", "50ms"}};
    }
    TestClient client(const std::string& name) {
        TestClient c(broker_->port());
        EXPECT_EQ(c.connect({.client_id = "GID_test@@@" + name}).reason, ReasonCode::success);
        return c;
    }

    Receiver hook_;
    std::string said_;
};

}  // namespace esl::broker::testing
