#include "broker/adapters/mqtt_source.hpp"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>
#include <random>
#include <system_error>
#include <thread>
#include <vector>

#include "broker/rules/export_json.hpp"
#include "broker/rules/source_session.hpp"
#include "common/tls/client_socket.hpp"

namespace esl::broker {
namespace {

using mqtt::PropertyId;
using mqtt::ProtocolVersion;
using tls::Step;

constexpr std::chrono::seconds kConnectWithin{10};
// Between connections: doubles, each time shortened by a random part of up to half.
constexpr std::chrono::milliseconds kRetryFirst{250};
constexpr std::chrono::milliseconds kRetryLimit{30'000};
constexpr std::size_t kPiece = std::size_t{64} << 10;

// What shards say of messages, and the owner of the end. Thread-safe; a shard may hold it longer than the source lives.
class Mail {
public:
    struct Told {
        std::uint64_t ticket;
        bool stored;
    };

    Mail() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    }
    ~Mail() { ::close(fd_); }
    Mail(const Mail&) = delete;
    Mail& operator=(const Mail&) = delete;

    void tell(std::uint64_t ticket, bool stored) {
        const std::lock_guard guard(lock_);
        told_.push_back({ticket, stored});
        if (told_.size() == 1) wake();
    }
    void stop() {
        const std::lock_guard guard(lock_);
        stopping_ = true;
        wake();
    }
    [[nodiscard]] bool stopping() {
        const std::lock_guard guard(lock_);
        return stopping_;
    }
    [[nodiscard]] std::vector<Told> take() {
        const std::lock_guard guard(lock_);
        eventfd_t count = 0;
        if (!stopping_) static_cast<void>(::eventfd_read(fd_, &count));
        return std::exchange(told_, {});
    }
    // Readable when there is something, and for good from stop() on.
    [[nodiscard]] int fd() const { return fd_; }

private:
    void wake() const { static_cast<void>(::eventfd_write(fd_, 1)); }

    const int fd_;
    std::mutex lock_;
    std::vector<Told> told_;  // at most as many as SourceSession's window
    bool stopping_ = false;
};

SourceOptions options_of(const RuleSpec& spec) {
    return {.version = spec.version == "5" ? ProtocolVersion::v5 : ProtocolVersion::v311,
            .client_id = spec.client_id.empty() ? "shelfwire-" + spec.id : spec.client_id,
            .user = spec.user,
            .password = spec.password,
            .filter = spec.filter};
}

class MqttSource final : public RuleSource {
public:
    MqttSource(const RuleSpec& spec, Publisher& publisher, const Clock& clock, BrokerUrl url)
        : spec_(spec),
          url_(std::move(url)),
          publisher_(publisher),
          clock_(clock),
          session_(options_of(spec), [this](auto ticket, const auto& packet) { take(ticket, packet); }),
          thread_([this] { run(); }) {}
    ~MqttSource() override {
        mail_->stop();
        thread_.join();
    }

private:
    void run() {
        auto pause = kRetryFirst;
        while (!mail_->stopping()) {
            useful_ = false;
            const auto began = clock_.steady();
            const auto ended = serve();
            static_cast<void>(flush());
            session_.lost();
            socket_.close();
            if (ended) return;
            spdlog::warn("rule {}: {}: {}", spec_.id, spec_.url, ended.error().message());
            if (useful_ || clock_.steady() - began > kRetryLimit) pause = kRetryFirst;
            std::uniform_int_distribution<std::int64_t> shorter(0, pause.count() / 2);
            rest(pause - std::chrono::milliseconds(shorter(random_)));
            pause = std::min(pause * 2, kRetryLimit);
        }
    }

    // One connection; success is our own stop.
    Result<> serve() {
        const auto until = clock_.steady() + kConnectWithin;
        const auto patience = [&](int fd, short events) { return wait_for(fd, events, until); };
        if (auto ok = socket_.connect(url_.at.host, url_.at.port, patience); !ok) return ok;
        if (auto ok = secure(patience); !ok) return ok;
        settle_all();
        session_.connect(clock_.steady());
        bool announced = false;
        while (!mail_->stopping()) {
            if (auto ok = turn(); !ok) return ok;
            if (!announced && session_.subscribed()) announce();
            announced = session_.subscribed();
        }
        session_.disconnect();
        return {};
    }

    Result<> secure(const tls::ClientSocket::Wait& patience) {
        if (!url_.tls) return {};
        try {
            return socket_.secure(tls::ClientContext(spec_.ca_file), url_.at.host, patience);
        } catch (const std::runtime_error& error) {
            return fail(tls::ConnectError::unreachable, std::string("TLS: ") + error.what());
        }
    }

    // Everything that can be done now, and then a wait for more.
    Result<> turn() {
        if (!settle_all()) return fail(SourceError::unstored);
        if (auto ok = session_.tick(clock_.steady()); !ok) return ok;
        if (auto ok = session_.receive({}, clock_.steady()); !ok) return ok;
        short wanted = 0;
        bool more = false;  // may be there, perhaps inside TLS where poll() does not see it
        if (!session_.full()) {
            std::size_t got = 0;
            const auto step = socket_.receive(piece_.data(), piece_.size(), got);
            if (step == Step::end) return fail(SourceError::ended);
            if (step == Step::broken) return fail(SourceError::ended, socket_.why());
            if (step == Step::done) {
                const BytesView bytes(reinterpret_cast<const std::uint8_t*>(piece_.data()), got);
                if (auto ok = session_.receive(bytes, clock_.steady()); !ok) return ok;
                more = true;
            } else {
                wanted = step == Step::wait_read ? POLLIN : POLLOUT;
            }
        }
        const auto unsent = flush();
        if (!unsent) return fail(unsent.error());
        return more ? Result<>() : sleep(static_cast<short>(wanted | *unsent));
    }

