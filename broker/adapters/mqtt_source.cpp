#include "broker/adapters/mqtt_source.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <optional>
#include <thread>

#include "broker/rules/export_json.hpp"
#include "common/mqttclient/client.hpp"

namespace esl::broker {
namespace {

class MqttSource final : public RuleSource {
public:
    MqttSource(const RuleSpec& spec, Publisher& publisher)
        : spec_(spec), publisher_(publisher), work_(io_.get_executor()), thread_([this] { run(); }) {}
    ~MqttSource() override {
        boost::asio::post(io_, [this] {
            client_.reset();
            work_.reset();
        });
        thread_.join();
    }

private:
    void run() {
        mqttclient::Options options;
        options.url = spec_.url;
        options.client_id = spec_.client_id.empty() ? "shelfwire-" + spec_.id : spec_.client_id;
        options.username = spec_.user;
        options.password = spec_.password;
        options.clean_session = false;
        client_.emplace(io_.get_executor(), options);
        client_->on_message([this](const mqttclient::Message& message) { take(message); });
        client_->on_state([this](mqttclient::State state, const std::string& why) {
            if (state == mqttclient::State::connected) spdlog::info("rule {}: connected to {}", spec_.id, spec_.url);
            if (state == mqttclient::State::disconnected) spdlog::warn("rule {}: {}: {}", spec_.id, spec_.url, why);
        });
        client_->subscribe(spec_.filter, 1);
        client_->start();
        io_.run();
    }

    void take(const mqttclient::Message& message) {
        Exported outside;
        outside.topic = message.topic;
        OutsideMessage inside{
            .topic = fill_template(spec_.topic.empty() ? spec_.resource + "/${topic}" : spec_.topic, outside),
            .payload = message.payload,
            .qos =
                spec_.qos == "same" ? static_cast<mqtt::QoS>(message.qos) : static_cast<mqtt::QoS>(spec_.qos[0] - '0')};
        const auto topic = inside.topic;
        if (const auto ok = publisher_.publish(std::move(inside), {}); !ok)
            spdlog::warn("rule {}: '{}' cannot be published: {}", spec_.id, topic, ok.error().message());
    }

    const RuleSpec spec_;
    Publisher& publisher_;
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    std::optional<mqttclient::Client> client_;
    std::thread thread_;
};

}  // namespace

std::unique_ptr<RuleSource> make_mqtt_source(const RuleSpec& spec, Publisher& publisher) {
    return std::make_unique<MqttSource>(spec, publisher);
}

}  // namespace esl::broker
