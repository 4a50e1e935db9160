#include "ap-agent/adapters/znp/radio.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <stdexcept>
#include <utility>

#include "ap-agent/adapters/znp/core.hpp"
#include "ap-agent/adapters/znp/line.hpp"
#include "ap-agent/adapters/znp/update.hpp"

namespace esl::ap::znp {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds kFirstRetry = 500ms;
constexpr std::chrono::milliseconds kLastRetry = 30s;
// Joins come in bursts; one write of the file serves them all.
constexpr auto kSaveDelay = 500ms;

// Everything that handlers of the executor may still touch after the radio has gone.
class Body : public std::enable_shared_from_this<Body> {
public:
    Body(const asio::any_io_executor& executor, RadioConfig config, const Clock& clock)
        : executor_(executor),
          config_(std::move(config)),
          clock_(clock),
          wake_(executor),
          retry_(executor),
          save_(executor) {}

    void start(TagRadio& radio, RadioListener& listener) {
        radio_ = &radio;
        listener_ = &listener;
        std::filesystem::create_directories(config_.data_dir);
        std::filesystem::permissions(config_.data_dir, std::filesystem::perms::owner_all);
        load_tags();
        open();
    }

    void stop(std::function<void()> stopped) {
        stopping_ = true;
        if (core_) {
            guarded([&] { core_->cancel_all(); });
            if (core_) core_->close("the radio stops");
        }
        shut();
        if (tags_changed_) save_tags();
        state_ = RadioState::gone;
        asio::post(executor_, [self = shared_from_this(), stopped = std::move(stopped)] { stopped(); });
    }

    // The radio itself is gone: nothing may be told any more.
    void detach() {
        listener_ = nullptr;
        stopping_ = true;
        shut();
    }

    // A call of the core, with whatever it gives to send afterwards.
    void run(const std::function<void(Core&)>& call) {
        guarded([&] { call(*core_); });
        after();
    }

    [[nodiscard]] bool has_core() const { return core_ != nullptr; }
    [[nodiscard]] std::uint64_t refused() const { return refused_before_ + (core_ ? core_->counters().bad_frames : 0); }
    [[nodiscard]] RadioState state() const { return state_; }
    [[nodiscard]] const TagTable& tags() const { return tags_; }
    [[nodiscard]] const RadioConfig& config() const { return config_; }

    // Callbacks run later than the call that gave them.
    template <class... A>
    std::function<void(A...)> later(std::function<void(A...)> callback) {
        if (!callback) return {};
        return [self = shared_from_this(), callback = std::move(callback)](A... values) {
            asio::post(self->executor_,
                       [callback, ... values = std::move(values)]() mutable { callback(std::move(values)...); });
        };
    }

private:
    void open() {
        if (stopping_) return;
        if (state_ != RadioState::gone) tell(RadioState::starting, "");
        std::weak_ptr<Body> weak = weak_from_this();
        line_ = std::make_shared<Line>(executor_, Line::Handlers{.opened =
                                                                     [weak] {
                                                                         if (auto self = weak.lock()) self->opened();
                                                                     },
                                                                 .bytes =
                                                                     [weak](BytesView bytes) {
                                                                         if (auto self = weak.lock())
                                                                             self->arrived(bytes);
                                                                     },
                                                                 .lost =
                                                                     [weak](const std::string& why) {
                                                                         if (auto self = weak.lock()) self->lose(why);
                                                                     }});
        line_->open(config_.port);
    }

    void opened() {
        NetworkStore store{
            .load = [path = network_file()]() -> Result<std::optional<Network>> {
                const auto text = read_private_file(path);
                if (!text) return std::optional<Network>{};
                auto network = network_from_json(*text);
                if (!network) return fail(network.error());
                return std::optional(*network);
            },
            .save = [path = network_file()](const Network& network) { write_private_file(path, to_json(network)); }};
        CoreEvents events{.up = [this] { up(); },
                          .failed = [this](const std::string& why) { lose_later(why); },
                          .sighting = [this](const TagSighting& sighting) { see(sighting); },
                          .tags_changed = [this] { tags_dirty(); }};
        CoreOptions options;
        options.channel = config_.channel;
        core_ = std::make_unique<Core>(clock_, tags_, std::move(store), options, std::move(events));
        run([](Core& core) { core.start(); });
    }

