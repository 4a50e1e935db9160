#include "ap-agent/adapters/paho/mqtt_uplink.hpp"

#include <spdlog/spdlog.h>

#include <utility>

#include "common/contract/topics.hpp"

namespace esl::ap {

MqttUplink::MqttUplink(const boost::asio::any_io_executor& executor, mqttclient::Options options,
                       mqttclient::BrokerProfile profile, contract::ApOffline offline, Handlers handlers)
    : profile_(profile),
      url_(options.url),
      task_topic_(contract::task_topic(options.client_id)),
      offline_(contract::encode(contract::Uplink(std::move(offline)))),
      handlers_(std::move(handlers)),
      store_(contract::kUnclaimed),
      client_(executor, std::move(options)) {
    client_.on_state([this](mqttclient::State state, const std::string& why) { state_changed(state, why); });
    client_.on_message([this](const mqttclient::Message& message) {
        if (message.topic == task_topic_) handlers_.message(message.payload);
    });
    if (mqttclient::subscribes_to_own_p2p(profile_)) client_.subscribe(task_topic_, 1);
}

void MqttUplink::start() {
    client_.set_will(will());
    client_.start();
}

void MqttUplink::stop(std::chrono::milliseconds drain, std::function<void()> stopped) {
    if (client_.state() == mqttclient::State::connected) publish(contract::ReportKind::ap, offline_, {});
    client_.stop(drain, std::move(stopped));
}

std::optional<mqttclient::Will> MqttUplink::will() const {
    if (!mqttclient::has_wills(profile_)) return std::nullopt;
    return mqttclient::Will{contract::report_topic(store_, contract::ReportKind::ap), offline_, 1, false};
}

void MqttUplink::publish(contract::ReportKind kind, Bytes payload, Done done) {
    client_.publish(contract::report_topic(store_, kind), std::move(payload), 1, std::move(done));
}

void MqttUplink::set_store(const std::string& store) {
    if (store == store_) return;
    store_ = store;
    client_.set_will(will());
    client_.reconnect();
}

void MqttUplink::state_changed(mqttclient::State state, const std::string& why) {
    if (state == mqttclient::State::connected) {
        spdlog::info("connected to {}", url_);
        last_why_.clear();
        up_ = true;
        handlers_.connected();
        return;
    }
    if (state != mqttclient::State::disconnected) return;
    // One line for each new reason, not one for each attempt.
    if (why != std::exchange(last_why_, why)) spdlog::warn("not connected to {}: {}", url_, why);
    if (std::exchange(up_, false)) handlers_.disconnected();
}

}  // namespace esl::ap
