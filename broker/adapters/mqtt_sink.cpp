#include "broker/adapters/mqtt_sink.hpp"

#include <spdlog/spdlog.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "broker/rules/export_json.hpp"

namespace esl::broker {
namespace {

constexpr std::size_t kBatch = 256;
constexpr std::chrono::seconds kAnswerWithin{10};
constexpr std::chrono::milliseconds kLook{100};

// What a batch waits for. Shared with the shards, which may answer after the sink has given up.
struct Answers {
    std::mutex lock;
    std::condition_variable changed;
    std::size_t missing = 0;
    bool failed = false;
};

class MqttSink final : public RuleSink {
public:
    MqttSink(const RuleSpec& spec, Publisher& publisher)
        : rule_(spec.id), topic_(spec.topic), qos_(spec.qos), publisher_(publisher) {}

    Result<> deliver(std::span<const ExportedPtr> batch) override {
        {
            const std::lock_guard guard(answers_->lock);
            answers_->missing = batch.size();
            answers_->failed = false;
        }
        for (const auto& what : batch) publish(*what);
        const auto until = std::chrono::steady_clock::now() + kAnswerWithin;
        std::unique_lock guard(answers_->lock);
        while (answers_->missing > 0 && !cancelled_ && std::chrono::steady_clock::now() < until)
            answers_->changed.wait_for(guard, kLook);
        if (answers_->missing == 0 && !answers_->failed) return {};
        const bool failed = answers_->failed;
        guard.unlock();
        answers_ = std::make_shared<Answers>();  // late answers are nobody's
        return fail(SinkError::broken, failed ? "the message store cannot write" : "no answer");
    }
    void cancel() override { cancelled_ = true; }
    [[nodiscard]] std::size_t batch_most() const override { return kBatch; }

private:
    void publish(const Exported& what) {
        OutsideMessage message{.topic = fill_template(topic_, what),
                               .payload = what.payload,
                               .properties = what.properties,
                               .qos = qos_ == "same" ? what.qos : static_cast<mqtt::QoS>(qos_[0] - '0'),
                               .retain = false,
                               .expires = what.expires};
        const auto told = [answers = answers_](bool stored, MessageId) {
            const std::lock_guard guard(answers->lock);
            answers->failed |= !stored;
            --answers->missing;
            answers->changed.notify_all();
        };
        const auto topic = message.topic;
        if (const auto ok = publisher_.publish(std::move(message), told); !ok) {
            // No second try would mend it.
            spdlog::warn("rule {}: '{}' cannot be published: {}", rule_, topic, ok.error().message());
            told(true, 0);
        }
    }

    std::string rule_;
    std::string topic_;
    std::string qos_;
    Publisher& publisher_;
    std::atomic<bool> cancelled_{false};
    std::shared_ptr<Answers> answers_ = std::make_shared<Answers>();
};

}  // namespace

std::unique_ptr<RuleSink> make_mqtt_sink(const RuleSpec& spec, Publisher& publisher) {
    return std::make_unique<MqttSink>(spec, publisher);
}

}  // namespace esl::broker
