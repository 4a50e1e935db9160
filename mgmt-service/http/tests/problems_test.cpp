#include "mgmt-service/http/problems.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "mgmt-service/auth/model.hpp"

namespace esl::mgmt::rest {
namespace {

nlohmann::json body_of(const http::Response& response) {
    return nlohmann::json::parse(response.body);
}

TEST(Problems, CarryTheContractsTypes) {
    const auto json = body_of(problem_from(Error(ServiceError::not_found, "tag FFFF92103A07")));
    EXPECT_EQ(json["type"], "urn:shelfwire:problem:not-found");
    EXPECT_EQ(json["status"], 404);
    EXPECT_EQ(json["detail"], "tag FFFF92103A07");
}

TEST(Problems, TurnAPointerInTheErrorIntoAField) {
    const auto json = body_of(problem_from(Error(auth::AuthError::invalid, "/password: shorter than 10 characters")));
    EXPECT_EQ(json["status"], 422);
    EXPECT_EQ(json["errors"],
              nlohmann::json::parse(R"([{"where":"/password","detail":"shorter than 10 characters"}])"));
}

TEST(Problems, TellNothingOfInnerFailures) {
    const auto response = problem_from(Error(auth::AuthError::store, "/var/lib/x.sqlite: disk I/O error"));
    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(response.body.find("sqlite"), std::string::npos);
}

TEST(Problems, SayWhenToTryAgain) {
    const auto response = problem_from(Error(auth::AuthError::too_many_requests, "120"));
    EXPECT_EQ(response.status, 429);
    EXPECT_EQ(response.headers.get("Retry-After"), "120");
    EXPECT_EQ(problem(ProblemKind::unauthenticated, "x").headers.get("WWW-Authenticate"), "Bearer");
}

}  // namespace
}  // namespace esl::mgmt::rest
