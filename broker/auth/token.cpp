#include "broker/auth/token.hpp"

#include <sodium.h>

#include <algorithm>

#include "common/mqtt/topic_filter.hpp"

namespace esl::broker {
namespace {

constexpr std::uint8_t kForm = 1;
constexpr std::size_t kIdBytes = 16;
constexpr std::size_t kMacBytes = crypto_auth_hmacsha256_BYTES;
static_assert(crypto_auth_hmacsha256_KEYBYTES == std::tuple_size_v<MasterKey::Key>);

void short_text(ByteWriter& out, std::string_view text) {
    out.u8(static_cast<std::uint8_t>(text.size())).bytes(as_bytes(text));
}
std::string short_text(ByteReader& in) {
    const auto size = in.u8();
    return std::string(as_text(in.bytes(size)));
}

}  // namespace

std::optional<Access> parse_token_access(std::string_view text) {
    if (text == "R") return Access::subscribe;
    if (text == "W") return Access::publish;
    if (text == "RW" || text == "R,W" || text == "W,R") return Access::both;
    return std::nullopt;
}

std::string_view token_type(Access access) {
    switch (access) {
        case Access::subscribe:
            return "R";
        case Access::publish:
            return "W";
        case Access::both:
            return "RW";
    }
    return "?";
}

std::string write_token(const Token& token, const MasterKey::Key& key) {
    Bytes bytes;
    ByteWriter out(bytes);
    out.u8(kForm).bytes(from_hex(token.id).value());
    out.u64le(static_cast<std::uint64_t>(to_millis(token.expires))).u8(static_cast<std::uint8_t>(token.access));
    short_text(out, token.access_key);
    short_text(out, token.instance);
    out.u8(static_cast<std::uint8_t>(token.resources.size()));
    for (const auto& resource : token.resources)
        out.u16le(static_cast<std::uint16_t>(resource.size())).bytes(as_bytes(resource));
    const auto size = bytes.size();
    bytes.resize(size + kMacBytes);
    crypto_auth_hmacsha256(bytes.data() + size, bytes.data(), size, key.data());
    return to_base64url(bytes);
}

std::expected<Token, TokenFault> read_token(std::string_view text, const MasterKey::Key& key) {
    const auto bytes = from_base64url(text);
    if (!bytes || bytes->size() <= kMacBytes) return std::unexpected(TokenFault::forged);
    const BytesView signed_part = BytesView(*bytes).first(bytes->size() - kMacBytes);
    if (crypto_auth_hmacsha256_verify(bytes->data() + signed_part.size(), signed_part.data(), signed_part.size(),
                                      key.data()) != 0) {
        return std::unexpected(TokenFault::forged);
    }
    ByteReader in(signed_part);
    Token out;
    const auto form = in.u8();
    out.id = to_lower_hex(in.bytes(kIdBytes));
    out.expires = from_millis(static_cast<std::int64_t>(in.u64le()));
    const auto access = in.u8();
    out.access = static_cast<Access>(access);
    out.access_key = short_text(in);
    out.instance = short_text(in);
    out.resources.resize(in.u8());
    for (auto& resource : out.resources) {
        const auto size = in.u16le();
        resource = as_text(in.bytes(size));
    }
    if (form != kForm || access < 1 || access > 3 || !in.exhausted()) return std::unexpected(TokenFault::forged);
    return out;
}

std::optional<std::vector<TypedToken>> parse_token_password(std::string_view password) {
    std::vector<TypedToken> out;
    for (;;) {
        const auto bar = password.find('|');
        if (bar == std::string_view::npos) return std::nullopt;
        const auto type = password.substr(0, bar);
        password.remove_prefix(bar + 1);
        const auto end = password.find('|');
        const auto text = password.substr(0, end);
        const bool known = type == "R" || type == "W" || type == "RW";
        if (!known || text.empty() || std::ranges::find(out, type, &TypedToken::type) != out.end()) return std::nullopt;
        out.push_back({type, text});
        if (end == std::string_view::npos) return out;
        password.remove_prefix(end + 1);
    }
}

}  // namespace esl::broker
