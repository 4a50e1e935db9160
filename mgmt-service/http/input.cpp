#include "mgmt-service/http/input.hpp"

#include <charconv>

#include "mgmt-service/domain/money.hpp"
#include "mgmt-service/http/problems.hpp"
#include "mgmt-service/http/routes.hpp"

namespace esl::mgmt::rest {
namespace {

constexpr std::size_t kMaxErrors = 50;
constexpr std::size_t kMaxItems = 20'000;
constexpr std::int64_t kMaxTime = 4'102'444'800'000;  // 2100-01-01

std::string type_of(const Json& value) {
    return value.is_number() && !value.is_number_integer() ? "a fraction" : value.type_name();
}

bool has_control(std::string_view text) {
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return true;
    }
    return false;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string range_text(std::int64_t least, std::int64_t most) {
    return "not between " + std::to_string(least) + " and " + std::to_string(most);
}

}  // namespace

void add_error(FieldErrors& errors, std::string where, std::string detail) {
    if (errors.size() < kMaxErrors) errors.push_back({.where = std::move(where), .detail = std::move(detail)});
}

http::Response refused(const FieldErrors& errors) {
    const auto& first = errors.front();
    auto text = (first.where.empty() ? "the body" : first.where) + ": " + first.detail;
    if (errors.size() > 1) text += ", and " + std::to_string(errors.size() - 1) + " more";
    return problem(ProblemKind::invalid, std::move(text), errors);
}

std::variant<Json, http::Response> json_body(const http::Request& request) {
    const auto type = request.content_type();
    if (type != "application/json") {
        return problem(ProblemKind::unsupported_media_type, "Content-Type is '" + type + "', not application/json");
    }
    try {
        auto json = Json::parse(request.body);
        if (!json.is_object()) return problem(ProblemKind::bad_request, "the body is no JSON object");
        return json;
    } catch (const Json::parse_error& e) {
        return problem(ProblemKind::bad_request, "the body is no JSON: wrong at byte " + std::to_string(e.byte));
    }
}

ObjectReader::ObjectReader(const Json& value, std::string where, FieldErrors& errors)
    : where_(std::move(where)), errors_(errors) {
    if (value.is_object()) {
        object_ = &value;
    } else {
        add_error(errors_, where_, "is " + type_of(value) + ", not an object");
    }
}

std::string ObjectReader::at(std::string_view name) const {
    return where_ + '/' + std::string(name);
}

void ObjectReader::error(std::string_view name, std::string detail) {
    add_error(errors_, at(name), std::move(detail));
}

bool ObjectReader::has(const char* name) const {
    return object_ != nullptr && object_->contains(name);
}

const Json* ObjectReader::member(const char* name, Need need) {
    asked_.insert(name);
    if (object_ == nullptr) return nullptr;
    const auto it = object_->find(name);
    if (it != object_->end()) return &*it;
    if (need == Need::required) error(name, "is missing");
    return nullptr;
}

std::optional<std::string> ObjectReader::text(const char* name, Length length, Need need) {
    const Json* value = member(name, need);
    if (value == nullptr || (value->is_null() && need == Need::optional)) return std::nullopt;
    if (!value->is_string()) {
        error(name, "is " + type_of(*value) + ", not a string");
        return std::nullopt;
    }
    auto out = value->get<std::string>();
    if (out.size() < length.least)
        error(name, length.least == 1 ? "is empty" : "is shorter than " + std::to_string(length.least));
    if (out.size() > length.most) error(name, "is longer than " + std::to_string(length.most));
    if (has_control(out)) error(name, "has control characters");
    return out;
}

std::optional<std::int64_t> ObjectReader::integer(const char* name, std::int64_t least, std::int64_t most, Need need) {
    const Json* value = member(name, need);
    if (value == nullptr || (value->is_null() && need == Need::optional)) return std::nullopt;
    if (!value->is_number_integer()) {
        error(name, "is " + type_of(*value) + ", not an integer");
        return std::nullopt;
    }
    const bool too_large =
        value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(most);
    const auto out = too_large ? most : value->get<std::int64_t>();
    if (too_large || out < least || out > most) {
        error(name, range_text(least, most));
        return std::nullopt;
    }
    return out;
}

std::optional<bool> ObjectReader::boolean(const char* name) {
    const Json* value = member(name);
    if (value == nullptr) return std::nullopt;
    if (value->is_boolean()) return value->get<bool>();
    error(name, "is " + type_of(*value) + ", not true or false");
    return std::nullopt;
}

std::vector<std::string> ObjectReader::texts(const char* name, std::size_t most, Length each, Need need) {
    std::vector<std::string> out;
    const Json* value = member(name, need);
    if (value == nullptr) return out;
    if (!value->is_array()) {
        error(name, "is " + type_of(*value) + ", not an array");
        return out;
    }
    if (value->size() > most) {
        error(name, "has more than " + std::to_string(most) + " items");
        return out;
    }
    for (std::size_t i = 0; i < value->size(); ++i) {
        const auto& item = (*value)[i];
        const bool good = item.is_string() && item.get_ref<const std::string&>().size() >= each.least &&
                          item.get_ref<const std::string&>().size() <= each.most &&
                          !has_control(item.get_ref<const std::string&>());
        if (good) {
            out.push_back(item.get<std::string>());
        } else {
            error(std::string(name) + '/' + std::to_string(i),
                  "is no text of " + std::to_string(each.least) + " to " + std::to_string(each.most) + " bytes");
        }
    }
    return out;
}

void ObjectReader::finish() {
    if (object_ == nullptr) return;
    for (const auto& [name, value] : object_->items()) {
        if (!asked_.contains(name)) error(name.substr(0, 64), "is no member that is known here");
    }
}

std::optional<std::int64_t> read_money(const Json& value, const std::string& where, const std::string& currency,
                                       FieldErrors& errors) {
    ObjectReader in(value, where, errors);
    if (!in.is_object()) return std::nullopt;
    const auto minor = in.integer("minor", 0, kMaxMinor, ObjectReader::Need::required);
    const auto given = in.text("currency", {.least = 3, .most = 3}, ObjectReader::Need::required);
    in.finish();
    if (given && *given != currency) {
        in.error("currency", "the store prices in " + currency + ", not " + *given);
        return std::nullopt;
    }
    return minor;
}

std::optional<Promotion> read_promotion(const Json& value, const std::string& where, const std::string& currency,
                                        FieldErrors& errors) {
    ObjectReader in(value, where, errors);
    if (!in.is_object()) return std::nullopt;
    Promotion out;
    const auto before = errors.size();
    if (const Json* price = in.member("price", ObjectReader::Need::required)) {
        out.price = read_money(*price, in.at("price"), currency, errors).value_or(0);
    }
    if (const Json* prior = in.member("prior_price"); prior != nullptr && !prior->is_null()) {
        out.prior_price = read_money(*prior, in.at("prior_price"), currency, errors);
    }
    out.from = from_millis(in.integer("from", 0, kMaxTime, ObjectReader::Need::required).value_or(0));
    out.to = from_millis(in.integer("to", 0, kMaxTime, ObjectReader::Need::required).value_or(0));
    in.finish();
    if (errors.size() == before && out.to <= out.from) in.error("to", "is not after `from`");
    if (errors.size() != before) return std::nullopt;
    return out;
}

std::vector<ChangeItemWrite> read_change_items(const Json& list, const std::string& currency, FieldErrors& errors) {
    std::vector<ChangeItemWrite> out;
    if (!list.is_array() || list.empty() || list.size() > kMaxItems) {
        add_error(errors, "/items", "is no array of 1 to 20000 items");
        return out;
    }
    out.reserve(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
        ObjectReader in(list[i], "/items/" + std::to_string(i), errors);
        ChangeItemWrite item;
        item.product =
            product_id(in.text("product", {.least = 1, .most = 64}, ObjectReader::Need::required).value_or(""));
        if (const Json* price = in.member("price"); price != nullptr) {
            item.price = read_money(*price, in.at("price"), currency, errors);
        }
        if (const Json* promotion = in.member("promotion"); promotion != nullptr) {
            item.set_promotion = true;
            if (!promotion->is_null())
                item.promotion = read_promotion(*promotion, in.at("promotion"), currency, errors);
        }
        if (in.is_object() && !in.has("price") && !item.set_promotion) {
            add_error(errors, "/items/" + std::to_string(i), "has neither price nor promotion");
        }
        in.finish();
        out.push_back(std::move(item));
    }
    return out;
}

void QueryReader::bad(const char* name, std::string detail) {
    if (!refusal_) refusal_ = bad_parameter(name, std::move(detail));
}

std::optional<std::string> QueryReader::text(const char* name, std::size_t most) {
    const auto value = request_.query_value(name);
    if (!value || value->empty()) return std::nullopt;
    if (value->size() > most) bad(name, "is longer than " + std::to_string(most));
    return std::string(*value);
}

std::optional<std::int64_t> QueryReader::integer(const char* name, std::int64_t least, std::int64_t most) {
    const auto value = text(name);
    if (!value) return std::nullopt;
    const auto number = parse_integer(*value);
    if (!number) bad(name, "'" + *value + "' is no integer");
    if (number && (*number < least || *number > most)) bad(name, range_text(least, most));
    return number;
}

std::optional<bool> QueryReader::boolean(const char* name) {
    const auto value = text(name);
    if (!value) return std::nullopt;
    if (*value != "true" && *value != "false") bad(name, "is neither true nor false");
    return *value == "true";
}

PageRequest QueryReader::page() {
    PageRequest out;
    out.limit = static_cast<std::size_t>(integer("limit", 1, 500).value_or(100));
    out.cursor = text("cursor", 512).value_or("");
    return out;
}

std::variant<std::optional<std::uint64_t>, http::Response> if_match(const http::Request& request) {
    const auto value = request.headers.get("if-match");
    if (value.empty() || value == "*") return std::optional<std::uint64_t>{};
    const auto digits = value.size() > 2 && value.front() == '"' && value.back() == '"'
                            ? value.substr(1, value.size() - 2)
                            : std::string_view{};
    const auto number = parse_integer(digits);
    if (!number || *number < 0) {
        return problem(ProblemKind::precondition_failed, "If-Match is no entity tag of this item");
    }
    return std::optional{static_cast<std::uint64_t>(*number)};
}

}  // namespace esl::mgmt::rest
