#include "ap-agent/adapters/znp/core.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "ap-agent/adapters/znp/update.hpp"

namespace esl::ap::znp {

using namespace std::chrono_literals;
using wire::Kind;
using wire::Message;

namespace {

constexpr std::uint16_t kAllRouters = 0xFFFC;
constexpr std::uint8_t kBroadcastMode = 0x0F;

}  // namespace

Core::Core(const Clock& clock, TagTable& tags, NetworkStore store, CoreOptions options, CoreEvents events)
    : clock_(clock),
      tags_(tags),
      store_(std::move(store)),
      options_(options),
      events_(std::move(events)),
      dialog_(clock) {
    dialog_.on_message = [this](const Message& message) { on_message(message); };
}

Core::~Core() = default;

void Core::start() {
    tasks_.spawn(run());
    settle();
}

void Core::receive(BytesView bytes) {
    dialog_.receive(bytes);
    settle();
}

void Core::tick() {
    dialog_.tick();
    std::vector<TagId> tags;
    for (const auto& [tag, update] : active_) tags.push_back(tag);
    for (const auto tag : tags) {
        if (const auto at = active_.find(tag); at != active_.end()) act(tag, at->second->session->tick());
    }
    settle();
}

// Ended tasks are forgotten here, outside of all of them, and what had to wait for room begins.
void Core::settle() {
    tasks_.reap();
    if (!sender_ || failed_) return;
    sender_->reap();
    start_interviews();
    start_updates();
}

std::optional<SteadyTime> Core::next_deadline() const {
    auto first = dialog_.next_deadline();
    const auto consider = [&](SteadyTime at) {
        if (!first || at < *first) first = at;
    };
    for (const auto& [tag, update] : active_) consider(update->session->deadline());
    for (const auto& [tag, at] : wanted_interviews_) {
        if (!interviewing_.contains(tag) && interviewing_.size() < options_.max_interviews) consider(at);
    }
    return first;
}

void Core::close(const std::string& why) {
    if (failed_) return;
    failed_ = why;
    auto active = std::exchange(active_, {});
    auto queued = std::exchange(queued_, {});
    queued_tags_.clear();
    for (auto& [tag, update] : active) {
        for (auto& action : update->session->abort(RadioError::gone, why)) {
            if (auto* end = std::get_if<ImageSession::Finished>(&action)) update->done(std::move(end->outcome));
        }
    }
    for (auto& [key, update] : queued) update->done(failed(RadioError::gone, why));
    dialog_.close(why);
    tasks_.reap();
    if (sender_) sender_->reap();
}

void Core::fail(const std::string& why) {
    if (failed_) return;
    close(why);
    events_.failed(why);
}

Task<> Core::run() {
    auto started = co_await start_network(dialog_, store_, options_.channel);
    if (!started) {
        fail(started.error().message());
        co_return;
    }
    coordinator_ = *std::move(started);
    spdlog::info("znp: coordinator {:016X} is up, revision {}, {} PAN {:04X} on channel {}", coordinator_->ieee,
                 coordinator_->revision, coordinator_->formed_now ? "formed" : "resumed", coordinator_->network.pan,
                 coordinator_->network.channel);
    sender_ = std::make_unique<AfSender>(dialog_, tags_, coordinator_->max_outstanding,
                                         [this](TagId tag, std::uint16_t nwk) { moved(tag, nwk); });
    reader_ = std::make_unique<AttributeReader>(dialog_, tags_, *sender_);
    events_.up();
    co_await watch();
}

// A coordinator that has hung says nothing at all; a cable pulled out of a TCP bridge likewise.
Task<> Core::watch() {
    int lost = 0;
    while (lost < 2) {
        (void)co_await dialog_.sleep(options_.ping_every);
        if (failed_) co_return;
        const auto reply = co_await dialog_.request(Message(Kind::sreq, "sys.ping"));
        lost = reply ? 0 : lost + 1;
    }
    fail("coordinator does not answer pings");
}

void Core::on_message(const Message& message) {
    if (!coordinator_ || failed_) return;
    const auto name = message.name();
    if (name == "af.incomingMsg") {
        on_data(message);
    } else if (name == "zdo.endDeviceAnnceInd" || name == "zdo.tcDeviceInd") {
        on_joined(TagId::eui64(message.number("ieee")), message.u16("nwk"));
    } else if (name == "zdo.leaveInd") {
        on_left(TagId::eui64(message.number("ieee")), message.u8("rejoin") != 0);
    } else if (name == "sys.resetInd") {
        fail("coordinator was reset");
    } else if (name == "zdo.stateChangeInd" && message.u8("state") != 9) {
        fail("coordinator left its network, state " + std::to_string(message.u8("state")));
    }
}

void Core::on_joined(TagId tag, std::uint16_t nwk) {
    const auto* known = tags_.find(tag);
    const bool new_here = known == nullptr;
    const bool moved_here = known != nullptr && known->nwk != nwk;
    auto* entry = tags_.put(tag, nwk);
    if (entry == nullptr) {
        spdlog::warn("znp: no room for tag {}: {} tags are known", tag.text(), tags_.size());
        return;
    }
    if (new_here || moved_here) {
        spdlog::info("znp: tag {} joined with short address {:04X}", tag.text(), nwk);
        events_.tags_changed();
    }
    entry->heard = clock_.steady();
    want_interview(tag);
}

void Core::on_left(TagId tag, bool comes_back) {
    if (comes_back || tags_.find(tag) == nullptr) return;
    spdlog::info("znp: tag {} left", tag.text());
    sight(tag, TagSighting::Event::left, false);
    tags_.erase(tag);
    wanted_interviews_.erase(tag);
    sighted_.erase(tag);
    if (sender_) sender_->drop(tag);
    if (const auto at = active_.find(tag); at != active_.end()) {
        act(tag, at->second->session->abort(RadioError::unreachable, "tag has left the network"));
    }
    events_.tags_changed();
}

void Core::moved(TagId tag, std::uint16_t nwk) {
    spdlog::info("znp: tag {} is now at short address {:04X}", tag.text(), nwk);
    tags_.put(tag, nwk);
    events_.tags_changed();
}

// Both indications of a join ask for it, and a tag that joins again while it is asked is asked on.
void Core::want_interview(TagId tag) {
    if (!interviewing_.contains(tag)) wanted_interviews_.emplace(tag, clock_.steady());
}

void Core::start_interviews() {
    const auto now = clock_.steady();
    for (auto at = wanted_interviews_.begin();
         at != wanted_interviews_.end() && interviewing_.size() < options_.max_interviews;) {
        const auto tag = at->first;
        if (at->second > now || interviewing_.contains(tag)) {
            ++at;
            continue;
        }
        at = wanted_interviews_.erase(at);
        interviewing_.insert(tag);
        tasks_.spawn(interview_tag(tag));
        at = wanted_interviews_.upper_bound(tag);
    }
}

Task<> Core::interview_tag(TagId tag) {
    auto result = co_await interview(dialog_, tags_, *reader_, tag);
    interviewing_.erase(tag);
    auto* entry = tags_.find(tag);
    if (entry == nullptr || failed_) co_return;
    if (!result && result.error().is(RadioError::unsupported)) {
        spdlog::warn("znp: device {} is no price tag: {}", tag.text(), result.error().about());
        tags_.erase(tag);
        events_.tags_changed();
        co_return;
    }
    if (!result) {
        spdlog::warn("znp: tag {} did not say what it is: {}", tag.text(), result.error().message());
        wanted_interviews_.emplace(tag, clock_.steady() + options_.interview_again);
        co_return;
    }
    const bool restarted = entry->shown && result->shown && *entry->shown != *result->shown;
    if (entry->panel != result->panel) {
        entry->panel = std::move(result->panel);
        events_.tags_changed();
    }
    entry->battery_mv = result->battery_mv;
    entry->battery_percent = result->battery_percent;
    entry->shown = result->shown;
    sight(tag, TagSighting::Event::joined, restarted);
}

// Somebody talks whose short address nobody announced: an announcement was lost, or the agent restarted.
Task<> Core::identify_sender(std::uint16_t nwk) {
    auto answered = dialog_.expect(
        [nwk](const Message& m) { return m.is(Kind::areq, "zdo.ieeeAddrRsp") && m.u16("nwk") == nwk; }, 10s);
    const auto asked =
        co_await dialog_.request(Message(Kind::sreq, "zdo.ieeeAddrReq", {{"nwk", nwk}, {"kind", 0}, {"start", 0}}));
    if (asked && asked->u8("status") == 0) {
        const auto answer = co_await answered;
        if (answer && answer->u8("status") == 0 && !failed_) on_joined(TagId::eui64(answer->number("ieee")), nwk);
    }
    identifying_.erase(nwk);
}

Task<> Core::command(Message request, TagRadio::CommandDone done) {
    const auto name = std::string(request.name());
    const auto reply = co_await dialog_.request(std::move(request));
    if (!reply) {
        done(esl::fail(reply.error()));
    } else if (reply->u8("status") != 0) {
        done(esl::fail(RadioError::rejected, name + ": status " + std::to_string(reply->u8("status"))));
    } else {
        done({});
    }
}

void Core::permit_join(std::chrono::seconds duration, TagRadio::CommandDone done) {
    if (!up()) return done(esl::fail(RadioError::gone));
    // One byte, and 255 would mean "for ever", which we never want.
    const auto seconds = std::clamp<std::int64_t>(duration.count(), 0, 254);
    tasks_.spawn(
        command(Message(Kind::sreq, "zdo.mgmtPermitJoinReq",
                        {{"mode", kBroadcastMode}, {"dst", kAllRouters}, {"duration", seconds}, {"tcSignificance", 0}}),
                std::move(done)));
}

void Core::unbind(TagId tag, TagRadio::CommandDone done) {
    const auto* entry = tags_.find(tag);
    if (!up()) return done(esl::fail(RadioError::gone));
    if (entry == nullptr) return done({});  // forgotten already
    tasks_.spawn(leave(tag, entry->nwk, std::move(done)));
}

// The tag is forgotten also when it does not hear that it shall go; it is a newcomer when it speaks again.
Task<> Core::leave(TagId tag, std::uint16_t nwk, TagRadio::CommandDone done) {
    (void)co_await dialog_.request(
        Message(Kind::sreq, "zdo.mgmtLeaveReq", {{"dst", nwk}, {"ieee", tag.value()}, {"options", 0}}));
    on_left(tag, false);
    done({});
}

}  // namespace esl::ap::znp
