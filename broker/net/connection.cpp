#include "broker/net/connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "broker/net/shard.hpp"

namespace esl::broker {
namespace {

constexpr std::uint32_t kLingerSeconds = 2;
constexpr int kReadsAhead = 16;             // of a client that connects again while it still sends
constexpr std::uint32_t kCloseSeconds = 5;  // for a client that does not read its last packets

}  // namespace

Connection::Connection(Shard& shard, AdoptConnection&& from, std::uint64_t id)
    : shard_(shard),
      fd_(from.fd),
      id_(id),
      peer_(std::move(from.peer)),
      layer_(std::move(from.layer)),
      last_seen_(shard.now_),
      endpoint_(from.endpoint) {
    if (from.unsent.empty()) return;
    out_ = std::move(from.unsent);
    mark_dirty();
}

Connection::~Connection() {
    if (fd_ >= 0) ::close(fd_);
}

const Endpoint& Connection::endpoint() const {
    return shard_.shared_.endpoints[endpoint_];
}

std::size_t Connection::packet_limit() const {
    return endpoint().packet;
}

std::size_t Connection::packet_limit_now() const {
    return session_ != nullptr ? endpoint().packet : endpoint().packet_before_connect;
}

void Connection::mark_dirty() {
    if (dirty_) return;
    dirty_ = true;
    shard_.mark_dirty(*this);
}

void Connection::start(Bytes received) {
    allowance_ = static_cast<std::uint32_t>(endpoint().connect_timeout.count());
    shard_.watch(*this, shard_.now_ + allowance_ + 1);
    // Many a client has sent its CONNECT by now; one that belongs to another shard need not be entered here at all.
    if (received.empty()) {
        on_readable();
    } else {
        in_ = std::move(received);
        consume(in_, true);
    }
    if (closed_) return;
    waits_readable_ = wants_readable();
    polled_ = shard_.poller_.add(fd_, waits_readable_ ? EPOLLIN : 0U, id_);
    if (polled_) return;
    spdlog::warn("refused {}: epoll_ctl: {}", peer_, ::strerrordesc_np(errno));
    gone(CloseCause::socket_error);
}

void Connection::update_interest() {
    if (closed_ || !polled_) return;
    const bool readable = wants_readable();
    if (readable == waits_readable_ && blocked_ == waits_writable_) return;
    waits_readable_ = readable;
    waits_writable_ = blocked_;
    shard_.poller_.change(fd_, (readable ? EPOLLIN : 0U) | (blocked_ ? EPOLLOUT : 0U), id_);
}

void Connection::on_ready(std::uint32_t events) {
    if (closed_) return;
    if ((events & EPOLLOUT) != 0) mark_dirty();
    if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) == 0) return;
    if (waits_readable_) return on_readable();
    gone(CloseCause::socket_error);  // error or hang-up: they come unasked, also while nothing is read
}

void Connection::on_readable() {
    if (layer_ && layer_->costly() && !shard_.may_compute()) return;  // asked again in the next turn
    auto& buffer = shard_.read_buffer_;
    const auto got = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0) {
        if (errno == EAGAIN || errno == EINTR) return;
        return gone(CloseCause::socket_error);
    }
    if (got == 0) return gone(CloseCause::closed_by_client);
    shard_.counters().bytes_received_total.add(static_cast<std::uint64_t>(got));
    shard_.counters().reads_total.add();
    if (!closing_) {
        const BytesView bytes(buffer.data(), static_cast<std::size_t>(got));
        if (layer_) {
            take_through_layer(bytes);
        } else {
            take(bytes);
        }
    }
    update_interest();
}

void Connection::take(BytesView plain) {
    if (in_.empty()) {
        consume(plain, false);
    } else {
        in_.insert(in_.end(), plain.begin(), plain.end());
        consume(in_, true);
    }
}

