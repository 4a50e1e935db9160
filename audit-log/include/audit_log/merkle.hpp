// The Merkle tree of RFC 6962 section 2.1 (same as RFC 9162): leaf hash SHA-256(00 || data), node hash
// SHA-256(01 || left || right). Pure functions and a value class, no I/O.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "common/core/bytes.hpp"

namespace esl::audit {

using Hash = std::array<std::uint8_t, 32>;

[[nodiscard]] Hash leaf_hash(BytesView data);
[[nodiscard]] Hash node_hash(const Hash& left, const Hash& right);

// Keeps the hash of every complete subtree: 64 bytes an entry. Roots and proofs take O(log n).
class MerkleTree {
public:
    void append(const Hash& leaf);
    [[nodiscard]] std::uint64_t size() const { return levels_.empty() ? 0 : levels_[0].size(); }

    // Root over the first `size` leaves, size <= size() (asserted). Size 0: SHA-256 of nothing.
    [[nodiscard]] Hash root(std::uint64_t size) const;
    // Audit path of leaf `index` in the tree of the first `size` leaves: index < size <= size().
    [[nodiscard]] std::vector<Hash> inclusion_proof(std::uint64_t index, std::uint64_t size) const;
    // That the tree of `second` leaves begins with the tree of `first`: first <= second <= size().
    [[nodiscard]] std::vector<Hash> consistency_proof(std::uint64_t first, std::uint64_t second) const;

private:
    [[nodiscard]] Hash range(std::uint64_t begin, std::uint64_t end) const;
    void path(std::uint64_t index, std::uint64_t begin, std::uint64_t end, std::vector<Hash>& out) const;
    void subproof(std::uint64_t first, std::uint64_t begin, std::uint64_t end, bool known,
                  std::vector<Hash>& out) const;

    std::vector<std::vector<Hash>> levels_;  // levels_[k][i]: leaves i*2^k up to (i+1)*2^k
};

// For someone who has only the proof. RFC 9162 sections 2.1.3.2 and 2.1.4.2.
[[nodiscard]] bool verify_inclusion(const Hash& leaf, std::uint64_t index, std::uint64_t size,
                                    const std::vector<Hash>& proof, const Hash& root);
[[nodiscard]] bool verify_consistency(std::uint64_t first, std::uint64_t second, const std::vector<Hash>& proof,
                                      const Hash& first_root, const Hash& second_root);

}  // namespace esl::audit
