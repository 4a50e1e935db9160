// A client's connection as the session core sees it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/core/bytes.hpp"

namespace esl::broker {

// Why a connection ends; the text is what logs and traces say.
enum class CloseCause : std::uint8_t {
    closed_by_client,
    disconnected_by_client,
    socket_error,
    no_heart,
    no_connect,
    invalid_param,
    protocol_error,
    client_id_conflict,
    not_authorized,
    resource_auth_failed,
    taken_over,
    kicked,
    shutting_down,
    too_slow,
    refused,
};

constexpr std::string_view describe(CloseCause c) {
    switch (c) {
        case CloseCause::closed_by_client:
            return "closed by client";
        case CloseCause::disconnected_by_client:
            return "disconnected by client";
        case CloseCause::socket_error:
            return "Socket IOException";
        case CloseCause::no_heart:
            return "no heart";
        case CloseCause::no_connect:
            return "no connect";
        case CloseCause::invalid_param:
            return "invalid param";
        case CloseCause::protocol_error:
            return "protocol error";
        case CloseCause::client_id_conflict:
            return "clientId conflict";
        case CloseCause::not_authorized:
            return "not authorized";
        case CloseCause::resource_auth_failed:
            return "resource auth failed";
        case CloseCause::taken_over:
            return "taken over";
        case CloseCause::kicked:
            return "kicked";
        case CloseCause::shutting_down:
            return "shutting down";
        case CloseCause::too_slow:
            return "too slow";
        case CloseCause::refused:
            return "refused";
    }
    return "closed";
}

// Shard-bound. Owned by the network side; lives until it has told the core that it is lost, or until the core has
// closed it: after close() the core does not touch it again.
class Link {
public:
    virtual ~Link() = default;
    // Append whole packets; they leave at the end of the turn.
    virtual Bytes& output() = 0;
    // Bytes that the client has not taken yet, this turn's output included.
    [[nodiscard]] virtual std::size_t backlog() const = 0;
    // What is in output() is still sent, then the connection ends.
    virtual void close(CloseCause cause) = 0;
    // One and a half times this without a byte from the client ends the connection. Zero: never.
    virtual void set_keep_alive(std::chrono::seconds interval) = 0;
    // Takes what the client has sent already, as far as it is read from, before another connection takes its place: may
    // end the connection and its session.
    virtual void take_what_came() = 0;
    // True when the other end is known to be gone, or has said nothing for longer than its keep-alive.
    [[nodiscard]] virtual bool dead_or_silent() const = 0;
    // "192.0.2.7:51234".
    [[nodiscard]] virtual std::string peer() const = 0;
    // Back-pressure: while true, nothing is read from this client.
    virtual void hold_reading(bool hold) = 0;
    // While true, output() is kept and nothing leaves; close() lets all of it go.
    virtual void hold_output(bool hold) = 0;
    // The largest packet that is read from this client once it is in; 0: as in the settings.
    [[nodiscard]] virtual std::size_t packet_limit() const { return 0; }
};

}  // namespace esl::broker
