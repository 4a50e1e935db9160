// One coordinator and its tags, without I/O: from the first ping to images shown. Bytes and time go in, bytes to send
// and events come out. A line that breaks ends it; the radio then makes a new one.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ap-agent/adapters/znp/af_sender.hpp"
#include "ap-agent/adapters/znp/image_session.hpp"
#include "ap-agent/adapters/znp/interview.hpp"
#include "ap-agent/adapters/znp/startup.hpp"
#include "ap-agent/adapters/znp/tag_table.hpp"

namespace esl::ap::znp {

struct CoreOptions {
    std::uint8_t channel = 15;
    // Tags that pull at a time; those that only refresh do not count.
    std::size_t max_transfers = 16;
    std::size_t max_interviews = 8;
    std::chrono::milliseconds interview_again{30'000};
    std::chrono::milliseconds ping_every{30'000};
    // A tag that is heard all the time is told of this often, unless something about it changes.
    std::chrono::milliseconds sighting_every{10'000};
    ImageTimes image;
};

// What the core tells. Called from inside its own calls: the radio passes them on later.
struct CoreEvents {
    std::function<void()> up;
    std::function<void(const std::string& why)> failed;  // the core is of no further use
    std::function<void(const TagSighting&)> sighting;
    std::function<void()> tags_changed;  // worth writing to the file
};

class Core {
public:
    // `clock`, `tags` and what the store refers to outlive the core.
    Core(const Clock& clock, TagTable& tags, NetworkStore store, CoreOptions options, CoreEvents events);
    ~Core();

    void start();
    void receive(BytesView bytes);
    void tick();
    // The line is gone: everything under way ends with RadioError::gone.
    void close(const std::string& why);
    [[nodiscard]] Bytes take_output() { return dialog_.take_output(); }
    [[nodiscard]] std::optional<SteadyTime> next_deadline() const;

    [[nodiscard]] bool up() const { return coordinator_.has_value(); }
    [[nodiscard]] const std::optional<Coordinator>& coordinator() const { return coordinator_; }

    // As in TagRadio; callbacks come from inside this or a later call.
    void update(UpdateRequest request, TagRadio::UpdateDone done);
    void cancel(TagId tag);
    void cancel_all();
    void led(const LedRequest& request, TagRadio::CommandDone done);
    void permit_join(std::chrono::seconds duration, TagRadio::CommandDone done);
    void unbind(TagId tag, TagRadio::CommandDone done);

    struct Counters {
        std::uint64_t blocks_sent = 0;
        std::uint64_t stray_requests = 0;  // for an image that nobody sends
        std::uint64_t bad_frames = 0;      // from tags: not understood
        std::uint64_t unknown_senders = 0;
    };
    [[nodiscard]] const Counters& counters() const { return counters_; }
    [[nodiscard]] const Dialog& dialog() const { return dialog_; }
    [[nodiscard]] std::size_t most_outstanding() const { return sender_ ? sender_->most_outstanding() : 0; }

private:
    struct Update;
    using Messages = tagwire::znp::Message;

    // core.cpp: life and network
    Task<> run();
    Task<> watch();
    void on_message(const Messages& message);
    void on_joined(TagId tag, std::uint16_t nwk);
    void on_left(TagId tag, bool comes_back);
    void want_interview(TagId tag);
    void start_interviews();
    Task<> interview_tag(TagId tag);
    Task<> identify_sender(std::uint16_t nwk);
    Task<> command(Messages request, TagRadio::CommandDone done);
    Task<> leave(TagId tag, std::uint16_t nwk, TagRadio::CommandDone done);
    void moved(TagId tag, std::uint16_t nwk);
    void fail(const std::string& why);
    void settle();

    // core_tags.cpp: what tags say
    void on_data(const Messages& message);
    void on_attributes(TagId tag, std::uint16_t cluster, const std::vector<tagwire::zcl::Attribute>& attributes);
    void on_command(TagId tag, const pd::FromTag& command);
    void on_shown(TagId tag, const pd::ShowRsp& shown);
    void refuse_stray(TagId tag, const pd::BlockReq& request);
    void heard(TagId tag, std::uint8_t lqi);
    void sight(TagId tag, TagSighting::Event event, bool restarted);

    // core_updates.cpp: images and commands for tags
    void start_updates();
    Result<ImageJob> job_for(const UpdateRequest& request) const;
    void begin(TagId tag, std::unique_ptr<Update> update, ImageJob job);
    void act(TagId tag, ImageSession::Actions actions);
    void send(TagId tag, const pd::ToTag& command);
    void finish(TagId tag, UpdateOutcome outcome);
    [[nodiscard]] std::size_t transfers() const;

    const Clock& clock_;
    TagTable& tags_;
    NetworkStore store_;
    CoreOptions options_;
    CoreEvents events_;
    Dialog dialog_;
    std::optional<Coordinator> coordinator_;
    std::optional<std::string> failed_;
    std::unique_ptr<AfSender> sender_;
    std::unique_ptr<AttributeReader> reader_;
    std::map<TagId, SteadyTime> wanted_interviews_;  // not before
    std::set<TagId> interviewing_;
    std::set<std::uint16_t> identifying_;
    std::map<TagId, std::unique_ptr<Update>> active_;
    // By priority, then as they came.
    std::map<std::pair<std::uint8_t, std::uint64_t>, std::unique_ptr<Update>> queued_;
    std::map<TagId, std::pair<std::uint8_t, std::uint64_t>> queued_tags_;
    std::map<TagId, SteadyTime> sighted_;
    std::uint64_t arrivals_ = 0;
    std::uint8_t sequence_ = 0;
    Counters counters_;
    Tasks tasks_;  // last: ends first
};

}  // namespace esl::ap::znp
