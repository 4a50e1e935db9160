#include "common/http/problem.hpp"

#include <nlohmann/json.hpp>

namespace esl::http {
namespace {

std::string encoded(const nlohmann::json& value) {
    return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

Problem& Problem::with(std::string name, const nlohmann::json& value) {
    members.emplace_back(std::move(name), encoded(value));
    return *this;
}

std::string Problem::json() const {
    std::string out = "{\"status\":" + std::to_string(status) +
                      ",\"title\":" + encoded(title.empty() ? std::string(status_text(status)) : title);
    out += ",\"type\":" + encoded(type.empty() ? std::string("about:blank") : type);
    if (!detail.empty()) out += ",\"detail\":" + encoded(detail);
    if (!instance.empty()) out += ",\"instance\":" + encoded(instance);
    for (const auto& [name, value] : members) out += ',' + encoded(name) + ':' + value;
    return out + '}';
}

Response Problem::response() const {
    return text_response(status, json(), "application/problem+json");
}

Response problem(int status, std::string detail) {
    return Problem{.status = status, .title = {}, .detail = std::move(detail), .type = {}, .instance = {}}.response();
}

int status_of(const Error& error) {
    if (error.as<ParseError>()) return 400;
    if (error.is(HttpError::too_large)) return 413;
    if (error.is(HttpError::timed_out)) return 408;
    if (error.is(HttpError::malformed)) return 400;
    return 500;
}

Response problem_from(const Error& error) {
    const int status = status_of(error);
    return problem(status, status >= 500 ? std::string{} : error.message());
}

}  // namespace esl::http
