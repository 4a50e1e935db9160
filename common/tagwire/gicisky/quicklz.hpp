// QuickLZ level 1 as the chunked Gicisky tags speak it: single blocks of at most 64 bytes with 64 hash buckets
// (stock QuickLZ has 4096; what it makes decodes wrongly on the panel). Internal to common/tagwire.
#pragma once

#include "common/core/bytes.hpp"
#include "common/core/result.hpp"
#include "common/tagwire/error.hpp"

namespace esl::tagwire::gicisky {

inline constexpr std::size_t kChunk = 64;

// The body alone, without a chunk header. Empty when it would not be smaller than the input. At most kChunk bytes in.
[[nodiscard]] Bytes quicklz_compress(BytesView in);
// Appends exactly `size` bytes to `out`. Errors: truncated, trailing, malformed (a match before any data or past
// `size`).
[[nodiscard]] Result<> quicklz_expand(BytesView body, std::size_t size, Bytes& out);

}  // namespace esl::tagwire::gicisky
