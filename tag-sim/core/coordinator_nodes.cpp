// What goes over the air: joining, questions to nodes, data in both directions.
#include <algorithm>

#include "tag-sim/core/coordinator.hpp"

namespace esl::sim {

using namespace std::chrono_literals;
using namespace tagwire;
using znp::Kind;

namespace {

constexpr std::uint8_t kStateCoordinator = 9;
constexpr auto kHeldFor = 7'680ms;     // how long a parent keeps a message for a sleeping child
constexpr auto kOneHop = 12ms;         // request, acknowledgement and back-off
constexpr std::size_t kMaxHeld = 256;  // messages held for all children together; then buffer full
constexpr auto kJoinWithin = 10'000ms;
constexpr std::uint16_t kFirstBroadcast = 0xFFF8;
constexpr std::uint8_t kLqi = 180;

// What a tag says by itself, as against its answers to questions.
bool is_notification(BytesView frame) {
    const auto decoded = zcl::decode_frame(frame);
    if (!decoded) return false;
    return decoded->header.scope == zcl::Scope::cluster || decoded->header.command == zcl::kReportAttributes;
}

}  // namespace

void Coordinator::add(VirtualTag& tag, std::chrono::milliseconds shortest_check_in) {
    tags_.push_back(std::make_unique<ZigbeeTag>(tag, *this, shortest_check_in));
}

ZigbeeTag* Coordinator::at(std::uint16_t nwk) {
    const auto found = by_nwk_.find(nwk);
    return found == by_nwk_.end() ? nullptr : found->second;
}

ZigbeeTag* Coordinator::with(std::uint64_t ieee) {
    for (const auto& [nwk, tag] : by_nwk_) {
        if (tag->tag().id().value() == ieee) return tag;
    }
    return nullptr;
}

// ---- joining

void Coordinator::permit_join(const Message& m) {
    accept(m);
    const auto seconds = m.u8("duration");
    send(Message{Kind::areq, "zdo.mgmtPermitJoinRsp", {{"src", 0}, {"status", 0}}});
    if (state_ != kStateCoordinator) return;
    send(Message{Kind::areq, "zdo.permitJoinInd", {{"duration", seconds}}});
    const auto now = scheduler_.clock().steady();
    const bool was_open = joining_until_ > now;
    joining_until_ = now + std::chrono::seconds{seconds};
    if (seconds == 0 || was_open) return;
    for (auto& tag : tags_) {
        if (!tag->joined()) try_to_join(*tag);
    }
}

// An unjoined tag looks for an open network now and then.
void Coordinator::try_to_join(ZigbeeTag& tag) {
    const auto within = static_cast<std::uint32_t>(speed_.scaled(kJoinWithin).count());
    scheduler_.after(std::chrono::milliseconds{1 + plan_.draw(tag.tag().id(), within)}, [this, &tag] {
        if (tag.joined() || scheduler_.clock().steady() >= joining_until_) return;
        if (!tag.tag().powered()) return try_to_join(tag);
        while (by_nwk_.contains(++last_nwk_) || last_nwk_ >= kFirstBroadcast || last_nwk_ == 0) {
        }
        by_nwk_[last_nwk_] = &tag;
        remembered_[tag.tag().id()] = last_nwk_;
        changed_ = true;
        tag.join(last_nwk_);
        announce(tag);
    });
}

void Coordinator::announce(ZigbeeTag& tag) {
    const auto nwk = tag.nwk();
    const auto ieee = tag.tag().id().value();
    constexpr std::uint8_t kSleepy = 0x80;
    send(Message{Kind::areq, "zdo.tcDeviceInd", {{"nwk", nwk}, {"ieee", ieee}, {"parent", 0}}});
    later(speed_.scaled(200ms), Message{Kind::areq,
                                        "zdo.endDeviceAnnceInd",
                                        {{"src", nwk}, {"nwk", nwk}, {"ieee", ieee}, {"capabilities", kSleepy}}});
}

void Coordinator::leave(const Message& m) {
    accept(m);
    ask(m.u16("dst"), [this](ZigbeeTag& tag) {
        const auto nwk = tag.nwk();
        send(Message{Kind::areq, "zdo.mgmtLeaveRsp", {{"src", nwk}, {"status", 0}}});
        send(Message{Kind::areq, "zdo.leaveInd", {{"src", nwk}, {"ieee", tag.tag().id().value()}}});
        by_nwk_.erase(nwk);
        remembered_.erase(tag.tag().id());
        tag.leave();
        changed_ = true;
    });
}

// ---- questions to nodes

void Coordinator::ask(std::uint16_t nwk, std::function<void(ZigbeeTag&)> answer) {
    auto* tag = at(nwk);
    if (tag == nullptr || !tag->tag().powered()) return;
    if (plan_.strikes(tag->tag().id(), Fault::frame_lost)) {
        ++figures_.lost;
        return;
    }
    scheduler_.after(tag->next_poll() + speed_.scaled(kOneHop), [this, nwk, tag, run = std::move(answer)] {
        if (at(nwk) == tag && tag->tag().powered()) run(*tag);
    });
}

void Coordinator::node_desc(const Message& m) {
    accept(m);
    const auto nwk = m.u16("nwk");
    const auto tell = [this](std::uint16_t who, Bytes descriptor) {
        send(Message{Kind::areq,
                     "zdo.nodeDescRsp",
                     {{"src", who}, {"status", 0}, {"nwk", who}, {"descriptor", std::move(descriptor)}}});
    };
    if (nwk == 0) {
        Bytes own;
        ByteWriter{own}.u8(0x00).u8(0x40).u8(0x8F).u16le(0).u8(80).u16le(160).u16le(0x2C41).u16le(160).u8(0);
        return tell(0, std::move(own));
    }
    ask(nwk, [tell](ZigbeeTag& tag) { tell(tag.nwk(), ZigbeeTag::node_descriptor()); });
}

void Coordinator::active_endpoints(const Message& m) {
    accept(m);
    const auto nwk = m.u16("nwk");
    const auto tell = [this](std::uint16_t who, Bytes endpoints) {
        send(Message{Kind::areq,
                     "zdo.activeEpRsp",
                     {{"src", who}, {"status", 0}, {"nwk", who}, {"endpoints", std::move(endpoints)}}});
    };
    if (nwk == 0) {
        Bytes own;
        for (const auto& [number, endpoint] : endpoints_) own.push_back(number);
        return tell(0, std::move(own));
    }
    ask(nwk, [tell](ZigbeeTag& tag) { tell(tag.nwk(), Bytes{price_display::kEndpoint}); });
}

void Coordinator::simple_desc(const Message& m) {
    accept(m);
    const auto nwk = m.u16("nwk");
    const auto number = m.u8("endpoint");
    constexpr std::uint8_t kInvalidEndpoint = 0x82;
    const auto tell = [this](std::uint16_t who, Bytes descriptor) {
        const std::uint8_t status = descriptor.empty() ? kInvalidEndpoint : 0;
        send(Message{Kind::areq,
                     "zdo.simpleDescRsp",
                     {{"src", who}, {"status", status}, {"nwk", who}, {"descriptor", std::move(descriptor)}}});
    };
    if (nwk == 0) {
        Bytes own;
        if (const auto found = endpoints_.find(number); found != endpoints_.end()) {
            const auto& e = found->second;
            ByteWriter w{own};
            w.u8(number).u16le(e.profile).u16le(e.device).u8(e.version).u8(static_cast<std::uint8_t>(e.in.size()));
            for (const auto cluster : e.in) w.u16le(cluster);
            w.u8(static_cast<std::uint8_t>(e.out.size()));
            for (const auto cluster : e.out) w.u16le(cluster);
        }
        return tell(0, std::move(own));
    }
    ask(nwk, [tell, number](ZigbeeTag& tag) {
        tell(tag.nwk(), number == price_display::kEndpoint ? ZigbeeTag::simple_descriptor() : Bytes{});
    });
}

void Coordinator::nwk_addr(const Message& m) {
    accept(m);
    auto* tag = with(m.number("ieee"));
    if (tag == nullptr) return;  // nobody answers the broadcast
    ask(tag->nwk(), [this](ZigbeeTag& found) {
        send(Message{
            Kind::areq, "zdo.nwkAddrRsp", {{"status", 0}, {"ieee", found.tag().id().value()}, {"nwk", found.nwk()}}});
    });
}

void Coordinator::ieee_addr(const Message& m) {
    accept(m);
    ask(m.u16("nwk"), [this](ZigbeeTag& found) {
        send(Message{
            Kind::areq, "zdo.ieeeAddrRsp", {{"status", 0}, {"ieee", found.tag().id().value()}, {"nwk", found.nwk()}}});
    });
}

void Coordinator::bind(const Message& m) {
    accept(m);
    const bool binds = m.name() == "zdo.bindReq";
    ask(m.u16("dst"), [this, binds](ZigbeeTag& tag) {
        send(Message{Kind::areq, binds ? "zdo.bindRsp" : "zdo.unbindRsp", {{"src", tag.nwk()}, {"status", 0}}});
    });
}

void Coordinator::lqi(const Message& m) {
    accept(m);
    const auto tell = [this](std::uint16_t who) {
        send(Message{Kind::areq, "zdo.mgmtLqiRsp", {{"src", who}, {"status", 0}, {"table", Bytes{0, 0, 0}}}});
    };
    if (m.u16("dst") == 0) return tell(0);
    static constexpr std::uint8_t kNotSupported = 0x84;
    ask(m.u16("dst"), [this](ZigbeeTag& tag) {
        send(Message{Kind::areq, "zdo.mgmtLqiRsp", {{"src", tag.nwk()}, {"status", kNotSupported}}});
    });
}

// ---- data

void Coordinator::data(const Message& m) {
    if (waiting_ >= kMaxHeld) return reply_status(m, znp::status::kBufferFull);
    accept(m);
    transmit(m.u16("dst"), m.u8("dstEndpoint"), m.u8("srcEndpoint"), m.u8("trans"), m.u16("cluster"), m.bytes("data"));
}

void Coordinator::data_ext(const Message& m) {
    constexpr std::uint8_t kByNwk = 2;
    constexpr std::uint8_t kByIeee = 3;
    if (waiting_ >= kMaxHeld) return reply_status(m, znp::status::kBufferFull);
    accept(m);
    std::uint16_t dst = 0xFFFF;
    if (m.u8("mode") == kByNwk) dst = static_cast<std::uint16_t>(m.number("dst"));
    if (m.u8("mode") == kByIeee) {
        const auto* tag = with(m.number("dst"));
        dst = tag == nullptr ? 0xFFFE : tag->nwk();
    }
    transmit(dst, m.u8("dstEndpoint"), m.u8("srcEndpoint"), m.u8("trans"), m.u16("cluster"), m.bytes("data"));
}

// Nothing here is longer than one frame, so nothing is kept to be fetched in pieces.
void Coordinator::data_retrieve(const Message& m) {
    reply(m, {{"status", znp::status::kFailure}});
}

void Coordinator::confirm(std::chrono::milliseconds delay, std::uint8_t status, std::uint8_t endpoint,
                          std::uint8_t trans) {
    later(delay, Message{Kind::areq, "af.dataConfirm", {{"status", status}, {"endpoint", endpoint}, {"trans", trans}}});
}

void Coordinator::transmit(std::uint16_t dst, std::uint8_t endpoint, std::uint8_t source, std::uint8_t trans,
                           std::uint16_t cluster, Bytes frame) {
    const auto hop = speed_.scaled(kOneHop);
    if (dst >= kFirstBroadcast) return confirm(hop, znp::status::kSuccess, source, trans);  // sleeping tags hear none
    auto* tag = at(dst);
    if (tag == nullptr) return confirm(hop, znp::status::kNoRoute, source, trans);
    ++figures_.to_tags;
    host_endpoint_ = source;
    const auto id = tag->tag().id();
    const auto fails = [&](Fault fault, std::chrono::milliseconds delay, std::uint8_t status) {
        if (!plan_.strikes(id, fault)) return false;
        ++figures_.lost;
        confirm(delay, status, source, trans);
        return true;
    };
    if (fails(Fault::channel_access_failure, hop, znp::status::kChannelAccessFailure)) return;
    if (fails(Fault::no_ack, hop, znp::status::kMacNoAck)) return;
    if (fails(Fault::transaction_expired, speed_.scaled(kHeldFor), znp::status::kTransactionExpired)) return;
    if (!tag->tag().powered()) {
        ++figures_.expired;
        return confirm(speed_.scaled(kHeldFor), znp::status::kTransactionExpired, source, trans);
    }
    ++waiting_;
    scheduler_.after(
        tag->next_poll() + hop, [this, dst, tag, endpoint, source, trans, cluster, bytes = std::move(frame)] {
            --waiting_;
            if (at(dst) != tag || !tag->tag().powered()) {
                ++figures_.expired;
                return confirm(speed_.scaled(kHeldFor), znp::status::kTransactionExpired, source, trans);
            }
            send(Message{Kind::areq, "af.dataConfirm", {{"status", 0}, {"endpoint", source}, {"trans", trans}}});
            // Acknowledged below the application, and yet not there: a queue overran on the tag.
            if (plan_.strikes(tag->tag().id(), Fault::frame_lost)) {
                ++figures_.lost;
                return;
            }
            if (endpoint == price_display::kEndpoint) tag->receive(cluster, bytes);
        });
}

void Coordinator::from_tag(ZigbeeTag& tag, std::uint16_t cluster, Bytes frame) {
    const auto id = tag.tag().id();
    if (plan_.strikes(id, Fault::frame_lost) || (is_notification(frame) && plan_.strikes(id, Fault::notify_lost))) {
        ++figures_.lost;
        return;
    }
    auto delay = speed_.scaled(kOneHop);
    if (plan_.strikes(id, Fault::notify_late)) delay += speed_.scaled(plan_.rates(id).late_by);
    scheduler_.after(delay, [this, nwk = tag.nwk(), cluster, bytes = std::move(frame)] {
        if (state_ != kStateCoordinator) return;
        ++figures_.from_tags;
        const auto now =
            std::chrono::duration_cast<std::chrono::milliseconds>(scheduler_.clock().steady().time_since_epoch());
        send(Message{Kind::areq,
                     "af.incomingMsg",
                     {{"cluster", cluster},
                      {"src", nwk},
                      {"srcEndpoint", price_display::kEndpoint},
                      {"dstEndpoint", host_endpoint_},
                      {"lqi", kLqi},
                      {"timestamp", now.count() & 0xFFFF'FFFF},
                      {"sequence", sequence_++},
                      {"data", bytes}}});
    });
}

}  // namespace esl::sim
