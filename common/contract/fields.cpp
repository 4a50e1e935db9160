#include "common/contract/fields.hpp"

namespace esl::contract::detail {

const Json& Fields::at(const char* key) const {
    const auto found = map_.find(key);
    if (found == map_.end()) refuse(key, "missing");
    return *found;
}

std::uint64_t Fields::number(const char* key, std::uint64_t highest) const {
    const auto& value = at(key);
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > highest) {
        refuse(key, highest == UINT64_MAX ? std::string("expected an unsigned number")
                                          : "expected a number from 0 to " + std::to_string(highest));
    }
    return value.get<std::uint64_t>();
}

std::int64_t Fields::integer(const char* key, std::int64_t lowest, std::int64_t highest) const {
    const auto& value = at(key);
    const bool fits =
        value.is_number_integer() &&
        !(value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX));
    if (!fits || value.get<std::int64_t>() < lowest || value.get<std::int64_t>() > highest) {
        refuse(key, "expected a number from " + std::to_string(lowest) + " to " + std::to_string(highest));
    }
    return value.get<std::int64_t>();
}

std::string Fields::text(const char* key, std::size_t longest) const {
    const auto& value = at(key);
    if (!value.is_string()) refuse(key, "expected text");
    auto out = value.get<std::string>();
    if (out.size() > longest) refuse(key, "longer than " + std::to_string(longest) + " bytes");
    return out;
}

bool Fields::flag(const char* key) const {
    const auto& value = at(key);
    if (!value.is_boolean()) refuse(key, "expected true or false");
    return value.get<bool>();
}

Bytes Fields::bytes(const char* key) const {
    const auto& value = at(key);
    if (!value.is_binary()) refuse(key, "expected bytes");
    return value.get_binary();
}

UnixMillis Fields::time(const char* key) const {
    // Up to the year 9999, so that no later arithmetic with durations can overflow.
    return from_millis(integer(key, 0, 253'402'300'799'999));
}

TagId Fields::tag(const char* key) const {
    const auto parsed = TagId::parse(text(key, 32));
    if (!parsed) refuse(key, parsed.error().about());
    return *parsed;
}

const Json& Fields::list(const char* key) const {
    const auto& value = at(key);
    if (!value.is_array()) refuse(key, "expected a list");
    return value;
}

}  // namespace esl::contract::detail
