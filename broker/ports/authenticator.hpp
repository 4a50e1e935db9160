// Who may connect.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/core/bytes.hpp"

namespace esl::broker {

// What CONNECT brought. Views are valid during the call.
struct Credentials {
    std::string_view client_id;
    std::optional<std::string_view> user_name;
    std::optional<BytesView> password;
};

// Thread-safe.
class Authenticator {
public:
    enum class Verdict : std::uint8_t { accept, refuse, later };
    using Later = std::function<void(bool good)>;

    virtual ~Authenticator() = default;
    // Never blocks. Verdict::later: `later` is called once, on another thread, when the answer is known.
    [[nodiscard]] virtual Verdict check(const Credentials& credentials, Later later) = 0;
};

}  // namespace esl::broker
