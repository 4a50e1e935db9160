// Bytes as the standard draws them, a client that sends and expects nothing but bytes, and what several files share.
#pragma once

#include <initializer_list>
#include <string_view>

#include "broker/tests/broker_fixture.hpp"
#include "common/mqtt/varint.hpp"

namespace esl::broker::testing {

// Parts of packets: put together by +, framed by packet().
struct Raw {
    Bytes bytes;
    Raw() = default;
    Raw(std::initializer_list<std::uint8_t> from) : bytes(from) {}
    friend Raw operator+(Raw a, const Raw& b) {
        a.bytes.insert(a.bytes.end(), b.bytes.begin(), b.bytes.end());
        return a;
    }
};

[[nodiscard]] inline Raw u16(std::size_t n) {
    return {static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)};
}

// With its length in front; it may hold anything.
[[nodiscard]] inline Raw str(std::string_view text) {
    Raw out = u16(text.size());
    for (const char c : text) out.bytes.push_back(static_cast<std::uint8_t>(c));
    return out;
}

[[nodiscard]] inline Raw varint(std::size_t n) {
    Raw out;
    do {
        const auto low = static_cast<std::uint8_t>(n % 128);
        n /= 128;
        out.bytes.push_back(n != 0 ? static_cast<std::uint8_t>(low | 0x80) : low);
    } while (n != 0);
    return out;
}

[[nodiscard]] inline Raw packet(std::uint8_t first, const Raw& body) {
    return Raw{first} + varint(body.bytes.size()) + body;
}

[[nodiscard]] inline Raw properties(const Raw& of) {
    return varint(of.bytes.size()) + of;
}

// The variable header of CONNECT; keep alive is 60 s.
[[nodiscard]] inline Raw connect_head(std::uint8_t level, std::uint8_t flags) {
    return str(level == 3 ? "MQIsdp" : "MQTT") + Raw{level, flags, 0, 60};
}

[[nodiscard]] inline Raw connect_packet(std::uint8_t level, std::string_view id) {
    return packet(0x10, connect_head(level, 2) + (level == 5 ? Raw{0} : Raw{}) + str(id));
}

class RawClient {
public:
    explicit RawClient(std::uint16_t port) : wire_(connect_by(test_transport(), port)) {}
    void send(const Raw& what) { wire_->send(what.bytes); }
    // The next whole packet; empty when the broker has closed. Throws std::runtime_error after ten seconds.
    [[nodiscard]] Bytes next() {
        for (;;) {
            const auto unframed = mqtt::unframe(in_, mqtt::kVarintMax);
            if (!unframed) throw std::runtime_error("no MQTT: " + unframed.error().message());
            if (unframed->complete()) {
                const auto end = in_.begin() + static_cast<std::ptrdiff_t>(unframed->frame.size);
                Bytes out(in_.begin(), end);
                in_.erase(in_.begin(), end);
                return out;
            }
            const auto more = wire_->receive(std::chrono::steady_clock::now() + std::chrono::seconds(10));
            if (!more) return {};
            in_.insert(in_.end(), more->begin(), more->end());
        }
    }
    // Connects as "raw" and reads CONNACK.
    void log_in(std::uint8_t level) {
        send(connect_packet(level, "raw"));
        const auto answer = next();
        ASSERT_GE(answer.size(), 4U);
        ASSERT_EQ(answer[0], 0x20);
        ASSERT_EQ(answer[3], 0x00);
    }

private:
    std::unique_ptr<Wire> wire_;
    Bytes in_;
};

class ConformanceOfAll : public StandardBroker {
protected:
    static constexpr ProtocolVersion kVersions[] = {ProtocolVersion::v311, ProtocolVersion::v5};
};

class Conformance5 : public StandardBroker {};

// Without `expiry` the session ends with its connection.
[[nodiscard]] inline ConnectOptions v5(std::string id, std::uint32_t expiry = 0) {
    ConnectOptions options;
    options.client_id = std::move(id);
    options.version = ProtocolVersion::v5;
    options.clean = expiry == 0;
    if (expiry != 0) options.properties.number(PropertyId::session_expiry_interval, expiry);
    return options;
}

}  // namespace esl::broker::testing
