#include "broker/net/shard.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "broker/net/connection.hpp"

namespace esl::broker {
namespace {

constexpr std::size_t kWheelSlots = 1024;
constexpr std::size_t kBuffersKept = 1024;
constexpr std::size_t kBufferKeptBytes = 64 * 1024;  // a larger one goes back to the heap
constexpr unsigned kAcceptsPerTurn = 64;
constexpr std::size_t kNewsUnheard = 1'024;  // a shard that lets more changes of interest lie is woken
constexpr milliseconds kWaitForRoom{100};  // and another look at the clock
constexpr std::uint32_t kStopSeconds = 5;
// Two reads make a TLS handshake, one of which costs a tenth of a millisecond, or a whole one with an RSA key: this is
// the longest that the others of the shard wait for it.
constexpr unsigned kComputationsPerTurn = 4;

std::string text_of(const sockaddr_storage& address) {
    char text[INET6_ADDRSTRLEN] = {};
    if (address.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
        ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
        std::string host(text);
        if (host.starts_with("::ffff:")) return host.substr(7) + ":" + std::to_string(ntohs(v6.sin6_port));
        return "[" + host + "]:" + std::to_string(ntohs(v6.sin6_port));
    }
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
}

// Keys of the poller: connections by their id, the rest by slots that no connection ever has.
constexpr std::uint64_t kInboxKey = 0xFFFF'FFFF;
constexpr std::uint64_t kTickKey = 0xFFFF'FFFE;
constexpr std::uint64_t kListenerKey = 0xFFFF'FF00;  // and up
static_assert(Endpoints::kMost <= kTickKey - kListenerKey);

// How many stand in line, at least one. An accept() that finds nobody makes a socket and a file first and throws them
// away: it costs as much as one that finds somebody, so the end of the line is not looked for that way.
int waiting_at(int listener) {
    tcp_info info{};
    socklen_t size = sizeof info;
    // Of a listening socket this is the length of its queue.
    if (::getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 1;
    return static_cast<int>(std::clamp(info.tcpi_unacked, 1U, kAcceptsPerTurn));
}

std::uint64_t connection_id(std::uint32_t slot, std::uint32_t generation) {
    return (static_cast<std::uint64_t>(generation) << 32) | slot;
}

}  // namespace

Shard::Shard(ShardId id, ShardId count, Shared shared, std::shared_ptr<const Registry> registry)
    : id_(id),
      count_(count),
      shared_(shared),
      clock_(shared.clock),
      hub_({.settings = shared.settings,
            .clock = clock_,
            .peers = *this,
            .store = shared.store,
            .ids = shared.ids,
            .on_stored = [this](std::uint64_t batch, const Result<>& result) { post(StoreAnswer{batch, result}); },
            .authenticator = &shared.authenticator,
            .tracer = shared.traces != nullptr ? Tracer(shared.trace_mode, shared.clock, *shared.traces) : Tracer{},
            .exporter = shared.exporter,
            .on_exported = [this](bool stored) { post(RunOnShard{[this, stored] { hub_.exported(stored); }}); }},
           std::move(registry)),
      outgoing_(count),
      wheel_(kWheelSlots),
      read_buffer_(kReadBuffer) {
    listeners_.fill(-1);
    if (!poller_.add(inbox_.event_fd(), EPOLLIN | EPOLLET, kInboxKey) || !poller_.add(ticker_.fd(), EPOLLIN, kTickKey))
        throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

Shard::~Shard() {
    join();
    for (const int fd : listeners_) {
        if (fd >= 0) ::close(fd);
    }
}

void Shard::listen_on(std::uint16_t endpoint, int fd) {
    if (stopping_) {
        ::close(fd);
        return;
    }
    listeners_[endpoint] = fd;
    if (!poller_.add(fd, doors_open_ ? EPOLLIN : 0U, kListenerKey + endpoint))
        throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

void Shard::open_doors() {
    doors_open_ = true;
    for (std::size_t i = 0; i < listeners_.size(); ++i) listen_to(i, true);
}

void Shard::listen_to(std::size_t listener, bool listen) {
    if (listeners_[listener] < 0) return;
    poller_.change(listeners_[listener], listen ? EPOLLIN : 0U, kListenerKey + listener);
}

void Shard::hand_over(std::uint16_t from, std::uint16_t to) {
    if (stopping_) return;
    listeners_[to] = std::exchange(listeners_[from], -1);
    listen_to(to, doors_open_);
}

void Shard::drop_listener(std::size_t listener) {
    const int fd = std::exchange(listeners_[listener], -1);
    if (fd >= 0) ::close(fd);
}

void Shard::retire(std::uint16_t endpoint) {
    drop_listener(endpoint);
    // Closing one may end others: by their place.
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        Connection* connection = slots_[i].connection.get();
        if (connection == nullptr || connection->endpoint_ != endpoint) continue;
        if (connection->session_ != nullptr) {
            static_cast<void>(hub_.kick(connection->session_->client_id));
        } else {
            connection->close(CloseCause::shutting_down);
        }
    }
}

void Shard::start() {
    thread_ = std::thread([this] { run(); });
}

void Shard::join() {
    if (thread_.joinable()) thread_.join();
}

void Shard::post(InboxItem item) {
    inbox_.post(std::move(item));
}

void Shard::post_stop() {
    post(RunOnShard{[this] { stop_here(); }});
}

ShardId Shard::home_of(std::string_view client_id) const {
    return count_ == 1 ? 0 : static_cast<ShardId>(std::hash<std::string_view>{}(client_id) % count_);
}

void Shard::post(ShardId to, PeerMessage&& message) {
    assert(to != id_);
    outgoing_[to].emplace_back(std::in_place_type<FromPeer>, id_, std::move(message));
}

void Shard::tell(ShardId to, InterestChange change) {
    assert(to != id_);
    Shard& other = *(*all_)[to];
    if (other.hub_.interest_news().post(std::move(change)) == kNewsUnheard) other.post(RunOnShard{[] {}});
}

void Shard::migrate(ShardId to, AdoptConnection connection) {
    assert(to != id_);
    outgoing_[to].emplace_back(std::move(connection));
}

void Shard::run() {
    end_turn();  // what restoring has to tell the others
    while (!ended_) {
        clock_.begin_turn();
        turn();
        exchange();
        end_turn();
        clock_.end_turn();
    }
    for (auto& slot : slots_) {
        if (slot.connection) slot.connection->abandon();
    }
    end_turn();
    hub_.tracer().flush();
}

bool Shard::has_too_much() {
    const auto most = shared_.settings.limits.inbox;
    return inbox_.size() > most || hub_.interest_news().waiting() > std::max(most, kNewsUnheard);
}

bool Shard::others_keep_up() const {
    for (ShardId i = 0; i < count_; ++i) {
        if (i != id_ && (*all_)[i]->has_too_much()) return false;
    }
    return true;
}

void Shard::turn() {
    if (others_keep_up()) {
        wait_and_serve();
    } else {
        counters().limit_inbox_total.add();
        wait_for_room();
        second_passed_ = ticker_.take();
    }
    if (std::exchange(second_passed_, false)) tick();
}

void Shard::wait_and_serve() {
    const auto events = poller_.wait(inbox_.lie_down());
    inbox_.get_up();
    for (const auto& event : events) on_ready(event);
}

void Shard::wait_for_room() {
    bool asked = false;
    for (ShardId i = 0; i < count_; ++i) {
        Shard& other = *(*all_)[i];
        if (i == id_ || !other.has_too_much()) continue;
        other.inbox_.ask_for_room(id_);
        if (!other.has_too_much()) return;
        asked = true;
    }
    if (asked) inbox_.wait(kWaitForRoom);
}

void Shard::wake_who_waits_for_room() {
    if (has_too_much()) return;  // more has come meanwhile, and with it another turn
    for (auto askers = inbox_.take_askers(); askers != 0; askers &= askers - 1)
        (*all_)[static_cast<std::size_t>(std::countr_zero(askers))]->inbox_.wake();
}

void Shard::on_ready(const epoll_event& event) {
    const auto key = event.data.u64;
    if (key == kInboxKey) return;  // exchange() takes it
    if (key == kTickKey) {
        second_passed_ = ticker_.take();
        return;
    }
    if (key >= kListenerKey && key < kTickKey) return accept_from(key - kListenerKey);
    if (Connection* connection = find(key)) connection->on_ready(event.events);
}

void Shard::end_turn() {
    // Sending may end connections, which gives wills, which gives output: until nothing is left.
    for (std::size_t i = 0; i < dirty_.size(); ++i) dirty_[i]->flush();
    dirty_.clear();
    computed_ = 0;
    hub_.end_turn();
    wake_who_waits_for_room();
    post_outgoing();
    for (Connection* connection : graveyard_) {
        const auto slot = static_cast<std::uint32_t>(connection->id());
        if (!connection->migrated_) uncount(connection->endpoint_, connection->peer_);
        ++slots_[slot].generation;
        slots_[slot].connection.reset();
        free_slots_.push_back(slot);
    }
    graveyard_.clear();
    if (stopping_ && (now_ >= stop_at_ || (free_slots_.size() == slots_.size() && hub_.store_idle()))) ended_ = true;
}

void Shard::post_outgoing() {
    for (ShardId to = 0; to < count_; ++to) {
        if (to != id_ && (*all_)[to]->inbox_.post(outgoing_[to])) counters().wakeups_total.add();
    }
}

// What others are to do leaves before this shard's own sends, so that they do it meanwhile; what they have sent by now
// joins those sends.
void Shard::exchange() {
    post_outgoing();
    if (inbox_.size() == 0) return;
    take_inbox();
    post_outgoing();
}

void Shard::take_inbox() {
    inbox_.take(taken_);
    for (auto& item : taken_) handle(item);
    taken_.clear();
}

void Shard::handle(InboxItem& item) {
    struct Visitor {
        Shard& shard;
        void operator()(FromPeer& it) const { shard.hub_.peer(it.from, std::move(it.message)); }
        void operator()(AdoptConnection& it) const {
            if (shard.stopping_ || shard.shared_.endpoints[it.endpoint].retired) {
                ::close(it.fd);
                shard.uncount(it.endpoint, it.peer);
                return;
            }
            shard.add_connection(std::move(it));
        }
        void operator()(StoreAnswer& it) const { shard.hub_.stored(it.batch, it.result); }
        void operator()(LoginAnswer& it) const {
            if (Connection* connection = shard.find(it.connection)) connection->on_login(it.login);
        }
        void operator()(RunOnShard& it) const { it.work(); }
    };
    std::visit(Visitor{*this}, item);
}

void Shard::tick() {
    // Seconds by the count of ticks: a stopped machine does not make every client silent at once.
    ++now_;
    std::vector<Watched> due;
    due.swap(wheel_[now_ % kWheelSlots]);
    for (const auto& watched : due) {
        Connection* connection = find(watched.connection);
        if (connection == nullptr || connection->deadline_ != watched.at) continue;
        if (watched.at > now_) {
            wheel_[watched.at % kWheelSlots].push_back(watched);  // another round
        } else {
            connection->on_deadline();
        }
    }
    for (const auto listener : std::exchange(resting_, {})) listen_to(listener, true);
    hub_.tick();
    const auto interval = static_cast<std::uint32_t>(shared_.settings.system_interval.count());
    if (id_ != 0 || interval == 0 || now_ % interval != 0) return;
    SystemTotals totals;
    for (const auto& shard : *all_) totals.add(shard->counters());
    hub_.say_system_topics(totals);
}

void Shard::watch(Connection& connection, std::uint32_t at) {
    connection.deadline_ = at;
    wheel_[at % kWheelSlots].push_back({connection.id(), at});
}

Connection* Shard::find(std::uint64_t id) {
    const auto slot = static_cast<std::uint32_t>(id);
    if (slot >= slots_.size() || slots_[slot].generation != static_cast<std::uint32_t>(id >> 32)) return nullptr;
    return slots_[slot].connection.get();
}

Bytes Shard::take_buffer() {
    if (buffers_.empty()) {
        Bytes fresh;
        fresh.reserve(512);
        return fresh;
    }
    Bytes buffer = std::move(buffers_.back());
    buffers_.pop_back();
    return buffer;
}

void Shard::give_back(Bytes buffer) {
    if (buffers_.size() < kBuffersKept && buffer.capacity() <= kBufferKeptBytes) buffers_.push_back(std::move(buffer));
}

void Shard::accept_from(std::size_t listener) {
    if (stopping_ || listeners_[listener] < 0) return;
    for (int waiting = waiting_at(listeners_[listener]); waiting > 0; --waiting) {
        if (!shared_.guard.admit_any()) {
            // The backlog keeps them.
            counters().limit_connects_total.add();
            listen_to(listener, false);
            resting_.push_back(listener);
            return;
        }
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        const int fd =
            ::accept4(listeners_[listener], reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                // The backlog keeps them; asking again at once would only spin.
                counters().limit_files_total.add();
                spdlog::warn("accept: {}; tried again in a second", ::strerrordesc_np(errno));
                listen_to(listener, false);
                resting_.push_back(listener);
            }
            return;
        }
        accept_one(fd, static_cast<std::uint16_t>(listener), text_of(address));
    }
}

void Shard::accept_one(int fd, std::uint16_t index, std::string peer) {
    const Endpoint& endpoint = shared_.endpoints[index];
    if (!count_in(endpoint, peer)) {
        ::close(fd);
        return;
    }
    add_connection({.fd = fd, .endpoint = index, .peer = std::move(peer), .layer = endpoint.open()});
}

bool Shard::count_in(const Endpoint& endpoint, const std::string& peer) {
    const auto& limits = shared_.settings.limits;
    auto& all = shared_.addresses;
    auto& here = endpoint.counts;
    const bool here_full =
        endpoint.connections != 0 && here.connections.load(std::memory_order_relaxed) >= endpoint.connections;
    if (here_full || all.connections.load(std::memory_order_relaxed) >= limits.connections) {
        counters().limit_connections_total.add();
        return false;
    }
    const auto address = peer.substr(0, peer.rfind(':'));
    switch (shared_.guard.admit(address)) {
        case AddressGuard::Verdict::welcome:
            break;
        case AddressGuard::Verdict::too_often:
            counters().limit_address_connects_total.add();
            return false;
        case AddressGuard::Verdict::blocked:
            counters().limit_blocked_total.add();
            return false;
    }
    if (limits.connections_per_address != 0 && !all.enter(address, limits.connections_per_address)) {
        counters().limit_address_total.add();
        spdlog::info("refused {}: its address has {} connections already", peer, limits.connections_per_address);
        return false;
    }
    if (endpoint.connections_per_address != 0 && !here.enter(address, endpoint.connections_per_address)) {
        if (limits.connections_per_address != 0) all.leave(address);
        counters().limit_address_total.add();
        spdlog::info("refused {} on {}: its address has {} connections there already", peer, endpoint.address,
                     endpoint.connections_per_address);
        return false;
    }
    all.connections.fetch_add(1, std::memory_order_relaxed);
    here.connections.fetch_add(1, std::memory_order_relaxed);
    return true;
}

void Shard::add_connection(AdoptConnection&& connection) {
    if (free_slots_.empty()) {
        free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
        slots_.emplace_back();
    }
    const auto index = free_slots_.back();
    free_slots_.pop_back();
    auto& slot = slots_[index];
    Bytes received = std::move(connection.received);
    slot.connection = std::make_unique<Connection>(*this, std::move(connection), connection_id(index, slot.generation));
    slot.connection->start(std::move(received));
}

void Shard::uncount(std::uint16_t index, const std::string& peer) {
    const Endpoint& endpoint = shared_.endpoints[index];
    const auto address = peer.substr(0, peer.rfind(':'));
    if (shared_.settings.limits.connections_per_address != 0) shared_.addresses.leave(address);
    if (endpoint.connections_per_address != 0) endpoint.counts.leave(address);
    shared_.addresses.connections.fetch_sub(1, std::memory_order_relaxed);
    endpoint.counts.connections.fetch_sub(1, std::memory_order_release);  // the last touch: see Endpoints
}

bool Shard::may_compute() {
    if (computed_ == kComputationsPerTurn) return false;
    ++computed_;
    return true;
}

void Shard::stop_here() {
    if (stopping_) return;
    stopping_ = true;
    stop_at_ = now_ + kStopSeconds;
    for (std::size_t i = 0; i < listeners_.size(); ++i) drop_listener(i);
    resting_.clear();
    hub_.close_all(CloseCause::shutting_down);
    for (auto& slot : slots_) {
        if (slot.connection) slot.connection->close(CloseCause::shutting_down);
    }
}

}  // namespace esl::broker
