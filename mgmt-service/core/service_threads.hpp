// The service's threads: one for the engine, one that commits, some that draw. Internal to mgmt-service/core
// (docs/decisions/0070-rules-in-memory-records-behind-a-port.md).
#pragma once

#include <spdlog/spdlog.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

#include "mgmt-service/core/audit_text.hpp"
#include "mgmt-service/core/engine.hpp"
#include "mgmt-service/core/image_cache.hpp"
#include "mgmt-service/core/service.hpp"
#include "mgmt-service/ports/ap_link.hpp"
#include "mgmt-service/ports/audit_sink.hpp"

namespace esl::mgmt {

inline constexpr std::size_t kMaxCalls = 20'000;        // waiting for the engine; a call beyond that is unavailable
inline constexpr std::size_t kCallsBetweenTakes = 512;  // so that timers and commits get their turn
inline constexpr std::chrono::milliseconds kTick{25};
inline constexpr std::chrono::seconds kSettleLimit{60};
inline constexpr std::chrono::hours kCleanEvery{6};
inline constexpr std::chrono::hours kKeyLife{24};

inline RenderedImage pack(const image::TagImage& drawn) {
    Bytes named;
    ByteWriter(named)
        .u16le(static_cast<std::uint16_t>(drawn.width()))
        .u16le(static_cast<std::uint16_t>(drawn.height()));
    named.insert(named.end(), drawn.bytes().begin(), drawn.bytes().end());
    return {StoredImage{{drawn.crc(), sha256_hex(named)}, drawn.width(), drawn.height(), image::deflate(drawn)}};
}

class Service::Impl {
public:
    Impl(const Clock& clock, TaskStore& store, ImageRenderer& renderer, AuditSink& audit, ApLink& link,
         ServiceSettings settings)
        : clock_(clock),
          store_(store),
          renderer_(renderer),
          audit_(audit),
          link_(link),
          threads_(std::max<std::size_t>(settings.render_threads, 1)),
          engine_(clock, lookups(), std::move(settings)) {
        store_.clean(clock_.wall() - kKeyLife);
        next_clean_ = clock_.steady() + kCleanEvery;
        engine_.load(store_.load());
    }

    ~Impl() { stop(); }

    void start() {
        started_ = true;
        engine_thread_ = std::thread([this] { run_engine(); });
        commit_thread_ = std::thread([this] { run_commits(); });
        for (std::size_t i = 0; i < threads_; ++i) {
            render_threads_.emplace_back([this] { run_renders(); });
        }
        link_.start({
            [this](const std::string&, contract::Uplink m) {
                post_waiting([this, m = std::move(m)]() mutable { engine_.on_uplink(std::move(m)); });
            },
            [this](const std::string& topic, const Error& error) {
                spdlog::warn("message on {} not understood: {}", topic, error.message());
                post_waiting([this] { engine_.on_bad_message(); });
            },
            [this](bool up) { post_waiting([this, up] { engine_.on_link(up); }); },
        });
    }

    void stop() {
        if (!started_ || stopped_.exchange(true)) return;
        link_.stop();
        {
            const std::lock_guard lock(mutex_);
            closing_ = true;
        }
        engine_wakes_.notify_all();
        room_.notify_all();
        engine_thread_.join();
        {
            const std::lock_guard lock(render_mutex_);
            renders_closed_ = true;
            renders_.clear();
            renders_ahead_.clear();
        }
        render_wakes_.notify_all();
        for (auto& t : render_threads_) t.join();
        commit_wakes_.notify_all();
        commit_thread_.join();
    }

    // Runs `call` on the engine; returns what it returns at once.
    template <class F>
    auto ask(F call) -> decltype(call(std::declval<Engine&>())) {
        using R = decltype(call(std::declval<Engine&>()));
        auto promise = std::make_shared<std::promise<R>>();
        auto future = promise->get_future();
        if (!post([this, promise, &call] { promise->set_value(call(engine_)); })) {
            if constexpr (std::is_constructible_v<R, std::unexpected<Error>>) {
                return fail(ServiceError::unavailable, "the service is stopping or overloaded");
            } else {
                return R{};
            }
        }
        return future.get();
    }

