#include "mgmt-service/adapters/mqtt/mqtt_ap_link.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <thread>

namespace esl::mgmt {

namespace asio = boost::asio;

class MqttApLink::Impl {
public:
    explicit Impl(mqttclient::Options options) : options_(std::move(options)), work_(io_.get_executor()) {
        options_.clean_session = false;
    }
    ~Impl() { stop(); }

    void start(Handlers handlers) {
        handlers_ = std::move(handlers);
        client_ = std::make_unique<mqttclient::Client>(io_.get_executor(), options_);
        client_->on_message([this](mqttclient::Message m) { received(std::move(m)); });
        client_->on_state([this](mqttclient::State s, const std::string& why) { state(s, why); });
        for (const auto kind : {contract::ReportKind::result, contract::ReportKind::tags, contract::ReportKind::ap}) {
            client_->subscribe(contract::report_filter(kind));
        }
        client_->start();
        thread_ = std::thread([this] { io_.run(); });
    }

    void post_send(const std::string& ap, contract::Downlink message, std::function<void(Result<>)> done) {
        asio::post(io_, [this, topic = contract::task_topic(ap), message = std::move(message),
                         done = std::move(done)]() mutable {
            client_->publish(std::move(topic), contract::encode(message), 1, std::move(done));
        });
    }

    void stop() {
        if (!thread_.joinable()) return;
        asio::post(io_, [this] {
            client_->stop(kDrain, [this] {
                client_.reset();
                work_.reset();
                io_.stop();
            });
        });
        thread_.join();
    }

private:
    static constexpr std::chrono::milliseconds kDrain{2'000};

    void received(mqttclient::Message m) {
        const auto topic = contract::parse_report_topic(m.topic);
        if (!topic) return handlers_.bad_message(m.topic, Error(contract::ContractError::unknown_kind, "topic"));
        auto message = contract::decode_uplink(m.payload);
        if (!message) return handlers_.bad_message(m.topic, message.error());
        handlers_.message(topic->store, std::move(*message));
    }

    void state(mqttclient::State state, const std::string& why) {
        const bool up = state == mqttclient::State::connected;
        if (up) spdlog::info("connected to the broker at {}", options_.url);
        if (!up && !why.empty()) spdlog::warn("no broker at {}: {}", options_.url, why);
        if (std::exchange(up_, up) != up) handlers_.state(up);
    }

    mqttclient::Options options_;
    Handlers handlers_;
    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    std::unique_ptr<mqttclient::Client> client_;  // on thread_
    std::thread thread_;
    bool up_ = false;
};

MqttApLink::MqttApLink(mqttclient::Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
MqttApLink::~MqttApLink() = default;
void MqttApLink::start(Handlers handlers) {
    impl_->start(std::move(handlers));
}
void MqttApLink::post_send(const std::string& ap, contract::Downlink message, std::function<void(Result<>)> done) {
    impl_->post_send(ap, std::move(message), std::move(done));
}
void MqttApLink::stop() {
    impl_->stop();
}

}  // namespace esl::mgmt
