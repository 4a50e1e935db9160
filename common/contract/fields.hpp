// Typed reading of a decoded CBOR map with errors that carry the path. Internal to common/contract.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "common/contract/messages.hpp"

namespace esl::contract::detail {

using Json = nlohmann::json;

// Thrown inside the decoder and turned into an Error at its edge; never leaves the library.
struct Bad {
    std::string what;
};

// One map and where it stands in the message ("tasks[3]."); the map outlives it.
class Fields {
public:
    Fields(const Json& map, std::string path) : map_(map), path_(std::move(path)) {
        if (!map_.is_object()) throw Bad{path_ + ": expected a map"};
    }

    [[nodiscard]] bool has(const char* key) const { return map_.contains(key); }
    [[nodiscard]] std::uint64_t number(const char* key, std::uint64_t highest = UINT64_MAX) const;
    [[nodiscard]] std::int64_t integer(const char* key, std::int64_t lowest, std::int64_t highest) const;
    [[nodiscard]] std::string text(const char* key, std::size_t longest = 256) const;
    [[nodiscard]] bool flag(const char* key) const;
    [[nodiscard]] Bytes bytes(const char* key) const;
    [[nodiscard]] UnixMillis time(const char* key) const;
    [[nodiscard]] TagId tag(const char* key) const;
    [[nodiscard]] const Json& list(const char* key) const;

    template <class Read>
    [[nodiscard]] auto optional(const char* key, Read read) const -> std::optional<decltype(read())> {
        if (!has(key)) return std::nullopt;
        return read();
    }
    template <class Item, class Read>
    [[nodiscard]] std::vector<Item> items(const char* key, Read read) const {
        std::vector<Item> out;
        const auto& all = list(key);
        out.reserve(all.size());
        for (std::size_t i = 0; i < all.size(); ++i) {
            out.push_back(read(Fields(all[i], path_ + key + "[" + std::to_string(i) + "].")));
        }
        return out;
    }
    [[noreturn]] void refuse(const char* key, const std::string& what) const { throw Bad{path_ + key + ": " + what}; }

private:
    const Json& at(const char* key) const;

    const Json& map_;
    std::string path_;
};

}  // namespace esl::contract::detail
