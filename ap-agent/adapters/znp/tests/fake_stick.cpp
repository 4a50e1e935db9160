#include "ap-agent/adapters/znp/tests/fake_stick.hpp"

#include <algorithm>
#include <utility>

namespace esl::ap::znp::testing {

using wire::Kind;
using wire::Message;

FakeStick::FakeStick() {
    nv[0x0082] = Bytes(21, 0);
}

Bytes FakeStick::exchange(BytesView from_host) {
    Bytes out;
    for (const auto& frame : unframer_.push(from_host)) {
        const auto request = wire::decode(frame).value();
        ++seen[std::string(request.name())];
        if (dead) continue;
        for (const auto& reply : answer(request)) {
            const auto bytes = wire::encode(reply);
            out.insert(out.end(), bytes.begin(), bytes.end());
        }
    }
    return out;
}

FakeTag& FakeStick::add_tag(std::uint64_t ieee, std::uint16_t nwk) {
    auto& tag = tags[nwk];
    tag.ieee = ieee;
    tag.nwk = nwk;
    return tag;
}

Bytes FakeStick::join(const FakeTag& tag) {
    auto out = say(Message(Kind::areq, "zdo.tcDeviceInd", {{"nwk", tag.nwk}, {"ieee", tag.ieee}, {"parent", 0}}));
    const auto announce =
        say(Message(Kind::areq, "zdo.endDeviceAnnceInd",
                    {{"src", tag.nwk}, {"nwk", tag.nwk}, {"ieee", tag.ieee}, {"capabilities", 0x80}}));
    out.insert(out.end(), announce.begin(), announce.end());
    return out;
}

FakeStick::Replies FakeStick::answer(const Message& request) {
    const auto name = request.name();
    if (!refuses.empty() && name == refuses) {
        return {Message(Kind::srsp, "rpc.error",
                        {{"error", 2}, {"cmd0", request.definition().cmd0()}, {"cmd1", request.definition().id}})};
    }
    if (name.starts_with("sys.osalNv")) return answer_nv(request);
    if (name.starts_with("zdo.")) return answer_zdo(request);
    if (name == "af.dataRequest") return data_request(request);
    if (name == "sys.ping") return {Message(Kind::srsp, "sys.ping", {{"capabilities", 0x0779}})};
    if (name == "sys.version") {
        return {Message(Kind::srsp, "sys.version", {{"transport", 2}, {"product", product}, {"revision", 20240710}})};
    }
    if (name == "sys.getExtAddr") return {Message(Kind::srsp, "sys.getExtAddr", {{"ieee", 0x00124B0011223344U}})};
    if (name == "sys.resetReq") {
        if (nv[0x0003] == Bytes{0x03}) {
            for (const std::uint16_t item : std::initializer_list<std::uint16_t>{0x0021, 0x0060, 0x0062})
                nv.erase(item);
        }
        endpoints.clear();
        state = 0;
        return {Message(Kind::areq, "sys.resetInd", {{"transport", 2}, {"product", product}})};
    }
    if (name == "util.getDeviceInfo") {
        return {Message(Kind::srsp, "util.getDeviceInfo",
                        {{"ieee", 0x00124B0011223344U}, {"deviceType", 7}, {"state", state}})};
    }
    if (name == "af.register") {
        endpoints.insert(request.u8("endpoint"));
        return {Message(Kind::srsp, "af.register")};
    }
    if (name == "app_cnf.bdbStartCommissioning") {
        state = 9;
        write_nib();
        return {Message(Kind::srsp, name), Message(Kind::areq, "zdo.stateChangeInd", {{"state", 9}})};
    }
    return {Message(Kind::srsp, name)};  // status 0
}

void FakeStick::write_nib() {
    Bytes nib(110, 0);
    const auto copy = [&](const Bytes& from, std::size_t at) {
        std::ranges::copy(from, nib.begin() + static_cast<long>(at));
    };
    copy(nv[0x0083], 33);
    copy(nv[0x002D], 53);
    for (std::uint8_t channel = 11; channel <= 26; ++channel) {
        if ((ByteReader(nv[0x0084]).u32le() >> channel & 1) != 0) nib[22] = channel;
    }
    nv[0x0021] = nib;
}

FakeStick::Replies FakeStick::answer_nv(const Message& request) {
    const auto name = request.name();
    const auto item = request.u16("item");
    if (name == "sys.osalNvLength") {
        const auto at = nv.find(item);
        return {Message(Kind::srsp, name, {{"length", at == nv.end() ? 0 : at->second.size()}})};
    }
    if (name == "sys.osalNvReadExt") {
        const BytesView all = nv.at(item);
        const auto rest = all.subspan(request.u16("offset"));
        const auto piece = rest.first(std::min<std::size_t>(rest.size(), 64));  // a small buffer
        return {Message(Kind::srsp, name, {{"value", Bytes(piece.begin(), piece.end())}})};
    }
    if (name == "sys.osalNvItemInit") {
        const bool there = nv.contains(item);
        if (!there) nv[item] = Bytes(request.u16("length"), 0);
        return {Message(Kind::srsp, name, {{"status", there ? 0 : 9}})};
    }
    if (name == "sys.osalNvWriteExt") {
        auto& value = nv.at(item);
        std::ranges::copy(request.bytes("value"), value.begin() + request.u16("offset"));
        return {Message(Kind::srsp, name)};
    }
    nv.erase(item);  // sys.osalNvDelete
    return {Message(Kind::srsp, name)};
}

FakeStick::Replies FakeStick::answer_zdo(const Message& request) {
    const auto name = request.name();
    Replies out{Message(Kind::srsp, name)};
    if (name == "zdo.startupFromApp") {
        state = 9;
        out.emplace_back(Kind::areq, "zdo.stateChangeInd",
                         std::initializer_list<std::pair<std::string_view, wire::Value>>{{"state", 9}});
    } else if (name == "zdo.extNwkInfo") {
        const Bytes& nib = nv.at(0x0021);
        out = {Message(Kind::srsp, name,
                       {{"state", 9}, {"pan", ByteReader(BytesView(nib).subspan(33)).u16le()}, {"channel", nib[22]}})};
    } else if (name == "zdo.mgmtPermitJoinReq") {
        joins_open.push_back(request.u8("duration"));
    } else if (name == "zdo.activeEpReq" && request.u16("nwk") == 0) {
        out.push_back(
            Message(Kind::areq, "zdo.activeEpRsp", {{"endpoints", Bytes(endpoints.begin(), endpoints.end())}}));
    } else if (name == "zdo.nwkAddrReq") {
        for (const auto& [nwk, tag] : tags) {
            if (tag.ieee == request.number("ieee")) {
                out.push_back(Message(Kind::areq, "zdo.nwkAddrRsp", {{"ieee", tag.ieee}, {"nwk", nwk}}));
            }
        }
    } else if (name == "zdo.ieeeAddrReq" && tags.contains(request.u16("nwk"))) {
        const auto& tag = tags.at(request.u16("nwk"));
        out.push_back(Message(Kind::areq, "zdo.ieeeAddrRsp", {{"ieee", tag.ieee}, {"nwk", tag.nwk}}));
    } else if (name == "zdo.nodeDescReq" || name == "zdo.activeEpReq" || name == "zdo.simpleDescReq") {
        const auto nwk = request.u16("nwk");
        const auto at = tags.find(nwk);
        if (at == tags.end() || at->second.hears_nothing) return out;
        if (name == "zdo.nodeDescReq") {
            out.push_back(
                Message(Kind::areq, "zdo.nodeDescRsp", {{"src", nwk}, {"nwk", nwk}, {"descriptor", Bytes(13, 2)}}));
        } else if (name == "zdo.activeEpReq") {
            out.push_back(
                Message(Kind::areq, "zdo.activeEpRsp", {{"src", nwk}, {"nwk", nwk}, {"endpoints", Bytes{1}}}));
        } else {
            Bytes d{1, 0x04, 0x01, 0x51, 0x0E, 0, 3, 0x00, 0x00, 0x01, 0x00};
            ByteWriter(d).u16le(at->second.price_tag ? pd::kCluster : 0x0006).u8(0);
            out.push_back(Message(Kind::areq, "zdo.simpleDescRsp", {{"src", nwk}, {"nwk", nwk}, {"descriptor", d}}));
        }
    }
    return out;
}

FakeStick::Replies FakeStick::data_request(const Message& request) {
    Replies out{Message(Kind::srsp, "af.dataRequest")};
    const auto at = tags.find(request.u16("dst"));
    std::uint8_t status = at == tags.end() ? wire::status::kNoRoute : wire::status::kSuccess;
    if (at != tags.end() && at->second.hears_nothing) status = wire::status::kTransactionExpired;
    if (!confirms.empty()) {
        status = confirms.front();
        confirms.pop_front();
    }
    out.push_back(
        Message(Kind::areq, "af.dataConfirm",
                {{"status", status}, {"endpoint", request.u8("srcEndpoint")}, {"trans", request.u8("trans")}}));
    if (status == 0) zcl_to_tag(at->second, request.u16("cluster"), request.bytes("data"), out);
    return out;
}

Message FakeStick::incoming(const FakeTag& tag, std::uint16_t cluster, Bytes frame) {
    return {Kind::areq,
            "af.incomingMsg",
            {{"cluster", cluster},
             {"src", tag.nwk},
             {"srcEndpoint", 1},
             {"dstEndpoint", 1},
             {"lqi", 200},
             {"data", std::move(frame)}}};
}

Bytes FakeStick::from_tag(const FakeTag& tag, std::uint16_t cluster, Bytes zcl_frame) {
    return say(incoming(tag, cluster, std::move(zcl_frame)));
}

void FakeStick::zcl_to_tag(FakeTag& tag, std::uint16_t cluster, const Bytes& data, Replies& out) {
    const auto frame = zcl::decode_frame(data).value();
    if (frame.header.scope == zcl::Scope::cluster) {
        return display_command(tag, pd::decode_to_tag(frame).value(), frame.header.sequence, out);
    }
    namespace at = pd::attribute;
    const std::map<std::pair<std::uint16_t, std::uint16_t>, zcl::Attribute> known{
        {{0x0000, 0x0005}, {0x0005, zcl::Type::text, std::string("SW-FAKE")}},
        {{0x0000, 0x0004}, {0x0004, zcl::Type::text, std::string("Shelfwire")}},
        {{0x0000, 0x4000}, {0x4000, zcl::Type::text, std::string("1.2\n3")}},
        {{0x0001, 0x0021}, {0x0021, zcl::Type::u8, std::uint64_t{180}}},
        {{pd::kCluster, at::kWidth}, {at::kWidth, zcl::Type::u16, std::uint64_t{tag.width}}},
        {{pd::kCluster, at::kHeight}, {at::kHeight, zcl::Type::u16, std::uint64_t{tag.height}}},
        {{pd::kCluster, at::kPalette}, {at::kPalette, zcl::Type::enum8, static_cast<std::uint64_t>(tag.palette)}},
        {{pd::kCluster, at::kSlots}, {at::kSlots, zcl::Type::u8, std::uint64_t{2}}},
        {{pd::kCluster, at::kFormats}, {at::kFormats, zcl::Type::bitmap8, std::uint64_t{tag.formats}}},
        {{pd::kCluster, at::kMaxImage}, {at::kMaxImage, zcl::Type::u32, std::uint64_t{4096}}},
        {{pd::kCluster, at::kShownImage}, {at::kShownImage, zcl::Type::u32, std::uint64_t{tag.shown}}},
        {{pd::kCluster, at::kBatteryMv}, {at::kBatteryMv, zcl::Type::u16, std::uint64_t{2987}}},
    };
    std::vector<zcl::AttributeResult> results;
    for (const auto id : zcl::decode_read_attributes(frame.payload).value()) {
        const auto found = known.find({cluster, id});
        if (found == known.end()) {
            results.push_back({zcl::status::kUnsupportedAttribute, {id, zcl::Type::u8, std::uint64_t{0}}});
        } else {
            results.push_back({zcl::status::kSuccess, found->second});
        }
    }
    if (tag.loses_answers > 0 && tag.loses_answers-- > 0) return;
    const auto header = zcl::answer_to(frame.header, zcl::Scope::foundation, zcl::kReadAttributesResponse);
    out.push_back(incoming(tag, cluster, zcl::encode_frame(header, zcl::encode_read_attributes_response(results))));
}

void FakeStick::ask_next(FakeTag& tag, Replies& out) {
    if (tag.stops_after_blocks >= 0 && tag.blocks >= tag.stops_after_blocks) {
        tag.stops_after_blocks = -1;
        return;
    }
    const auto ask = [&](const pd::BlockReq& request) {
        out.push_back(incoming(tag, pd::kCluster, pd::encode(pd::FromTag{request}, sequence_++)));
    };
    if (tag.asks_first) {
        auto strange = *std::exchange(tag.asks_first, std::nullopt);
        if (strange.image == 0) strange.image = tag.notified.image;
        ask(strange);
        return;
    }
    if (tag.loaded.size() < tag.notified.size) {
        const pd::BlockReq request{.image = tag.notified.image,
                                   .offset = static_cast<std::uint32_t>(tag.loaded.size())};
        ask(request);
        if (tag.asks_each_block_twice) ask(request);
        return;
    }
    pd::LoadEnd end{.image = tag.notified.image, .slot = tag.notified.slot};
    if (tag.bad_loads > 0) {
        --tag.bad_loads;
        end.status = zcl::status::kInvalidImage;
    }
    out.push_back(incoming(tag, pd::kCluster, pd::encode(pd::FromTag{end}, sequence_++)));
}

void FakeStick::display_command(FakeTag& tag, const pd::ToTag& command, std::uint8_t sequence, Replies& out) {
    if (const auto* notify = std::get_if<pd::ImageNotify>(&command)) {
        ++tag.notifies;
        if (tag.ignores_notify) return;
        tag.notified = *notify;
        tag.loaded.clear();
        zcl::Header header;
        header.direction = zcl::Direction::to_client;
        header.no_default_response = true;
        header.manufacturer = pd::kManufacturer;
        header.sequence = sequence;
        header.command = zcl::kDefaultResponse;
        out.push_back(
            incoming(tag, pd::kCluster, zcl::encode_frame(header, zcl::encode_default_response({.command = 0}))));
        ask_next(tag, out);
    } else if (const auto* block = std::get_if<pd::BlockRsp>(&command)) {
        ++tag.blocks;
        if (block->status == 0 && block->image == tag.notified.image && block->offset == tag.loaded.size()) {
            tag.loaded.insert(tag.loaded.end(), block->data.begin(), block->data.end());
            ask_next(tag, out);
        } else if (block->status == zcl::status::kAbort) {
            ask_next(tag, out);
        }  // kNoImage: it waits for the next notify
    } else if (std::get_if<pd::Show>(&command) != nullptr) {
        ++tag.shows;
        if (tag.refreshes_slowly) return;
        pd::ShowRsp shown{.status = tag.refuses_show, .slot = tag.notified.slot, .image = tag.shown};
        if (tag.refuses_show == 0) shown.image = tag.shown = tag.notified.image;
        out.push_back(incoming(tag, pd::kCluster, pd::encode(pd::FromTag{shown}, sequence_++)));
    }
}

Bytes FakeStick::finish_refresh(FakeTag& tag) {
    tag.shown = tag.notified.image;
    return from_tag(tag, pd::kCluster,
                    pd::encode(pd::FromTag{pd::ShowRsp{.slot = tag.notified.slot, .image = tag.shown}}, sequence_++));
}

}  // namespace esl::ap::znp::testing