// Takes whole packets off the front and keeps the rest in a block of its own.
void Connection::consume(BytesView bytes, bool from_partial) {
    std::size_t at = 0;
    std::size_t need = 0;
    while (at < bytes.size() && !closing_ && !closed_ && !logging_in_) {
        const auto unframed = mqtt::unframe(bytes.subspan(at), packet_limit_now());
        if (!unframed) {
            if (unframed.error().is(mqtt::DecodeError::packet_too_large)) shard_.counters().limit_packet_total.add();
            if (session_ != nullptr) {
                shard_.hub_.reject(*session_, unframed.error());
            } else {
                shard_.counters().malformed_total.add();
                give_up(CloseCause::invalid_param, unframed.error().message());
            }
            break;
        }
        if (!unframed->complete()) {
            need = unframed->need;
            break;
        }
        if (!handle(unframed->frame, bytes.subspan(at))) break;
        at += unframed->frame.size;
    }
    // Whole packets count, not bytes [MQTT-3.1.2-22]: dripping one keeps nobody alive, and delays no CONNECT.
    if (at > 0 && session_ != nullptr) last_seen_ = shard_.now_;
    if (closing_ || closed_) {
        Bytes{}.swap(in_);
        return;
    }
    if (at == bytes.size()) {
        Bytes{}.swap(in_);
        return;
    }
    if (from_partial && at == 0) {
        in_.reserve(std::max(in_.size(), need));
        return;
    }
    Bytes rest;
    rest.reserve(std::max(bytes.size() - at, need));
    rest.assign(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end());
    in_.swap(rest);
}

bool Connection::handle(const mqtt::Frame& frame, BytesView all) {
    if (session_ != nullptr) return shard_.hub_.packet(*session_, frame);
    if (frame.type != mqtt::PacketType::connect) {
        shard_.counters().protocol_errors_total.add();
        give_up(CloseCause::protocol_error, std::string(mqtt::name(frame.type)) + " before CONNECT [MQTT-3.1.0-1]");
        return false;
    }
    return on_connect(frame, all);
}

bool Connection::on_connect(const mqtt::Frame& frame, BytesView all) {
    const auto packet = mqtt::decode_connect(frame);
    if (!packet) {
        shard_.counters().malformed_total.add();
        if (packet.error().is(mqtt::DecodeError::unsupported_version)) {
            // The one refusal that every version understands: return code 1.
            static_cast<void>(mqtt::encode_connack(
                {.session_present = false, .reason = mqtt::ReasonCode::unsupported_protocol_version, .properties = {}},
                mqtt::ProtocolVersion::v311, output()));
        }
        give_up(CloseCause::invalid_param, packet.error().message());
        return false;
    }
    const auto home = packet->client_id.empty() ? shard_.self() : shard_.home_of(packet->client_id);
    if (home != shard_.self()) {
        migrate(home, all);
        return false;
    }
    if (packet->properties.find(mqtt::PropertyId::authentication_method)) {
        shard_.hub_.refuse(*this, *packet, mqtt::ReasonCode::bad_authentication_method, CloseCause::refused,
                           "enhanced authentication is not offered");  // [MQTT-4.12.0-1]
        return false;
    }
    const auto id = id_;
    Shard& shard = shard_;
    const auto login = shard.shared_.authenticator.check(
        {.client_id = packet->client_id,
         .user_name = packet->user_name,
         .password = packet->password,
         .certificate = layer_ ? layer_->certificate() : nullptr,
         .listener = &endpoint().auth,
         .address = std::string_view(peer_).substr(0, peer_.rfind(':'))},
        [&shard, id](Login answer) { shard.post(LoginAnswer{id, std::move(answer)}); });
    if (!login) {
        logging_in_ = true;
        return false;  // CONNECT stays in in_
    }
    if (login->good) return enter(*packet, login->grant);
    refuse(*packet, *login);
    return false;
}

