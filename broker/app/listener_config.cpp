#include "broker/app/listener_config.hpp"

#include <array>
#include <stdexcept>
#include <utility>

#include "broker/app/listen.hpp"

namespace esl::broker {
namespace {

using config::ConfigError;
using config::Table;

struct Scheme {
    std::string_view prefix;
    ListenerKind kind;
    std::string_view port;
};
constexpr std::array<Scheme, 4> kSchemes{{{"mqtt://", ListenerKind::tcp, "1883"},
                                          {"mqtts://", ListenerKind::tls, "8883"},
                                          {"ws://", ListenerKind::ws, "80"},
                                          {"wss://", ListenerKind::wss, "443"}}};

[[noreturn]] void refuse(const Table& table, std::string_view key, const std::string& why) {
    throw ConfigError(table.where(key) + ": key '" + std::string(key) + "': " + why);
}

// The last colon is the port's unless it stands inside brackets.
bool has_port(std::string_view host) {
    const auto colon = host.rfind(':');
    return colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos;
}

void read_path(const Table& t, std::string_view key, std::filesystem::path& value) {
    std::string text = value.string();
    t.read(key, text);
    value = text;
}

void read_methods(const Table& t, ListenerAuth& auth) {
    if (!t.has("auth")) return;
    std::vector<std::string> names;
    t.read("auth", names);
    auth.methods = 0;
    for (const auto& name : names) {
        bool known = false;
        for (unsigned method = 0; method < kAuthMethods; ++method) {
            if (describe(static_cast<AuthMethod>(method)) != name) continue;
            auth.methods = static_cast<std::uint8_t>(auth.methods | (1U << method));
            known = true;
        }
        if (!known)
            refuse(t, "auth", "'" + name + "' is none of anonymous, password, signature, token, device, certificate");
    }
    if (names.empty()) refuse(t, "auth", "nobody could connect");
}

void read_address(const Table& t, ListenerConfig& listener) {
    std::string address;
    t.read("address", address);
    if (address.empty()) refuse(t, "address", "a listener needs one");
    try {
        listener = parse_listener(address);
    } catch (const std::runtime_error& error) {
        refuse(t, "address", error.what());
    }
    std::string kind;
    t.read("kind", kind);
    if (kind.empty()) return;
    if (address.find("://") != std::string::npos) refuse(t, "kind", "the address has a scheme already");
    for (std::size_t i = 0; i < kListenerKinds; ++i) {
        const auto known = static_cast<ListenerKind>(i);
        if (describe(known) != kind) continue;
        listener.kind = known;
        return;
    }
    refuse(t, "kind", "'" + kind + "' is none of tcp, tls, ws, wss");
}

void read_websocket(const Table& t, websocket::UpgradeRules& rules) {
    t.read("paths", rules.paths);
    t.read("origins", rules.origins);
    if (rules.paths.empty()) refuse(t, "paths", "nobody could connect");
    for (const auto& path : rules.paths) {
        if (!path.starts_with('/') || path.find_first_of("? #") != std::string::npos)
            refuse(t, "paths", "'" + path + "' is no path");
    }
}

// A key that would have no effect is a mistake.
void only_where_it_works(const Table& t, ListenerKind kind) {
    for (const std::string_view key :
         {"certificate", "key", "client_ca", "client_crl", "client_certificates", "tls_lowest", "ciphers"}) {
        if (!has_tls(kind) && t.has(key)) refuse(t, key, "a " + std::string(describe(kind)) + " listener has no TLS");
    }
    for (const std::string_view key : {"paths", "origins"}) {
        if (!has_websocket(kind) && t.has(key))
            refuse(t, key, "a " + std::string(describe(kind)) + " listener has no WebSocket");
    }
}

ListenerConfig read_listener(const Table& t, const TlsSettings& tls) {
    constexpr std::int64_t kMany = 1LL << 40;
    constexpr std::int64_t kPacketMost = 268'435'455;
    t.only({"address", "kind", "dual_stack", "certificate", "key", "client_ca", "client_crl", "client_certificates",
            "tls_lowest", "ciphers", "paths", "origins", "allow_anonymous", "auth", "packet_before_connect", "packet",
            "connect_timeout", "connections", "connections_per_address"});
    ListenerConfig out;
    read_address(t, out);
    out.where = t.where("address");
    only_where_it_works(t, out.kind);
    t.read("dual_stack", out.dual_stack);
    if (has_tls(out.kind)) out.tls = read_tls(t, tls);
    read_websocket(t, out.websocket);
    read_methods(t, out.auth);
    if (t.has("allow_anonymous")) t.read("allow_anonymous", out.auth.allow_anonymous.emplace());
    if (t.has("packet_before_connect"))
        t.read("packet_before_connect", out.packet_before_connect.emplace(), 128, kPacketMost);
    if (t.has("packet")) t.read("packet", out.packet.emplace(), 128, kPacketMost);
    if (t.has("connect_timeout")) t.read("connect_timeout", out.connect_timeout.emplace());
    t.read("connections", out.connections, 0, kMany);
    t.read("connections_per_address", out.connections_per_address, 0, kMany);
    return out;
}

}  // namespace

ListenerConfig parse_listener(const std::string& text) {
    ListenerConfig out;
    out.address = text;
    for (const auto& scheme : kSchemes) {
        if (!text.starts_with(scheme.prefix)) continue;
        out.kind = scheme.kind;
        std::string host = text.substr(scheme.prefix.size());
        if (const auto slash = host.find('/'); slash != std::string::npos) {
            const auto path = host.substr(slash);
            host.resize(slash);
            if (!has_websocket(scheme.kind) && path != "/")
                throw std::runtime_error("cannot listen on " + text + ": only ws:// and wss:// have a path");
            if (has_websocket(scheme.kind)) out.websocket.paths = {path};
        }
        out.address = has_port(host) ? host : host + ":" + std::string(scheme.port);
    }
    if (out.address.find("://") != std::string::npos)
        throw std::runtime_error("cannot listen on " + text + ": the scheme is none of mqtt, mqtts, ws, wss");
    check_listen_address(out.address);
    return out;
}

std::optional<ClientCertificates> parse_client_certificates(std::string_view text) {
    for (const auto asked : {ClientCertificates::none, ClientCertificates::optional, ClientCertificates::required}) {
        if (text == describe(asked)) return asked;
    }
    return std::nullopt;
}

TlsSettings read_tls(const Table& t, TlsSettings out) {
    read_path(t, "certificate", out.certificate);
    read_path(t, "key", out.key);
    read_path(t, "client_ca", out.client_ca);
    read_path(t, "client_crl", out.client_crl);
    t.read("ciphers", out.ciphers);
    std::string lowest = out.only_tls13 ? "1.3" : "1.2";
    t.read("tls_lowest", lowest);
    if (lowest != "1.2" && lowest != "1.3") refuse(t, "tls_lowest", "'" + lowest + "' is neither 1.2 nor 1.3");
    out.only_tls13 = lowest == "1.3";
    if (!t.has("client_certificates")) return out;
    std::string asked;
    t.read("client_certificates", asked);
    const auto parsed = parse_client_certificates(asked);
    if (!parsed) refuse(t, "client_certificates", "'" + asked + "' is none of none, optional, required");
    out.client_certificates = *parsed;
    return out;
}

std::vector<ListenerConfig> read_listeners(const Table& root) {
    const auto table = root.table("tls");
    table.only({"certificate", "key", "client_ca", "client_crl", "client_certificates", "tls_lowest", "ciphers"});
    const auto tls = read_tls(table);
    std::vector<ListenerConfig> out;
    for (const auto& t : root.tables("listener")) out.push_back(read_listener(t, tls));
    return out;
}

std::unique_ptr<TlsContext> make_tls(const ListenerConfig& l) {
    if (!has_tls(l.kind)) return nullptr;
    try {
        return std::make_unique<TlsContext>(l.tls);
    } catch (const std::runtime_error& error) {
        throw std::runtime_error(l.where + ": " + error.what());
    }
}

std::unique_ptr<Endpoint> make_endpoint(const ListenerConfig& l, const Limits& limits) {
    auto out = std::make_unique<Endpoint>();
    out->kind = l.kind;
    out->address = l.address;
    out->websocket = l.websocket;
    out->auth = l.auth;
    out->packet_before_connect = l.packet_before_connect.value_or(limits.packet_before_connect);
    out->packet = l.packet.value_or(limits.packet);
    out->connect_timeout = std::chrono::ceil<seconds>(l.connect_timeout.value_or(limits.connect_timeout));
    out->connections = l.connections;
    out->connections_per_address = l.connections_per_address;
    out->tls = make_tls(l);
    return out;
}

}  // namespace esl::broker
