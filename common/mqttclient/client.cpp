#include "common/mqttclient/client.hpp"

#include <mqtt/async_client.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cassert>
#include <deque>
#include <map>
#include <random>
#include <utility>

namespace esl::mqttclient {
namespace {

namespace asio = boost::asio;
using SteadyClock = std::chrono::steady_clock;

// Paho's own window lies above ours, so that it never holds a message back.
constexpr int kPahoInFlight = 10'000;
constexpr std::chrono::milliseconds kAckCheck{500};
constexpr std::chrono::milliseconds kDisconnectLimit{3'000};

// CONNACK return codes of MQTT 3.1.1 section 3.2.2.3; negative ones are Paho's.
std::string failure_text(const ::mqtt::token& token) {
    switch (token.get_return_code()) {
        case 1:
            return "broker refused: unacceptable protocol version";
        case 2:
            return "broker refused: client id rejected";
        case 3:
            return "broker refused: server unavailable";
        case 4:
            return "broker refused: bad user name or password";
        case 5:
            return "broker refused: not authorised";
        // Of one filter alone Paho reports SUBACK 0x80 as a failure; of several, as a success with codes.
        case 0x80:
            return "broker refused a subscription";
        default:
            break;
    }
    const int code = token.get_return_code();
    const char* text = MQTTAsync_strerror(code);
    return std::string(text == nullptr ? "failure" : text) + " (code " + std::to_string(code) + ")";
}

}  // namespace

class Client::Impl : public std::enable_shared_from_this<Client::Impl> {
public:
    Impl(asio::any_io_executor executor, Options options)
        : executor_(std::move(executor)),
          options_(std::move(options)),
          retry_(executor_),
          ack_check_(executor_),
          stop_deadline_(executor_) {}

    void set_up() {
        mailbox_ = std::make_shared<Mailbox>(executor_, weak_from_this(), options_.max_incoming);
        connect_listener_.mailbox = subscribe_listener_.mailbox = publish_listener_.mailbox =
            disconnect_listener_.mailbox = mailbox_;
        connect_listener_.succeeded = [](Impl& self, std::uint64_t id, int) { self.connack(id); };
        connect_listener_.failed = [](Impl& self, std::uint64_t id, const std::string& why) {
            self.attempt_failed(id, why);
        };
        subscribe_listener_.succeeded = [](Impl& self, std::uint64_t id, int refused) { self.suback(id, refused); };
        subscribe_listener_.failed = [](Impl& self, std::uint64_t id, const std::string& why) {
            self.subscribe_failed(id, why);
        };
        publish_listener_.succeeded = [](Impl& self, std::uint64_t id, int) { self.finish(id, {}); };
        publish_listener_.failed = [](Impl& self, std::uint64_t id, const std::string& why) {
            self.finish(id, fail(ClientError::connection_lost, why));
        };
        disconnect_listener_.succeeded = [](Impl& self, std::uint64_t, int) { self.stopped(); };
        disconnect_listener_.failed = [](Impl& self, std::uint64_t, const std::string&) { self.stopped(); };

        client_ = std::make_unique<::mqtt::async_client>(options_.url, options_.client_id);
        client_->set_connection_lost_handler([mailbox = mailbox_](const std::string& why) {
            mailbox->post([why](Impl& self) { self.lost(why.empty() ? "connection lost" : why); });
        });
        client_->set_message_callback(
            [mailbox = mailbox_](const ::mqtt::const_message_ptr& message) { mailbox->post_message(message); });
    }

    // After this nothing of Paho's runs any more for this object.
    void tear_down() {
        mailbox_->close();
        client_.reset();
    }

    void start() {
        assert(phase_ == Phase::idle);
        attempt();
    }

    void subscribe(std::string filter, int qos) {
        subscriptions_[filter] = qos;
        if (phase_ != Phase::up) return;
        send_subscribe({{std::move(filter), qos}});
    }

    void publish(std::string topic, Bytes payload, int qos, Done done, bool retained) {
        if (const auto refusal = why_not(payload.size())) {
            if (done) asio::post(executor_, [done = std::move(done), e = *refusal] { done(fail(e)); });
            return;
        }
        waiting_.push_back({std::move(topic), std::move(payload), qos, retained, std::move(done)});
        pump();
    }

