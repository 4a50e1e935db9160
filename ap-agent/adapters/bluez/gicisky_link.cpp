#include "ap-agent/adapters/bluez/gicisky_link.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "common/tagwire/gicisky/message.hpp"

namespace esl::ap::bluez {
namespace {

// Whatever BlueZ does with Disconnect, the slot is free again after this.
constexpr std::chrono::milliseconds kCloseLimit{3'000};

}  // namespace

class GiciskyLink::Impl : public std::enable_shared_from_this<GiciskyLink::Impl> {
public:
    Impl(const boost::asio::any_io_executor& executor, const Clock& clock, Bus& bus, LinkSetup setup)
        : bus_(bus),
          setup_(std::move(setup)),
          session_(clock, std::move(setup_.coded), setup_.chunked, setup_.times),
          timer_(executor) {}

    void start() {
        phase_ = Phase::connecting;
        bus_.connect(setup_.device, setup_.connect_limit, guarded([this](const Result<>& result) {
                         if (phase_ != Phase::connecting) return;
                         if (!result && !result.error().message().contains("AlreadyConnected"))
                             return fail_with(result.error());
                         resolve();
                     }));
    }

    void on_device(const Properties& changed) {
        if (changed.resolved) setup_.resolved = *changed.resolved;
        if (changed.resolved == true && phase_ == Phase::resolving) subscribe();
        if (changed.connected == false) link_down();
    }

    void on_notification(BytesView value) {
        if (phase_ == Phase::talking) run(session_.notified(value));
    }

    void on_removed() { link_down(); }

    void cancel() {
        if (!decided_) fail(RadioError::cancelled, 0, "given up");
    }

    void forget() {
        forgotten_ = true;
        timer_.cancel();
    }

private:
    enum class Phase { idle, connecting, resolving, subscribing, talking, closing, closed };

    // A bus callback that does nothing once the owner has let go.
    std::function<void(Result<>)> guarded(std::function<void(const Result<>&)> then) {
        return [weak = weak_from_this(), then = std::move(then)](const Result<>& result) {
            const auto self = weak.lock();
            if (self && !self->forgotten_) then(result);
        };
    }

    void wake_after(std::chrono::milliseconds wait) {
        timer_.expires_after(wait);
        timer_.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
            const auto self = weak.lock();
            if (!ec && self && !self->forgotten_) self->woken();
        });
    }

    void woken() {
        switch (phase_) {
            case Phase::resolving:
                return fail(RadioError::timeout, 0, "services not resolved");
            case Phase::talking:
                return run(session_.woken());
            case Phase::closing:
                return closed();
            case Phase::idle:
            case Phase::connecting:
            case Phase::subscribing:
            case Phase::closed:
                return;
        }
    }

    void resolve() {
        phase_ = Phase::resolving;
        if (setup_.resolved) return subscribe();
        wake_after(setup_.connect_limit);
    }

    void subscribe() {
        phase_ = Phase::subscribing;
        timer_.cancel();
        const auto command = setup_.characteristic(tagwire::gicisky::kCommandUuid);
        const auto data = setup_.characteristic(tagwire::gicisky::kDataUuid);
        if (!command || !data) return fail(RadioError::rejected, 0, "characteristics FEF1 and FEF2 not found");
        command_ = *command;
        data_ = *data;
        bus_.start_notify(command_, setup_.write_limit, guarded([this](const Result<>& result) {
                              if (phase_ != Phase::subscribing) return;
                              if (!result) return fail_with(result.error());
                              phase_ = Phase::talking;
                              run(session_.start());
                          }));
    }

    void run(const GiciskySession::Actions& actions) {
        for (const auto& action : actions) {
            if (phase_ != Phase::talking) return;
            std::visit([this](const auto& a) { perform(a); }, action);
        }
    }
    void perform(const GiciskySession::WriteCommand& a) { write(command_, a.bytes, true); }
    void perform(const GiciskySession::WritePart& a) { write(data_, a.bytes, false); }
    void perform(const GiciskySession::Wake& a) { wake_after(a.after); }
    void perform(const GiciskySession::Started&) {
        if (setup_.started) setup_.started();
    }
    void perform(const GiciskySession::Delivered&) { decide({}); }
    void perform(const GiciskySession::Failed& a) { fail(a.error, a.code, a.detail); }

    void write(const std::string& characteristic, BytesView bytes, bool with_response) {
        bus_.write(characteristic, bytes, with_response, setup_.write_limit, guarded([this](const Result<>& result) {
                       if (result || phase_ != Phase::talking) return;
                       const auto error = result.error().as<RadioError>().value_or(RadioError::radio);
                       run(session_.write_failed(error, result.error().about()));
                   }));
    }

    void link_down() {
        switch (phase_) {
            case Phase::connecting:  // Connect's own answer says why
            case Phase::idle:
            case Phase::closed:
                return;
            case Phase::resolving:
            case Phase::subscribing:
                return fail(RadioError::radio, 0, "link lost before the services were there");
            case Phase::talking:
                return run(session_.disconnected());
            case Phase::closing:
                return closed();
        }
    }

    void fail_with(const Error& error) { fail(error.as<RadioError>().value_or(RadioError::radio), 0, error.about()); }
    void fail(RadioError error, std::int64_t code, std::string detail) {
        decide(UpdateOutcome::Failure{error, code, std::move(detail)});
    }

    void decide(std::optional<UpdateOutcome::Failure> failure) {
        if (std::exchange(decided_, true)) return;
        phase_ = Phase::closing;
        const LinkOutcome outcome{std::move(failure), session_.parts_sent(), session_.usual_answer()};
        wake_after(kCloseLimit);
        bus_.disconnect(setup_.device, guarded([this](const Result<>&) { closed(); }));
        const auto keep = shared_from_this();
        if (setup_.decided) setup_.decided(outcome);
    }

    void closed() {
        if (phase_ != Phase::closing) return;
        phase_ = Phase::closed;
        timer_.cancel();
        const auto keep = shared_from_this();
        if (setup_.closed) setup_.closed();
    }

    Bus& bus_;
    LinkSetup setup_;
    GiciskySession session_;
    boost::asio::steady_timer timer_;
    Phase phase_ = Phase::idle;
    std::string command_, data_;  // characteristics' object paths
    bool decided_ = false;
    bool forgotten_ = false;
};

GiciskyLink::GiciskyLink(const boost::asio::any_io_executor& executor, const Clock& clock, Bus& bus, LinkSetup setup)
    : impl_(std::make_shared<Impl>(executor, clock, bus, std::move(setup))) {}
GiciskyLink::~GiciskyLink() {
    impl_->forget();
}
void GiciskyLink::start() {
    impl_->start();
}
void GiciskyLink::on_device(const Properties& changed) {
    impl_->on_device(changed);
}
void GiciskyLink::on_notification(BytesView value) {
    impl_->on_notification(value);
}
void GiciskyLink::on_removed() {
    impl_->on_removed();
}
void GiciskyLink::cancel() {
    impl_->cancel();
}

}  // namespace esl::ap::bluez