    // As ask(), but the answer waits until all that the call did is committed and audited.
    template <class F>
    auto write(F call) -> decltype(call(std::declval<Engine&>())) {
        using R = decltype(call(std::declval<Engine&>()));
        auto promise = std::make_shared<std::promise<R>>();
        auto future = promise->get_future();
        const bool posted = post([this, promise, &call] {
            auto result = std::make_shared<R>(call(engine_));
            waiters_.push_back([promise, result] { promise->set_value(std::move(*result)); });
        });
        if (!posted) return fail(ServiceError::unavailable, "the service is stopping or overloaded");
        return future.get();
    }

    Result<WantedImage> image_of(const ImageRef& ref) {
        const auto stored = store_.image(ref.sha);
        if (!stored) return fail(ServiceError::not_found, "image " + image_text(ref.crc));
        auto picture = image::inflate(stored->width, stored->height, stored->deflated);
        if (!picture) return fail(picture.error());
        return WantedImage{ref, std::move(*picture)};
    }

    std::shared_ptr<void> subscribe(EventSink sink) {
        struct Token {
            Impl* impl;
            std::uint64_t id;
            std::weak_ptr<bool> alive;
            ~Token() {
                if (alive.lock()) impl->unsubscribe(id);
            }
        };
        const std::lock_guard lock(sinks_mutex_);
        const auto id = ++last_sink_;
        sinks_[id] = std::move(sink);
        return std::make_shared<Token>(this, id, alive_);
    }