    void stop(std::chrono::milliseconds drain, std::function<void()> done) {
        if (done) stop_waiters_.push_back(std::move(done));
        if (phase_ == Phase::stopped) return call_stop_waiters();
        if (stopping_) return;
        stopping_ = true;
        retry_.cancel();
        if (phase_ != Phase::up) return disconnect();
        stop_deadline_.expires_after(drain);
        stop_deadline_.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
            const auto self = weak.lock();
            if (!ec && self) self->disconnect();
        });
        pump();
    }

    [[nodiscard]] State state() const {
        switch (phase_) {
            case Phase::idle:
            case Phase::waiting:
                return State::disconnected;
            case Phase::connecting:
            case Phase::subscribing:
                return State::connecting;
            case Phase::up:
                return State::connected;
            case Phase::closing:
                return State::disconnected;
            case Phase::stopped:
                return State::stopped;
        }
        return State::disconnected;
    }

    MessageHandler message_handler_;
    StateHandler state_handler_;
    void reconnect() {
        if (phase_ == Phase::up && !stopping_) end_connection("connecting anew");
    }
    void set_credentials(std::string username, std::string password) {
        options_.username = std::move(username);
        options_.password = std::move(password);
    }
    void set_will(std::optional<Will> will) { options_.will = std::move(will); }
    [[nodiscard]] std::size_t outgoing() const { return waiting_.size() + in_flight_.size(); }
    [[nodiscard]] Stats stats() const {
        auto out = stats_;
        out.dropped_incoming = mailbox_->dropped.load();
        return out;
    }

private:
    enum class Phase { idle, connecting, subscribing, up, waiting, closing, stopped };

    // Where Paho's threads leave what happened. Thread-safe; outlives the Impl when a callback still holds it.
    struct Mailbox : std::enable_shared_from_this<Mailbox> {
        Mailbox(asio::any_io_executor e, std::weak_ptr<Impl> o, std::size_t limit)
            : executor(std::move(e)), owner(std::move(o)), max_incoming(limit) {}

        void post(std::function<void(Impl&)> what) {
            if (closed.load()) return;
            asio::post(executor, [self = shared_from_this(), what = std::move(what)] {
                const auto impl = self->owner.lock();
                if (impl && !self->closed.load()) what(*impl);
            });
        }
        void post_message(const ::mqtt::const_message_ptr& message) {
            if (incoming.fetch_add(1) >= max_incoming) {
                incoming.fetch_sub(1);
                dropped.fetch_add(1);
                return;
            }
            post([message, self = shared_from_this()](Impl& impl) {
                self->incoming.fetch_sub(1);
                impl.deliver(*message);
            });
        }
        void close() { closed.store(true); }

        const asio::any_io_executor executor;
        const std::weak_ptr<Impl> owner;
        const std::size_t max_incoming;
        std::atomic<std::size_t> incoming{0};
        std::atomic<std::uint64_t> dropped{0};
        std::atomic<bool> closed{false};
    };

    // One per kind of operation; the token's user context says which operation.
    struct Listener final : ::mqtt::iaction_listener {
        void on_success(const ::mqtt::token& token) override {
            const auto id = id_of(token);
            const int refused = token.get_type() == ::mqtt::token::SUBSCRIBE ? refused_filters(token) : 0;
            mailbox->post([call = succeeded, id, refused](Impl& self) { call(self, id, refused); });
        }
        void on_failure(const ::mqtt::token& token) override {
            const auto id = id_of(token);
            auto why = failure_text(token);
            mailbox->post([call = failed, id, why = std::move(why)](Impl& self) { call(self, id, why); });
        }
        static std::uint64_t id_of(const ::mqtt::token& token) {
            return reinterpret_cast<std::uintptr_t>(token.get_user_context());
        }
        // SUBACK return code 0x80 is a refusal [MQTT-3.9.3-2]. Paho keeps the codes in the token's response.
        static int refused_filters(const ::mqtt::token& token) {
            const auto response = token.get_subscribe_response();
            return static_cast<int>(std::ranges::count_if(response.get_reason_codes(),
                                                          [](auto code) { return static_cast<int>(code) >= 0x80; }));
        }

        std::shared_ptr<Mailbox> mailbox;
        void (*succeeded)(Impl&, std::uint64_t, int) = nullptr;
        void (*failed)(Impl&, std::uint64_t, const std::string&) = nullptr;
    };

