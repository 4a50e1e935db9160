// Uplink over MQTT: topics, will and subscriptions around common/mqttclient.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "ap-agent/ports/uplink.hpp"
#include "common/contract/messages.hpp"
#include "common/mqttclient/broker_profile.hpp"
#include "common/mqttclient/client.hpp"

namespace esl::ap {

// Bound to the executor.
class MqttUplink final : public Uplink {
public:
    struct Handlers {
        std::function<void()> connected;
        std::function<void()> disconnected;
        std::function<void(BytesView)> message;  // on this AP's own task topic
    };

    // `offline` is the will, and the goodbye of an orderly stop.
    MqttUplink(const boost::asio::any_io_executor& executor, mqttclient::Options options,
               mqttclient::BrokerProfile profile, contract::ApOffline offline, Handlers handlers);

    // After set_store().
    void start();
    void stop(std::chrono::milliseconds drain, std::function<void()> stopped);

    void publish(contract::ReportKind kind, Bytes payload, Done done) override;
    void set_store(const std::string& store) override;

private:
    [[nodiscard]] std::optional<mqttclient::Will> will() const;
    void state_changed(mqttclient::State state, const std::string& why);

    const mqttclient::BrokerProfile profile_;
    const std::string url_;
    const std::string task_topic_;
    const Bytes offline_;
    Handlers handlers_;
    std::string store_;
    std::string last_why_;
    bool up_ = false;
    mqttclient::Client client_;
};

}  // namespace esl::ap
