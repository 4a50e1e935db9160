// What administration may do to a running broker, whoever asks. Blocking; for threads that are not shards.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/adapters/trace_files.hpp"
#include "broker/app/registrar.hpp"
#include "broker/core/counters.hpp"
#include "broker/net/endpoint.hpp"
#include "broker/ports/message_store.hpp"
#include "broker/ports/publisher.hpp"

namespace esl::broker {

class ConfigAuthenticator;
class CredentialBook;
class Shard;
struct ExportTable;

struct SessionInfo {
    std::string client_id;
    bool connected = false;
    std::string address;  // empty while offline
    std::string version;
    bool persistent = false;
    std::int64_t since = 0;  // Unix ms: connected, or offline, since
    std::size_t filters = 0;
    std::size_t queued = 0;     // sent and not acknowledged, or waiting
    std::size_t in_flight = 0;  // sent and not acknowledged
};

struct ListenerInfo {
    std::string address;  // as bound
    ListenerKind kind = ListenerKind::tcp;
    bool open = true;  // false: no door any more, or with other settings; connections still
    std::int64_t since = 0;
    std::size_t connections = 0;              // before and after CONNECT
    std::vector<AuthMethod> auth;             // by which somebody may come in
    std::size_t connections_most = 0;         // 0: as many as the broker takes in all
    std::size_t connections_per_address = 0;  // 0: no bound of its own
    std::size_t packet = 0;
    std::size_t packet_before_connect = 0;
    seconds connect_timeout{};
    std::vector<std::string> paths;               // of ws and wss
    std::optional<ShownCertificate> certificate;  // of tls and wss
};

enum class TraceError { off };
constexpr std::string_view describe(TraceError) {
    return "no traces are kept: [trace] mode is off, or there is no data folder";
}

enum class ControlError { no_answer };

constexpr std::string_view describe(ControlError) {
    return "a shard does not answer";
}

// Thread-safe. The shards and endpoints outlive it and are running.
class Control final : public Publisher {
public:
    Control(std::vector<std::unique_ptr<Shard>>& shards, Registrar& registrar, const MessageStore* store,
            const Endpoints& endpoints)
        : shards_(shards), registrar_(registrar), store_(store), endpoints_(endpoints) {}

    [[nodiscard]] Registrar& registrar() { return registrar_; }
    // At most `most`, of clients whose id contains `part`; `connected_only` leaves the offline ones out.
    [[nodiscard]] std::vector<SessionInfo> sessions(const std::string& part, bool connected_only, std::size_t most);
    [[nodiscard]] std::vector<ListenerInfo> listeners() const;
    [[nodiscard]] bool kick(const std::string& client_id);
    // Refused by the rules that clients publish by: registered parent, length and levels of the topic, size of the
    // payload. A refusal names `topic`, `payload` or `retain`.
    [[nodiscard]] Result<> publish(const std::string& topic, Bytes payload, mqtt::QoS qos, bool retain);
    // As publish(), not retained; gives the message's id, 32 hex digits. ControlError::no_answer.
    [[nodiscard]] Result<std::string> send(const std::string& topic, Bytes payload, mqtt::QoS qos);
    [[nodiscard]] bool connected(const std::string& client_id);
    // Null: there are none to administer. Before anybody asks.
    void set_credentials(CredentialBook* credentials, const ConfigAuthenticator* configured) {
        credentials_ = credentials;
        configured_ = configured;
    }
    [[nodiscard]] CredentialBook* credentials() const { return credentials_; }
    [[nodiscard]] const ConfigAuthenticator* configured() const { return configured_; }
    [[nodiscard]] Result<> publish(OutsideMessage message, Told told) override;
    // One shard after the other; false when one did not answer in time (its turn comes still).
    bool on_every_shard(const std::function<void(Shard&)>& work);
    // What the shards match publishes against from the return on.
    void set_exports(const std::shared_ptr<const ExportTable>& exports);
    // Where traces are kept, and the first half of message ids. Before anybody asks.
    void set_traces(TraceFiles* traces, std::uint64_t instance) {
        traces_ = traces;
        instance_ = instance;
    }
    [[nodiscard]] std::uint64_t instance() const { return instance_; }
    // With everything that had happened when it was called. TraceError::off without files.
    [[nodiscard]] Result<TraceAnswer> traces(const TraceQuery& query);
    // True when every shard has done a turn since the call, within two seconds.
    [[nodiscard]] bool alive();
    // Thread-safe. Changes of commits that failed; 0 when the last was good.
    [[nodiscard]] std::uint64_t changes_that_wait_for_the_disk() const;

    struct Figure {
        const char* name;
        const char* kind;  // "counter" or "gauge"
        const char* help;
        std::uint64_t value;
        unsigned per_unit = 1;  // how many of `value` make one of the name's unit: Prometheus takes base units alone
    };
    // Sums over the shards, and the store's.
    [[nodiscard]] std::vector<Figure> figures() const;

private:
    [[nodiscard]] Result<> check_publish(const std::string& topic, std::size_t size) const;
    void add_listener_figures(std::vector<Figure>& out) const;
    // Runs on the shard and waits for its end; false when it did not answer in time.
    bool on_shard(std::size_t index, std::function<void(Shard&)> work);

    std::vector<std::unique_ptr<Shard>>& shards_;
    Registrar& registrar_;
    const MessageStore* store_;
    const Endpoints& endpoints_;
    TraceFiles* traces_ = nullptr;
    CredentialBook* credentials_ = nullptr;
    const ConfigAuthenticator* configured_ = nullptr;
    std::uint64_t instance_ = 0;
};

}  // namespace esl::broker
