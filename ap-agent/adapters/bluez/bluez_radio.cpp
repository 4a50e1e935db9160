#include "ap-agent/adapters/bluez/bluez_radio.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "ap-agent/adapters/bluez/bluez_bus.hpp"
#include "ap-agent/adapters/bluez/device_table.hpp"
#include "ap-agent/adapters/bluez/gicisky_link.hpp"
#include "common/tagwire/gicisky/image.hpp"

namespace esl::ap::bluez {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr milliseconds kReopenFirst{500};
constexpr milliseconds kReopenLimit{10'000};
constexpr milliseconds kRediscover{1'000};
// However much progress each makes: beyond this the agent decides anew.
constexpr std::uint32_t kMostAttempts = 12;
constexpr milliseconds kStopLimit{3'000};

}  // namespace

class BluezRadio::Impl : public std::enable_shared_from_this<BluezRadio::Impl> {
public:
    Impl(asio::any_io_executor executor, const Clock& clock, BluezOptions options)
        : executor_(std::move(executor)),
          clock_(clock),
          options_(std::move(options)),
          adapter_("/org/bluez/" + options_.adapter),
          misfits_(clock),
          devices_(clock, adapter_, options_.max_devices, misfits_),
          reopen_(executor_),
          wake_(executor_) {}

    void start(RadioListener& listener, TagRadio& self) {
        listener_ = &listener;
        self_ = &self;
        open();
    }

    void stop(std::function<void()> stopped) {
        stopping_ = true;
        reopen_.cancel();
        wake_.cancel();
        end_all_jobs(RadioError::cancelled, "agent stops");
        for (const auto& [tag, link] : links_) {
            if (const auto* device = devices_.find(tag); device != nullptr && bus_) bus_->disconnect(device->path, {});
        }
        links_.clear();
        const auto finish = [weak = weak_from_this(), stopped = std::move(stopped),
                             once = std::make_shared<bool>(false)] {
            if (std::exchange(*once, true)) return;
            if (const auto self = weak.lock()) self->bus_.reset();
            stopped();
        };
        if (!bus_ || state_ != RadioState::up) return asio::post(executor_, finish);
        state_ = RadioState::gone;
        reopen_.expires_after(kStopLimit);
        reopen_.async_wait([finish](boost::system::error_code ec) {
            if (!ec) finish();
        });
        bus_->stop_discovery(adapter_, [finish](const Result<>&) { finish(); });
    }

    void close() {
        stopping_ = true;
        links_.clear();
        bus_.reset();
        reopen_.cancel();
        wake_.cancel();
    }

    void update(UpdateRequest request, UpdateDone done) {
        const auto refuse = [&](RadioError error, std::string detail) {
            UpdateOutcome outcome;
            outcome.failure = UpdateOutcome::Failure{error, 0, std::move(detail)};
            asio::post(executor_, [done = std::move(done), outcome] { done(outcome); });
        };
        if (stopping_) return refuse(RadioError::cancelled, "agent stops");
        if (state_ != RadioState::up) return refuse(RadioError::gone, "adapter " + options_.adapter + " is not up");
        if (jobs_.contains(request.tag)) return refuse(RadioError::busy, "an update of this tag is under way");
        if (jobs_.size() >= TagRadio::kMaxQueued) return refuse(RadioError::busy, "the radio's queue is full");
        auto* device = devices_.find(request.tag);
        if (!in_reach(device)) return refuse(RadioError::unreachable, "tag is not heard");
        const auto* model = device->model();
        if (model == nullptr)
            return refuse(RadioError::unsupported, "model " + sighting_of(*device).model + " is not known");
        if (request.image->width() != model->width || request.image->height() != model->height) {
            return refuse(RadioError::image, "the tag takes " + std::to_string(model->width) + "x" +
                                                 std::to_string(model->height) + ", the image is " +
                                                 std::to_string(request.image->width()) + "x" +
                                                 std::to_string(request.image->height()));
        }
        if (const auto ok = request.image->check(model->palette); !ok)
            return refuse(RadioError::image, ok.error().message());
        const auto tag = request.tag;
        auto& job = jobs_[tag];
        job.request = std::move(request);
        job.done = std::move(done);
        job.order = ++last_order_;
        enqueue(job);
        pump_soon();
    }

    void cancel(TagId tag) {
        const auto found = jobs_.find(tag);
        if (found == jobs_.end()) return;
        auto& job = found->second;
        if (job.phase == Phase::refreshing) return;
        if (job.phase == Phase::linking) {
            job.cancelled = true;
            if (const auto link = links_.find(tag); link != links_.end()) link->second->cancel();
            return;
        }
        end_job(tag, RadioError::cancelled, 0, "overtaken");
    }

    void unbind(TagId tag, CommandDone done) {
        auto* device = devices_.find(tag);
        if (device == nullptr || !device->present || !bus_ || state_ != RadioState::up) {
            return asio::post(executor_,
                              [done = std::move(done)] { done(fail(RadioError::unreachable, "tag is not heard")); });
        }
        bus_->remove_device(adapter_, device->path, std::move(done));
    }

    [[nodiscard]] RadioState state() const { return state_; }
    [[nodiscard]] std::uint64_t refused() const { return misfits_.count(); }
    [[nodiscard]] std::uint32_t heard() const { return devices_.heard_since(clock_.steady() - options_.heard_within); }
    [[nodiscard]] const BluezOptions& options() const { return options_; }
    void answer(CommandDone done, Result<> result) {
        asio::post(executor_, [done = std::move(done), result = std::move(result)] { done(result); });
    }

private:
    enum class Phase { queued, waiting, linking, refreshing };
    struct Job {
        UpdateRequest request;
        UpdateDone done;
        std::uint64_t order = 0;
        Phase phase = Phase::queued;
        std::uint32_t attempts = 0;
        unsigned without_progress = 0;
        bool cancelled = false;
        std::optional<SteadyTime> ends;  // of the budget
        SteadyTime due{};                // of due_: when patience with this phase ends
        SteadyTime not_before{};         // waiting: next attempt, after an advertisement
        UpdateOutcome::Failure last;     // waiting: what the last attempt ended with
        std::optional<UnixMillis> started;
    };
    using Queue = std::set<std::tuple<std::uint8_t, std::uint64_t, TagId>>;

    // ---- the adapter

    void open() {
        set_state(RadioState::starting, {});
        Bus::Events events;
        events.changed = [this](ObjectKind k, const std::string& p, const Properties& c, bool s) {
            changed(k, p, c, s);
        };
        events.removed = [this](ObjectKind k, const std::string& p) { removed(k, p); };
        events.lost = [this](const std::string& why) { lose(why); };
        adapter_seen_ = adapter_powered_ = false;
        bus_ = std::make_unique<Bus>(executor_, std::move(events), misfits_);
        bus_->open([this](const Result<>& opened) {
            if (!opened) return lose(opened.error().about());
            // The objects' properties are in the executor's queue before this answer.
            if (!adapter_seen_) return lose("no adapter " + options_.adapter);
            if (adapter_powered_) return discover();
            bus_->set_powered(adapter_, [this](const Result<>& powered) {
                if (!powered) return lose("adapter is off: " + powered.error().about());
                discover();
            });
        });
    }

    void discover() {
        bus_->start_discovery(adapter_, [this](const Result<>& started) {
            // InProgress: another program, or we ourselves before a restart, already discover.
            if (!started && !started.error().about().contains("InProgress")) {
                return lose("discovery: " + started.error().about());
            }
            reopen_wait_ = kReopenFirst;
            set_state(RadioState::up, {});
            pump();
        });
    }

    void lose(const std::string& why) {
        if (stopping_) return;
        links_.clear();
        bus_.reset();
        devices_.forget_objects();
        set_state(RadioState::gone, why);
        end_all_jobs(RadioError::gone, why);
        reopen_.expires_after(reopen_wait_);
        reopen_wait_ = std::min(reopen_wait_ * 2, kReopenLimit);
        reopen_.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
            const auto self = weak.lock();
            if (!ec && self && !self->stopping_) self->open();
        });
    }

    void set_state(RadioState state, const std::string& why) {
        if (state_ == state && told_state_) return;
        // An adapter that stays away is told once, not with every attempt.
        const bool retrying = state_ == RadioState::gone && state == RadioState::starting;
        const bool again = gone_told_ && state == RadioState::gone;
        state_ = state;
        told_state_ = true;
        if (state == RadioState::up) gone_told_ = false;
        if (retrying || again) return;
        if (state == RadioState::gone) gone_told_ = true;
        asio::post(executor_, [weak = weak_from_this(), state, why] {
            const auto self = weak.lock();
            if (self && self->listener_ != nullptr) self->listener_->on_radio_state(*self->self_, state, why);
        });
    }

    // ---- what the bus tells

    void changed(ObjectKind kind, const std::string& path, const Properties& p, bool snapshot) {
        switch (kind) {
            case ObjectKind::adapter:
                if (path == adapter_) adapter_changed(p);
                return;
            case ObjectKind::characteristic:
                devices_.characteristic(path, p);
                if (!p.value) return;
                if (const auto* device = devices_.owner_of(path); device != nullptr) {
                    if (const auto link = links_.find(device->tag); link != links_.end())
                        link->second->on_notification(*p.value);
                }
                return;
            case ObjectKind::device:
                device_changed(path, p, snapshot);
                return;
        }
    }

    void adapter_changed(const Properties& p) {
        adapter_seen_ = true;
        if (p.powered) adapter_powered_ = *p.powered;
        if (state_ != RadioState::up) return;
        if (p.powered == false) return lose("adapter was switched off");
        if (p.discovering == false) {
            wake_after(kRediscover);
            rediscover_ = true;
        }
    }

    void device_changed(const std::string& path, const Properties& p, bool snapshot) {
        const auto [device, advert] = devices_.changed(path, p, snapshot);
        if (device == nullptr) return;
        const auto tag = device->tag;
        if (const auto link = links_.find(tag); link != links_.end()) {
            const auto keep = link->second;
            keep->on_device(p);
        }
        if (advert) {
            tell_sighting(*devices_.find(tag));
            advertised(tag);
        } else if (snapshot && device->heard) {
            tell_sighting(*device);
        }
    }

    void advertised(TagId tag) {
        const auto found = jobs_.find(tag);
        if (found == jobs_.end()) return;
        if (found->second.phase == Phase::refreshing) return end_job_displayed(tag);
        // A tag can only be connected to while it advertises: after a failure the next advertisement is the sign.
        if (found->second.phase == Phase::waiting && clock_.steady() >= found->second.not_before) {
            enqueue(found->second);
            pump_soon();
        }
    }

    void tell_sighting(Device& device) {
        const auto now = clock_.steady();
        if (device.told && !device.changed && now - *device.told < options_.sighting_interval) return;
        device.told = now;
        device.changed = false;
        asio::post(executor_, [weak = weak_from_this(), sighting = sighting_of(device)] {
            const auto self = weak.lock();
            if (self && self->listener_ != nullptr && !self->stopping_)
                self->listener_->on_sighting(*self->self_, sighting);
        });
    }

    void removed(ObjectKind kind, const std::string& path) {
        if (kind == ObjectKind::adapter) {
            if (path == adapter_) lose("adapter " + options_.adapter + " was removed");
            return;
        }
        if (kind == ObjectKind::device) {
            if (const auto* device = devices_.at(path); device != nullptr) {
                if (const auto link = links_.find(device->tag); link != links_.end()) {
                    const auto keep = link->second;
                    keep->on_removed();
                }
            }
        }
        devices_.removed(kind, path);
    }

    // ---- the slots

    [[nodiscard]] bool in_reach(const Device* device) const {
        return device != nullptr && device->present && device->heard &&
               clock_.steady() - *device->heard <= options_.heard_within;
    }

    void enqueue(Job& job) {
        job.phase = Phase::queued;
        queue_.emplace(job.request.priority, job.order, job.request.tag);
    }

    void pump_soon() {
        if (std::exchange(pump_posted_, true)) return;
        asio::post(executor_, [weak = weak_from_this()] {
            if (const auto self = weak.lock()) {
                self->pump_posted_ = false;
                self->pump();
            }
        });
    }

    void pump() {
        if (stopping_ || state_ != RadioState::up) return;
        for (auto it = queue_.begin(); it != queue_.end() && links_.size() < usable_links_;) {
            const auto tag = std::get<2>(*it);
            if (links_.contains(tag)) {  // its last connection is still closing
                ++it;
                continue;
            }
            it = queue_.erase(it);
            attempt(tag);
        }
    }

    void attempt(TagId tag) {
        auto& job = jobs_.at(tag);
        auto* device = devices_.find(tag);
        if (!in_reach(device)) return end_job(tag, RadioError::unreachable, 0, "tag is not heard any more");
        const auto* model = device->model();
        const auto coding = tagwire::gicisky::coding_of(*model, device->advert.firmware);
        auto coded = tagwire::gicisky::encode_image(*model, coding, *job.request.image);
        if (!coded) return end_job(tag, RadioError::image, 0, coded.error().message());

        if (!job.ends) job.ends = clock_.steady() + job.request.budget;
        ++job.attempts;
        job.phase = Phase::linking;
        LinkSetup setup;
        setup.device = device->path;
        setup.resolved = device->resolved;
        setup.coded = std::move(*coded);
        setup.chunked = coding == tagwire::gicisky::Coding::chunked;
        setup.times = options_.times;
        setup.times.pause += options_.pause_per_attempt * (job.attempts - 1);
        if (usual_answer_.count() > 0) {
            setup.times.notice =
                std::clamp(usual_answer_ * 4, std::min(milliseconds(500), setup.times.notice), setup.times.notice);
        }
        setup.connect_limit = options_.connect_limit;
        setup.write_limit = options_.write_limit;
        setup.characteristic = [this, path = device->path](std::string_view uuid) {
            return devices_.characteristic(path, uuid);
        };
        setup.started = [this, tag] { image_started(tag); };
        setup.decided = [this, tag](const LinkOutcome& outcome) { decided(tag, outcome); };
        setup.closed = [this, tag] {
            links_.erase(tag);
            pump_soon();
        };
        const auto link = std::make_shared<GiciskyLink>(executor_, clock_, *bus_, std::move(setup));
        links_[tag] = link;
        link->start();
    }

    void image_started(TagId tag) {
        const auto found = jobs_.find(tag);
        if (found == jobs_.end() || found->second.started) return;
        found->second.started = clock_.wall();
        if (found->second.request.started) asio::post(executor_, found->second.request.started);
    }

    void decided(TagId tag, const LinkOutcome& outcome) {
        // A slow answer is remembered for a while, so that a busy band does not cost each tag its patience anew.
        usual_answer_ = std::max(outcome.usual_answer, usual_answer_ * 9 / 10);
        const auto found = jobs_.find(tag);
        if (found == jobs_.end()) return;
        auto& job = found->second;
        const auto now = clock_.steady();
        if (!outcome.failure) {
            job.phase = Phase::refreshing;
            job.due = now + silence_limit(tag);
            return schedule(tag, job.due);
        }
        const auto& failure = *outcome.failure;
        if (failure.detail.contains(
                "concurrent-connection-limit")) {  // the adapter's own limit; says nothing of the tag
            usable_links_ = std::max<std::size_t>(1, links_.size() - 1);
            spdlog::info("{} takes only {} connections at a time", options_.adapter, usable_links_);
            --job.attempts;
            return wait_for_advert(tag, job, failure, options_.between_attempts);
        }
        job.without_progress = outcome.parts_sent > 1 ? 0 : job.without_progress + 1;
        const bool again = !job.cancelled && failure.error != RadioError::rejected &&
                           failure.error != RadioError::gone && failure.error != RadioError::cancelled &&
                           job.without_progress < options_.attempts && job.attempts < kMostAttempts && now < *job.ends;
        spdlog::debug("{} attempt {} of {}: {} ({})", options_.adapter, job.attempts, tag.text(),
                      describe(failure.error), failure.detail);
        if (!again) return end_job(tag, failure.error, failure.code, failure.detail);
        wait_for_advert(tag, job, failure, options_.between_attempts * std::max(1U, job.without_progress));
    }

    void wait_for_advert(TagId tag, Job& job, const UpdateOutcome::Failure& failure, milliseconds pause) {
        job.phase = Phase::waiting;
        job.last = failure;
        job.not_before = clock_.steady() + pause;
        job.due = job.not_before + silence_limit(tag);
        schedule(tag, job.due);
    }

    // How long a tag may be silent because it refreshes; it may have the whole image although we never heard so.
    [[nodiscard]] milliseconds silence_limit(TagId tag) {
        const auto* device = devices_.find(tag);
        const auto* model = device == nullptr ? nullptr : device->model();
        return (model == nullptr ? milliseconds(30'000) : model->refresh) * 3 / 2 + options_.refresh_spare;
    }

    // ---- time

    void schedule(TagId tag, SteadyTime when) {
        due_.emplace(when, tag);
        if (due_.begin()->first == when) wake_after(std::chrono::ceil<milliseconds>(when - clock_.steady()));
    }

    void wake_after(milliseconds wait) {
        wake_.expires_after(std::max(wait, milliseconds(0)));
        wake_.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
            const auto self = weak.lock();
            if (!ec && self && !self->stopping_) self->woken();
        });
    }

    void woken() {
        const auto now = clock_.steady();
        if (std::exchange(rediscover_, false) && bus_ && state_ == RadioState::up) discover();
        while (!due_.empty() && due_.begin()->first <= now) {
            const auto [when, tag] = *due_.begin();
            due_.erase(due_.begin());
            const auto found = jobs_.find(tag);
            if (found == jobs_.end() || found->second.due != when) continue;
            if (found->second.phase == Phase::waiting) {
                const auto last = found->second.last;
                end_job(tag, last.error, last.code, last.detail + "; silent since");
            } else if (found->second.phase == Phase::refreshing) {
                end_job(tag, RadioError::timeout, 0, "no advertisement after the refresh");
            }
        }
        if (!due_.empty()) wake_after(std::chrono::ceil<milliseconds>(due_.begin()->first - now));
        pump();
    }

    // ---- ends

    void end_job_displayed(TagId tag) { finish(tag, std::nullopt); }
    void end_job(TagId tag, RadioError error, std::int64_t code, std::string detail) {
        finish(tag, UpdateOutcome::Failure{error, code, std::move(detail)});
    }
    void finish(TagId tag, std::optional<UpdateOutcome::Failure> failure) {
        auto node = jobs_.extract(tag);
        if (node.empty()) return;
        auto& job = node.mapped();
        queue_.erase({job.request.priority, job.order, tag});
        UpdateOutcome outcome;
        outcome.failure = std::move(failure);
        outcome.attempts = job.attempts;
        outcome.started = job.started;
        asio::post(executor_, [done = std::move(job.done), outcome] { done(outcome); });
        pump_soon();
    }
    void end_all_jobs(RadioError error, const std::string& why) {
        std::vector<TagId> all;
        for (const auto& [tag, job] : jobs_) all.push_back(tag);
        for (const auto tag : all) end_job(tag, error, 0, why);
    }

    const asio::any_io_executor executor_;
    const Clock& clock_;
    const BluezOptions options_;
    const std::string adapter_;
    Misfits misfits_;
    DeviceTable devices_;
    asio::steady_timer reopen_;
    asio::steady_timer wake_;
    milliseconds reopen_wait_ = kReopenFirst;
    milliseconds usual_answer_{0};
    std::size_t usable_links_ = options_.links;  // options_.links, or what the adapter has been found to take
    RadioListener* listener_ = nullptr;
    TagRadio* self_ = nullptr;
    RadioState state_ = RadioState::starting;
    bool told_state_ = false;
    bool gone_told_ = false;
    bool adapter_seen_ = false;
    bool adapter_powered_ = false;
    bool rediscover_ = false;
    bool stopping_ = false;
    bool pump_posted_ = false;
    std::uint64_t last_order_ = 0;
    std::unordered_map<TagId, Job> jobs_;
    Queue queue_;
    std::set<std::pair<SteadyTime, TagId>> due_;
    std::unique_ptr<Bus> bus_;
    std::unordered_map<TagId, std::shared_ptr<GiciskyLink>> links_;  // go before the bus
};

BluezRadio::BluezRadio(const boost::asio::any_io_executor& executor, const Clock& clock, BluezOptions options)
    : impl_(std::make_shared<Impl>(executor, clock, std::move(options))) {}
BluezRadio::~BluezRadio() {
    impl_->close();
}

std::string BluezRadio::name() const {
    return "bluez:" + impl_->options().adapter;
}
RadioState BluezRadio::state() const {
    return impl_->state();
}
std::uint32_t BluezRadio::tags_heard() const {
    return impl_->heard();
}
std::uint64_t BluezRadio::refused() const {
    return impl_->refused();
}
void BluezRadio::start(RadioListener& listener) {
    impl_->start(listener, *this);
}
void BluezRadio::stop(std::function<void()> stopped) {
    impl_->stop(std::move(stopped));
}
void BluezRadio::update(UpdateRequest request, UpdateDone done) {
    impl_->update(std::move(request), std::move(done));
}
void BluezRadio::cancel(TagId tag) {
    impl_->cancel(tag);
}
void BluezRadio::led(LedRequest, CommandDone done) {
    impl_->answer(std::move(done), fail(RadioError::unsupported, "Gicisky tags have no command for their LED"));
}
void BluezRadio::permit_join(std::chrono::seconds, CommandDone done) {
    impl_->answer(std::move(done), fail(RadioError::unsupported, "Bluetooth tags do not join"));
}
void BluezRadio::unbind(TagId tag, CommandDone done) {
    impl_->unbind(tag, std::move(done));
}

}  // namespace esl::ap::bluez
