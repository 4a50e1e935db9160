#include "broker/app/admin_body.hpp"

#include <algorithm>
#include <charconv>

#include "broker/ports/message_store.hpp"
#include "common/http/problem.hpp"

namespace esl::broker {

using nlohmann::json;

AdminBody::AdminBody(const http::Request& request) : body_(json::parse(request.body, nullptr, false)) {
    if (!body_.is_object()) problem_ = "the body must be a JSON object";
}

void AdminBody::refuse(std::string_view name, std::string_view what) {
    if (problem_.empty()) problem_ = std::string(name) + ": " + std::string(what);
}

const json* AdminBody::find(const char* name) {
    asked_.emplace_back(name);
    if (!body_.is_object()) return nullptr;
    const auto at = body_.find(name);
    return at == body_.end() || at->is_null() ? nullptr : &*at;
}

std::string AdminBody::text(const char* name) {
    const auto* value = find(name);
    if (value != nullptr && value->is_string()) return value->get<std::string>();
    refuse(name, value == nullptr ? "is needed" : "must be text");
    return {};
}

std::string AdminBody::text_or(const char* name, std::string otherwise) {
    return find(name) == nullptr ? std::move(otherwise) : text(name);
}

std::int64_t AdminBody::number(const char* name) {
    const auto* value = find(name);
    if (value != nullptr && value->is_number_integer()) return value->get<std::int64_t>();
    refuse(name, value == nullptr ? "is needed" : "must be a whole number");
    return 0;
}

std::int64_t AdminBody::number_or(const char* name, std::int64_t otherwise, std::int64_t least, std::int64_t most) {
    if (find(name) == nullptr) return otherwise;
    const auto value = number(name);
    if (value < least || value > most)
        refuse(name, "must be from " + std::to_string(least) + " to " + std::to_string(most));
    return value;
}

bool AdminBody::flag_or(const char* name, bool otherwise) {
    const auto* value = find(name);
    if (value == nullptr) return otherwise;
    if (!value->is_boolean()) refuse(name, "must be true or false");
    return value->is_boolean() && value->get<bool>();
}

std::vector<std::string> AdminBody::texts(const char* name) {
    const auto* value = find(name);
    std::vector<std::string> out;
    if (value != nullptr && value->is_string()) {
        std::string_view rest = value->get_ref<const std::string&>();
        while (!rest.empty()) {
            const auto comma = rest.find(',');
            out.emplace_back(rest.substr(0, comma));
            rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
        }
        return out;
    }
    if (value == nullptr || !value->is_array()) {
        refuse(name, value == nullptr ? "is needed" : "must be a list of texts");
        return {};
    }
    for (const auto& item : *value) {
        if (!item.is_string()) {
            refuse(name, "must be a list of texts");
            return {};
        }
        out.push_back(item.get<std::string>());
    }
    return out;
}

std::optional<http::Response> AdminBody::failed() {
    if (body_.is_object()) {
        for (const auto& [name, value] : body_.items()) {
            if (std::ranges::find(asked_, std::string_view(name)) == asked_.end())
                refuse(name, "is no field of this request");
        }
    }
    if (problem_.empty()) return std::nullopt;
    return http::problem(400, problem_);
}

http::Response refusal(const Error& error) {
    if (error.is(CredentialError::not_there)) return http::problem(404, error.message());
    if (error.is(CredentialError::exists) || error.is(CredentialError::over_capacity))
        return http::problem(409, error.message());
    if (error.as<StoreError>()) return http::problem(503, error.message());
    return http::problem(400, error.message());
}

std::optional<PageQuery> page_query(const http::Request& request) {
    PageQuery out;
    out.after = request.query_value("after").value_or("");
    if (const auto text = request.query_value("limit")) {
        const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out.limit);
        if (error != std::errc{} || end != text->data() + text->size() || out.limit < 1 || out.limit > kPageMost)
            return std::nullopt;
    }
    return out;
}

http::Response bad_page() {
    return http::problem(400, "limit: must be 1 to " + std::to_string(kPageMost));
}

http::Response json_answer(int status, const json& body) {
    return http::json_response(status, body.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace esl::broker
