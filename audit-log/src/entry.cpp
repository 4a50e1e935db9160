#include "audit_log/entry.hpp"

#include <nlohmann/json.hpp>

namespace esl::audit {
namespace {

using Json = nlohmann::json;

std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void put(Json& map, const char* key, const std::string& text) {
    if (!text.empty()) map[key] = text;
}

// JSON text as JSON; anything else as a string, so that nothing is lost. Floating point has no canonical form here and
// is kept as text.
bool has_float(const Json& json) {
    if (json.is_number_float()) return true;
    return json.is_structured() && std::any_of(json.begin(), json.end(), has_float);
}

void put_json(Json& map, const char* key, const std::string& text) {
    if (text.empty()) return;
    auto parsed = Json::parse(text, nullptr, false);
    map[key] = parsed.is_discarded() || has_float(parsed) ? Json(text) : std::move(parsed);
}

std::string text_of(const Json& map, const char* key) {
    const auto found = map.find(key);
    return found != map.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::string json_text_of(const Json& map, const char* key) {
    const auto found = map.find(key);
    return found != map.end() ? dump(*found) : std::string{};
}

}  // namespace

// Canonical: keys sorted by bytes, no spaces, integers only, UTF-8 unescaped but for quotes, backslash and controls.
// For these inputs this is RFC 8785.
std::string canonical_json(const Entry& entry, std::uint64_t index, UnixMillis appended) {
    Json map{{"index", index},
             {"at", to_millis(entry.at.value_or(appended))},
             {"logged", to_millis(appended)},
             {"actor", entry.actor},
             {"action", entry.action},
             {"object", entry.object}};
    put(map, "source", entry.source);
    put(map, "change", entry.change);
    put(map, "job", entry.job);
    put_json(map, "before", entry.before);
    put_json(map, "after", entry.after);
    put_json(map, "detail", entry.detail);
    return dump(map);
}

Result<Record> parse_record(std::string_view json) {
    const auto map = Json::parse(json, nullptr, false);
    const auto number = [&map](const char* key) {
        const auto found = map.find(key);
        return found != map.end() && found->is_number_unsigned();
    };
    if (!map.is_object() || !number("index") || !number("at") || !number("logged")) {
        return fail(ParseError::malformed, "not an audit entry");
    }
    if (dump(map) != json) return fail(ParseError::malformed, "not in canonical form");
    Record out;
    out.index = map["index"].get<std::uint64_t>();
    out.json = std::string(json);
    out.entry = Entry{.actor = text_of(map, "actor"),
                      .action = text_of(map, "action"),
                      .object = text_of(map, "object"),
                      .source = text_of(map, "source"),
                      .change = text_of(map, "change"),
                      .job = text_of(map, "job"),
                      .before = json_text_of(map, "before"),
                      .after = json_text_of(map, "after"),
                      .detail = json_text_of(map, "detail"),
                      .at = from_millis(map["at"].get<std::int64_t>())};
    return out;
}

}  // namespace esl::audit