    struct Outgoing {
        std::string topic;
        Bytes payload;
        int qos = 1;
        bool retained = false;
        Done done;
    };
    struct InFlight {
        Done done;
        SteadyClock::time_point sent;
    };

    static void* context(std::uint64_t id) { return reinterpret_cast<void*>(static_cast<std::uintptr_t>(id)); }

    [[nodiscard]] std::optional<ClientError> why_not(std::size_t size) const {
        if (stopping_ || phase_ == Phase::stopped) return ClientError::stopped;
        if (phase_ != Phase::up) return ClientError::not_connected;
        if (size > options_.max_payload) return ClientError::too_large;
        if (outgoing() >= options_.max_outgoing) return ClientError::queue_full;
        return std::nullopt;
    }

    [[nodiscard]] ::mqtt::connect_options connect_options() const {
        ::mqtt::connect_options out;
        out.set_mqtt_version(MQTTVERSION_3_1_1);
        out.set_clean_session(options_.clean_session);
        out.set_keep_alive_interval(options_.keep_alive);
        out.set_connect_timeout(
            std::max(std::chrono::seconds(1), std::chrono::ceil<std::chrono::seconds>(options_.connect_timeout)));
        out.set_automatic_reconnect(false);
        out.set_max_inflight(kPahoInFlight);
        if (!options_.username.empty()) out.set_user_name(options_.username);
        if (!options_.password.empty()) out.set_password(::mqtt::binary(options_.password));
        if (options_.will) {
            const auto& w = *options_.will;
            out.set_will(::mqtt::will_options(w.topic, w.payload.data(), w.payload.size(), w.qos, w.retained));
        }
        if (options_.url.starts_with("ssl://")) {
            ::mqtt::ssl_options ssl;
            if (!options_.ca_file.empty()) ssl.set_trust_store(options_.ca_file);
            ssl.set_enable_server_cert_auth(true);
            ssl.set_verify(true);
            ssl.set_ssl_version(MQTT_SSL_VERSION_TLS_1_2);
            out.set_ssl(ssl);
        }
        return out;
    }

    void attempt() {
        if (stopping_) return;
        phase_ = Phase::connecting;
        ++attempt_;
        // Should Paho never answer, the attempt counts as failed a little after its own limit.
        arm_retry(options_.connect_timeout + std::chrono::seconds(5),
                  [id = attempt_](Impl& self) { self.attempt_failed(id, "no answer to the connect attempt"); });
        tell(State::connecting, {});
        try {
            client_->connect(connect_options(), context(attempt_), connect_listener_);
        } catch (const ::mqtt::exception& e) {
            mailbox_->post([id = attempt_, why = std::string(e.what())](Impl& self) { self.attempt_failed(id, why); });
        }
    }

    void arm_retry(std::chrono::milliseconds after, std::function<void(Impl&)> then) {
        retry_.expires_after(after);
        retry_.async_wait([weak = weak_from_this(), then = std::move(then)](boost::system::error_code ec) {
            const auto self = weak.lock();
            if (!ec && self && !self->stopping_) then(*self);
        });
    }

    void attempt_failed(std::uint64_t id, const std::string& why) {
        if (id != attempt_ || (phase_ != Phase::connecting && phase_ != Phase::subscribing) || stopping_) return;
        back_off(why);
    }

    void back_off(const std::string& why) {
        phase_ = Phase::waiting;
        const auto doubled = options_.backoff_first * (1LL << std::min(failures_, 20));
        const auto full = std::min<std::chrono::milliseconds>(doubled, options_.backoff_limit);
        ++failures_;
        std::uniform_int_distribution<std::int64_t> jitter(full.count() / 2, std::max<std::int64_t>(full.count(), 1));
        arm_retry(std::chrono::milliseconds(jitter(random_)), [](Impl& self) { self.attempt(); });
        tell(State::disconnected, why);
    }

    void connack(std::uint64_t id) {
        if (id != attempt_ || phase_ != Phase::connecting) return;
        if (stopping_) return disconnect();
        if (subscriptions_.empty()) return up();
        phase_ = Phase::subscribing;
        send_subscribe({subscriptions_.begin(), subscriptions_.end()});
    }

