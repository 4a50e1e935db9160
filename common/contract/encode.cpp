#include <nlohmann/json.hpp>

#include "common/contract/messages.hpp"
#include "common/contract/names.hpp"

namespace esl::contract {
namespace {

using Json = nlohmann::json;

Json head(std::string_view kind) {
    return Json{{"v", kVersion}, {"kind", kind}};
}

template <class Item, class Make>
Json list(const std::vector<Item>& items, Make make) {
    auto out = Json::array();
    for (const auto& item : items) out.push_back(make(item));
    return out;
}

void put_time(Json& map, const char* key, const std::optional<UnixMillis>& time) {
    if (time) map[key] = to_millis(*time);
}

Json task(const Task& t) {
    Json map{{"tag", t.tag.text()},
             {"version", t.version},
             {"job", t.job},
             {"image_id", t.image_id},
             {"width", t.width},
             {"height", t.height},
             {"palette", image::name(t.palette)},
             {"image", Json::binary(t.image)},
             {"epoch", t.epoch}};
    if (t.slot != 0) map["slot"] = t.slot;
    if (t.priority != Task{}.priority) map["priority"] = t.priority;
    put_time(map, "not_before", t.not_before);
    put_time(map, "expires", t.expires);
    return map;
}

Json result(const TaskResult& r) {
    Json map{{"tag", r.tag.text()},    {"version", r.version}, {"job", r.job},           {"state", name(r.state)},
             {"image_id", r.image_id}, {"epoch", r.epoch},     {"attempts", r.attempts}, {"at", to_millis(r.at)}};
    if (r.failure != FailClass::none) map["class"] = name(r.failure);
    if (r.code != 0) map["code"] = r.code;
    if (!r.detail.empty()) map["detail"] = r.detail;
    put_time(map, "started", r.started);
    return map;
}

Json sighting(const Sighting& s) {
    Json map{{"tag", s.tag.text()},
             {"event", name(s.event)},
             {"radio", s.radio},
             {"model", s.model},
             {"width", s.width},
             {"height", s.height},
             {"palette", image::name(s.palette)},
             {"rssi", s.rssi},
             {"at", to_millis(s.at)}};
    if (!s.firmware.empty()) map["firmware"] = s.firmware;
    if (s.battery_mv) map["battery_mv"] = *s.battery_mv;
    if (s.battery_percent) map["battery_percent"] = *s.battery_percent;
    if (s.shown_image_id) map["shown_image_id"] = *s.shown_image_id;
    return map;
}

Json radio(const RadioInfo& r) {
    Json map{{"name", r.name}, {"state", r.state}, {"tags", r.tags}};
    if (r.refused != 0) map["refused"] = r.refused;
    return map;
}

struct Encoder {
    Json operator()(const Tasks& m) const {
        auto map = head("tasks");
        map["tasks"] = list(m.tasks, task);
        return map;
    }
    Json operator()(const Command& m) const {
        auto map = head("command");
        map["id"] = m.id;
        map["command"] = name(m.kind);
        if (m.tag) map["tag"] = m.tag->text();
        if (!m.colour.empty()) map["colour"] = m.colour;
        if (m.seconds != 0) map["seconds"] = m.seconds;
        return map;
    }
    Json operator()(const Lease& m) const {
        auto map = head("lease");
        map["full"] = m.full;
        map["add"] = list(m.add, [](const LeaseEntry& e) { return Json{{"tag", e.tag.text()}, {"epoch", e.epoch}}; });
        map["drop"] = list(m.drop, [](const TagId& t) { return Json(t.text()); });
        return map;
    }
    Json operator()(const TimeNotice& m) const {
        auto map = head("time");
        map["now"] = to_millis(m.now);
        return map;
    }
    Json operator()(const ApConfig& m) const {
        auto map = head("config");
        map["store"] = m.store;
        if (m.full_report_seconds != 0) map["full_report_seconds"] = m.full_report_seconds;
        return map;
    }
    Json operator()(const ResultReport& m) const {
        auto map = from("result", m.ap);
        map["results"] = list(m.results, result);
        return map;
    }
    Json operator()(const TagsReport& m) const {
        auto map = from("tags", m.ap);
        map["full"] = m.full;
        map["tags"] = list(m.tags, sighting);
        return map;
    }
    Json operator()(const ApHello& m) const {
        auto map = from("hello", m.ap);
        map.update({{"software", m.software},
                    {"boot", m.boot},
                    {"radios", list(m.radios, radio)},
                    {"queued", m.queued},
                    {"at", to_millis(m.at)}});
        return map;
    }
    Json operator()(const ApHealth& m) const {
        auto map = from("health", m.ap);
        map.update({{"radios", list(m.radios, radio)},
                    {"queued", m.queued},
                    {"uptime_seconds", m.uptime_seconds},
                    {"at", to_millis(m.at)}});
        return map;
    }
    Json operator()(const ApLog& m) const {
        auto map = from("log", m.ap);
        map.update({{"level", m.level}, {"message", m.message}, {"at", to_millis(m.at)}});
        return map;
    }
    Json operator()(const ApOffline& m) const {
        auto map = from("offline", m.ap);
        map["boot"] = m.boot;
        return map;
    }
    Json operator()(const CommandAnswer& m) const {
        auto map = from("answer", m.ap);
        map.update({{"id", m.id}, {"ok", m.ok}, {"detail", m.detail}});
        return map;
    }

private:
    static Json from(std::string_view kind, const std::string& ap) {
        auto map = head(kind);
        map["ap"] = ap;
        return map;
    }
};

}  // namespace

std::string_view name(CommandKind kind) {
    return detail::name_in<CommandKind>(detail::kCommandNames, kind);
}
std::string_view name(TaskState state) {
    return detail::name_in<TaskState>(detail::kStateNames, state);
}
std::string_view name(FailClass failure) {
    return detail::name_in<FailClass>(detail::kFailNames, failure);
}
std::string_view name(TagEvent event) {
    return detail::name_in<TagEvent>(detail::kEventNames, event);
}

Bytes encode(const Downlink& message) {
    return Json::to_cbor(std::visit(Encoder{}, message));
}
Bytes encode(const Uplink& message) {
    return Json::to_cbor(std::visit(Encoder{}, message));
}

std::size_t encoded_bound(const Task& task) {
    // Keys and heads of all fields come to 144 bytes; numbers to 9 each at most.
    return 144 + 10 * 9 + task.tag.text().size() + task.job.size() + task.image.size();
}

}  // namespace esl::contract
