// Port: where users, tokens and sessions are kept.
#pragma once

#include <string>
#include <vector>

#include "mgmt-service/auth/model.hpp"

namespace esl::mgmt::auth {

// Used from one thread at a time (AuthService locks). Every write is on disk when it returns; failures throw
// std::runtime_error with SQLite's text.
class AuthStore {
public:
    virtual ~AuthStore() = default;
    [[nodiscard]] virtual std::vector<User> users() = 0;
    [[nodiscard]] virtual std::vector<Token> tokens() = 0;
    [[nodiscard]] virtual std::vector<Session> sessions() = 0;
    virtual void put(const User& user) = 0;
    virtual void put(const Token& token) = 0;
    virtual void put(const Session& session) = 0;
    virtual void erase_token(const std::string& id) = 0;
    virtual void erase_session(const std::string& id_hash) = 0;
    virtual void erase_sessions_of(const std::string& user) = 0;
};

}  // namespace esl::mgmt::auth
