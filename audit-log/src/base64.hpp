// Standard base64 with padding, by libsodium. Internal to audit-log.
#pragma once

#include <sodium.h>

#include <optional>
#include <string>
#include <string_view>

#include "common/core/bytes.hpp"

namespace esl::audit {

inline std::string base64(BytesView raw) {
    std::string out(sodium_base64_encoded_len(raw.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
    sodium_bin2base64(out.data(), out.size(), raw.data(), raw.size(), sodium_base64_VARIANT_ORIGINAL);
    out.pop_back();  // the terminating zero is counted
    return out;
}

inline std::optional<Bytes> from_base64(std::string_view text) {
    Bytes out(text.size());
    std::size_t length = 0;
    if (sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &length, nullptr,
                          sodium_base64_VARIANT_ORIGINAL) != 0) {
        return std::nullopt;
    }
    out.resize(length);
    return out;
}

}  // namespace esl::audit
