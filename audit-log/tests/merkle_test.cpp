#include "audit_log/merkle.hpp"

#include <gtest/gtest.h>

namespace esl::audit {
namespace {

// The inputs of the reference test tree of Certificate Transparency (RFC 6962 implementations share it).
const std::vector<std::string> kInputs{
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};

MerkleTree reference_tree() {
    MerkleTree tree;
    for (const auto& hex : kInputs) tree.append(leaf_hash(from_hex(hex).value()));
    return tree;
}

// The definition of RFC 6962 section 2.1, written down as it stands there.
Hash naive_root(const std::vector<Hash>& leaves, std::size_t begin, std::size_t end) {
    const auto n = end - begin;
    if (n == 1) return leaves[begin];
    std::size_t k = 1;
    while (k * 2 < n) k *= 2;
    return node_hash(naive_root(leaves, begin, begin + k), naive_root(leaves, begin + k, end));
}

TEST(Merkle, GivesTheRootsOfTheReferenceTree) {
    const auto tree = reference_tree();
    EXPECT_EQ(to_lower_hex(tree.root(0)), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(to_lower_hex(tree.root(1)), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    EXPECT_EQ(to_lower_hex(tree.root(2)), "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    EXPECT_EQ(to_lower_hex(tree.root(8)), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
}

TEST(Merkle, EveryRootEqualsTheDefinition) {
    MerkleTree tree;
    std::vector<Hash> leaves;
    for (std::uint8_t i = 0; i < 130; ++i) {
        leaves.push_back(leaf_hash(Bytes{i}));
        tree.append(leaves.back());
        EXPECT_EQ(tree.root(tree.size()), naive_root(leaves, 0, leaves.size()));
    }
    for (std::size_t n = 1; n <= leaves.size(); ++n) EXPECT_EQ(tree.root(n), naive_root(leaves, 0, n));
}

TEST(Merkle, EveryInclusionProofVerifiesAndNoOtherDoes) {
    MerkleTree tree;
    std::vector<Hash> leaves;
    for (std::uint8_t i = 0; i < 40; ++i) {
        leaves.push_back(leaf_hash(Bytes{i}));
        tree.append(leaves.back());
    }
    for (std::uint64_t size = 1; size <= 40; ++size) {
        for (std::uint64_t i = 0; i < size; ++i) {
            const auto proof = tree.inclusion_proof(i, size);
            EXPECT_TRUE(verify_inclusion(leaves[i], i, size, proof, tree.root(size)));
            EXPECT_FALSE(verify_inclusion(leaves[(i + 1) % 40], i, size, proof, tree.root(size)));
            if (size > 1) EXPECT_FALSE(verify_inclusion(leaves[i], (i + 1) % size, size, proof, tree.root(size)));
            auto longer = proof;
            longer.push_back(leaves[0]);
            EXPECT_FALSE(verify_inclusion(leaves[i], i, size, longer, tree.root(size)));
        }
    }
}

TEST(Merkle, EveryConsistencyProofVerifiesAndNoOtherDoes) {
    MerkleTree tree;
    for (std::uint8_t i = 0; i < 40; ++i) tree.append(leaf_hash(Bytes{i}));
    for (std::uint64_t second = 1; second <= 40; ++second) {
        for (std::uint64_t first = 1; first <= second; ++first) {
            const auto proof = tree.consistency_proof(first, second);
            EXPECT_TRUE(verify_consistency(first, second, proof, tree.root(first), tree.root(second)));
            auto wrong = tree.root(first);
            wrong[0] ^= 1;
            EXPECT_FALSE(verify_consistency(first, second, proof, wrong, tree.root(second)));
            if (first > 1 && first < second) {
                EXPECT_FALSE(verify_consistency(first - 1, second, proof, tree.root(first - 1), tree.root(second)));
            }
        }
    }
}

}  // namespace
}  // namespace esl::audit
