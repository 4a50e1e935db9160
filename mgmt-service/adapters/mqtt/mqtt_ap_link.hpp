// ApLink over MQTT: a persistent session, QoS 1, on a thread of its own
// (docs/decisions/0071-results-are-asked-for-again.md).
#pragma once

#include <memory>

#include "common/mqttclient/client.hpp"
#include "mgmt-service/ports/ap_link.hpp"

namespace esl::mgmt {

class MqttApLink final : public ApLink {
public:
    // `options.clean_session` is set to false here: reports that come while the service is down wait at the broker.
    explicit MqttApLink(mqttclient::Options options);
    ~MqttApLink() override;

    void start(Handlers handlers) override;
    void post_send(const std::string& ap, contract::Downlink message, std::function<void(Result<>)> done) override;
    void stop() override;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::mgmt