    void arrived(BytesView bytes) {
        if (core_) run([&](Core& core) { core.receive(bytes); });
    }

    void after() {
        if (!core_ || !line_) return;
        line_->write(core_->take_output());
        const auto deadline = core_->next_deadline();
        if (!deadline) return;
        const auto wait = std::max(*deadline - clock_.steady(), SteadyTime::duration{1ms});
        wake_.expires_after(wait);
        wake_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
            const auto self = weak.lock();
            if (error || !self || !self->core_) return;
            self->run([](Core& core) { core.tick(); });
        });
    }

    // A file that cannot be written, or a mistake of ours: the line is taken down, the agent goes on.
    void guarded(const std::function<void()>& call) {
        try {
            call();
        } catch (const std::exception& e) {
            lose_later(e.what());
        }
    }

    void up() {
        retry_after_ = kFirstRetry;
        tell(RadioState::up, "");
    }

    void lose_later(const std::string& why) {
        asio::post(executor_, [weak = weak_from_this(), why] {
            if (auto self = weak.lock()) self->lose(why);
        });
    }

    void lose(const std::string& why) {
        if (stopping_) return;
        if (core_) core_->close(why);
        shut();
        if (state_ != RadioState::gone) spdlog::warn("znp: {}: {}", config_.port, why);
        tell(RadioState::gone, why);
        retry_.expires_after(retry_after_);
        retry_after_ = std::min(retry_after_ * 2, kLastRetry);
        retry_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
            const auto self = weak.lock();
            if (!error && self) self->open();
        });
    }

    void shut() {
        wake_.cancel();
        retry_.cancel();
        if (line_) line_->close();
        line_.reset();
        if (core_) refused_before_ += core_->counters().bad_frames;
        core_.reset();
    }

    void tell(RadioState state, const std::string& why) {
        if (state == state_ && told_) return;
        state_ = state;
        told_ = true;
        asio::post(executor_, [self = shared_from_this(), state, why] {
            if (self->listener_ != nullptr) self->listener_->on_radio_state(*self->radio_, state, why);
        });
    }

    void see(const TagSighting& sighting) {
        asio::post(executor_, [self = shared_from_this(), sighting] {
            if (self->listener_ != nullptr) self->listener_->on_sighting(*self->radio_, sighting);
        });
    }

    // ---- files

    [[nodiscard]] std::filesystem::path network_file() const { return config_.data_dir / "network.json"; }
    [[nodiscard]] std::filesystem::path tags_file() const { return config_.data_dir / "tags.json"; }

    // Tags say again what they are when they are asked, so a bad file costs time and no tag. It is put aside.
    void load_tags() {
        const auto text = read_private_file(tags_file());
        if (!text) return;
        auto loaded = TagTable::from_json(*text);
        if (loaded) {
            tags_ = *std::move(loaded);
            return;
        }
        auto aside = tags_file();
        aside += ".bad";
        spdlog::error("znp: {}: {}; kept as {}", tags_file().string(), loaded.error().message(), aside.string());
        std::filesystem::rename(tags_file(), aside);
    }

    void tags_dirty() {
        if (std::exchange(tags_changed_, true)) return;
        save_.expires_after(kSaveDelay);
        save_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
            const auto self = weak.lock();
            if (!error && self && self->tags_changed_) self->save_tags();
        });
    }

    void save_tags() {
        tags_changed_ = false;
        try {
            write_private_file(tags_file(), tags_.to_json());
        } catch (const std::exception& e) {
            spdlog::error("znp: tags are not saved: {}", e.what());
        }
    }

    asio::any_io_executor executor_;
    RadioConfig config_;
    const Clock& clock_;
    TagRadio* radio_ = nullptr;
    RadioListener* listener_ = nullptr;
    RadioState state_ = RadioState::starting;
    bool told_ = false;
    bool stopping_ = false;
    bool tags_changed_ = false;
    std::chrono::milliseconds retry_after_ = kFirstRetry;
    asio::steady_timer wake_;
    asio::steady_timer retry_;
    asio::steady_timer save_;
    TagTable tags_;
    std::shared_ptr<Line> line_;
    std::unique_ptr<Core> core_;
    std::uint64_t refused_before_ = 0;  // by cores of before
};

