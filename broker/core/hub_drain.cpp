// The backlog of a client that comes back: in apsara mode what goes beyond the first batch waits aside and follows a
// batch at a time, so that live messages do not queue behind days of old ones. And what clients may ask of it.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "broker/core/hub.hpp"

namespace esl::broker {

using mqtt::ReasonCode;

namespace {

constexpr std::size_t kControlBody = 1'024;  // bytes; a control message says one thing
constexpr std::uint32_t kMostPulled = 30;
constexpr std::uint8_t kRequestsASecond = 5;

// The object in a control message, discarded when it is none.
nlohmann::json body_of(BytesView payload) {
    if (payload.size() > kControlBody) return nlohmann::json(nlohmann::json::value_t::discarded);
    auto body = nlohmann::json::parse(payload.begin(), payload.end(), nullptr, false);
    return body.is_object() ? body : nlohmann::json(nlohmann::json::value_t::discarded);
}

// As a number or, as some clients write it, as text; 0 for anything that is no number above 0.
std::uint32_t count_of(const nlohmann::json& value) {
    constexpr std::uint32_t kLargest = 1'000'000;
    if (value.is_number_integer()) return value < 1 ? 0 : value > kLargest ? kLargest : value.get<std::uint32_t>();
    if (!value.is_string()) return 0;
    const auto& text = value.get_ref<const std::string&>();
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() ? number : 0;
}

}  // namespace

std::uint64_t Hub::next_batch_at() const {
    return now_millis() + static_cast<std::uint64_t>(milliseconds(ports_.settings.limits.offline_pause).count());
}

// The session has just come back and sent nothing yet.
void Hub::set_aside(Session& session, seconds keep_alive) {
    const auto batch = ports_.settings.limits.offline_batch;
    if (batch == 0) return;
    auto& out = *session.out;
    std::size_t keep = batch;
    for (auto* lane : {&out.p2p, &out.ordinary}) lane->set_aside(keep, [&](LaneEntry entry) { out.put_aside(entry); });
    if (out.aside.empty()) return;
    out.next_batch = next_batch_at();
    out.pull_until = now_millis() + static_cast<std::uint64_t>(milliseconds(keep_alive).count());
    draining_.push_back(session.number);
}

// The connection has ended: what waits aside stands in the queue again, before what came after it.
void Hub::put_back(Session& session) {
    auto& out = *session.out;
    if (out.aside.empty()) return;
    std::vector<LaneEntry> younger;
    for (auto* lane : {&out.p2p, &out.ordinary}) {
        std::size_t keep = 0;
        lane->set_aside(keep, [&](LaneEntry entry) { younger.push_back(std::move(entry)); });
    }
    while (!out.aside.empty()) back_into_lane(out, out.take_aside(false));
    for (auto& entry : younger) back_into_lane(out, std::move(entry));
}

// Under a new sequence number: it was never sent.
LaneEntry& Hub::back_into_lane(Outgoing& out, LaneEntry entry) {
    entry.sequence = 0;
    return out.lane(entry.message->point_to_point ? LaneKind::p2p : LaneKind::ordinary).push(std::move(entry));
}

void Hub::send_batch(Session& session, std::size_t most, bool newest) {
    auto& out = *session.out;
    for (; most > 0 && !out.aside.empty(); --most) back_into_lane(out, out.take_aside(newest));
    pump(session);
}

// Once a second.
void Hub::drain() {
    const auto& limits = ports_.settings.limits;
    const auto now = now_millis();
    std::erase_if(draining_, [&](SessionNumber number) {
        Session* session = find(number);
        if (session == nullptr || session->link == nullptr || !session->out || session->out->aside.empty()) return true;
        if (now < session->out->next_batch) return false;
        session->out->next_batch = next_batch_at();
        send_batch(*session, limits.offline_batch, false);
        return session->out->aside.empty();
    });
}

// `$SYS/enableOrderMsg`: from here on what this client publishes reaches each receiver in one order, whatever its QoS.
ReasonCode Hub::on_enable_order(Session& session, BytesView payload) {
    const auto body = body_of(payload);
    if (body.is_discarded() || !body.contains("order")) return ReasonCode::payload_format_invalid;
    const auto& order = body["order"];
    if (order == "true" || order == true) {
        session.ordered = true;
    } else if (order == "false" || order == false) {
        session.ordered = false;
    } else {
        return ReasonCode::payload_format_invalid;
    }
    return ReasonCode::success;
}

// `$SYS/getOfflineMsg`: the next of what waits, at once. After the first keep-alive the batches alone bring it.
ReasonCode Hub::on_get_offline(Session& session, BytesView payload) {
    auto& out = session.outgoing();
    const auto now = now_seconds();
    if (out.asked_in != now) out.asked = 0;
    out.asked_in = now;
    if (out.asked >= kRequestsASecond) {
        counters_.limit_offline_requests_total.add();
        return ReasonCode::quota_exceeded;
    }
    ++out.asked;
    const auto body = body_of(payload);
    if (body.is_discarded()) return ReasonCode::payload_format_invalid;
    const auto order = body.value("pushOrder", nlohmann::json("ASC"));
    const auto wanted = count_of(body.value("maxPushNum", nlohmann::json(kMostPulled)));
    if ((order != "ASC" && order != "DESC") || wanted == 0) return ReasonCode::payload_format_invalid;
    if (out.aside.empty() || now_millis() > out.pull_until) return ReasonCode::success;
    out.next_batch = next_batch_at();
    send_batch(session, std::min(wanted, kMostPulled), order == "DESC");
    return ReasonCode::success;
}

}  // namespace esl::broker
