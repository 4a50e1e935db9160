#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>

#include "broker/net/websocket.hpp"

namespace esl::broker::websocket {
namespace {

namespace http = boost::beast::http;
using Request = http::request<http::empty_body>;

std::string_view view(boost::beast::string_view text) {
    return {text.data(), text.size()};
}

UpgradeAnswer refuse(std::string_view status, std::string why, std::string_view more = {}) {
    UpgradeAnswer out;
    out.response = "HTTP/1.1 ";
    out.response.append(status).append("\r\n").append(more);
    out.response.append("Connection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ");
    out.response.append(std::to_string(why.size() + 1)).append("\r\n\r\n").append(why).append("\n");
    out.refusal = std::move(why);
    return out;
}

bool has_token(const Request& request, http::field field, boost::beast::string_view token) {
    const auto all = request.equal_range(field);
    return std::any_of(all.first, all.second,
                       [&](const auto& it) { return http::token_list{it.value()}.exists(token); });
}

// 16 bytes in base64 [RFC 6455, 4.1].
bool good_key(std::string_view key) {
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return key.size() == 24 && key.ends_with("==") &&
           key.substr(0, 22).find_first_not_of(kDigits) == std::string_view::npos;
}

// "mqtt" where it is offered; Paho's JavaScript client offers "mqttv3.1" for MQTT 3.1.
std::string_view protocol_for(const Request& request) {
    for (const std::string_view name : {"mqtt", "mqttv3.1"}) {
        if (has_token(request, http::field::sec_websocket_protocol, {name.data(), name.size()})) return name;
    }
    return {};
}

}  // namespace

std::string accept_of(std::string_view key) {
    std::string text(key);
    text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
    SHA1(as_bytes(text).data(), text.size(), digest.data());
    std::array<unsigned char, 32> out{};
    const int size = EVP_EncodeBlock(out.data(), digest.data(), static_cast<int>(digest.size()));
    return {reinterpret_cast<const char*>(out.data()), static_cast<std::size_t>(size)};
}

UpgradeAnswer answer_upgrade(std::string_view text, const UpgradeRules& rules) {
    http::request_parser<http::empty_body> parser;
    parser.header_limit(kHeaderMost);
    boost::beast::error_code error;
    parser.put(boost::asio::buffer(text.data(), text.size()), error);
    if (error || !parser.is_header_done()) return refuse("400 Bad Request", "not an HTTP request");
    const Request& request = parser.get();
    const std::string_view target = view(request.target());
    if (request.method() != http::verb::get) return refuse("405 Method Not Allowed", "only GET", "Allow: GET\r\n");
    if (request.version() != 11) return refuse("505 HTTP Version Not Supported", "only HTTP/1.1");
    if (parser.content_length().value_or(0) != 0 || parser.chunked())
        return refuse("400 Bad Request", "an upgrade has no body");
    if (std::ranges::find(rules.paths, target.substr(0, target.find('?'))) == rules.paths.end())
        return refuse("404 Not Found", "no WebSocket at this path");
    if (!has_token(request, http::field::upgrade, "websocket") ||
        !has_token(request, http::field::connection, "upgrade"))
        return refuse("426 Upgrade Required", "this is a WebSocket for MQTT", "Upgrade: websocket\r\n");
    if (view(request[http::field::sec_websocket_version]) != "13")
        return refuse("426 Upgrade Required", "WebSocket version 13 only", "Sec-WebSocket-Version: 13\r\n");
    const std::string_view key = view(request[http::field::sec_websocket_key]);
    if (!good_key(key)) return refuse("400 Bad Request", "Sec-WebSocket-Key is not 16 bytes in base64");
    if (!rules.origins.empty() &&
        std::ranges::find(rules.origins, view(request[http::field::origin])) == rules.origins.end())
        return refuse("403 Forbidden", "this origin may not connect");
    const auto protocol = protocol_for(request);
    if (protocol.empty()) return refuse("400 Bad Request", "the subprotocol mqtt is not offered");  // [MQTT-6.0.0-3]
    UpgradeAnswer out;
    out.response =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: ";
    out.response.append(accept_of(key)).append("\r\nSec-WebSocket-Protocol: ").append(protocol).append("\r\n\r\n");
    return out;
}

}  // namespace esl::broker::websocket
