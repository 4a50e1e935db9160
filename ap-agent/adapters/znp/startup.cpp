#include "ap-agent/adapters/znp/startup.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

#include "ap-agent/adapters/znp/nv.hpp"
#include "ap-agent/ports/tag_radio.hpp"
#include "common/tagwire/price_display.hpp"
#include "common/tagwire/zcl.hpp"

namespace esl::ap::znp {
namespace {

using namespace std::chrono_literals;
using wire::Kind;
using wire::Message;

constexpr std::uint8_t kCoordinatorState = 9;  // zdo.stateChangeInd and util.getDeviceInfo
constexpr std::uint8_t kConfigured = 0x55;
constexpr std::uint8_t kBootloaderExit = 0xEF;

std::unexpected<Error> refused(std::string step, std::uint64_t status) {
    return fail(RadioError::radio, std::move(step) + ": status " + std::to_string(status));
}

bool has(const Bytes& list, std::uint8_t value) {
    return std::ranges::find(list, value) != list.end();
}

bool is_state_coordinator(const Message& m) {
    return m.is(Kind::areq, "zdo.stateChangeInd") && m.u8("state") == kCoordinatorState;
}

// The first ping may meet a boot loader or a half-sent frame: leave the one, let the other end.
Task<Result<void>> find(Dialog& dialog) {
    for (int attempt = 0; attempt < 3; ++attempt) {
        const auto reply = co_await dialog.request(Message(Kind::sreq, "sys.ping"), 1s);
        if (reply) co_return Result<void>{};
        if (!reply.error().is(RadioError::timeout)) co_return fail(reply.error());
        const std::array exit{kBootloaderExit};
        dialog.send_raw(exit);
        (void)co_await dialog.sleep(1s);
    }
    co_return fail(RadioError::gone, "no coordinator answers");
}

Task<Result<Coordinator>> identify(Dialog& dialog) {
    const auto version = co_await dialog.request(Message(Kind::sreq, "sys.version"));
    if (!version) co_return fail(version.error());
    Coordinator out;
    out.product = version->u8("product");
    out.revision = version->u32("revision");
    if (out.product != 1 && out.product != 2) {
        co_return fail(RadioError::unsupported, "Z-Stack product " + std::to_string(out.product) + ", wanted 3.x");
    }
    out.max_outstanding = out.product == 1 ? 16 : 2;  // reference section 5.2
    const auto address = co_await dialog.request(Message(Kind::sreq, "sys.getExtAddr"));
    if (!address) co_return fail(address.error());
    out.ieee = address->number("ieee");
    co_return out;
}

// What the coordinator itself remembers of a formed network; nothing when it has none.
Task<Result<std::optional<Network>>> remembered(Dialog& dialog) {
    const auto configured = co_await nv_read(dialog, nv::kHasConfigured);
    if (!configured) co_return fail(configured.error());
    const auto nib = co_await nv_read(dialog, nv::kNib);
    if (!nib) co_return fail(nib.error());
    const auto key = co_await nv_read(dialog, nv::kPreconfiguredKey);
    if (!key) co_return fail(key.error());
    const auto found = parse_nib(*nib);
    if (configured->empty() || configured->front() != kConfigured || !found || key->size() != 16) {
        co_return std::optional<Network>{};
    }
    Network out{.pan = found->pan, .ext_pan = found->ext_pan, .channel = found->channel};
    std::ranges::copy(*key, out.key.begin());
    co_return std::optional(out);
}

Task<Result<void>> resume(Dialog& dialog) {
    const auto info = co_await dialog.request(Message(Kind::sreq, "util.getDeviceInfo"));
    if (!info) co_return fail(info.error());
    if (info->u8("state") == kCoordinatorState) co_return Result<void>{};
    auto up = dialog.expect(is_state_coordinator, 60s);
    const auto started = co_await dialog.request(Message(Kind::sreq, "zdo.startupFromApp", {{"delay", 100}}), 40s);
    if (!started) co_return fail(started.error());
    if (started->u8("status") == 2) co_return refused("startupFromApp", started->u8("status"));
    const auto state = co_await up;
    if (!state) co_return fail(RadioError::radio, "coordinator did not come up after startupFromApp");
    co_return Result<void>{};
}

Task<Result<void>> erase(Dialog& dialog) {
    if (auto gone = co_await nv_delete(dialog, nv::kNib); !gone) co_return fail(gone.error());
    if (auto written = co_await nv_write(dialog, nv::kStartupOption, Bytes{0x03}); !written) {
        co_return fail(written.error());
    }
    auto back = dialog.expect([](const Message& m) { return m.is(Kind::areq, "sys.resetInd"); }, 30s);
    dialog.send(Message(Kind::areq, "sys.resetReq", {{"type", 1}}));
    const auto reset = co_await back;
    if (!reset) co_return fail(RadioError::radio, "coordinator did not come back from its reset");
    co_return Result<void>{};
}

Task<Result<void>> configure(Dialog& dialog, Network network) {
    Bytes channels, pan, ext_pan;
    ByteWriter(channels).u32le(std::uint32_t{1} << network.channel);
    ByteWriter(pan).u16le(network.pan);
    ByteWriter(ext_pan).u64le(network.ext_pan);
    const std::pair<nv::Item, Bytes> items[] = {
        {nv::kStartupOption, {0x00}},
        {nv::kLogicalType, {0x00}},
        {nv::kZdoDirectCallback, {0x01}},
        {nv::kChannelList, channels},
        {nv::kPanId, pan},
        {nv::kExtendedPanId, ext_pan},
        {nv::kApsUseExtendedPanId, ext_pan},
        {nv::kPreconfiguredKeyEnable, {0x01}},
        {nv::kPreconfiguredKey, Bytes(network.key.begin(), network.key.end())},
    };
    for (const auto& [item, value] : items) {
        const auto written = co_await nv_write(dialog, item, value);
        if (!written) co_return fail(written.error());
    }
    co_return Result<void>{};
}

Task<Result<void>> set_channel(Dialog& dialog, std::uint8_t primary, std::uint32_t mask) {
    const auto reply =
        co_await dialog.request(Message(Kind::sreq, "app_cnf.bdbSetChannel", {{"primary", primary}, {"mask", mask}}));
    if (!reply) co_return fail(reply.error());
    if (reply->u8("status") != 0) co_return refused("bdbSetChannel", reply->u8("status"));
    co_return Result<void>{};
}

// The network information is filled in some time after the state says "coordinator".
Task<Result<void>> wait_for_network(Dialog& dialog, Network network) {
    for (int attempt = 0; attempt < 11; ++attempt) {
        if (attempt > 0) (void)co_await dialog.sleep(3s);
        const auto info = co_await dialog.request(Message(Kind::sreq, "zdo.extNwkInfo"));
        if (!info) co_return fail(info.error());
        if (info->u16("pan") == 0xFFFF || info->u8("channel") == 0) continue;
        if (info->u16("pan") != network.pan) {
            // Another network with this PAN id is near, and the stack chose its own.
            co_return fail(RadioError::radio, "coordinator formed PAN " + std::to_string(info->u16("pan")) +
                                                  " instead of " + std::to_string(network.pan));
        }
        co_return Result<void>{};
    }
    co_return fail(RadioError::radio, "the network did not form");
}

Task<Result<void>> form(Dialog& dialog, Network network) {
    if (auto done = co_await erase(dialog); !done) co_return done;
    if (auto done = co_await configure(dialog, network); !done) co_return done;
    if (auto done = co_await set_channel(dialog, 1, std::uint32_t{1} << network.channel); !done) co_return done;
    if (auto done = co_await set_channel(dialog, 0, 0); !done) co_return done;
    auto up = dialog.expect(is_state_coordinator, 100s);
    const auto begun =
        co_await dialog.request(Message(Kind::sreq, "app_cnf.bdbStartCommissioning", {{"mode", 4}}), 40s);
    if (!begun) co_return fail(begun.error());
    if (begun->u8("status") != 0) co_return refused("bdbStartCommissioning", begun->u8("status"));
    const auto state = co_await up;
    if (!state) co_return fail(RadioError::radio, "coordinator did not come up after forming");
    if (auto done = co_await wait_for_network(dialog, network); !done) co_return done;
    co_return co_await nv_write(dialog, nv::kHasConfigured, Bytes{kConfigured});
}

Task<Result<void>> open_endpoint(Dialog& dialog) {
    auto listed =
        dialog.expect([](const Message& m) { return m.is(Kind::areq, "zdo.activeEpRsp") && m.u16("src") == 0; }, 10s);
    const auto asked = co_await dialog.request(Message(Kind::sreq, "zdo.activeEpReq", {{"dst", 0}, {"nwk", 0}}));
    if (!asked) co_return fail(asked.error());
    const auto list = co_await listed;
    if (list && has(list->bytes("endpoints"), kOwnEndpoint)) co_return Result<void>{};
    const wire::Words clusters{tagwire::zcl::kClusterBasic, tagwire::zcl::kClusterPower, tagwire::zcl::kClusterIdentify,
                               tagwire::zcl::kClusterPollControl, tagwire::price_display::kCluster};
    const auto reply = co_await dialog.request(Message(Kind::sreq, "af.register",
                                                       {{"endpoint", kOwnEndpoint},
                                                        {"profile", tagwire::zcl::kProfileHomeAutomation},
                                                        {"device", 0x0005},
                                                        {"version", 0},
                                                        {"latency", 0},
                                                        {"in", wire::Words{}},
                                                        {"out", clusters}}));
    if (!reply) co_return fail(reply.error());
    if (reply->u8("status") != 0) co_return refused("af.register", reply->u8("status"));
    co_return Result<void>{};
}

Task<Result<void>> settle_network(Dialog& dialog, NetworkStore& store, std::uint8_t channel, Coordinator& out) {
    const auto kept = store.load();
    if (!kept) co_return fail(RadioError::radio, "network file: " + kept.error().message());
    const auto own = co_await remembered(dialog);
    if (!own) co_return fail(own.error());
    if (*own && (!*kept || **kept == **own)) {
        out.network = **own;
        if (!*kept) {
            store.save(out.network);
            spdlog::info("znp: took over the network that the coordinator has, PAN {:04X}", out.network.pan);
        }
        co_return co_await resume(dialog);
    }
    out.formed_now = true;
    out.network = *kept ? **kept : random_network(channel);
    // Before it is formed: a crash in between must not leave a network whose key nobody knows.
    if (!*kept) store.save(out.network);
    co_return co_await form(dialog, out.network);
}

}  // namespace

Task<Result<Coordinator>> start_network(Dialog& dialog, NetworkStore store, std::uint8_t channel) {
    if (auto found = co_await find(dialog); !found) co_return fail(found.error());
    auto coordinator = co_await identify(dialog);
    if (!coordinator) co_return coordinator;
    if (auto done = co_await settle_network(dialog, store, channel, *coordinator); !done) co_return fail(done.error());
    if (auto done = co_await open_endpoint(dialog); !done) co_return fail(done.error());
    co_return coordinator;
}

}  // namespace esl::ap::znp
