#include "ap-agent/adapters/znp/af_sender.hpp"

#include <algorithm>
#include <utility>

#include "ap-agent/adapters/znp/startup.hpp"
#include "ap-agent/ports/tag_radio.hpp"
#include "common/tagwire/price_display.hpp"

namespace esl::ap::znp {
namespace {

using namespace std::chrono_literals;
using wire::Kind;
using wire::Message;
namespace status = wire::status;
namespace pd = tagwire::price_display;

constexpr int kAttempts = 5;  // reference section 5.2
constexpr int kLightAttempts = 2;
constexpr auto kConfirm = 20s;  // an indirect message lives 7.68 s; then the confirmation says F0
constexpr std::uint8_t kRadius = 30;
constexpr std::uint8_t kChildThatSleeps = 1;  // node relation of Z-Stack's association table

bool congested(std::uint8_t code) {
    return code == status::kChannelAccessFailure || code == status::kBufferFull || code == status::kMacNoResources ||
           code == status::kMemory;
}
bool worth_another_try(std::uint8_t code) {
    return congested(code) || code == status::kNoRoute || code == status::kMacNoAck ||
           code == status::kTransactionExpired || code == status::kApsNoAck;
}

std::string describe(std::uint8_t code) {
    const std::uint8_t raw[] = {code};
    return "ZNP status " + to_hex(raw);
}

}  // namespace

AfSender::AfSender(Dialog& dialog, TagTable& tags, std::size_t max_outstanding,
                   std::function<void(TagId, std::uint16_t)> moved)
    : dialog_(dialog), tags_(tags), max_outstanding_(max_outstanding), moved_(std::move(moved)) {}

void AfSender::send(TagId tag, DataJob job) {
    auto& queue = queues_[tag];
    if (job.replaces != 0) {
        const auto old = std::ranges::find(queue, job.replaces, &DataJob::replaces);
        if (old != queue.end()) {
            const auto replaced = std::exchange(*old, std::move(job));
            if (replaced.done) replaced.done({.delivered = false, .code = 0, .why = "replaced"});
            return;
        }
    }
    if (queue.size() >= kMaxQueued) {
        if (job.done) job.done({.delivered = false, .code = 0, .why = "too many messages wait for this tag"});
        return;
    }
    queue.push_back(std::move(job));
    pump();
}

void AfSender::drop(TagId tag) {
    const auto at = queues_.find(tag);
    if (at == queues_.end()) return;
    const auto dropped = std::exchange(at->second, {});
    queues_.erase(at);
    for (const auto& job : dropped) {
        if (job.done) job.done({.delivered = false, .code = 0, .why = "given up"});
    }
}

void AfSender::reap() {
    tasks_.reap();
    pump();
}

// Round robin over the tags that have something and nothing on the air.
void AfSender::pump() {
    if (pumping_) return;
    pumping_ = true;
    while (busy_.size() < max_outstanding_ && !queues_.empty()) {
        auto at = last_served_ ? queues_.upper_bound(*last_served_) : queues_.begin();
        bool found = false;
        for (std::size_t i = 0; i <= queues_.size() && !found; ++i) {
            if (at == queues_.end()) at = queues_.begin();
            found = !busy_.contains(at->first) && !at->second.empty();
            if (!found) ++at;
        }
        if (!found) break;
        const auto tag = at->first;
        auto job = std::move(at->second.front());
        at->second.pop_front();
        if (at->second.empty()) queues_.erase(at);
        last_served_ = tag;
        busy_.insert(tag);
        most_outstanding_ = std::max(most_outstanding_, busy_.size());
        tasks_.spawn(deliver(tag, std::move(job)));
    }
    pumping_ = false;
}

Task<> AfSender::deliver(TagId tag, DataJob job) {
    const auto delivery = co_await try_to_deliver(tag, job);
    busy_.erase(tag);
    if (job.done) job.done(delivery);
    pump();
}

Task<Delivery> AfSender::try_to_deliver(TagId tag, const DataJob& job) {
    const int attempts = job.persistent ? kAttempts : kLightAttempts;
    Delivery last{.delivered = false, .code = 0, .why = "tag has left"};
    for (int i = 0; i < attempts; ++i) {
        const auto* entry = tags_.find(tag);
        if (entry == nullptr) co_return last;
        const auto code = co_await attempt(entry->nwk, entry->panel ? entry->panel->endpoint : pd::kEndpoint, job);
        if (!code) co_return Delivery{.delivered = false, .code = 0, .why = code.error().message()};
        if (*code == status::kSuccess) co_return Delivery{.delivered = true, .code = 0, .why = {}};
        last = {.delivered = false, .code = *code, .why = describe(*code)};
        if (!worth_another_try(*code)) break;
        if (i + 1 < attempts && (job.persistent || congested(*code))) co_await recover(tag, *code, i);
    }
    co_return last;
}

std::optional<std::uint8_t> AfSender::free_transaction() {
    for (int i = 0; i < 256; ++i) {
        const auto id = next_transaction_++;
        if (id != 0 && !transactions_.test(id)) return id;
    }
    return std::nullopt;
}

Task<Result<std::uint8_t>> AfSender::attempt(std::uint16_t nwk, std::uint8_t endpoint, const DataJob& job) {
    if (nwk == kNowhere) co_return status::kNoRoute;  // never to whoever has its old address
    const auto id = free_transaction();
    if (!id) co_return fail(RadioError::busy, "no free transaction");
    struct Release {
        std::bitset<256>& taken;
        std::uint8_t id;
        ~Release() { taken.reset(id); }
    };
    transactions_.set(*id);
    const Release release{transactions_, *id};
    auto confirmed = dialog_.expect(
        [id = *id](const Message& m) {
            return m.is(Kind::areq, "af.dataConfirm") && m.u8("trans") == id && m.u8("endpoint") == kOwnEndpoint;
        },
        kConfirm);
    const auto reply = co_await dialog_.request(Message(Kind::sreq, "af.dataRequest",
                                                        {{"dst", nwk},
                                                         {"dstEndpoint", endpoint},
                                                         {"srcEndpoint", kOwnEndpoint},
                                                         {"cluster", job.cluster},
                                                         {"trans", *id},
                                                         {"options", 0},
                                                         {"radius", kRadius},
                                                         {"data", job.data}}));
    if (!reply) co_return fail(reply.error());
    if (reply->u8("status") != status::kSuccess) co_return reply->u8("status");
    const auto confirm = co_await confirmed;
    if (!confirm && confirm.error().is(RadioError::timeout)) co_return status::kTransactionExpired;
    if (!confirm) co_return fail(confirm.error());
    co_return confirm->u8("status");
}

Task<> AfSender::recover(TagId tag, std::uint8_t code, int attempt) {
    if (congested(code)) {
        (void)co_await dialog_.sleep(2s);
        co_return;
    }
    if (attempt == 1 && code == status::kTransactionExpired) {
        co_await adopt_child_again(tag);
    } else if (attempt == 0 || attempt == 2) {
        co_await find_again(tag);
    }
}

// A new route, or the tag has a new short address and its announcement was lost.
Task<> AfSender::find_again(TagId tag) {
    const auto* entry = tags_.find(tag);
    if (entry == nullptr) co_return;
    if (entry->nwk != kNowhere) {
        const auto route = co_await dialog_.request(
            Message(Kind::sreq, "zdo.extRouteDisc", {{"dst", entry->nwk}, {"options", 0}, {"radius", kRadius}}));
        if (route && route->u8("status") == status::kSuccess) (void)co_await dialog_.sleep(3s);
    }
    auto answered = dialog_.expect(
        [ieee = tag.value()](const Message& m) {
            return m.is(Kind::areq, "zdo.nwkAddrRsp") && m.number("ieee") == ieee && m.u8("status") == 0;
        },
        3s);
    const auto asked = co_await dialog_.request(
        Message(Kind::sreq, "zdo.nwkAddrReq", {{"ieee", tag.value()}, {"kind", 0}, {"start", 0}}));
    if (!asked || asked->u8("status") != status::kSuccess) co_return;
    const auto answer = co_await answered;
    if (!answer) co_return;
    const auto* now = tags_.find(tag);
    if (now != nullptr && now->nwk != answer->u16("nwk")) moved_(tag, answer->u16("nwk"));
}

// The coordinator takes a tag for its child that polls elsewhere, or the other way round.
Task<> AfSender::adopt_child_again(TagId tag) {
    (void)co_await dialog_.request(Message(Kind::sreq, "util.assocRemove", {{"ieee", tag.value()}}));
    const auto* entry = tags_.find(tag);
    if (entry == nullptr) co_return;
    (void)co_await dialog_.request(Message(
        Kind::sreq, "util.assocAdd", {{"ieee", tag.value()}, {"nwk", entry->nwk}, {"relation", kChildThatSleeps}}));
}

}  // namespace esl::ap::znp
