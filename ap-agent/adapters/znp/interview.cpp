#include "ap-agent/adapters/znp/interview.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "ap-agent/adapters/znp/startup.hpp"
#include "ap-agent/ports/tag_radio.hpp"
#include "common/tagwire/price_display.hpp"

namespace esl::ap::znp {
namespace {

using namespace std::chrono_literals;
using wire::Kind;
using wire::Message;
namespace zcl = tagwire::zcl;
namespace pd = tagwire::price_display;

constexpr auto kDelivery = 180s;  // with all recovery; the delivery's own end comes before
constexpr int kReadTries = 4;
constexpr auto kAnswer = 8s;   // the tag polls at least this often while it is new
constexpr int kNodeTries = 6;  // as zigbee-herdsman
constexpr int kEndpointTries = 4;
constexpr std::size_t kMaxText = 64;

// One ZDO question, asked again when no answer comes.
Task<Result<Message>> ask(Dialog& dialog, const TagTable& tags, TagId tag, const char* request, const char* response,
                          std::optional<std::uint8_t> endpoint, int tries) {
    Error last{RadioError::unreachable, "tag has left"};
    for (int i = 0; i < tries; ++i) {
        const auto* entry = tags.find(tag);
        if (entry == nullptr) break;
        const auto nwk = entry->nwk;
        auto answered = dialog.expect(
            [nwk, response](const Message& m) { return m.is(Kind::areq, response) && m.u16("nwk") == nwk; }, kAnswer);
        Message question(Kind::sreq, request, {{"dst", nwk}, {"nwk", nwk}});
        if (endpoint) question.set("endpoint", *endpoint);
        const auto asked = co_await dialog.request(std::move(question));
        if (!asked) co_return fail(asked.error());
        if (asked->u8("status") != 0) {
            last = Error(RadioError::unreachable,
                         std::string(request) + ": status " + std::to_string(asked->u8("status")));
            (void)co_await dialog.sleep(1s);
            continue;
        }
        const auto answer = co_await answered;
        if (answer && answer->u8("status") == 0) co_return answer;
        if (!answer && !answer.error().is(RadioError::timeout)) co_return fail(answer.error());
        last = Error(RadioError::unreachable, std::string(response) + ": no answer");
    }
    co_return fail(last);
}

// Endpoint, profile, device, version, then the clusters it serves.
struct SimpleDescriptor {
    std::uint8_t endpoint = 0;
    std::vector<std::uint16_t> serves;
};
std::optional<SimpleDescriptor> parse_simple(BytesView bytes) {
    ByteReader in(bytes);
    SimpleDescriptor out;
    out.endpoint = in.u8();
    in.bytes(5);
    for (auto left = in.u8(); left > 0 && !in.failed(); --left) out.serves.push_back(in.u16le());
    if (in.failed()) return std::nullopt;
    return out;
}

bool serves(const SimpleDescriptor& endpoint, std::uint16_t cluster) {
    return std::ranges::find(endpoint.serves, cluster) != endpoint.serves.end();
}

// Printable ASCII, cut: it goes into logs, files and reports.
std::string clean(const zcl::Attribute& attribute) {
    std::string out;
    const auto* text = std::get_if<std::string>(&attribute.value);
    if (text == nullptr) return out;
    for (const char c : text->substr(0, kMaxText)) out.push_back(c >= 0x20 && c < 0x7F ? c : '?');
    return out;
}

void apply_basic(const std::vector<zcl::Attribute>& attributes, Panel& panel) {
    for (const auto& a : attributes) {
        if (a.id == 0x0004) panel.manufacturer = clean(a);
        if (a.id == 0x0005) panel.model = clean(a);
        if (a.id == 0x4000) panel.firmware = clean(a);
        if (a.id == 0x0001 && panel.firmware.empty()) panel.firmware = std::to_string(a.number());
    }
}

void apply_display(const std::vector<zcl::Attribute>& attributes, Interview& out) {
    for (const auto& a : attributes) {
        const auto n = a.number();
        switch (a.id) {
            case pd::attribute::kWidth:
                out.panel.width = static_cast<unsigned>(n);
                break;
            case pd::attribute::kHeight:
                out.panel.height = static_cast<unsigned>(n);
                break;
            case pd::attribute::kPalette:
                out.panel.palette = static_cast<image::Palette>(n <= 3 ? n : 0);
                break;
            case pd::attribute::kSlots:
                out.panel.slots = static_cast<std::uint8_t>(n);
                break;
            case pd::attribute::kFormats:
                out.panel.formats = static_cast<std::uint8_t>(n);
                break;
            case pd::attribute::kMaxImage:
                out.panel.max_image = static_cast<std::uint32_t>(n);
                break;
            case pd::attribute::kShownImage:
                out.shown = static_cast<std::uint32_t>(n);
                break;
            case pd::attribute::kBatteryMv:
                out.battery_mv = static_cast<std::uint32_t>(n);
                break;
            default:
                break;
        }
    }
}

void apply_power(const std::vector<zcl::Attribute>& attributes, Interview& out) {
    for (const auto& a : attributes) {
        if (a.id == 0x0020 && !out.battery_mv && a.number() != 0xFF) {
            out.battery_mv = static_cast<std::uint32_t>(a.number() * 100);
        }
        if (a.id == 0x0021 && a.number() <= 200) out.battery_percent = static_cast<std::uint8_t>(a.number() / 2);
    }
}

Task<Result<SimpleDescriptor>> find_display(Dialog& dialog, const TagTable& tags, TagId tag) {
    const auto node = co_await ask(dialog, tags, tag, "zdo.nodeDescReq", "zdo.nodeDescRsp", std::nullopt, kNodeTries);
    if (!node) co_return fail(node.error());
    const auto active =
        co_await ask(dialog, tags, tag, "zdo.activeEpReq", "zdo.activeEpRsp", std::nullopt, kEndpointTries);
    if (!active) co_return fail(active.error());
    for (const auto endpoint : active->bytes("endpoints")) {
        const auto answer =
            co_await ask(dialog, tags, tag, "zdo.simpleDescReq", "zdo.simpleDescRsp", endpoint, kEndpointTries);
        if (!answer) co_return fail(answer.error());
        auto descriptor = parse_simple(answer->bytes("descriptor"));
        if (descriptor && serves(*descriptor, pd::kCluster)) co_return std::move(*descriptor);
    }
    co_return fail(RadioError::unsupported, "no Price Display cluster");
}

}  // namespace

Task<Result<Message>> AttributeReader::ask(TagId tag, std::uint16_t cluster, std::optional<std::uint16_t> manufacturer,
                                           Bytes payload) {
    const auto sequence = sequence_++;
    zcl::Header header;
    header.manufacturer = manufacturer;
    header.no_default_response = true;
    header.sequence = sequence;
    header.command = zcl::kReadAttributes;
    auto answered = dialog_.expect(
        [this, tag, cluster, sequence](const Message& m) {
            if (!m.is(Kind::areq, "af.incomingMsg") || m.u16("cluster") != cluster) return false;
            if (tags_.at(m.u16("src")) != tag) return false;
            const auto frame = zcl::decode_frame(m.bytes("data"));
            return frame && frame->header.scope == zcl::Scope::foundation &&
                   frame->header.command == zcl::kReadAttributesResponse && frame->header.sequence == sequence;
        },
        kDelivery);
    DataJob job{.cluster = cluster, .data = zcl::encode_frame(header, payload)};
    job.done = [this, wait = answered.handle()](const Delivery& delivery) {
        if (delivery.delivered) return dialog_.set_timeout(wait, kAnswer);
        dialog_.fail(wait, Error(RadioError::unreachable, delivery.why));
    };
    sender_.send(tag, std::move(job));
    co_return co_await answered;
}

Task<Result<std::vector<zcl::Attribute>>> AttributeReader::read(TagId tag, std::uint16_t cluster,
                                                                std::optional<std::uint16_t> manufacturer,
                                                                std::vector<std::uint16_t> attributes) {
    Result<Message> message = fail(RadioError::timeout);
    for (int i = 0; i < kReadTries; ++i) {
        message = co_await ask(tag, cluster, manufacturer, zcl::encode_read_attributes(attributes));
        if (message || !message.error().is(RadioError::timeout)) break;
    }
    if (!message) co_return fail(message.error());
    const auto frame = zcl::decode_frame(message->bytes("data"));
    const auto results = zcl::decode_read_attributes_response(frame->payload);
    if (!results) co_return fail(RadioError::radio, "attributes: " + results.error().message());
    std::vector<zcl::Attribute> out;
    for (const auto& result : *results) {
        if (result.status == zcl::status::kSuccess) out.push_back(result.attribute);
    }
    co_return out;
}

Task<Result<Interview>> interview(Dialog& dialog, TagTable& tags, AttributeReader& reader, TagId tag) {
    const auto display = co_await find_display(dialog, tags, tag);
    if (!display) co_return fail(display.error());
    Interview out;
    out.panel.endpoint = display->endpoint;
    if (serves(*display, zcl::kClusterBasic)) {
        // In two questions: the answers have to fit one frame each.
        const auto names = co_await reader.read(tag, zcl::kClusterBasic, std::nullopt, {0x0005, 0x0004});
        if (!names) co_return fail(names.error());
        apply_basic(*names, out.panel);
        const auto versions = co_await reader.read(tag, zcl::kClusterBasic, std::nullopt, {0x4000, 0x0001});
        if (!versions) co_return fail(versions.error());
        apply_basic(*versions, out.panel);
    }
    if (serves(*display, zcl::kClusterPower)) {
        const auto power = co_await reader.read(tag, zcl::kClusterPower, std::nullopt, {0x0020, 0x0021});
        if (!power) co_return fail(power.error());
        apply_power(*power, out);
    }
    namespace at = pd::attribute;
    const auto panel = co_await reader.read(tag, pd::kCluster, pd::kManufacturer,
                                            {at::kWidth, at::kHeight, at::kPalette, at::kSlots, at::kFormats,
                                             at::kMaxImage, at::kShownImage, at::kBatteryMv});
    if (!panel) co_return fail(panel.error());
    apply_display(*panel, out);
    const bool possible = out.panel.width > 0 && out.panel.width <= image::kMaxSide && out.panel.height > 0 &&
                          out.panel.height <= image::kMaxSide && (out.panel.formats & 0x03) != 0;
    if (!possible) {
        co_return fail(RadioError::unsupported, "panel of " + std::to_string(out.panel.width) + " x " +
                                                    std::to_string(out.panel.height) + ", formats " +
                                                    std::to_string(out.panel.formats));
    }
    co_return out;
}

}  // namespace esl::ap::znp
