// Tokens: what they allow and until when, signed, so that nothing has to be looked up but whether they are revoked.
// docs/formats/broker-auth.md has the bytes.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "broker/auth/secrets.hpp"
#include "broker/core/grant.hpp"
#include "common/core/clock.hpp"

namespace esl::broker {

constexpr std::size_t kTokenResources = 100;
constexpr std::size_t kTokenResourceBytes = 4'096;  // of all resources together: two tokens must fit into CONNECT
constexpr std::chrono::seconds kTokenShortest{60};
constexpr std::chrono::seconds kTokenLongest{30 * 24 * 3'600};

struct Token {
    std::string id;  // 32 lower-case hex digits
    Access access = Access::both;
    std::vector<std::string> resources;  // filters, sorted
    UnixMillis expires{};
    std::string access_key;  // who may use it; empty: any
    std::string instance;    // empty: any

    bool operator==(const Token&) const = default;
};

[[nodiscard]] std::string write_token(const Token& token, const MasterKey::Key& key);
// Forged, or what it says; its time is not looked at.
[[nodiscard]] std::expected<Token, TokenFault> read_token(std::string_view text, const MasterKey::Key& key);

// "R", "W", "R,W" (the API's actions) or "RW" (the type in a password).
[[nodiscard]] std::optional<Access> parse_token_access(std::string_view text);
// "R", "W" or "RW".
[[nodiscard]] std::string_view token_type(Access access);

// `R|a`, `R|a|W|b`, `RW|c`: pairs of type and token in any order, each type once; nothing for anything else.
struct TypedToken {
    std::string_view type;
    std::string_view text;
};
[[nodiscard]] std::optional<std::vector<TypedToken>> parse_token_password(std::string_view password);

}  // namespace esl::broker