    void settle() {
        const auto deadline = std::chrono::steady_clock::now() + kSettleLimit;
        bool first = true;
        for (;;) {
            auto done = std::make_shared<std::promise<bool>>();
            auto future = done->get_future();
            const bool posted = post([this, done, first] {
                if (first) engine_.tick();
                const bool drawing = engine_.drawing();
                waiters_.push_back([done, drawing] { done->set_value(!drawing); });
            });
            if (!posted || future.get() || std::chrono::steady_clock::now() > deadline) return;
            first = false;
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    }

    TaskStore& store() { return store_; }
    ImageRenderer& renderer() { return renderer_; }

private:
    using Call = std::function<void()>;

    Engine::Lookups lookups() {
        return {
            [this](const Panel& panel, const std::optional<std::string>& id) {
                return renderer_.template_version(panel, id);
            },
            [this](const std::string& store, const std::string& product, UnixMillis since) {
                return store_.prices(store, product, since);
            },
            [this](const std::string& actor, const std::string& key) { return store_.idempotency(actor, key); },
            [this](const std::string& id) { return store_.change(id); },
            [this](const std::string& id) { return store_.change_items(id, SIZE_MAX >> 1); },
            [this](const std::string& id) { return store_.durations(id); },
        };
    }

    [[nodiscard]] bool post(Call call) {
        {
            const std::lock_guard lock(mutex_);
            if (closing_ || !started_ || calls_.size() >= kMaxCalls) return false;
            calls_.push_back(std::move(call));
        }
        engine_wakes_.notify_one();
        return true;
    }

    // For what must not be lost for want of room: waits.
    void post_waiting(Call call) {
        {
            std::unique_lock lock(mutex_);
            room_.wait(lock, [this] { return closing_ || calls_.size() < kMaxCalls; });
            if (closing_) return;
            calls_.push_back(std::move(call));
        }
        engine_wakes_.notify_one();
    }

    // The engine's thread: calls, ticks, and a batch handed over whenever the committer is free.
    void run_engine() {
        bool closing = false;
        while (!closing) {
            std::deque<Call> calls;
            {
                std::unique_lock lock(mutex_);
                engine_wakes_.wait_for(lock, kTick,
                                       [this] { return closing_ || !calls_.empty() || (!committing_ && unflushed_); });
                closing = closing_;
                while (!calls_.empty() && (closing || calls.size() < kCallsBetweenTakes)) {
                    calls.push_back(std::move(calls_.front()));
                    calls_.pop_front();
                }
            }
            room_.notify_all();
            for (auto& call : calls) call();
            engine_.tick();
            start_renders();
            hand_over(closing);
        }
    }

    struct Handover {
        Output output;
        std::vector<Call> waiters;
    };

    void hand_over(bool last) {
        std::unique_lock lock(mutex_);
        if (last) {
            committed_.wait(lock, [this] { return !committing_; });
        } else if (committing_) {
            unflushed_ = true;
            return;
        }
        lock.unlock();
        Handover next{engine_.take(), std::exchange(waiters_, {})};
        lock.lock();
        unflushed_ = false;
        if (next.output.empty() && next.waiters.empty()) {
            if (last) commits_closed_ = true;
            return;
        }
        handover_ = std::move(next);
        committing_ = true;
        if (last) commits_closed_ = true;
        commit_wakes_.notify_one();
    }

    void run_commits() {
        for (;;) {
            Handover work;
            {
                std::unique_lock lock(mutex_);
                commit_wakes_.wait(lock, [this] { return handover_ || commits_closed_; });
                if (!handover_) return;
                work = std::move(*handover_);
                handover_.reset();
            }
            commit(work);
            {
                const std::lock_guard lock(mutex_);
                committing_ = false;
            }
            committed_.notify_all();
            engine_wakes_.notify_one();
        }
    }

    // Audit first: what is in the database is then always in the log too. A store that fails ends the process, since
    // the engine is ahead of what is on disk; the next start goes on from there.
    void commit(Handover& work) {
        try {
            if (!work.output.audit.empty()) {
                if (const auto written = audit_.append(work.output.audit); !written) {
                    throw std::runtime_error(written.error().message());
                }
            }
            if (!work.output.batch.empty()) store_.commit(work.output.batch);
        } catch (const std::exception& e) {
            spdlog::critical("cannot keep what was decided: {}", e.what());
            spdlog::default_logger()->flush();
            std::_Exit(1);
        }
        if (clock_.steady() > next_clean_) {
            next_clean_ = clock_.steady() + kCleanEvery;
            store_.clean(clock_.wall() - kKeyLife);
        }
        for (auto& send : work.output.sends) dispatch(std::move(send));
        for (auto& waiter : work.waiters) waiter();
        tell(std::move(work.output.events));
    }

    void dispatch(Send send) {
        if (auto* message = std::get_if<contract::Downlink>(&send.what)) {
            link_.post_send(send.ap, std::move(*message), [ap = send.ap](const Result<>& sent) {
                if (!sent) spdlog::warn("could not send to {}: {}", ap, sent.error().message());
            });
            return;
        }
        contract::Tasks message;
        std::vector<OutgoingTask> named;
        std::size_t size = 64;
        const auto flush = [&] {
            if (named.empty()) return;
            link_.post_send(send.ap, std::exchange(message, {}),
                            [this, tasks = std::exchange(named, {})](Result<> sent) {
                                if (sent) return;
                                post_waiting([this, tasks, sent] { engine_.on_sent(tasks, sent); });
                            });
            size = 64;
        };
        for (auto& out : std::get<std::vector<OutgoingTask>>(send.what)) {
            const auto picture = deflated(out.image.sha);
            if (!picture) {
                spdlog::error("image {} of tag {} is not in the store", out.image.sha, out.tag.text());
                continue;
            }
            contract::Task task;
            task.tag = out.tag;
            task.version = out.version;
            task.job = out.job;
            task.image_id = out.image.crc;
            task.width = out.panel.width;
            task.height = out.panel.height;
            task.palette = out.panel.palette;
            task.image = *picture;
            task.epoch = out.epoch;
            task.expires = out.expires;
            task.not_before = out.not_before;
            const auto bound = contract::encoded_bound(task);
            if (size + bound > contract::kMaxPayload) flush();
            size += bound;
            message.tasks.push_back(std::move(task));
            named.push_back(std::move(out));
        }
        flush();
    }

    Deflated deflated(const std::string& sha) {
        if (auto found = cache_.find(sha)) return found;
        auto stored = store_.image(sha);
        if (!stored) return nullptr;
        auto out = std::make_shared<const Bytes>(std::move(stored->deflated));
        cache_.add(sha, out);
        return out;
    }

    void tell(std::vector<Event> events) {
        if (events.empty()) return;
        for (auto& e : events) e.id = ++last_event_;
        const auto shared = std::make_shared<const std::vector<Event>>(std::move(events));
        const std::lock_guard lock(sinks_mutex_);
        for (auto& [id, sink] : sinks_) sink(shared);
    }
    void unsubscribe(std::uint64_t id) {
        const std::lock_guard lock(sinks_mutex_);
        sinks_.erase(id);
    }

    void start_renders() {
        auto requests = engine_.take_renders();
        if (requests.empty()) return;
        {
            const std::lock_guard lock(render_mutex_);
            for (auto& r : requests) (r.ahead ? renders_ahead_ : renders_).push_back(std::move(r));
        }
        render_wakes_.notify_all();
    }

    void run_renders() {
        for (;;) {
            RenderRequest work;
            {
                std::unique_lock lock(render_mutex_);
                render_wakes_.wait(lock,
                                   [this] { return renders_closed_ || !renders_.empty() || !renders_ahead_.empty(); });
                if (renders_closed_) return;
                auto& next = renders_.empty() ? renders_ahead_ : renders_;
                work = std::move(next.front());
                next.pop_front();
            }
            auto result = draw(work.scene);
            if (result) {
                cache_.add(result->image.ref.sha, std::make_shared<const Bytes>(result->image.deflated));
            }
            post_waiting(
                [this, tag = work.tag, inputs = std::move(work.inputs), ahead = work.ahead,
                 result = std::move(result)]() mutable { engine_.on_rendered(tag, inputs, std::move(result), ahead); });
        }
    }

    Result<RenderedImage> draw(const Scene& scene) {
        auto picture = renderer_.render(scene);
        if (!picture) return fail(picture.error());
        if (picture->width() != scene.panel.width || picture->height() != scene.panel.height) {
            return fail(RenderError::bad_content, "drawn in another size than the panel's");
        }
        if (const auto allowed = picture->check(scene.panel.palette); !allowed) return fail(allowed.error());
        return pack(*picture);
    }

    const Clock& clock_;
    TaskStore& store_;
    ImageRenderer& renderer_;
    AuditSink& audit_;
    ApLink& link_;
    const std::size_t threads_;
    Engine engine_;  // on the engine's thread after start()
    ImageCache cache_;

    std::mutex mutex_;
    std::condition_variable engine_wakes_, room_, commit_wakes_, committed_;
    std::deque<Call> calls_;
    std::optional<Handover> handover_;
    bool started_ = false, closing_ = false, committing_ = false, unflushed_ = false, commits_closed_ = false;
    std::atomic<bool> stopped_{false};
    std::vector<Call> waiters_;  // engine's thread

    std::mutex render_mutex_;
    std::condition_variable render_wakes_;
    std::deque<RenderRequest> renders_;        // at most one a tag
    std::deque<RenderRequest> renders_ahead_;  // drawn when there is nothing in renders_
    bool renders_closed_ = false;

    std::mutex sinks_mutex_;
    std::map<std::uint64_t, EventSink> sinks_;
    std::uint64_t last_sink_ = 0;
    std::uint64_t last_event_ = 0;  // commit thread
    SteadyTime next_clean_{};       // commit thread
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

    std::thread engine_thread_, commit_thread_;
    std::vector<std::thread> render_threads_;
};

}  // namespace esl::mgmt