void Connection::migrate(ShardId home, BytesView received) {
    Bytes unsent;
    if (out_sent_ < out_.size()) unsent.assign(out_.begin() + static_cast<std::ptrdiff_t>(out_sent_), out_.end());
    closed_ = true;
    migrated_ = true;
    if (polled_) shard_.poller_.remove(fd_);
    if (out_.capacity() != 0) release_output();
    shard_.migrate(home, {.fd = std::exchange(fd_, -1),
                          .endpoint = endpoint_,
                          .peer = peer_,
                          .received = Bytes(received.begin(), received.end()),
                          .unsent = std::move(unsent),
                          .layer = std::move(layer_)});
    shard_.bury(*this);
}

void Connection::refuse(const mqtt::ConnectView& packet, const Login& login) {
    const bool wrong =
        login.reason == mqtt::ReasonCode::bad_user_name_or_password || login.reason == mqtt::ReasonCode::not_authorized;
    if (wrong && shard_.shared_.guard.login_failed(address())) {
        shard_.counters().limit_logins_total.add();
        spdlog::warn("too many failed log-ins from {}: blocked for {} s", address(),
                     shard_.shared_.settings.limits.login_block.count());
    }
    shard_.hub_.refuse(*this, packet, login.reason, CloseCause::not_authorized, "not authorized");
}

void Connection::on_login(const Login& login) {
    if (closed_ || closing_ || !logging_in_) return;
    logging_in_ = false;
    const auto unframed = mqtt::unframe(in_, packet_limit_now());
    if (!unframed || !unframed->complete()) return;  // cannot be: it was complete when it came
    const auto packet = mqtt::decode_connect(unframed->frame);
    if (!packet) return;
    if (!login.good) return refuse(*packet, login);
    if (shard_.shared_.authenticator.shut_out(packet->client_id))
        return refuse(*packet, {.reason = mqtt::ReasonCode::banned});
    if (!enter(*packet, login.grant)) return;
    const Bytes rest(in_.begin() + static_cast<std::ptrdiff_t>(unframed->frame.size), in_.end());
    in_.clear();
    if (!rest.empty()) {
        in_ = rest;
        consume(in_, true);
    }
    update_interest();
}

bool Connection::enter(const mqtt::ConnectView& packet, GrantPtr grant) {
    allowance_ = 0;
    shard_.shared_.guard.login_succeeded(address());
    session_ = shard_.hub_.connect(*this, packet, std::move(grant));
    return session_ != nullptr;
}

void Connection::give_up(CloseCause cause, const std::string& why) {
    spdlog::info("close {} before CONNECT: {}: {}", peer_, describe(cause), why);
    close(cause);
}

// The other end is gone, or gave an error.
void Connection::gone(CloseCause cause) {
    if (session_ != nullptr) {
        Session& session = *session_;
        session_ = nullptr;
        shard_.hub_.lost(session, cause);
    }
    shut();
}

Bytes& Connection::output() {
    mark_dirty();
    Bytes& out = layer_ ? layer_->outgoing : out_;
    if (out.capacity() == 0) out = shard_.take_buffer();
    return out;
}

void Connection::release_output() {
    out_.clear();
    out_sent_ = 0;
    shard_.give_back(std::move(out_));
    out_ = Bytes{};
}

void Connection::flush() {
    dirty_ = false;
    if (closed_ || (output_held_ && !closing_)) return;
    if (layer_) through_layer();
    const bool was_blocked = blocked_;
    blocked_ = false;
    while (out_sent_ < out_.size()) {
        const auto sent = ::send(fd_, out_.data() + out_sent_, out_.size() - out_sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            if (errno == EINTR) continue;
            if (errno != EAGAIN) return gone(CloseCause::socket_error);
            blocked_ = true;
            break;
        }
        shard_.counters().sends_total.add();
        shard_.counters().bytes_sent_total.add(static_cast<std::uint64_t>(sent));
        out_sent_ += static_cast<std::size_t>(sent);
    }
    update_interest();
    if (blocked_) {
        // What has gone is cut off when it is the larger half, so that a slow reader costs what it has not read.
        if (out_sent_ > out_.size() / 2) {
            out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(out_sent_));
            out_sent_ = 0;
        }
        return;
    }
    if (out_.capacity() != 0) release_output();
    if (closing_) {
        if (lingering_) return;
        if (said_goodbye_ || shard_.stopping_) return shut();  // nobody waits for each client then
        lingering_ = true;
        ::shutdown(fd_, SHUT_WR);
        shard_.watch(*this, shard_.now_ + kLingerSeconds);
        return;
    }
    if (was_blocked && session_ != nullptr) shard_.hub_.writable(*session_);
}

