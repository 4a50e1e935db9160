#include "mgmt-service/http/problems.hpp"

#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include "audit_log/log.hpp"
#include "common/http/problem.hpp"
#include "mgmt-service/auth/model.hpp"
#include "mgmt-service/ports/image_renderer.hpp"

namespace esl::mgmt::rest {
namespace {

struct Row {
    int status;
    std::string_view slug, title;
};

Row row_of(ProblemKind kind) {
    switch (kind) {
        case ProblemKind::bad_request:
            return {400, "bad-request", "Not understood"};
        case ProblemKind::unauthenticated:
            return {401, "unauthenticated", "Not logged in"};
        case ProblemKind::csrf:
            return {403, "csrf", "Missing or wrong X-CSRF-Token"};
        case ProblemKind::forbidden:
            return {403, "forbidden", "Not allowed"};
        case ProblemKind::not_found:
            return {404, "not-found", "Not found"};
        case ProblemKind::conflict:
            return {409, "conflict", "Not possible as things are"};
        case ProblemKind::precondition_failed:
            return {412, "precondition-failed", "Changed by somebody else meanwhile"};
        case ProblemKind::precondition_required:
            return {428, "precondition-required", "Say which version you have seen"};
        case ProblemKind::too_large:
            return {413, "too-large", "Too large"};
        case ProblemKind::unsupported_media_type:
            return {415, "unsupported-media-type", "Not in a form taken here"};
        case ProblemKind::invalid:
            return {422, "invalid", "Not acceptable as it is"};
        case ProblemKind::idempotency_key_reused:
            return {422, "idempotency-key-reused", "Idempotency-Key used for another request"};
        case ProblemKind::too_many_requests:
            return {429, "too-many-requests", "Too many attempts"};
        case ProblemKind::internal:
            return {500, "internal", "Something went wrong here"};
        case ProblemKind::unavailable:
            return {503, "unavailable", "Not now"};
    }
    return {500, "internal", "Something went wrong here"};
}

ProblemKind kind_of(ServiceError e) {
    switch (e) {
        case ServiceError::not_found:
            return ProblemKind::not_found;
        case ServiceError::invalid:
            return ProblemKind::invalid;
        case ServiceError::conflict:
            return ProblemKind::conflict;
        case ServiceError::precondition_failed:
            return ProblemKind::precondition_failed;
        case ServiceError::idempotency_key_reused:
            return ProblemKind::idempotency_key_reused;
        case ServiceError::forbidden:
            return ProblemKind::forbidden;
        case ServiceError::unavailable:
            return ProblemKind::unavailable;
    }
    return ProblemKind::internal;
}

ProblemKind kind_of(auth::AuthError e) {
    switch (e) {
        case auth::AuthError::unauthenticated:
            return ProblemKind::unauthenticated;
        case auth::AuthError::csrf:
            return ProblemKind::csrf;
        case auth::AuthError::forbidden:
            return ProblemKind::forbidden;
        case auth::AuthError::too_many_requests:
            return ProblemKind::too_many_requests;
        case auth::AuthError::not_found:
            return ProblemKind::not_found;
        case auth::AuthError::conflict:
            return ProblemKind::conflict;
        case auth::AuthError::invalid:
            return ProblemKind::invalid;
        case auth::AuthError::store:
            return ProblemKind::internal;
    }
    return ProblemKind::internal;
}

ProblemKind kind_of(http::HttpError e) {
    if (e == http::HttpError::too_large) return ProblemKind::too_large;
    return e == http::HttpError::malformed || e == http::HttpError::timed_out ? ProblemKind::bad_request
                                                                              : ProblemKind::internal;
}

// "/pointer: reason" of an AuthError::invalid, or of a ServiceError::invalid that begins with a pointer.
std::vector<FieldError> fields_in(const Error& error) {
    const auto& about = error.about();
    const auto colon = about.find(": ");
    if (!about.starts_with('/') || colon == std::string::npos) return {};
    return {{.where = about.substr(0, colon), .detail = about.substr(colon + 2)}};
}

}  // namespace

ProblemKind kind_of(const Error& error) {
    if (const auto e = error.as<ServiceError>()) return kind_of(*e);
    if (const auto e = error.as<auth::AuthError>()) return kind_of(*e);
    if (const auto e = error.as<http::HttpError>()) return kind_of(*e);
    if (error.as<ParseError>()) return ProblemKind::bad_request;
    if (error.as<RenderError>()) return ProblemKind::invalid;
    if (error.is(audit::AuditError::not_found)) return ProblemKind::not_found;
    return ProblemKind::internal;
}

http::Response problem(ProblemKind kind, std::string detail, const std::vector<FieldError>& errors) {
    const auto row = row_of(kind);
    http::Problem out{.status = row.status,
                      .title = std::string(row.title),
                      .detail = std::move(detail),
                      .type = "urn:shelfwire:problem:" + std::string(row.slug)};
    if (!errors.empty()) {
        auto list = nlohmann::json::array();
        for (const auto& e : errors) list.push_back({{"where", e.where}, {"detail", e.detail}});
        out.with("errors", list);
    }
    auto response = out.response();
    if (kind == ProblemKind::unauthenticated) response.headers.set("WWW-Authenticate", "Bearer");
    if (kind == ProblemKind::unavailable) response.headers.set("Retry-After", "1");
    return response;
}

http::Response invalid(std::string where, std::string detail) {
    auto text = where + ": " + detail;
    return problem(ProblemKind::invalid, std::move(text), {{.where = std::move(where), .detail = std::move(detail)}});
}

http::Response bad_parameter(std::string name, std::string detail) {
    auto text = "parameter " + name + ": " + detail;
    return problem(ProblemKind::bad_request, std::move(text),
                   {{.where = std::move(name), .detail = std::move(detail)}});
}

http::Response problem_from(const Error& error, const std::vector<FieldError>& errors) {
    const auto kind = kind_of(error);
    if (kind == ProblemKind::internal) {
        spdlog::error("request failed: {}", error.message());
        return problem(kind, {});
    }
    auto response = problem(kind, error.about().empty() ? std::string(error.reason()) : error.about(),
                            errors.empty() ? fields_in(error) : errors);
    if (error.is(auth::AuthError::too_many_requests)) {
        response = problem(kind, "try again in " + error.about() + " seconds");
        response.headers.set("Retry-After", error.about());
    }
    return response;
}

}  // namespace esl::mgmt::rest