    void send_subscribe(const std::vector<std::pair<std::string, int>>& wanted) {
        auto filters = std::make_shared<::mqtt::string_collection>();
        ::mqtt::iasync_client::qos_collection qos;
        for (const auto& [filter, level] : wanted) {
            filters->push_back(filter);
            qos.push_back(level);
        }
        try {
            client_->subscribe(filters, qos, context(attempt_), subscribe_listener_);
        } catch (const ::mqtt::exception& e) {
            mailbox_->post(
                [id = attempt_, why = std::string(e.what())](Impl& self) { self.subscribe_failed(id, why); });
        }
    }

    void suback(std::uint64_t id, int refused) {
        if (id != attempt_) return;
        if (refused > 0)
            return subscribe_failed(id, "broker refused a subscription (" + std::to_string(refused) + " of them)");
        if (phase_ == Phase::subscribing) up();
    }

    void subscribe_failed(std::uint64_t id, const std::string& why) {
        if (id != attempt_ || stopping_ || (phase_ != Phase::subscribing && phase_ != Phase::up)) return;
        end_connection(why);
    }

    void end_connection(const std::string& why) {
        try {
            client_->disconnect(0);
        } catch (const ::mqtt::exception&) {  // the connection is already gone
        }
        ++attempt_;
        phase_ = Phase::waiting;
        fail_all(ClientError::connection_lost, why);
        back_off(why);
    }

    void up() {
        retry_.cancel();
        phase_ = Phase::up;
        failures_ = 0;
        ++stats_.connects;
        tell(State::connected, {});
    }

    void lost(const std::string& why) {
        if (phase_ != Phase::up && phase_ != Phase::subscribing && phase_ != Phase::connecting) return;
        ++attempt_;
        phase_ = Phase::waiting;  // before the outcomes: whoever publishes again on hearing one is told not_connected
        fail_all(ClientError::connection_lost, why);
        if (stopping_) return stopped();
        back_off(why);
    }

    void pump() {
        while (phase_ == Phase::up && !waiting_.empty() && in_flight_.size() < options_.max_in_flight) {
            auto next = std::move(waiting_.front());
            waiting_.pop_front();
            const auto id = ++last_id_;
            in_flight_.emplace(id, InFlight{std::move(next.done), SteadyClock::now()});
            try {
                client_->publish(next.topic, next.payload.data(), next.payload.size(), next.qos, next.retained,
                                 context(id), publish_listener_);
            } catch (const ::mqtt::exception& e) {
                mailbox_->post([id, why = std::string(e.what())](Impl& self) {
                    self.finish(id, fail(ClientError::connection_lost, why));
                });
            }
        }
        if (!in_flight_.empty() && !checking_acks_) check_acks();
        if (stopping_ && phase_ == Phase::up && outgoing() == 0) disconnect();
    }

    void finish(std::uint64_t id, const Result<>& result) {
        const auto found = in_flight_.find(id);
        if (found == in_flight_.end()) return;  // already timed out, or of a lost connection
        auto done = std::move(found->second.done);
        in_flight_.erase(found);
        ++(result ? stats_.acknowledged : stats_.failed_publishes);
        if (done) done(result);
        pump();
    }

