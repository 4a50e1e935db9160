#include "common/contract/cbor_shape.hpp"
#include "common/contract/fields.hpp"
#include "common/contract/messages.hpp"
#include "common/contract/names.hpp"
#include "common/contract/topics.hpp"

namespace esl::contract {
namespace {

using detail::Bad;
using detail::Fields;
using detail::Json;

template <class E, std::size_t N>
E choice(const Fields& f, const char* key, const detail::NameRow<E> (&table)[N]) {
    const auto text = f.text(key, 32);
    for (const auto& [value, candidate] : table) {
        if (candidate == text) return value;
    }
    f.refuse(key, "unknown '" + text + "'");
}

image::Palette palette(const Fields& f) {
    const auto parsed = image::palette_from(f.text("palette", 16));
    if (!parsed) f.refuse("palette", parsed.error().message());
    return *parsed;
}

unsigned side(const Fields& f, const char* key) {
    return static_cast<unsigned>(f.number(key, image::kMaxSide));
}

Task task(const Fields& f) {
    Task t;
    t.tag = f.tag("tag");
    t.version = f.number("version", INT64_MAX);
    t.job = f.text("job", 64);
    t.image_id = static_cast<std::uint32_t>(f.number("image_id", UINT32_MAX));
    t.width = side(f, "width");
    t.height = side(f, "height");
    t.palette = palette(f);
    t.image = f.bytes("image");
    t.epoch = f.number("epoch", INT64_MAX);
    if (f.has("slot")) t.slot = static_cast<std::uint8_t>(f.number("slot", 255));
    if (f.has("priority")) t.priority = static_cast<std::uint8_t>(f.number("priority", 9));
    t.not_before = f.optional("not_before", [&] { return f.time("not_before"); });
    t.expires = f.optional("expires", [&] { return f.time("expires"); });
    return t;
}

TaskResult result(const Fields& f) {
    TaskResult r;
    r.tag = f.tag("tag");
    r.version = f.number("version", INT64_MAX);
    r.job = f.text("job", 64);
    r.state = choice(f, "state", detail::kStateNames);
    r.image_id = static_cast<std::uint32_t>(f.number("image_id", UINT32_MAX));
    r.epoch = f.number("epoch", INT64_MAX);
    if (f.has("class")) r.failure = choice(f, "class", detail::kFailNames);
    if (f.has("code")) r.code = f.integer("code", INT64_MIN, INT64_MAX);
    if (f.has("detail")) r.detail = f.text("detail", 1024);
    r.attempts = static_cast<std::uint32_t>(f.number("attempts", UINT32_MAX));
    r.at = f.time("at");
    r.started = f.optional("started", [&] { return f.time("started"); });
    if ((r.state == TaskState::failed) != (r.failure != FailClass::none)) {
        f.refuse("class", "goes with the state failed, and only with it");
    }
    return r;
}

Sighting sighting(const Fields& f) {
    Sighting s;
    s.tag = f.tag("tag");
    s.event = choice(f, "event", detail::kEventNames);
    s.radio = f.text("radio", 64);
    s.model = f.text("model", 64);
    s.width = side(f, "width");
    s.height = side(f, "height");
    s.palette = palette(f);
    s.rssi = static_cast<std::int32_t>(f.integer("rssi", -200, 100));
    if (f.has("firmware")) s.firmware = f.text("firmware", 64);
    s.battery_mv =
        f.optional("battery_mv", [&] { return static_cast<std::uint32_t>(f.number("battery_mv", 100'000)); });
    s.battery_percent =
        f.optional("battery_percent", [&] { return static_cast<std::uint8_t>(f.number("battery_percent", 100)); });
    s.shown_image_id = f.optional("shown_image_id",
                                  [&] { return static_cast<std::uint32_t>(f.number("shown_image_id", UINT32_MAX)); });
    s.at = f.time("at");
    return s;
}

RadioInfo radio(const Fields& f) {
    return RadioInfo{.name = f.text("name"),
                     .state = f.text("state", 32),
                     .tags = static_cast<std::uint32_t>(f.number("tags", UINT32_MAX)),
                     .refused = f.optional("refused", [&] { return f.number("refused", UINT64_MAX); }).value_or(0)};
}

Downlink tasks(const Fields& f) {
    return Tasks{f.items<Task>("tasks", task)};
}

Downlink command(const Fields& f) {
    Command c;
    c.id = f.text("id", 64);
    c.kind = choice(f, "command", detail::kCommandNames);
    c.tag = f.optional("tag", [&] { return f.tag("tag"); });
    if (f.has("colour")) c.colour = f.text("colour", 16);
    if (f.has("seconds")) c.seconds = static_cast<std::uint32_t>(f.number("seconds", UINT32_MAX));
    if (!c.tag && c.kind != CommandKind::permit_join) f.refuse("tag", "missing");
    return c;
}

Downlink lease(const Fields& f) {
    Lease l;
    l.full = f.flag("full");
    l.add = f.items<LeaseEntry>(
        "add", [](const Fields& e) { return LeaseEntry{.tag = e.tag("tag"), .epoch = e.number("epoch", INT64_MAX)}; });
    for (const auto& text : f.list("drop")) {
        if (!text.is_string()) f.refuse("drop", "expected tag ids");
        const auto tag = TagId::parse(text.get<std::string>());
        if (!tag) f.refuse("drop", tag.error().about());
        l.drop.push_back(*tag);
    }
    return l;
}

Downlink time_notice(const Fields& f) {
    return TimeNotice{f.time("now")};
}

Downlink config(const Fields& f) {
    ApConfig c;
    c.store = f.text("store", 16);
    if (!is_store_id(c.store)) f.refuse("store", "'" + c.store + "' is not a store id");
    if (f.has("full_report_seconds")) {
        c.full_report_seconds = static_cast<std::uint32_t>(f.number("full_report_seconds", 86'400));
    }
    return c;
}

Uplink result_report(const Fields& f) {
    return ResultReport{f.text("ap", 64), f.items<TaskResult>("results", result)};
}

Uplink tags_report(const Fields& f) {
    return TagsReport{f.text("ap", 64), f.flag("full"), f.items<Sighting>("tags", sighting)};
}

Uplink hello(const Fields& f) {
    return ApHello{.ap = f.text("ap", 64),
                   .software = f.text("software", 64),
                   .boot = f.text("boot", 64),
                   .radios = f.items<RadioInfo>("radios", radio),
                   .queued = f.number("queued"),
                   .at = f.time("at")};
}

Uplink health(const Fields& f) {
    return ApHealth{.ap = f.text("ap", 64),
                    .radios = f.items<RadioInfo>("radios", radio),
                    .queued = f.number("queued"),
                    .uptime_seconds = f.number("uptime_seconds"),
                    .at = f.time("at")};
}

Uplink log(const Fields& f) {
    return ApLog{
        .ap = f.text("ap", 64), .level = f.text("level", 16), .message = f.text("message", 4096), .at = f.time("at")};
}

Uplink offline(const Fields& f) {
    return ApOffline{f.text("ap", 64), f.text("boot", 64)};
}

Uplink answer(const Fields& f) {
    return CommandAnswer{f.text("ap", 64), f.text("id", 64), f.flag("ok"), f.text("detail", 1024)};
}

template <class Message>
struct Kind {
    std::string_view name;
    Message (*decode)(const Fields&);
};
constexpr Kind<Downlink> kDownlinks[] = {
    {"tasks", tasks}, {"command", command}, {"lease", lease}, {"time", time_notice}, {"config", config}};
constexpr Kind<Uplink> kUplinks[] = {{"result", result_report}, {"tags", tags_report}, {"hello", hello},
                                     {"health", health},        {"log", log},          {"offline", offline},
                                     {"answer", answer}};

template <class Message, std::size_t N>
Result<Message> decode_as(BytesView cbor, const Kind<Message> (&kinds)[N]) {
    // A broker in standard mode may let more through than the contract allows.
    if (cbor.size() > 256 * 1024) return fail(ContractError::too_large, std::to_string(cbor.size()) + " bytes");
    if (auto shape = detail::check_cbor_shape(cbor); !shape) return fail(shape.error());
    try {
        const auto map = Json::from_cbor(cbor.begin(), cbor.end());
        const Fields fields(map, "");
        if (const auto version = fields.number("v"); version != kVersion) {
            return fail(ContractError::unsupported_version, std::to_string(version));
        }
        const auto kind = fields.text("kind", 32);
        for (const auto& candidate : kinds) {
            if (candidate.name == kind) return candidate.decode(fields);
        }
        return fail(ContractError::unknown_kind, "'" + kind + "'");
    } catch (const Bad& bad) {
        return fail(ContractError::malformed, bad.what);
    } catch (const Json::exception& e) {
        return fail(ContractError::malformed, e.what());
    }
}

}  // namespace

Result<Downlink> decode_downlink(BytesView cbor) {
    return decode_as(cbor, kDownlinks);
}
Result<Uplink> decode_uplink(BytesView cbor) {
    return decode_as(cbor, kUplinks);
}

}  // namespace esl::contract