class Radio final : public TagRadio {
public:
    Radio(const asio::any_io_executor& executor, RadioConfig config, const Clock& clock)
        : body_(std::make_shared<Body>(executor, std::move(config), clock)) {}
    ~Radio() override { body_->detach(); }
    Radio(const Radio&) = delete;
    Radio& operator=(const Radio&) = delete;

    [[nodiscard]] std::string name() const override { return "znp:" + body_->config().port; }
    [[nodiscard]] std::string_view kind() const override { return "znp"; }
    [[nodiscard]] TagId::Kind serves() const override { return TagId::Kind::eui64; }
    [[nodiscard]] RadioState state() const override { return body_->state(); }
    [[nodiscard]] std::uint32_t tags_heard() const override {
        const auto& tags = body_->tags().all();
        return static_cast<std::uint32_t>(
            std::ranges::count_if(tags, [](const auto& at) { return at.second.heard.has_value(); }));
    }

    [[nodiscard]] std::uint64_t refused() const override { return body_->refused(); }

    void start(RadioListener& listener) override { body_->start(*this, listener); }
    void stop(std::function<void()> stopped) override { body_->stop(std::move(stopped)); }

    void update(UpdateRequest request, UpdateDone done) override {
        auto answer = body_->later(std::move(done));
        request.started = body_->later(std::move(request.started));
        if (!body_->has_core()) return answer(failed(RadioError::gone, "coordinator is not there"));
        body_->run([&](Core& core) { core.update(std::move(request), std::move(answer)); });
    }
    void cancel(TagId tag) override {
        if (body_->has_core()) body_->run([&](Core& core) { core.cancel(tag); });
    }
    void led(LedRequest request, CommandDone done) override {
        command(std::move(done), [&](Core& core, CommandDone answer) { core.led(request, std::move(answer)); });
    }
    void permit_join(std::chrono::seconds duration, CommandDone done) override {
        command(std::move(done),
                [&](Core& core, CommandDone answer) { core.permit_join(duration, std::move(answer)); });
    }
    void unbind(TagId tag, CommandDone done) override {
        command(std::move(done), [&](Core& core, CommandDone answer) { core.unbind(tag, std::move(answer)); });
    }

private:
    void command(CommandDone done, const std::function<void(Core&, CommandDone)>& call) {
        auto answer = body_->later(std::move(done));
        if (!body_->has_core()) return answer(fail(RadioError::gone));
        body_->run([&](Core& core) { call(core, std::move(answer)); });
    }

    std::shared_ptr<Body> body_;
};

}  // namespace

Result<> check(const RadioConfig& config) {
    if (config.port.starts_with("tcp://")) {
        if (const auto address = parse_tcp(config.port); !address) return fail(address.error());
    } else if (!config.port.starts_with('/')) {
        return fail(ParseError::malformed, "'" + config.port + "' is neither a path nor tcp://host:port");
    }
    if (config.channel < 11 || config.channel > 26) {
        return fail(ParseError::out_of_range, "ZigBee channel " + std::to_string(config.channel) + ", 11 to 26 exist");
    }
    return {};
}

std::unique_ptr<TagRadio> make_radio(const asio::any_io_executor& executor, RadioConfig config, const Clock& clock) {
    if (const auto good = check(config); !good) throw std::invalid_argument("znp: " + good.error().message());
    return std::make_unique<Radio>(executor, std::move(config), clock);
}

}  // namespace esl::ap::znp