    Result<> sleep(short events) {
        const auto ready = poll(socket_.fd(), events, session_.due());
        // While nothing is read this is all that is heard of the end.
        if ((events & POLLIN) == 0 && (ready & (POLLERR | POLLHUP)) != 0) return fail(SourceError::ended);
        return {};
    }

    // What the socket takes now; the event that the rest waits for, 0 when there is none.
    Result<short> flush() {
        auto& out = session_.output();
        while (!out.empty() && socket_.is_open()) {
            std::size_t put = 0;
            const auto step = socket_.send({reinterpret_cast<const char*>(out.data()), out.size()}, put);
            if (step == Step::wait_read) return short{POLLIN};
            if (step == Step::wait_write) return short{POLLOUT};
            if (step != Step::done) return fail(SourceError::ended, socket_.why());
            out.erase(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(put));
        }
        return short{0};
    }

    // False when the connection has to end for a message to come again.
    bool settle_all() {
        bool comes_again = false;
        for (const auto& [ticket, stored] : mail_->take()) {
            if (stored) session_.stored(ticket);
            if (!stored) comes_again |= session_.not_stored(ticket);
            useful_ |= stored;
        }
        return !comes_again;
    }

    void take(std::uint64_t ticket, const mqtt::PublishView& packet) {
        Exported outside;
        outside.topic = packet.topic;
        OutsideMessage inside{
            .topic = fill_template(spec_.topic.empty() ? spec_.resource + "/${topic}" : spec_.topic, outside),
            .payload = Bytes(packet.payload.begin(), packet.payload.end()),
            .qos = spec_.qos == "same" ? packet.qos : static_cast<mqtt::QoS>(spec_.qos[0] - '0')};
        take_properties(packet.properties, inside);
        const auto topic = inside.topic;
        const auto told = [mail = mail_, ticket](bool stored, MessageId) { mail->tell(ticket, stored); };
        if (const auto ok = publisher_.publish(std::move(inside), told); !ok) {
            // No second try would mend it.
            spdlog::warn("rule {}: '{}' cannot be published: {}", spec_.id, topic, ok.error().message());
            session_.stored(ticket);
        }
    }

    void take_properties(mqtt::PropertiesView from, OutsideMessage& to) const {
        for (auto at = from.begin(); at != from.end(); ++at) {
            if (at->id == PropertyId::message_expiry_interval) {
                to.expires = clock_.wall() + std::chrono::seconds(at->number);
            } else if (at->id != PropertyId::subscription_identifier) {
                to.properties.insert(to.properties.end(), at.raw().begin(), at.raw().end());
            }
        }
    }

    void announce() {
        spdlog::info("rule {}: connected to {}", spec_.id, spec_.url);
        if (session_.granted() == mqtt::QoS::at_most_once) {
            spdlog::warn("rule {}: {} keeps nothing for it: QoS 0 is all that it grants for {}", spec_.id, spec_.url,
                         spec_.filter);
        }
    }

    Result<> wait_for(int fd, short events, SteadyTime until) {
        for (;;) {
            settle_all();
            const auto ready = poll(fd, events, until);
            if (mail_->stopping()) return fail(SourceError::ended, "the rule stops");
            if (ready != 0) return {};
            if (clock_.steady() >= until) return fail(SourceError::silent);
        }
    }

    void rest(std::chrono::milliseconds time) {
        const auto until = clock_.steady() + time;
        while (!mail_->stopping() && clock_.steady() < until) {
            settle_all();
            poll(-1, 0, until);
        }
    }

    // What is ready at the socket; nothing as well when there is mail, or no more time.
    short poll(int fd, short events, SteadyTime until) const {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock_.steady());
        std::array<pollfd, 2> on{pollfd{.fd = mail_->fd(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = fd, .events = events, .revents = 0}};
        ::poll(on.data(), on.size(), static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000)));
        return on[1].revents;
    }

    const RuleSpec spec_;
    const BrokerUrl url_;
    Publisher& publisher_;
    const Clock& clock_;
    const std::shared_ptr<Mail> mail_ = std::make_shared<Mail>();
    SourceSession session_;
    tls::ClientSocket socket_;
    std::vector<char> piece_ = std::vector<char>(kPiece);
    bool useful_ = false;  // a message was stored since the last connection began
    std::minstd_rand random_{std::random_device{}()};
    std::thread thread_;
};

}  // namespace

std::unique_ptr<RuleSource> make_mqtt_source(const RuleSpec& spec, Publisher& publisher, const Clock& clock) {
    auto url = parse_broker_url(spec.url);
    if (!url) throw std::runtime_error("rule " + spec.id + ": url: " + url.error().about());  // was checked before
    return std::make_unique<MqttSource>(spec, publisher, clock, *std::move(url));
}

}  // namespace esl::broker
