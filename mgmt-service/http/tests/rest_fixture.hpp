// The REST interface over real sockets on the real service core: tasks in memory, a real audit log and user database on
// disk, an AP whose tags show what they are sent, and a renderer that draws stripes.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "audit_log/log.hpp"
#include "common/http/client.hpp"
#include "common/http/worker_pool.hpp"
#include "common/testing/testing.hpp"
#include "mgmt-service/adapters/audit/audit_log_sink.hpp"
#include "mgmt-service/adapters/memory/memory_task_store.hpp"
#include "mgmt-service/auth/auth_service.hpp"
#include "mgmt-service/auth/sqlite_auth_store.hpp"
#include "mgmt-service/core/service.hpp"
#include "mgmt-service/http/server.hpp"
#include "mgmt-service/ports/ap_link.hpp"
#include "mgmt-service/ports/image_renderer.hpp"

namespace esl::mgmt::rest {

using Json = nlohmann::json;
inline const std::string kPassword = "correct horse battery";
inline const std::string kAp = "GID_esl_ap@@@B827EB010203";
inline const std::string kTag = "FFFF92103A07";
inline const std::string kProduct = "09008700124195";

// Another picture for another price, name or template; refuses what does not fit a panel of 8 pixels.
class StripeRenderer final : public ImageRenderer {
public:
    [[nodiscard]] Result<image::TagImage> render(const Scene& scene) override {
        if (scene.panel.width < 16) return fail(RenderError::too_small, text(scene.panel));
        image::TagImage out(scene.panel.width, scene.panel.height);
        std::size_t hash = std::hash<std::string>{}(scene.tag + scene.currency);
        for (const auto& item : scene.items) {
            hash = hash * 31 + std::hash<std::string>{}(item.name + item.code) +
                   static_cast<std::size_t>(item.price.value_or(-1));
        }
        for (unsigned x = 0; x < 16; ++x) {
            for (unsigned y = 0; y < out.height(); ++y) {
                if ((hash >> x & 1) != 0) out.set(x, y, image::Colour::black);
            }
        }
        return out;
    }
    [[nodiscard]] std::string template_version(const Panel&, const std::optional<std::string>&) override { return "1"; }
    [[nodiscard]] std::vector<TemplateInfo> templates() override {
        return {{.id = "stripes", .name = "Stripes", .version = "1", .panel = {.width = 296, .height = 128}}};
    }
};

// An AP that is always there and whose tags show at once what they are sent.
class PromptAp final : public ApLink {
public:
    void start(Handlers handlers) override {
        handlers_ = std::move(handlers);
        pool_ = std::make_unique<http::WorkerPool>(1, 100'000);
        (void)pool_->try_post([this] { handlers_.state(true); });
    }
    void post_send(const std::string& ap, contract::Downlink message, std::function<void(Result<>)> done) override {
        (void)pool_->try_post([this, ap, message = std::move(message), done = std::move(done)] {
            done({});
            const auto* tasks = std::get_if<contract::Tasks>(&message);
            if (tasks == nullptr || !shows) return;
            contract::ResultReport report{.ap = ap, .results = {}};
            for (const auto& task : tasks->tasks) {
                report.results.push_back({.tag = task.tag,
                                          .version = task.version,
                                          .job = task.job,
                                          .state = contract::TaskState::displayed,
                                          .image_id = task.image_id,
                                          .epoch = task.epoch,
                                          .failure = {},
                                          .code = 0,
                                          .detail = {},
                                          .attempts = 1,
                                          .at = from_millis(1'767'225'600'000),
                                          .started = {}});
            }
            handlers_.message("zagreb-1", report);
        });
    }
    void stop() override { pool_.reset(); }
    void say(const std::string& store, contract::Uplink message) {
        (void)pool_->try_post([this, store, message = std::move(message)] { handlers_.message(store, message); });
    }
    std::atomic<bool> shows{true};

private:
    Handlers handlers_;
    std::unique_ptr<http::WorkerPool> pool_;
};

class RestTest : public ::testing::Test {
protected:
    RestTest() {
        log = audit::Log::open({.dir = dir / "audit", .origin = "shelfwire/mgmt"}, clock).value();
        sink = std::make_unique<AuditLogSink>(*log);
        service = std::make_unique<Service>(clock, store, renderer, *sink, link, ServiceSettings{});
        service->start();
        auth_store = auth::open_sqlite_auth_store(dir / "auth.sqlite");
        auth = std::make_unique<auth::AuthService>(clock, *auth_store, audit_to(clock, *service));
    }
    ~RestTest() override {
        if (rest) rest->stop();
        service->stop();
        link.stop();
    }
    void start(Settings settings = {}) {
        settings.listen = "127.0.0.1:0";
        rest.emplace(Dependencies{clock, *service, *auth, *log, renderer, set_clock}, std::move(settings));
        rest->start();
    }
    // With a logged-in administrator.
    void start_as_admin() {
        ASSERT_TRUE(auth->set_admin_password(kPassword));
        start();
        admin = log_in("admin", kPassword);
    }
    // With a store, an AP, a product and a tag of it.
    void start_with_shelf();

