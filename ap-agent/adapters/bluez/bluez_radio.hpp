// TagRadio over BlueZ for Gicisky tags. Discovery runs all the time; a fixed number of connections works off the
// updates.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "ap-agent/adapters/bluez/gicisky_session.hpp"
#include "ap-agent/ports/tag_radio.hpp"
#include "common/core/clock.hpp"

namespace boost::asio {
class any_io_executor;
}

namespace esl::ap::bluez {

struct BluezOptions {
    std::string adapter = "hci0";
    unsigned links = 4;     // connections at a time
    unsigned attempts = 2;  // connections in a row that bring an update no further, before the agent's own back-off
    std::chrono::milliseconds connect_limit{6'000};
    std::chrono::milliseconds write_limit{10'000};
    std::chrono::milliseconds between_attempts{250};     // times the attempts so far
    std::chrono::milliseconds pause_per_attempt{50};     // between parts, from the second attempt on
    std::chrono::milliseconds heard_within{120'000};     // a tag silent for longer counts as out of reach at once
    std::chrono::milliseconds refresh_spare{10'000};     // added to one and a half of the panel's refresh time
    std::chrono::milliseconds sighting_interval{1'000};  // a tag is told to the listener at most so often
    std::size_t max_devices = 20'000;
    GiciskyTimes times;
};

// What counts as evidence that an image is shown: Gicisky tags cannot be asked. After `05 08` a tag drops the link,
// refreshes in silence and advertises again only when the new image is on its panel; that advertisement is the
// evidence.
class BluezRadio final : public TagRadio {
public:
    BluezRadio(const boost::asio::any_io_executor& executor, const Clock& clock, BluezOptions options);
    ~BluezRadio() override;

    [[nodiscard]] std::string name() const override;
    [[nodiscard]] std::string_view kind() const override { return "bluez"; }
    [[nodiscard]] TagId::Kind serves() const override { return TagId::Kind::eui48; }
    [[nodiscard]] RadioState state() const override;
    [[nodiscard]] std::uint32_t tags_heard() const override;
    [[nodiscard]] std::uint64_t refused() const override;
    void start(RadioListener& listener) override;
    void stop(std::function<void()> stopped) override;
    void update(UpdateRequest request, UpdateDone done) override;
    void cancel(TagId tag) override;
    void led(LedRequest request, CommandDone done) override;
    void permit_join(std::chrono::seconds duration, CommandDone done) override;
    void unbind(TagId tag, CommandDone done) override;

private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace esl::ap::bluez
