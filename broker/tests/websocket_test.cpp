// Upgrade and framing, without a socket.
#include "broker/net/websocket.hpp"

#include <gtest/gtest.h>

#include "common/testing/testing.hpp"

namespace esl::broker::websocket {
namespace {

using esl::testing::for_every_split;
using esl::testing::for_every_truncation;

struct Outcome {
    Bytes data;
    Bytes answer;
    std::optional<Error> error;
};

Outcome read(std::initializer_list<BytesView> parts) {
    Outcome out;
    FrameReader reader;
    for (const auto part : parts) {
        if (const auto good = reader.read(part, out.data, out.answer); !good) {
            out.error = good.error();
            break;
        }
    }
    return out;
}

Bytes hex(std::string_view text) {
    std::string digits;
    for (const char c : text) {
        if (c != ' ') digits.push_back(c);
    }
    return from_hex(digits).value();
}

// One masked frame, as a client sends it.
Bytes masked(std::uint8_t first, BytesView payload) {
    const std::array<std::uint8_t, 4> mask{0x37, 0xFA, 0x21, 0x3D};
    Bytes out;
    ByteWriter writer(out);
    writer.u8(first);
    if (payload.size() <= 125) {
        writer.u8(static_cast<std::uint8_t>(0x80 | payload.size()));
    } else if (payload.size() <= 0xFFFF) {
        writer.u8(0xFE).u16be(static_cast<std::uint16_t>(payload.size()));
    } else {
        writer.u8(0xFF).u32be(0).u32be(static_cast<std::uint32_t>(payload.size()));
    }
    writer.bytes(mask);
    for (std::size_t i = 0; i < payload.size(); ++i) writer.u8(payload[i] ^ mask[i % 4]);
    return out;
}

Bytes text(std::string_view t) {
    return {as_bytes(t).begin(), as_bytes(t).end()};
}

TEST(WebSocketFrames, UnmasksHoweverTheBytesAreCut) {
    const Bytes wire =
        hex("82 85"              // FIN, binary; masked, 5 bytes
            "37 FA 21 3D"        // mask
            "7F 9F 4D 51 58"     // "Hello" (RFC 6455, 5.7)
            "02 83 00 00 00 00"  // first part of a message in two; masked by nothing, 3 bytes
            "61 62 63"           // "abc"
            "89 82 01 02 03 04"  // a ping between them, 2 bytes
            "71 6B"              // "pi"
            "80 81 FF FF FF FF"  // FIN, continuation, 1 byte
            "9B");               // "d"
    for_every_split(wire, [](BytesView a, BytesView b) {
        const auto got = read({a, b});
        EXPECT_FALSE(got.error);
        EXPECT_EQ(got.data, text("Helloabcd"));
        EXPECT_EQ(got.answer, hex("8A 02 70 69"));  // the pong
    });
    Outcome by_bytes;
    FrameReader reader;
    for (const auto byte : wire) ASSERT_TRUE(reader.read({&byte, 1}, by_bytes.data, by_bytes.answer));
    EXPECT_EQ(by_bytes.data, text("Helloabcd"));
}

TEST(WebSocketFrames, GivesNoMoreThanHasCome) {
    const Bytes wire = masked(0x82, as_bytes("0123456789"));
    for_every_truncation(wire, [](BytesView part) {
        const auto got = read({part});
        EXPECT_FALSE(got.error);
        EXPECT_EQ(got.data.size(), part.size() < 6 ? 0 : part.size() - 6);
    });
}

TEST(WebSocketFrames, WritesEveryLengthInItsShortestForm) {
    const struct {
        std::size_t size;
        std::string_view header;
    } rows[] = {{0, "82 00"},
                {125, "82 7D"},
                {126, "82 7E 00 7E"},
                {65'535, "82 7E FF FF"},
                {65'536, "82 7F 00 00 00 00 00 01 00 00"}};
    for (const auto& row : rows) {
        const Bytes payload(row.size, 0x5A);
        Bytes out;
        write_frame(Opcode::binary, payload, out);
        const Bytes header = hex(row.header);
        ASSERT_EQ(out.size(), header.size() + row.size);
        EXPECT_TRUE(std::equal(header.begin(), header.end(), out.begin())) << row.size;
        const auto got = read({masked(0x82, payload)});
        EXPECT_FALSE(got.error);
        EXPECT_EQ(got.data, payload);
    }
}

TEST(WebSocketFrames, AnswersWhatIsNotAllowedWithACloseCode) {
    const struct {
        std::string_view name;
        std::string_view wire;
        std::string_view answer;
    } rows[] = {
        {"no mask", "82 05 48 65 6C 6C 6F", "88 02 03 EA"},
        {"text", "81 81 00 00 00 00 61", "88 02 03 EB"},
        {"reserved bit 1", "C2 80 00 00 00 00", "88 02 03 EA"},
        {"reserved bit 3", "92 80 00 00 00 00", "88 02 03 EA"},
        {"opcode 3", "83 80 00 00 00 00", "88 02 03 EA"},
        {"opcode 11", "8B 80 00 00 00 00", "88 02 03 EA"},
        {"continuation of nothing", "80 80 00 00 00 00", "88 02 03 EA"},
        {"a message inside another", "02 80 00 00 00 00 82 80", "88 02 03 EA"},
        {"a ping in parts", "09 80", "88 02 03 EA"},
        {"a ping of 126 bytes", "89 FE", "88 02 03 EA"},
        {"16 bits for 125", "82 FE 00 7D 00 00 00 00", "88 02 03 EA"},
        {"64 bits for 65,535", "82 FF 00 00 00 00 00 00 FF FF 00 00 00 00", "88 02 03 EA"},
        {"above 2^63", "82 FF 80 00 00 00 00 00 00 00 00 00 00 00", "88 02 03 EA"},
        {"a close of one byte", "88 81 00 00 00 00 03", "88 02 03 EA"},
        {"close code 999", "88 82 00 00 00 00 03 E7", "88 02 03 EA"},
        {"close code 1005", "88 82 00 00 00 00 03 ED", "88 02 03 EA"},
        {"close code 1006", "88 82 00 00 00 00 03 EE", "88 02 03 EA"},
        {"close code 2999", "88 82 00 00 00 00 0B B7", "88 02 03 EA"},
        {"close code 5000", "88 82 00 00 00 00 13 88", "88 02 03 EA"},
        {"a close reason that is no UTF-8", "88 83 00 00 00 00 03 E8 FF", "88 02 03 EF"},
    };
    for (const auto& row : rows) {
        const Bytes wire = hex(row.wire);
        for_every_split(wire, [&](BytesView a, BytesView b) {
            const auto got = read({a, b});
            ASSERT_TRUE(got.error) << row.name;
            EXPECT_TRUE(got.error->is(LayerError::violation)) << row.name;
            EXPECT_EQ(got.answer, hex(row.answer)) << row.name;
        });
    }
}

TEST(WebSocketFrames, AnswersACloseWithItsCodeAndReadsNothingAfterIt) {
    Bytes wire = hex("88 86 00 00 00 00 0F A0 62 79 65 21");  // 4000 "bye!"
    const Bytes more = masked(0x82, as_bytes("late"));
    wire.insert(wire.end(), more.begin(), more.end());
    const auto got = read({wire});
    ASSERT_TRUE(got.error);
    EXPECT_TRUE(got.error->is(LayerError::closed));
    EXPECT_EQ(got.answer, hex("88 02 0F A0"));
    EXPECT_TRUE(got.data.empty());
    const auto bare = read({hex("88 80 00 00 00 00")});
    EXPECT_TRUE(bare.error->is(LayerError::closed));
    EXPECT_EQ(bare.answer, hex("88 00"));
}

constexpr std::string_view kRequest =
    "GET /mqtt HTTP/1.1\r\n"
    "Host: server.example.com\r\n"
    "Upgrade: websocket\r\n"
    "Connection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: mqtt\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "\r\n";
constexpr std::string_view kAccepted =
    "HTTP/1.1 101 Switching Protocols\r\n"
    "Upgrade: websocket\r\n"
    "Connection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"  // RFC 6455, 1.3
    "Sec-WebSocket-Protocol: mqtt\r\n"
    "\r\n";

std::string with(std::string_view from, std::string_view to) {
    std::string out(kRequest);
    const auto at = out.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return out.replace(at, from.size(), to);
}

TEST(WebSocketUpgrade, AnswersTheExampleOfTheRfc) {
    EXPECT_EQ(answer_upgrade(kRequest, {}).response, kAccepted);
}

TEST(WebSocketUpgrade, TakesWhatClientsMaySend) {
    for (const auto& request :
         {with("GET /mqtt", "GET /"), with("GET /mqtt", "GET /mqtt?token=x"),
          with("Upgrade: websocket", "upgrade: WebSocket"),
          with("Connection: Upgrade", "Connection: keep-alive, Upgrade"),
          with("Protocol: mqtt", "Protocol: chat, mqtt"),
          with("Protocol: mqtt\r\n", "Protocol: chat\r\nSec-WebSocket-Protocol: mqtt\r\n"),
          with("Protocol: mqtt", "Protocol: mqttv3.1, mqtt"),
          with("Host:", "Origin: https://shop.example\r\nSec-WebSocket-Extensions: permessage-deflate\r\nHost:")}) {
        EXPECT_EQ(answer_upgrade(request, {}).response, kAccepted) << request;
    }
    const auto old = answer_upgrade(with("Protocol: mqtt", "Protocol: mqttv3.1"), {});
    EXPECT_NE(old.response.find("Sec-WebSocket-Protocol: mqttv3.1\r\n"), std::string::npos) << old.response;
}

TEST(WebSocketUpgrade, SaysWhyItRefuses) {
    const struct {
        std::string request;
        std::string_view status;
    } rows[] = {{with("GET", "POST"), "405"},
                {with("GET /mqtt", "GET /other"), "404"},
                {with("HTTP/1.1", "HTTP/1.0"), "505"},
                {with("Upgrade: websocket\r\n", ""), "426"},
                {with("Upgrade: websocket", "Upgrade: h2c"), "426"},
                {with("Connection: Upgrade", "Connection: close"), "426"},
                {with("Version: 13", "Version: 8"), "426"},
                {with("Sec-WebSocket-Version: 13\r\n", ""), "426"},
                {with("dGhlIHNhbXBsZSBub25jZQ==", "dGhl"), "400"},
                {with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZ!=="), "400"},
                {with("Protocol: mqtt", "Protocol: chat"), "400"},
                {with("Sec-WebSocket-Protocol: mqtt\r\n", ""), "400"},
                {with("Host:", "Content-Length: 5\r\nHost:"), "400"},
                {with("Host:", "Transfer-Encoding: chunked\r\nHost:"), "400"},
                {with("Host: server.example.com", "no header at all"), "400"},
                {with("GET /mqtt HTTP/1.1", "\x10\x0C\x00\x04MQTT"), "400"}};
    for (const auto& row : rows) {
        const auto said = answer_upgrade(row.request, {});
        EXPECT_TRUE(said.response.starts_with("HTTP/1.1 " + std::string(row.status))) << row.request << said.response;
        EXPECT_FALSE(said.refusal.empty());
        EXPECT_TRUE(said.response.ends_with("\r\n\r\n" + said.refusal + "\n"));
    }
}

TEST(WebSocketUpgrade, LetsOnlyNamedOriginsIn) {
    const UpgradeRules rules{.origins = {"https://shop.example"}};
    EXPECT_EQ(answer_upgrade(with("Host:", "Origin: https://shop.example\r\nHost:"), rules).response, kAccepted);
    for (const auto& request : {with("Host:", "Origin: https://evil.example\r\nHost:"), std::string(kRequest)})
        EXPECT_TRUE(answer_upgrade(request, rules).response.starts_with("HTTP/1.1 403 ")) << request;
}

TEST(WebSocketLayer, UpgradesAndUnframesHoweverTheBytesAreCut) {
    const UpgradeRules rules;
    Bytes wire = text(kRequest);
    const Bytes frame = masked(0x82, as_bytes("\x10\x0C"));
    wire.insert(wire.end(), frame.begin(), frame.end());
    for_every_split(wire, [&](BytesView a, BytesView b) {
        WebSocketLayer layer(rules);
        Bytes plain;
        Bytes answer;
        ASSERT_TRUE(layer.receive(a, plain, answer));
        ASSERT_TRUE(layer.receive(b, plain, answer));
        EXPECT_EQ(as_text(answer), kAccepted);
        EXPECT_EQ(plain, text("\x10\x0C"));
    });
}

TEST(WebSocketLayer, BoundsTheRequest) {
    const UpgradeRules rules;
    WebSocketLayer layer(rules);
    Bytes plain;
    Bytes answer;
    Bytes line = text("GET / HTTP/1.1\r\nX: ");
    ASSERT_TRUE(layer.receive(line, plain, answer));
    const Bytes drip(1, 'a');
    std::size_t sent = line.size();
    while (sent < kHeaderMost) {
        ASSERT_TRUE(layer.receive(drip, plain, answer)) << sent;
        ++sent;
    }
    const auto end = layer.receive(drip, plain, answer);
    ASSERT_FALSE(end);
    EXPECT_TRUE(end.error().is(LayerError::refused));
    EXPECT_TRUE(as_text(answer).starts_with("HTTP/1.1 431 ")) << as_text(answer);
}

TEST(WebSocketLayer, KnowsByTheFirstByteWhatIsNoHttp) {
    const UpgradeRules rules;
    for (const std::string_view first : {"\x16", "\x10", "g", " "}) {
        WebSocketLayer layer(rules);
        Bytes plain;
        Bytes answer;
        const auto end = layer.receive(as_bytes(first), plain, answer);
        ASSERT_FALSE(end);
        EXPECT_EQ(end.error().message(), "WebSocket refused: not HTTP");
        EXPECT_TRUE(answer.empty());
    }
}

TEST(WebSocketLayer, SendsAFrameAPacketAndSaysGoodbyeOnce) {
    const UpgradeRules rules;
    WebSocketLayer layer(rules);
    Bytes plain;
    Bytes wire;
    layer.send(hex("D0 00"), wire);  // too early
    EXPECT_TRUE(wire.empty());
    ASSERT_TRUE(layer.receive(as_bytes(kRequest), plain, wire));
    wire.clear();
    layer.send(hex("20 02 00 00"  // CONNACK
                   "D0 00"        // PINGRESP
                   "40 02 00 07"  // PUBACK
                   ),
               wire);
    EXPECT_EQ(wire, hex("82 04 20 02 00 00"
                        "82 02 D0 00"
                        "82 04 40 02 00 07"));
    wire.clear();
    Bytes large = hex("30 F0 A2 04 00 01 61");  // PUBLISH of 70,000 bytes behind the fixed header
    large.resize(70'004, 'x');
    layer.send(large, wire);
    ASSERT_EQ(wire.size(), 10 + large.size());
    EXPECT_EQ(Bytes(wire.begin(), wire.begin() + 10), hex("82 7F 00 00 00 00 00 01 11 74"));
    wire.clear();
    layer.finish(CloseCause::shutting_down, wire);
    layer.finish(CloseCause::shutting_down, wire);
    layer.send(hex("D0 00"), wire);  // too late
    EXPECT_EQ(wire, hex("88 02 03 E9"));
}

}  // namespace
}  // namespace esl::broker::websocket
