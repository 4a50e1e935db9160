#include "broker/core/grant.hpp"

#include <algorithm>
#include <utility>

namespace esl::broker {
namespace {

std::shared_ptr<const AccessList> compile(const std::vector<HeldToken>& tokens) {
    std::vector<AccessRule> rules;
    for (const auto& token : tokens) rules.insert(rules.end(), token.rules.begin(), token.rules.end());
    return std::make_shared<const AccessList>(rules);
}

}  // namespace

Grant::Grant(std::string subject, std::vector<HeldToken> tokens)
    : kind_(Kind::token),
      subject_(std::move(subject)),
      tokens_(std::move(tokens)),
      owner_(compile(tokens_)),
      list_(owner_.get()) {}

const HeldToken* Grant::first_to_expire() const {
    const auto at = std::ranges::min_element(tokens_, {}, &HeldToken::expires);
    return at == tokens_.end() ? nullptr : &*at;
}

std::shared_ptr<const AccessList> Grant::replace(std::shared_ptr<const AccessList> next) {
    list_.store(next.get(), std::memory_order_release);
    return std::exchange(owner_, std::move(next));
}

}  // namespace esl::broker
