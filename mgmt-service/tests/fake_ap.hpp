// An access point without radios that really speaks MQTT: every task it gets is accepted and displayed at once, unless
// the test says otherwise.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <mutex>
#include <thread>

#include "common/contract/messages.hpp"
#include "common/contract/topics.hpp"
#include "common/core/ids.hpp"
#include "common/mqttclient/client.hpp"

namespace esl::mgmt::test {

class FakeAp {
public:
    // What to answer to a task; called on the AP's thread. Nothing: say nothing.
    using Answer = std::function<std::vector<contract::TaskState>(const contract::Task&)>;

    FakeAp(const std::string& url, std::string serial, bool plain, Answer answer = {})
        : id_("GID_esl_ap@@@" + serial), answer_(std::move(answer)), work_(io_.get_executor()) {
        mqttclient::Options options;
        options.url = url;
        options.client_id = id_;
        client_ = std::make_unique<mqttclient::Client>(io_.get_executor(), options);
        if (plain) client_->subscribe(contract::task_topic(id_));
        client_->on_message([this](mqttclient::Message m) { received(m); });
        client_->on_state([this](mqttclient::State s, const std::string&) {
            if (s == mqttclient::State::connected) hello();
        });
        client_->start();
        thread_ = std::thread([this] { io_.run(); });
    }
    ~FakeAp() {
        boost::asio::post(io_, [this] {
            client_->stop(std::chrono::milliseconds(200), [this] {
                client_.reset();
                io_.stop();
            });
        });
        thread_.join();
    }

    void hears(std::vector<contract::Sighting> tags) {
        boost::asio::post(io_, [this, tags = std::move(tags)] {
            send(contract::ReportKind::tags, contract::TagsReport{id_, false, tags});
        });
    }
    std::vector<contract::Task> tasks() {
        const std::lock_guard lock(mutex_);
        return tasks_;
    }
    std::string store() {
        const std::lock_guard lock(mutex_);
        return store_;
    }
    [[nodiscard]] const std::string& id() const { return id_; }

private:
    void hello() {
        send(contract::ReportKind::ap,
             contract::ApHello{id_, "fake", boot_, {{"bluez:hci0", "up", 0}}, 0, clock_.wall()});
    }
    void send(contract::ReportKind kind, const contract::Uplink& message) {
        client_->publish(contract::report_topic(store(), kind), contract::encode(message));
    }
    void received(const mqttclient::Message& m) {
        auto message = contract::decode_downlink(m.payload);
        if (!message) return;
        if (const auto* config = std::get_if<contract::ApConfig>(&*message)) {
            const std::lock_guard lock(mutex_);
            store_ = config->store;
        }
        const auto* tasks = std::get_if<contract::Tasks>(&*message);
        if (tasks == nullptr) return;
        contract::ResultReport report{id_, {}};
        for (const auto& t : tasks->tasks) {
            {
                const std::lock_guard lock(mutex_);
                tasks_.push_back(t);
            }
            for (const auto state :
                 answer_ ? answer_(t) : std::vector{contract::TaskState::accepted, contract::TaskState::displayed}) {
                contract::TaskResult r;
                r.tag = t.tag;
                r.version = t.version;
                r.job = t.job;
                r.state = state;
                r.image_id = t.image_id;
                r.epoch = t.epoch;
                r.attempts = 1;
                r.at = clock_.wall();
                if (state == contract::TaskState::failed) r.failure = contract::FailClass::unreachable;
                report.results.push_back(std::move(r));
            }
        }
        if (!report.results.empty()) send(contract::ReportKind::result, report);
    }

    SystemClock clock_;
    std::string id_;
    std::string boot_ = new_uuid7(clock_);
    Answer answer_;
    std::mutex mutex_;
    std::string store_{contract::kUnclaimed};
    std::vector<contract::Task> tasks_;
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    std::unique_ptr<mqttclient::Client> client_;
    std::thread thread_;
};

inline contract::Sighting sighting(TagId tag, unsigned width, unsigned height, image::Palette palette) {
    contract::Sighting s;
    s.tag = tag;
    s.radio = "bluez";
    s.model = "gicisky-test";
    s.width = width;
    s.height = height;
    s.palette = palette;
    s.rssi = -60;
    s.battery_percent = 90;
    s.at = SystemClock().wall();
    return s;
}

}  // namespace esl::mgmt::test