    // One browser or machine.
    struct Peer {
        http::Client client;
        struct Answer {
            int status = 0;
            http::Headers headers;
            Json body;
            std::string raw;
        };
        Answer call(std::string_view method, const std::string& path, const Json& body = nullptr,
                    http::Headers headers = {});
        Answer get(const std::string& path) { return call("GET", path); }
    };
    Peer anybody() { return {http::Client("http://" + rest->address())}; }
    Peer log_in(const std::string& user, const std::string& password);
    Peer with_token(const std::string& secret) {
        auto peer = anybody();
        peer.client.headers().set("Authorization", "Bearer " + secret);
        return peer;
    }
    Peer user(const std::string& name, std::string_view role, const Json& stores = Json::array());
    void see_tag(const std::string& tag);
    bool eventually(const std::function<bool()>& condition) { return testing::wait_until(condition); }

    testing::TempDir dir;
    testing::ManualClock clock;
    std::unique_ptr<audit::Log> log;
    std::unique_ptr<AuditSink> sink;
    MemoryTaskStore store;
    StripeRenderer renderer;
    PromptAp link;
    std::unique_ptr<Service> service;
    std::unique_ptr<auth::AuthStore> auth_store;
    std::unique_ptr<auth::AuthService> auth;
    std::function<Result<>(UnixMillis)> set_clock;
    std::optional<RestServer> rest;
    std::optional<Peer> admin;
};

inline RestTest::Peer::Answer RestTest::Peer::call(std::string_view method, const std::string& path, const Json& body,
                                                   http::Headers headers) {
    if (!body.is_null() && !headers.has("Content-Type")) headers.set("Content-Type", "application/json");
    const auto base = path.starts_with("//") ? path.substr(1) : "/api/v1" + path;
    const auto response = client.send(method, base,
                                      body.is_null()     ? ""
                                      : body.is_string() ? body.get<std::string>()
                                                         : body.dump(),
                                      headers);
    EXPECT_TRUE(response) << path << ": " << response.error().message();
    if (!response) return {};
    Answer answer{.status = response->status, .headers = response->headers, .body = {}, .raw = response->body};
    if (response->headers.get("Content-Type").find("json") != std::string_view::npos) {
        answer.body = Json::parse(response->body, nullptr, false);
    }
    return answer;
}

inline RestTest::Peer RestTest::log_in(const std::string& user, const std::string& password) {
    auto peer = anybody();
    const auto answer = peer.call("POST", "/auth/login", {{"user", user}, {"password", password}});
    EXPECT_EQ(answer.status, 200) << answer.raw;
    const auto cookie = answer.headers.get("Set-Cookie");
    peer.client.headers().set("Cookie", std::string(cookie.substr(0, cookie.find(';'))));
    peer.client.headers().set("X-CSRF-Token", answer.body.value("csrf_token", ""));
    return peer;
}

inline RestTest::Peer RestTest::user(const std::string& name, std::string_view role, const Json& stores) {
    const auto made =
        admin->call("POST", "/users", {{"name", name}, {"role", role}, {"password", kPassword}, {"stores", stores}});
    EXPECT_EQ(made.status, 201) << made.raw;
    return log_in(name, kPassword);
}

inline void RestTest::see_tag(const std::string& tag) {
    contract::TagsReport report{.ap = kAp, .full = false, .tags = {}};
    report.tags.push_back({.tag = TagId::parse(tag).value(),
                           .event = contract::TagEvent::seen,
                           .radio = "bluez",
                           .model = "gicisky-0033",
                           .width = 296,
                           .height = 128,
                           .palette = image::Palette::bwr,
                           .rssi = -60,
                           .battery_mv = 2950,
                           .battery_percent = 84,
                           .firmware = "8101",
                           .shown_image_id = {},
                           .at = clock.wall()});
    link.say("zagreb-1", report);
    EXPECT_TRUE(eventually([&] { return admin->get("/tags/" + tag).status == 200; }));
}

inline void RestTest::start_with_shelf() {
    start_as_admin();
    ASSERT_EQ(
        admin->call("PUT", "/stores/zagreb-1", {{"name", "Zagreb Centar"}, {"currency", "EUR"}, {"locale", "hr-HR"}})
            .status,
        201);
    link.say("zagreb-1", contract::ApHello{.ap = kAp,
                                           .software = "ap-agent 0.1.0",
                                           .boot = new_uuid7(clock),
                                           .radios = {{.name = "bluez:hci0", .state = "up", .tags = 0}},
                                           .queued = 0,
                                           .at = clock.wall()});
    ASSERT_TRUE(eventually([&] { return admin->get("/aps/" + kAp).status == 200; }));
    ASSERT_EQ(admin->call("PATCH", "/aps/" + kAp, {{"store", "zagreb-1"}, {"name", "Aisle 3"}}).status, 200);
    see_tag(kTag);
    const Json product{{"name", "Nektar Jabuka"},
                       {"brand", "Bravo"},
                       {"quantity", "2.00"},
                       {"unit", "l"},
                       {"price", {{"minor", 249}, {"currency", "EUR"}}}};
    const auto made = admin->call("PUT", "/stores/zagreb-1/products/9008700124195", product);
    ASSERT_EQ(made.status, 201) << made.raw;
}

}  // namespace esl::mgmt::rest
