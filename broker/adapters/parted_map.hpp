// A hash map of numbers in many parts, each of which grows alone: as one, a map of a quarter million entries stands
// still for 7 ms while it grows. Not thread-safe.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>

namespace esl::broker {

template <class Value>
class PartedMap {
public:
    // Valid until the next change.
    [[nodiscard]] Value* find(std::uint64_t key) {
        auto& part = part_of(key);
        const auto at = part.find(key);
        return at == part.end() ? nullptr : &at->second;
    }
    Value& operator[](std::uint64_t key) {
        auto& part = part_of(key);
        const auto before = part.size();
        auto& value = part[key];
        size_ += part.size() - before;
        return value;
    }
    void erase(std::uint64_t key) { size_ -= part_of(key).erase(key); }
    [[nodiscard]] std::size_t size() const { return size_; }

private:
    static constexpr std::size_t kParts = 256;
    static constexpr std::uint64_t kNeighbours = 1'024;
    using Part = boost::unordered_flat_map<std::uint64_t, Value>;

    // Keys that are near to one another lie in one part, which stays in the processor's cache for as long as they come.
    // Parts must not fill alike, or they would grow at the same time: the finalizer of SplitMix64, which has nothing in
    // common with the hash inside a part.
    Part& part_of(std::uint64_t key) {
        key /= kNeighbours;
        key = (key ^ (key >> 30)) * 0xBF58'476D'1CE4'E5B9ULL;
        key = (key ^ (key >> 27)) * 0x94D0'49BB'1331'11EBULL;
        return parts_[(key ^ (key >> 31)) % kParts];
    }

    std::array<Part, kParts> parts_;
    std::size_t size_ = 0;
};

}  // namespace esl::broker