void Connection::close(CloseCause cause) {
    session_ = nullptr;
    if (closing_ || closed_) return;
    closing_ = true;
    // The farewell of a layer has two sides: it lingers for the other.
    said_goodbye_ = cause == CloseCause::disconnected_by_client && !layer_;
    if (layer_) {
        through_layer();
        layer_->finish(cause, out_);
    }
    shard_.watch(*this, shard_.now_ + kCloseSeconds);
    mark_dirty();
}

void Connection::shut() {
    if (closed_) return;
    closed_ = true;
    ::close(std::exchange(fd_, -1));
    if (out_.capacity() != 0) release_output();
    Bytes{}.swap(in_);
    layer_.reset();
    shard_.bury(*this);
}

void Connection::abandon() {
    session_ = nullptr;
    shut();
}

void Connection::set_keep_alive(std::chrono::seconds interval) {
    keep_alive_ = static_cast<std::uint16_t>(interval.count());
    // One and a half times the interval [MQTT-3.1.2-22], plus the second that the wheel may be late.
    allowance_ = interval.count() == 0 ? 0 : static_cast<std::uint32_t>(interval.count() + (interval.count() + 1) / 2);
    last_seen_ = shard_.now_;
    if (allowance_ != 0) shard_.watch(*this, last_seen_ + allowance_ + 1);
}

void Connection::on_deadline() {
    if (closed_) return;
    if (closing_) return shut();
    if (allowance_ == 0) return;
    // A client that is not read from cannot show that it lives.
    if (held_) last_seen_ = shard_.now_;
    const auto due = last_seen_ + allowance_ + 1;
    if (due > shard_.now_) return shard_.watch(*this, due);
    if (session_ == nullptr) {
        shard_.counters().connect_timeouts_total.add();
        return give_up(CloseCause::no_connect, "no CONNECT in time");
    }
    spdlog::info("close {} from {}: no heart: silent for {} s", session_->client_id, peer_, shard_.now_ - last_seen_);
    gone(CloseCause::no_heart);
}

// The newcomer's packet lies in the shard's buffers: this reads into others.
void Connection::take_what_came() {
    Bytes buffer(shard_.read_buffer_.size());
    Bytes plain;
    const auto swap = [&] {
        shard_.read_buffer_.swap(buffer);
        shard_.plain_.swap(plain);
    };
    swap();
    char byte = 0;
    for (int reads = 0; reads < kReadsAhead && waits_readable_ && !closed_ && !closing_; ++reads) {
        if (::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0) break;
        on_readable();
    }
    swap();
}

bool Connection::dead_or_silent() const {
    if (closed_ || closing_) return true;
    if (keep_alive_ != 0 && shard_.now_ - last_seen_ > keep_alive_) return true;
    char byte = 0;
    const auto peeked = ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (peeked == 0 || (peeked < 0 && errno != EAGAIN && errno != EINTR)) return true;
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return true;
    constexpr unsigned kUnansweredMillis = 5'000;
    return info.tcpi_state != TCP_ESTABLISHED || (info.tcpi_unacked > 0 && info.tcpi_last_ack_recv > kUnansweredMillis);
}

void Connection::hold_reading(bool hold) {
    held_ = hold;
    update_interest();
}

void Connection::hold_output(bool hold) {
    output_held_ = hold;
    if (!hold) mark_dirty();
}

}  // namespace esl::broker
