// One TCP connection: readiness from the shard's poller, own non-blocking recv and send. Owns no buffer while nothing
// is under way, and no layer unless its listener has TLS or WebSocket.
#pragma once

#include <memory>
#include <string>

#include "broker/core/link.hpp"
#include "broker/core/session.hpp"
#include "broker/net/endpoint.hpp"
#include "broker/net/inbox.hpp"
#include "broker/ports/authenticator.hpp"
#include "common/core/bytes.hpp"
#include "common/mqtt/packet/connect.hpp"
#include "common/mqtt/unframer.hpp"

namespace esl::broker {

class Shard;

// Shard-bound. Its shard owns it and deletes it at the end of a turn.
class Connection final : public Link {
public:
    // New, or with what it had on the shard that sent it here.
    Connection(Shard& shard, AdoptConnection&& from, std::uint64_t id);
    ~Connection() override;

    void start(Bytes received);
    void on_ready(std::uint32_t events);  // of epoll
    // End of the turn: one send for everything appended in it.
    void flush();
    // The wheel's hour has come.
    void on_deadline();
    void on_login(const Login& login);
    void abandon();  // shutting down: close now

    // Link
    Bytes& output() override;
    [[nodiscard]] std::size_t backlog() const override {
        return out_.size() - out_sent_ + (layer_ ? layer_->outgoing.size() : 0);
    }
    void close(CloseCause cause) override;
    void set_keep_alive(std::chrono::seconds interval) override;
    void take_what_came() override;
    [[nodiscard]] bool dead_or_silent() const override;
    [[nodiscard]] std::string peer() const override { return peer_; }
    void hold_reading(bool hold) override;
    void hold_output(bool hold) override;
    [[nodiscard]] std::size_t packet_limit() const override;

    [[nodiscard]] std::uint64_t id() const { return id_; }
    [[nodiscard]] std::string address() const { return peer_.substr(0, peer_.rfind(':')); }

private:
    [[nodiscard]] bool wants_readable() const { return closing_ || (!held_ && !logging_in_); }
    // Tells the poller what is waited for now, if that has changed.
    void update_interest();
    void on_readable();
    void take(BytesView plain);
    void take_through_layer(BytesView wire);
    void layer_ends(const Error& error);
    void through_layer();
    void migrate(ShardId home, BytesView received);
    void consume(BytesView bytes, bool from_partial);
    bool handle(const mqtt::Frame& frame, BytesView all);
    bool on_connect(const mqtt::Frame& frame, BytesView all);
    void refuse(const mqtt::ConnectView& packet, const Login& login);
    bool enter(const mqtt::ConnectView& packet, GrantPtr grant);
    void give_up(CloseCause cause, const std::string& why);
    void gone(CloseCause cause);
    void shut();
    [[nodiscard]] std::size_t packet_limit_now() const;
    void mark_dirty();
    void release_output();
    [[nodiscard]] const Endpoint& endpoint() const;

    Shard& shard_;
    int fd_;  // -1: closed, or gone to another shard
    std::uint64_t id_;
    Session* session_ = nullptr;
    std::string peer_;
    Bytes in_;                      // the front of a packet whose end has not come
    std::unique_ptr<Layer> layer_;  // null: plain TCP
    Bytes out_;                     // for the socket; from the shard's free list, given back when empty
    std::size_t out_sent_ = 0;
    std::uint32_t last_seen_ = 0;
    std::uint32_t allowance_ = 0;  // seconds of silence; 0: no end
    std::uint32_t deadline_ = 0;   // the wheel entry that counts
    std::uint16_t keep_alive_ = 0;
    std::uint16_t endpoint_;
    bool dirty_ : 1 = false;
    bool polled_ : 1 = false;          // the poller knows it
    bool waits_readable_ : 1 = false;  // as the poller has been told
    bool waits_writable_ : 1 = false;
    bool blocked_ : 1 = false;  // the client does not take more now; the session may have more to send once it does
    bool held_ : 1 = false;
    bool output_held_ : 1 = false;
    bool closing_ : 1 = false;       // output goes out, input is thrown away
    bool said_goodbye_ : 1 = false;  // the client expects no more of us
    bool lingering_ : 1 = false;     // all is out, the other end may still be reading
    bool closed_ : 1 = false;
    bool logging_in_ : 1 = false;
    bool migrated_ : 1 = false;  // goes on, on another shard: still one connection for the counts

    friend class Shard;
};

}  // namespace esl::broker
