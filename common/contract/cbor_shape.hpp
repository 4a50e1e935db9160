// Checks the outer shape of a CBOR item before it is decoded, so that hostile input can neither nest without end (the
// decoder recurses) nor announce more than it brings. Internal to common/contract.
#pragma once

#include "common/core/bytes.hpp"
#include "common/core/result.hpp"

namespace esl::contract::detail {

inline constexpr std::size_t kMaxDepth = 16;

// Exactly one item of definite lengths, nested at most kMaxDepth deep, with nothing behind it. Errors:
// ContractError::malformed with the offset.
[[nodiscard]] Result<> check_cbor_shape(BytesView cbor);

}  // namespace esl::contract::detail
