#include "audit_log/merkle.hpp"

#include <sodium.h>

#include <bit>
#include <cassert>

namespace esl::audit {
namespace {

Hash hash_of(std::uint8_t prefix, BytesView a, BytesView b) {
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, &prefix, 1);
    crypto_hash_sha256_update(&state, a.data(), a.size());
    crypto_hash_sha256_update(&state, b.data(), b.size());
    Hash out;
    crypto_hash_sha256_final(&state, out.data());
    return out;
}

// Largest power of two smaller than n, n >= 2.
std::uint64_t split(std::uint64_t n) {
    return std::bit_floor(n - 1);
}

}  // namespace

Hash leaf_hash(BytesView data) {
    return hash_of(0x00, data, {});
}
Hash node_hash(const Hash& left, const Hash& right) {
    return hash_of(0x01, left, right);
}

void MerkleTree::append(const Hash& leaf) {
    Hash hash = leaf;
    for (std::size_t level = 0;; ++level) {
        if (level == levels_.size()) levels_.emplace_back();
        auto& nodes = levels_[level];
        nodes.push_back(hash);
        if (nodes.size() % 2 != 0) return;
        hash = node_hash(nodes[nodes.size() - 2], nodes.back());
    }
}

Hash MerkleTree::range(std::uint64_t begin, std::uint64_t end) const {
    const auto n = end - begin;
    if (std::has_single_bit(n)) {  // begin is a multiple of n here, by construction of the splits
        return levels_[static_cast<std::size_t>(std::countr_zero(n))][begin / n];
    }
    const auto k = split(n);
    return node_hash(range(begin, begin + k), range(begin + k, end));
}

Hash MerkleTree::root(std::uint64_t size) const {
    assert(size <= this->size());
    if (size == 0) {
        Hash out;
        crypto_hash_sha256(out.data(), nullptr, 0);
        return out;
    }
    return range(0, size);
}

void MerkleTree::path(std::uint64_t index, std::uint64_t begin, std::uint64_t end, std::vector<Hash>& out) const {
    const auto n = end - begin;
    if (n == 1) return;
    const auto k = split(n);
    if (index < k) {
        path(index, begin, begin + k, out);
        out.push_back(range(begin + k, end));
    } else {
        path(index - k, begin + k, end, out);
        out.push_back(range(begin, begin + k));
    }
}

std::vector<Hash> MerkleTree::inclusion_proof(std::uint64_t index, std::uint64_t size) const {
    assert(index < size && size <= this->size());
    std::vector<Hash> out;
    path(index, 0, size, out);
    return out;
}

void MerkleTree::subproof(std::uint64_t first, std::uint64_t begin, std::uint64_t end, bool known,
                          std::vector<Hash>& out) const {
    const auto n = end - begin;
    if (first == n) {
        if (!known) out.push_back(range(begin, end));
        return;
    }
    const auto k = split(n);
    if (first <= k) {
        subproof(first, begin, begin + k, known, out);
        out.push_back(range(begin + k, end));
    } else {
        subproof(first - k, begin + k, end, false, out);
        out.push_back(range(begin, begin + k));
    }
}

std::vector<Hash> MerkleTree::consistency_proof(std::uint64_t first, std::uint64_t second) const {
    assert(first <= second && second <= size());
    std::vector<Hash> out;
    if (first > 0 && first < second) subproof(first, 0, second, true, out);
    return out;
}

bool verify_inclusion(const Hash& leaf, std::uint64_t index, std::uint64_t size, const std::vector<Hash>& proof,
                      const Hash& root) {
    if (index >= size) return false;
    auto node = index;
    auto last = size - 1;
    Hash hash = leaf;
    for (const auto& p : proof) {
        if (last == 0) return false;
        if (node % 2 == 1 || node == last) {
            hash = node_hash(p, hash);
            while (node % 2 == 0 && node != 0) {
                node /= 2;
                last /= 2;
            }
        } else {
            hash = node_hash(hash, p);
        }
        node /= 2;
        last /= 2;
    }
    return last == 0 && hash == root;
}

bool verify_consistency(std::uint64_t first, std::uint64_t second, const std::vector<Hash>& proof,
                        const Hash& first_root, const Hash& second_root) {
    if (first > second) return false;
    if (first == second) return proof.empty() && first_root == second_root;
    if (first == 0) return proof.empty();
    std::vector<Hash> path;
    if (std::has_single_bit(first)) path.push_back(first_root);
    path.insert(path.end(), proof.begin(), proof.end());
    if (path.empty()) return false;

    auto node = first - 1;
    auto last = second - 1;
    while (node % 2 == 1) {
        node /= 2;
        last /= 2;
    }
    Hash old_hash = path[0];
    Hash new_hash = path[0];
    for (std::size_t i = 1; i < path.size(); ++i) {
        if (last == 0) return false;
        if (node % 2 == 1 || node == last) {
            old_hash = node_hash(path[i], old_hash);
            new_hash = node_hash(path[i], new_hash);
            while (node % 2 == 0 && node != 0) {
                node /= 2;
                last /= 2;
            }
        } else {
            new_hash = node_hash(new_hash, path[i]);
        }
        node /= 2;
        last /= 2;
    }
    return last == 0 && old_hash == first_root && new_hash == second_root;
}

}  // namespace esl::audit
