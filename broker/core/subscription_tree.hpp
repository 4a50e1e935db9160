// Topic filters and who holds them. One tree serves two uses: on a shard, session → its subscription; between shards,
// shard → "somebody here holds this filter".
// Shard-bound. Matching allocates nothing.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace esl::broker {

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};

template <class Value>
using TextMap = boost::unordered_flat_map<std::string, Value, TextHash, std::equal_to<>>;

// What a subscriber asked for with one filter.
struct SubscriptionOptions {
    std::uint8_t qos = 0;
    bool no_local = false;
    bool retain_as_published = false;
    std::uint8_t retain_handling = 0;
    std::uint32_t identifier = 0;  // 0: none

    bool operator==(const SubscriptionOptions&) const = default;
};

class SubscriptionTree {
public:
    using Holder = std::uint32_t;
    struct Match {
        Holder holder;
        SubscriptionOptions options;
    };
    enum class Added : std::uint8_t { first, another, replaced };

    // `first`: nobody held this filter before; `another`: others do; `replaced`: this holder had it, its options are
    // these now.
    Added add(std::string_view filter, Holder holder, const SubscriptionOptions& options);
    // True when the holder had the filter. `last` says that nobody holds it any more.
    bool remove(std::string_view filter, Holder holder, bool* last = nullptr);
    // Appends every matching pair to `out`; a holder with several matching filters is in it several times.
    void match(std::string_view topic, std::vector<Match>& out) const;

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::size_t nodes() const { return nodes_; }

private:
    struct Node;
    // Most nodes have one child, some have a hundred thousand: a list up to a few, a table above. A table for each
    // would be half of what an idle subscriber costs.
    class Children {
    public:
        [[nodiscard]] Node* find(std::string_view level) const;
        // The child, made when it is not there (`made` says so).
        Node& get(std::string_view level, bool& made);
        void erase(std::string_view level);
        [[nodiscard]] bool empty() const { return few_.empty() && !many_; }

    private:
        static constexpr std::size_t kFew = 8;
        std::vector<std::pair<std::string, std::unique_ptr<Node>>> few_;
        std::unique_ptr<TextMap<std::unique_ptr<Node>>> many_;  // then few_ is empty
    };
    struct Node {
        std::vector<Match> holders;
        std::unique_ptr<Children> children;  // made on first use: most nodes are leaves

        [[nodiscard]] Node* child(std::string_view level) const;
        Node& make_child(std::string_view level, std::size_t& nodes);
        [[nodiscard]] bool empty() const { return holders.empty() && (!children || children->empty()); }
    };

    bool remove_below(Node& node, std::string_view rest, bool at_end, Holder holder, bool& found, bool* last);
    static void match_below(const Node& node, std::string_view rest, bool at_end, bool first, std::vector<Match>& out);

    Node root_;
    std::size_t size_ = 0;
    std::size_t nodes_ = 0;
};

}  // namespace esl::broker
