// Start-up, memory and network; coordinator_nodes.cpp has what goes over the air.
#include "tag-sim/core/coordinator.hpp"

#include <algorithm>
#include <bit>

namespace esl::sim {

using namespace std::chrono_literals;
using namespace tagwire;
using znp::Kind;
using znp::Words;

namespace {

constexpr std::uint64_t kIeee = 0x00124B00'2A5F0001;
constexpr std::uint8_t kStateHold = 0;
constexpr std::uint8_t kStateCoordinator = 9;
constexpr std::uint8_t kDeviceTypes = 7;
constexpr std::size_t kMaxPiece = 240;
constexpr std::size_t kMaxItem = 1024;
constexpr std::size_t kMaxItems = 512;
constexpr std::uint8_t kClearState = 0x02;
constexpr std::uint32_t kRevision = 20240710;

// rpc.error codes
constexpr std::uint8_t kUnknownSubsystem = 1;
constexpr std::uint8_t kUnknownCommand = 2;
constexpr std::uint8_t kBadLength = 4;

}  // namespace

Coordinator::Coordinator(Scheduler& scheduler, FaultPlan& plan, Speed speed, std::function<void(const Bytes&)> send)
    : scheduler_(scheduler), plan_(plan), speed_(speed), send_(std::move(send)) {}

const std::map<std::string_view, Coordinator::Handler>& Coordinator::handlers() {
    using C = Coordinator;
    static const std::map<std::string_view, Handler> table{
        {"sys.resetReq", &C::reset},
        {"sys.ping", &C::ping},
        {"sys.version", &C::version},
        {"sys.getExtAddr", &C::ext_addr},
        {"sys.osalNvItemInit", &C::nv_init},
        {"sys.osalNvRead", &C::nv_read},
        {"sys.osalNvReadExt", &C::nv_read},
        {"sys.osalNvWrite", &C::nv_write},
        {"sys.osalNvWriteExt", &C::nv_write},
        {"sys.osalNvLength", &C::nv_length},
        {"sys.osalNvDelete", &C::nv_delete},
        {"sys.nvCreate", &C::table_create},
        {"sys.nvDelete", &C::table_delete},
        {"sys.nvLength", &C::table_length},
        {"sys.nvRead", &C::table_read},
        {"sys.nvWrite", &C::table_write},
        {"sys.stackTune", &C::stack_tune},
        {"app_cnf.bdbSetChannel", &C::set_channel},
        {"app_cnf.bdbStartCommissioning", &C::commission},
        {"zdo.startupFromApp", &C::startup},
        {"zdo.extNwkInfo", &C::network_info},
        {"zdo.mgmtPermitJoinReq", &C::permit_join},
        {"zdo.extFindGroup", &C::find_group},
        {"zdo.extAddGroup", &C::add_group},
        {"zdo.extRouteDisc", &C::accept},
        {"zdo.nodeDescReq", &C::node_desc},
        {"zdo.activeEpReq", &C::active_endpoints},
        {"zdo.simpleDescReq", &C::simple_desc},
        {"zdo.nwkAddrReq", &C::nwk_addr},
        {"zdo.ieeeAddrReq", &C::ieee_addr},
        {"zdo.bindReq", &C::bind},
        {"zdo.unbindReq", &C::bind},
        {"zdo.mgmtLqiReq", &C::lqi},
        {"zdo.mgmtLeaveReq", &C::leave},
        {"util.getDeviceInfo", &C::device_info},
        {"util.ledControl", &C::accept},
        {"util.assocGetWithAddress", &C::assoc_get},
        {"util.assocRemove", &C::accept},
        {"util.assocAdd", &C::accept},
        {"af.register", &C::register_endpoint},
        {"af.dataRequest", &C::data},
        {"af.dataRequestExt", &C::data_ext},
        {"af.dataRetrieve", &C::data_retrieve},
    };
    return table;
}

void Coordinator::frame(const znp::Frame& frame) {
    ++figures_.requests;
    const auto message = znp::decode(frame);
    if (!message) {
        ++figures_.not_understood;
        if (!message.error().is(WireError::unknown_command)) return refuse(frame, kBadLength);
        const bool known = std::ranges::any_of(znp::definitions(),
                                               [&](const auto& d) { return (d.cmd0() & 0x1F) == (frame.cmd0 & 0x1F); });
        return refuse(frame, known ? kUnknownCommand : kUnknownSubsystem);
    }
    const bool request = message->kind() == Kind::sreq || message->name() == "sys.resetReq";
    const auto handler = handlers().find(message->name());
    if (!request || handler == handlers().end()) {
        ++figures_.not_understood;
        return refuse(frame, kUnknownCommand);
    }
    (this->*handler->second)(*message);
}

void Coordinator::send(const Message& message) {
    if (host_present_) send_(znp::encode(message));
}

void Coordinator::later(std::chrono::milliseconds delay, Message message) {
    scheduler_.after(delay, [this, m = std::move(message)] { send(m); });
}

void Coordinator::reply(const Message& request, std::initializer_list<std::pair<std::string_view, znp::Value>> fields) {
    send(Message{Kind::srsp, request.name(), fields});
}

// Only synchronous requests are answered, also when they are not understood.
void Coordinator::refuse(const znp::Frame& frame, std::uint8_t error) {
    if (frame.cmd0 >> 5 != static_cast<unsigned>(Kind::sreq)) return;
    send(Message{Kind::srsp, "rpc.error", {{"error", error}, {"cmd0", frame.cmd0}, {"cmd1", frame.cmd1}}});
}

void Coordinator::accept(const Message& request) {
    reply_status(request, znp::status::kSuccess);
}

// ---- SYS

void Coordinator::reset(const Message&) {
    if (nv_.number(nv::kStartupOption) & kClearState) {
        nv_.forget_network();
        for (auto& tag : tags_) tag->leave();
        by_nwk_.clear();
        remembered_.clear();
        changed_ = true;
    }
    endpoints_.clear();
    groups_.clear();
    state_ = kStateHold;
    joining_until_ = {};
    later(speed_.scaled(300ms),
          Message{Kind::areq,
                  "sys.resetInd",
                  {{"reason", 0}, {"transport", 2}, {"product", 1}, {"major", 2}, {"minor", 7}, {"hw", 1}}});
}

void Coordinator::ping(const Message& m) {
    reply(m, {{"capabilities", 0x0779}});
}

void Coordinator::version(const Message& m) {
    reply(m, {{"transport", 2}, {"product", 1}, {"major", 2}, {"minor", 7}, {"maint", 1}, {"revision", kRevision}});
}

void Coordinator::ext_addr(const Message& m) {
    reply(m, {{"ieee", kIeee}});
}

void Coordinator::nv_init(const Message& m) {
    const auto item = m.u16("item");
    if (nv_.items.contains(item)) return reply_status(m, znp::status::kSuccess);
    const auto length = m.u16("length");
    if (length > kMaxItem || m.bytes("value").size() > length || nv_.items.size() >= kMaxItems) {
        return reply_status(m, znp::status::kNvOperationFailed);
    }
    auto value = m.bytes("value");
    value.resize(length, 0xFF);
    nv_.items[item] = std::move(value);
    changed_ = true;
    reply_status(m, znp::status::kNvItemCreated);
}

void Coordinator::nv_read(const Message& m) {
    const auto at = nv_.items.find(m.u16("item"));
    const auto offset = m.number("offset");
    if (at == nv_.items.end() || offset > at->second.size()) {
        return reply(m, {{"status", znp::status::kInvalidParameter}, {"value", Bytes{}}});
    }
    const auto rest = BytesView{at->second}.subspan(offset);
    const auto piece = rest.first(std::min(rest.size(), kMaxPiece));
    reply(m, {{"status", znp::status::kSuccess}, {"value", Bytes(piece.begin(), piece.end())}});
}

void Coordinator::nv_write(const Message& m) {
    const auto at = nv_.items.find(m.u16("item"));
    const auto offset = m.number("offset");
    const auto& value = m.bytes("value");
    if (at == nv_.items.end() || offset + value.size() > at->second.size()) {
        return reply_status(m, znp::status::kInvalidParameter);
    }
    std::ranges::copy(value, at->second.begin() + static_cast<std::ptrdiff_t>(offset));
    changed_ = true;
    reply_status(m, znp::status::kSuccess);
}

void Coordinator::nv_length(const Message& m) {
    const auto at = nv_.items.find(m.u16("item"));
    reply(m, {{"length", at == nv_.items.end() ? 0 : at->second.size()}});
}

void Coordinator::nv_delete(const Message& m) {
    const auto at = nv_.items.find(m.u16("item"));
    if (at == nv_.items.end()) return reply_status(m, znp::status::kNvItemCreated);  // as the stack: "not there"
    if (at->second.size() != m.u16("length")) return reply_status(m, 0x0C);          // wrong length
    nv_.items.erase(at);
    changed_ = true;
    reply_status(m, znp::status::kSuccess);
}

void Coordinator::table_create(const Message& m) {
    auto& entry = nv_.table[{m.u8("system"), m.u16("item"), m.u16("sub")}];
    const auto length = m.number("length");
    if (length > kMaxItem || nv_.table.size() > kMaxItems) return reply_status(m, znp::status::kNvOperationFailed);
    const bool fresh = entry.empty();
    entry.resize(length, 0xFF);
    changed_ = true;
    reply_status(m, fresh ? znp::status::kNvItemCreated : znp::status::kSuccess);
}

void Coordinator::table_delete(const Message& m) {
    const bool erased = nv_.table.erase({m.u8("system"), m.u16("item"), m.u16("sub")}) > 0;
    changed_ = changed_ || erased;
    reply_status(m, erased ? znp::status::kSuccess : znp::status::kNvOperationFailed);
}

void Coordinator::table_length(const Message& m) {
    const auto at = nv_.table.find({m.u8("system"), m.u16("item"), m.u16("sub")});
    reply(m, {{"length", at == nv_.table.end() ? 0 : at->second.size()}});
}

void Coordinator::table_read(const Message& m) {
    const auto at = nv_.table.find({m.u8("system"), m.u16("item"), m.u16("sub")});
    const std::size_t offset = m.u16("offset");
    if (at == nv_.table.end() || offset > at->second.size()) {
        return reply(m, {{"status", znp::status::kInvalidParameter}, {"value", Bytes{}}});
    }
    const auto rest = BytesView{at->second}.subspan(offset);
    const auto piece = rest.first(std::min({rest.size(), kMaxPiece, std::size_t{m.u8("length")}}));
    reply(m, {{"status", znp::status::kSuccess}, {"value", Bytes(piece.begin(), piece.end())}});
}

void Coordinator::table_write(const Message& m) {
    const auto at = nv_.table.find({m.u8("system"), m.u16("item"), m.u16("sub")});
    const std::size_t offset = m.u16("offset");
    const auto& value = m.bytes("value");
    if (at == nv_.table.end() || offset + value.size() > at->second.size()) {
        return reply_status(m, znp::status::kInvalidParameter);
    }
    std::ranges::copy(value, at->second.begin() + static_cast<std::ptrdiff_t>(offset));
    changed_ = true;
    reply_status(m, znp::status::kSuccess);
}

void Coordinator::stack_tune(const Message& m) {
    reply(m, {{"value", m.u8("value")}});
}

// ---- the network

void Coordinator::set_channel(const Message& m) {
    if (m.u8("primary") != 0 && !nv_.items.contains(nv::kChannels)) {
        Bytes mask;
        ByteWriter{mask}.u32le(m.u32("mask"));
        nv_.items[nv::kChannels] = std::move(mask);
    }
    accept(m);
}

void Coordinator::commission(const Message& m) {
    constexpr std::uint8_t kFormation = 0x04;
    accept(m);
    if (m.u8("mode") & kFormation) scheduler_.after(speed_.scaled(500ms), [this] { form(); });
}

void Coordinator::form() {
    if (!nv_.formed()) {
        auto network = nv_.wanted();
        network.ieee = kIeee;
        if (network.pan == 0xFFFF) network.pan = 0x1A62;
        if (network.extended_pan == 0 || network.extended_pan == ~0ULL) network.extended_pan = kIeee;
        constexpr std::uint32_t kAllChannels = 0x07FFF800;
        if ((network.channels & kAllChannels) == 0) network.channels = 1U << 11;
        network.channel = static_cast<std::uint8_t>(std::countr_zero(network.channels & kAllChannels));
        nv_.store_network(network);
        changed_ = true;
    }
    state_ = kStateCoordinator;
    send(Message{Kind::areq, "zdo.stateChangeInd", {{"state", state_}}});
}

void Coordinator::startup(const Message& m) {
    reply_status(m, nv_.formed() ? 0 : 1);  // restored, or a new network
    scheduler_.after(speed_.scaled(300ms), [this] { form(); });
}

void Coordinator::device_info(const Message& m) {
    Words children;
    for (const auto& [nwk, tag] : by_nwk_) {
        if (children.size() < 50) children.push_back(nwk);  // more do not fit the firmware's answer
    }
    reply(m, {{"status", 0},
              {"ieee", kIeee},
              {"short", state_ == kStateCoordinator ? 0x0000 : 0xFFFE},
              {"deviceType", kDeviceTypes},
              {"state", state_},
              {"associated", std::move(children)}});
}

void Coordinator::network_info(const Message& m) {
    const auto network = nv_.network();
    const bool up = state_ == kStateCoordinator;
    reply(m, {{"short", up ? 0x0000 : 0xFFFE},
              {"state", state_},
              {"pan", up ? network.pan : std::uint16_t{0xFFFF}},
              {"parent", up ? 0x0000 : 0xFFFE},
              {"extPan", up ? network.extended_pan : 0},
              {"parentIeee", 0},
              {"channel", up ? network.channel : std::uint8_t{0}}});
}

void Coordinator::find_group(const Message& m) {
    const bool known = groups_.contains(std::uint32_t{m.u8("endpoint")} << 16 | m.u16("group"));
    Bytes found;  // also when there is none: hosts read these fields in any case
    ByteWriter{found}.u16le(m.u16("group")).u8(0);
    reply(m, {{"status", known ? znp::status::kSuccess : znp::status::kFailure}, {"found", std::move(found)}});
}

void Coordinator::add_group(const Message& m) {
    groups_.insert(std::uint32_t{m.u8("endpoint")} << 16 | m.u16("group"));
    accept(m);
}

void Coordinator::assoc_get(const Message& m) {
    const auto* tag = with(m.number("ieee"));
    Bytes device;
    ByteWriter{device}.u16le(tag == nullptr ? 0xFFFF : tag->nwk()).u16le(0).u8(1);
    reply(m, {{"device", std::move(device)}});
}

void Coordinator::register_endpoint(const Message& m) {
    constexpr std::uint8_t kAlreadyThere = 0xB8;
    Endpoint endpoint{m.u16("profile"), m.u16("device"), m.u8("version"), m.words("in"), m.words("out")};
    const bool fresh = endpoints_.emplace(m.u8("endpoint"), std::move(endpoint)).second;
    reply_status(m, fresh ? znp::status::kSuccess : kAlreadyThere);
}

// ---- restarts of the simulator

void Coordinator::restore(CoordinatorMemory memory) {
    nv_ = std::move(memory.nv);
    remembered_ = std::move(memory.joined);
    for (const auto& [id, nwk] : remembered_) last_nwk_ = std::max(last_nwk_, nwk);
    for (auto& tag : tags_) {
        const auto at = remembered_.find(tag->tag().id());
        if (at == remembered_.end() || tag->joined()) continue;
        by_nwk_[at->second] = tag.get();
        tag->join(at->second);
    }
}

CoordinatorMemory Coordinator::memory() const {
    return {nv_, remembered_};
}

CoordinatorFigures Coordinator::figures() const {
    auto out = figures_;
    out.joined_now = by_nwk_.size();
    return out;
}

}  // namespace esl::sim
