// Refusals of the REST interface: problem+json with the types that openapi.yaml lists, and the one way from Error to
// status.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/http/message.hpp"
#include "mgmt-service/core/service.hpp"

namespace esl::mgmt::rest {

enum class ProblemKind {
    bad_request,
    unauthenticated,
    csrf,
    forbidden,
    not_found,
    conflict,
    precondition_failed,
    precondition_required,
    too_large,
    unsupported_media_type,
    invalid,
    idempotency_key_reused,
    too_many_requests,
    internal,
    unavailable,
};

[[nodiscard]] http::Response problem(ProblemKind kind, std::string detail, const std::vector<FieldError>& errors = {});
// One bad field or parameter; `where` is a JSON pointer or a parameter's name.
[[nodiscard]] http::Response invalid(std::string where, std::string detail);
[[nodiscard]] http::Response bad_parameter(std::string name, std::string detail);

[[nodiscard]] ProblemKind kind_of(const Error& error);
// A 5xx is logged here and tells the caller nothing.
[[nodiscard]] http::Response problem_from(const Error& error, const std::vector<FieldError>& errors = {});

}  // namespace esl::mgmt::rest
