// The port to a radio that can reach price tags. Adapters: BlueZ (ap-agent/adapters/bluez) and ZNP
// (ap-agent/adapters/znp). The core decides what a tag should show and when; the radio alone decides how many tags it
// serves at once and in which order, so that its links stay busy.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/core/clock.hpp"
#include "common/core/ids.hpp"
#include "common/core/result.hpp"
#include "common/image/tag_image.hpp"

namespace esl::ap {

// Why the radio could not do something. `unreachable`, `timeout` and `radio` are worth another try later;
// `rejected`, `image` and `unsupported` will not change by themselves; `gone` means that the adapter has left, and the
// same request may succeed when its state is `up` again.
enum class RadioError {
    unreachable,  // not heard, or no connection or answer at all
    rejected,     // the tag answered and said no
    timeout,      // the tag began and then went silent, or gave no evidence of the new image in time
    image,        // this image does not fit this tag
    low_battery,  // the tag refuses because its battery is too low
    radio,        // the adapter, bus or link failed in the middle
    busy,         // an update of this tag is under way, or the radio's queue is full
    gone,         // the adapter is not there
    cancelled,    // by cancel() or stop()
    unsupported,  // this radio or tag cannot do that
};
constexpr std::string_view describe(RadioError e) {
    switch (e) {
        case RadioError::unreachable:
            return "tag unreachable";
        case RadioError::rejected:
            return "tag rejected the request";
        case RadioError::timeout:
            return "tag gave no answer in time";
        case RadioError::image:
            return "image does not fit the tag";
        case RadioError::low_battery:
            return "tag's battery is too low";
        case RadioError::radio:
            return "radio failed";
        case RadioError::busy:
            return "radio or tag is busy";
        case RadioError::gone:
            return "radio is gone";
        case RadioError::cancelled:
            return "cancelled";
        case RadioError::unsupported:
            return "not supported by this tag or radio";
    }
    return "radio error";
}

enum class RadioState { starting, up, gone };
[[nodiscard]] constexpr std::string_view name(RadioState state) {
    switch (state) {
        case RadioState::starting:
            return "starting";
        case RadioState::up:
            return "up";
        case RadioState::gone:
            return "gone";
    }
    return "?";
}

// What the radio knows of a tag, told whenever it hears the tag (the agent thins this out before it goes on the wire).
// Every sighting is complete: the radio repeats what it knows from before.
struct TagSighting {
    enum class Event { seen, joined, left };
    TagId tag;
    Event event = Event::seen;
    std::string model;   // "gicisky-0033", "price-display"
    unsigned width = 0;  // of the canonical image that the tag takes; 0 while unknown
    unsigned height = 0;
    image::Palette palette = image::Palette::bw;
    std::int32_t rssi = 0;  // dBm
    std::optional<std::uint32_t> battery_mv;
    std::optional<std::uint8_t> battery_percent;
    std::string firmware;
    // Only when the tag itself says which image it shows (TagImage::crc()). Gicisky tags cannot; Price Display tags
    // can.
    std::optional<std::uint32_t> shown_image_id;
    // The tag has certainly lost or changed what it showed since the last sighting: restarted, factory-new, re-joined
    // with another image. The agent then no longer trusts its own record of the last confirmed image.
    bool restarted = false;
};

struct UpdateRequest {
    TagId tag;
    std::shared_ptr<const image::TagImage> image;  // canonical; never null
    std::uint32_t image_id = 0;                    // image->crc()
    std::uint8_t slot = 0;                         // for tags with several image slots
    std::uint8_t priority = 5;                     // 0 first, 9 last, when the radio has to choose
    // For everything together: waiting for a link, connecting, sending, the radio's own retries, the tag's refresh.
    // Counted from the moment the radio begins with this tag, not while it waits in the radio's queue.
    std::chrono::milliseconds budget{180'000};
    // Called once, when the first byte of the image goes to the tag. May be empty.
    std::function<void()> started;
};

// Outcome of an update. `failure` empty: the tag itself gave evidence that it now shows the image.
struct UpdateOutcome {
    struct Failure {
        RadioError error = RadioError::radio;
        std::int64_t code = 0;  // the radio's own: a ZNP status, a Gicisky answer byte; 0 when there is none
        std::string detail;     // for a person; no payload
    };
    std::optional<Failure> failure;
    std::uint32_t attempts = 0;         // connections or announcements tried; 0 when it never came to one
    std::optional<UnixMillis> started;  // first byte to the tag

    [[nodiscard]] bool displayed() const { return !failure.has_value(); }
};

struct LedRequest {
    TagId tag;
    std::string colour;            // "red", "green", "blue", "white", "off"
    std::chrono::seconds time{5};  // bounded by the radio
};

class TagRadio;

// Whoever uses the radios. Outlives them. Members are called on the agent's thread, never from inside a call of the
// radio's own members.
class RadioListener {
public:
    virtual ~RadioListener() = default;
    virtual void on_sighting(TagRadio& radio, const TagSighting& sighting) = 0;
    // `why` is for the log; not empty for `gone`.
    virtual void on_radio_state(TagRadio& radio, RadioState state, const std::string& why) = 0;
};

// One radio. Threads: bound to the agent's executor (one thread); every member is called there, and every callback runs
// there, later than the call that gave it. Nothing here blocks. Each callback is called exactly once, also at stop().
class TagRadio {
public:
    using UpdateDone = std::function<void(UpdateOutcome)>;
    using CommandDone = std::function<void(Result<>)>;  // errors are RadioError

    virtual ~TagRadio() = default;  // after stop(); an implementation that is destroyed without it calls nothing back

    [[nodiscard]] virtual std::string name() const = 0;       // "bluez:hci0", "znp:tcp://127.0.0.1:6638"
    [[nodiscard]] virtual std::string_view kind() const = 0;  // "bluez", "znp"
    [[nodiscard]] virtual TagId::Kind serves() const = 0;     // which tag ids can be of this radio
    [[nodiscard]] virtual RadioState state() const = 0;
    [[nodiscard]] virtual std::uint32_t tags_heard() const = 0;
    // Since the start: what came from the adapter or from tags in a form that is not known, and was dropped.
    [[nodiscard]] virtual std::uint64_t refused() const = 0;

    // Begins to listen. An adapter that is missing or leaves is told as `gone` and tried again inside, with back-off,
    // until stop(): the agent runs on without it.
    virtual void start(RadioListener& listener) = 0;
    // Gives up what is under way (their callbacks say `cancelled`), leaves the adapter in order, then calls `stopped`.
    virtual void stop(std::function<void()> stopped) = 0;

    // Takes one image to one tag and waits for the tag's own evidence that it is shown: this, not the end of the
    // transfer, is success. One update per tag at a time: a second answers `busy`. Updates beyond the radio's parallel
    // links wait inside, at most kMaxQueued of them (one more is `busy`), by priority, then as they came.
    // A tag's refresh must not occupy a link.
    virtual void update(UpdateRequest request, UpdateDone done) = 0;
    static constexpr std::size_t kMaxQueued = 4'096;
    // Asks to give up the update of this tag: its callback says `cancelled`, unless the tag already has the whole
    // image; then it runs to its end. No update of that tag: nothing happens.
    virtual void cancel(TagId tag) = 0;

    virtual void led(LedRequest request, CommandDone done) = 0;
    // Lets tags join (ZigBee); 0 closes. Radios without joining answer `unsupported`.
    virtual void permit_join(std::chrono::seconds duration, CommandDone done) = 0;
    // Forgets a tag: bond, network entry, queued work.
    virtual void unbind(TagId tag, CommandDone done) = 0;
};

}  // namespace esl::ap