    void check_acks() {
        checking_acks_ = true;
        ack_check_.expires_after(kAckCheck);
        ack_check_.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
            const auto self = weak.lock();
            if (ec || !self) return;
            self->checking_acks_ = false;
            self->expire_acks();
            self->pump();
        });
    }

    void expire_acks() {
        const auto oldest = SteadyClock::now() - options_.ack_timeout;
        std::vector<std::uint64_t> late;
        for (const auto& [id, flight] : in_flight_) {
            if (flight.sent > oldest) break;  // ids and times rise together
            late.push_back(id);
        }
        for (const auto id : late) finish(id, fail(ClientError::timed_out));
    }

    void fail_all(ClientError error, const std::string& why) {
        auto flights = std::exchange(in_flight_, {});
        auto queued = std::exchange(waiting_, {});
        stats_.failed_publishes += flights.size() + queued.size();
        for (auto& [id, flight] : flights) {
            if (flight.done) flight.done(fail(error, why));
        }
        for (auto& message : queued) {
            if (message.done) message.done(fail(error, why));
        }
    }

    void deliver(const ::mqtt::message& message) {
        if (phase_ == Phase::stopped) return;
        ++stats_.received;
        if (!message_handler_) return;
        const auto& payload = message.get_payload();
        Message out;
        out.topic = message.get_topic();
        out.payload.assign(payload.begin(), payload.end());
        out.qos = message.get_qos();
        out.retained = message.is_retained();
        out.duplicate = message.is_duplicate();
        message_handler_(std::move(out));
    }

    void tell(State state, const std::string& why) {
        asio::post(executor_, [weak = weak_from_this(), state, why] {
            const auto self = weak.lock();
            if (self && self->state_handler_ && (self->phase_ != Phase::stopped || state == State::stopped)) {
                self->state_handler_(state, why);
            }
        });
    }

    void disconnect() {
        if (phase_ == Phase::closing || phase_ == Phase::stopped) return;
        const bool connected = phase_ == Phase::up || phase_ == Phase::subscribing;
        phase_ = Phase::closing;
        fail_all(ClientError::stopped, {});
        if (!connected) return stopped();
        stop_deadline_.expires_after(kDisconnectLimit);
        stop_deadline_.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
            const auto self = weak.lock();
            if (!ec && self) self->stopped();
        });
        try {
            client_->disconnect(100, context(0), disconnect_listener_);
        } catch (const ::mqtt::exception&) {  // no connection any more
            mailbox_->post([](Impl& self) { self.stopped(); });
        }
    }

    void stopped() {
        if (phase_ == Phase::stopped) return;
        phase_ = Phase::stopped;
        fail_all(ClientError::stopped, {});
        stop_deadline_.cancel();
        ack_check_.cancel();
        retry_.cancel();
        tell(State::stopped, {});
        call_stop_waiters();
    }

    void call_stop_waiters() {
        for (auto& waiter : std::exchange(stop_waiters_, {})) asio::post(executor_, std::move(waiter));
    }

    const asio::any_io_executor executor_;
    Options options_;
    asio::steady_timer retry_;
    asio::steady_timer ack_check_;
    asio::steady_timer stop_deadline_;
    std::shared_ptr<Mailbox> mailbox_;

    Phase phase_ = Phase::idle;
    bool stopping_ = false;
    bool checking_acks_ = false;
    int failures_ = 0;
    std::uint64_t attempt_ = 0;
    std::uint64_t last_id_ = 0;
    std::map<std::string, int> subscriptions_;
    std::deque<Outgoing> waiting_;
    std::map<std::uint64_t, InFlight> in_flight_;
    std::vector<std::function<void()>> stop_waiters_;
    Stats stats_;
    std::minstd_rand random_{std::random_device{}()};

    // Tokens point at the listeners, so the listeners outlive the client.
    Listener connect_listener_, subscribe_listener_, publish_listener_, disconnect_listener_;
    std::unique_ptr<::mqtt::async_client> client_;
};

Client::Client(const asio::any_io_executor& executor, Options options)
    : impl_(std::make_shared<Impl>(executor, std::move(options))) {
    impl_->set_up();
}

Client::~Client() {
    impl_->tear_down();
}

void Client::on_message(MessageHandler handler) {
    impl_->message_handler_ = std::move(handler);
}
void Client::on_state(StateHandler handler) {
    impl_->state_handler_ = std::move(handler);
}
void Client::start() {
    impl_->start();
}
void Client::subscribe(std::string filter, int qos) {
    impl_->subscribe(std::move(filter), qos);
}
void Client::publish(std::string topic, Bytes payload, int qos, Done done, bool retained) {
    impl_->publish(std::move(topic), std::move(payload), qos, std::move(done), retained);
}
void Client::stop(std::chrono::milliseconds drain, std::function<void()> stopped) {
    impl_->stop(drain, std::move(stopped));
}
State Client::state() const {
    return impl_->state();
}
std::size_t Client::outgoing() const {
    return impl_->outgoing();
}
Stats Client::stats() const {
    return impl_->stats();
}
void Client::set_credentials(std::string username, std::string password) {
    impl_->set_credentials(std::move(username), std::move(password));
}
void Client::reconnect() {
    impl_->reconnect();
}
void Client::set_will(std::optional<Will> will) {
    impl_->set_will(std::move(will));
}

}  // namespace esl::mqttclient
