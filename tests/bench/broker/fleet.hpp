// Many MQTT 3.1.1 connections on one thread: what the workloads are made of.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/core/bytes.hpp"
#include "common/mqtt/packet/any.hpp"

namespace esl::bench {

struct Peer {
    int fd = -1;
    std::uint32_t index = 0;  // of its role: publisher 3, receiver 17
    bool receiver = false;
    bool dirty = false;
    Bytes in;
    Bytes out;
};

struct Join {
    std::string client_id;
    bool clean = true;
    std::string filter;  // subscribed to when not empty
    unsigned qos = 0;
};

// Thread-bound. Errors are std::runtime_error saying what failed.
class Fleet {
public:
    explicit Fleet(std::uint16_t port);
    ~Fleet();
    Fleet(const Fleet&) = delete;
    Fleet& operator=(const Fleet&) = delete;

    // Connects, and waits for CONNACK and SUBACK. The peer lives as long as the fleet, or until leave_all().
    Peer& join(const Join& how, bool receiver, std::uint32_t index);
    // Many at once: a batch connects, then the batch is waited for.
    void join_all(const std::vector<Join>& how, bool receiver);
    // DISCONNECT from all, then waits for the end of all.
    void leave_all();

    void publish(Peer& peer, std::string_view topic, BytesView payload, unsigned qos, mqtt::PacketId id);
    // What is appended leaves at the end of the turn.
    Bytes& output(Peer& peer);
    // Sends what is waiting, waits up to `wait` for something to read, hands every packet to `handle`.
    template <class Handle>
    void turn(std::chrono::nanoseconds wait, Handle handle) {
        flush();
        const timespec most{.tv_sec = 0, .tv_nsec = dirty_.empty() ? wait.count() : 0};
        const int count = ::epoll_pwait2(epoll_, events_.data(), static_cast<int>(events_.size()), &most, nullptr);
        for (int i = 0; i < count; ++i) {
            Peer& peer = *static_cast<Peer*>(events_[static_cast<std::size_t>(i)].data.ptr);
            auto bytes = receive(peer);
            std::size_t at = 0;
            for (;;) {
                const auto frame = next_frame(bytes, at);
                if (!frame) break;
                handle(peer, *frame);
            }
            keep(peer, bytes.subspan(at));
        }
    }
    [[nodiscard]] std::vector<std::unique_ptr<Peer>>& peers() { return peers_; }

private:
    void flush();
    [[nodiscard]] BytesView receive(Peer& peer);
    [[nodiscard]] static std::optional<mqtt::Frame> next_frame(BytesView bytes, std::size_t& at);
    static void keep(Peer& peer, BytesView rest);
    void ask(Peer& peer, const Join& how);
    void expect(Peer& peer, const Join& how);

    std::uint16_t port_;
    int epoll_;
    std::vector<std::unique_ptr<Peer>> peers_;
    std::vector<Peer*> dirty_;
    std::array<epoll_event, 512> events_{};
    Bytes buffer_;
};

}  // namespace esl::bench
