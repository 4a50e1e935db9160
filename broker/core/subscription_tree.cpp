#include "broker/core/subscription_tree.hpp"

#include <algorithm>

namespace esl::broker {
namespace {

// Cuts the first level off `rest`; `at_end` becomes true when that was the last one.
std::string_view next_level(std::string_view& rest, bool& at_end) {
    const auto slash = rest.find('/');
    const auto level = rest.substr(0, slash);
    at_end = slash == std::string_view::npos;
    rest = at_end ? std::string_view{} : rest.substr(slash + 1);
    return level;
}

void append(std::vector<SubscriptionTree::Match>& out, const std::vector<SubscriptionTree::Match>& holders) {
    out.insert(out.end(), holders.begin(), holders.end());
}

}  // namespace

SubscriptionTree::Node* SubscriptionTree::Children::find(std::string_view level) const {
    if (many_) {
        const auto at = many_->find(level);
        return at == many_->end() ? nullptr : at->second.get();
    }
    for (const auto& [name, node] : few_) {
        if (name == level) return node.get();
    }
    return nullptr;
}

SubscriptionTree::Node& SubscriptionTree::Children::get(std::string_view level, bool& made) {
    if (Node* there = find(level)) {
        made = false;
        return *there;
    }
    made = true;
    if (!many_ && few_.size() >= kFew) {
        many_ = std::make_unique<TextMap<std::unique_ptr<Node>>>();
        for (auto& [name, node] : few_) many_->emplace(std::move(name), std::move(node));
        few_.clear();
        few_.shrink_to_fit();
    }
    auto node = std::make_unique<Node>();
    Node& ref = *node;
    if (many_) {
        many_->emplace(std::string(level), std::move(node));
    } else {
        few_.emplace_back(std::string(level), std::move(node));
    }
    return ref;
}

void SubscriptionTree::Children::erase(std::string_view level) {
    if (many_) {
        if (const auto at = many_->find(level); at != many_->end()) many_->erase(at);
        if (many_->empty()) many_.reset();
        return;
    }
    std::erase_if(few_, [&](const auto& child) { return child.first == level; });
}

SubscriptionTree::Node* SubscriptionTree::Node::child(std::string_view level) const {
    return children ? children->find(level) : nullptr;
}

SubscriptionTree::Node& SubscriptionTree::Node::make_child(std::string_view level, std::size_t& nodes) {
    if (!children) children = std::make_unique<Children>();
    bool made = false;
    Node& node = children->get(level, made);
    nodes += made ? 1 : 0;
    return node;
}

SubscriptionTree::Added SubscriptionTree::add(std::string_view filter, Holder holder,
                                              const SubscriptionOptions& options) {
    Node* node = &root_;
    bool at_end = false;
    while (!at_end) node = &node->make_child(next_level(filter, at_end), nodes_);
    const auto at = std::ranges::find(node->holders, holder, &Match::holder);
    if (at != node->holders.end()) {
        at->options = options;
        return Added::replaced;
    }
    node->holders.push_back({holder, options});
    ++size_;
    return node->holders.size() == 1 ? Added::first : Added::another;
}

bool SubscriptionTree::remove(std::string_view filter, Holder holder, bool* last) {
    bool found = false;
    if (last != nullptr) *last = false;
    remove_below(root_, filter, false, holder, found, last);
    if (found) --size_;
    return found;
}

// True when the node has nothing left and may go.
bool SubscriptionTree::remove_below(Node& node, std::string_view rest, bool at_end, Holder holder, bool& found,
                                    bool* last) {
    if (at_end) {
        const auto at = std::ranges::find(node.holders, holder, &Match::holder);
        if (at == node.holders.end()) return false;
        *at = node.holders.back();
        node.holders.pop_back();
        found = true;
        if (last != nullptr) *last = node.holders.empty();
        return node.empty();
    }
    if (!node.children) return false;
    const auto level = next_level(rest, at_end);
    Node* child = node.children->find(level);
    if (child == nullptr) return false;
    if (remove_below(*child, rest, at_end, holder, found, last)) {
        node.children->erase(level);
        --nodes_;
        if (node.children->empty()) node.children.reset();
    }
    return found && node.empty();
}

void SubscriptionTree::match(std::string_view topic, std::vector<Match>& out) const {
    match_below(root_, topic, false, true, out);
}

void SubscriptionTree::match_below(const Node& node, std::string_view rest, bool at_end, bool first,
                                   std::vector<Match>& out) {
    const bool hidden = first && rest.starts_with('$');
    if (const Node* all = hidden ? nullptr : node.child("#")) append(out, all->holders);
    if (at_end) return append(out, node.holders);
    if (!node.children) return;
    const auto level = next_level(rest, at_end);
    if (const Node* exact = node.child(level)) match_below(*exact, rest, at_end, false, out);
    if (const Node* any = hidden ? nullptr : node.child("+")) match_below(*any, rest, at_end, false, out);
}

}  // namespace esl::broker
