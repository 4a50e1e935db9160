#include "mgmt-service/auth/model.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace esl::mgmt::auth {
namespace {

constexpr std::array<std::pair<Role, std::string_view>, 5> kRoles{{{Role::chain_admin, "chain_admin"},
                                                                   {Role::store_manager, "store_manager"},
                                                                   {Role::operator_, "operator"},
                                                                   {Role::auditor, "auditor"},
                                                                   {Role::api, "api"}}};

}  // namespace

std::string_view name(Role role) {
    return std::ranges::find(kRoles, role, &std::pair<Role, std::string_view>::first)->second;
}

std::optional<Role> role_from(std::string_view name) {
    const auto it = std::ranges::find(kRoles, name, &std::pair<Role, std::string_view>::second);
    if (it == kRoles.end()) return std::nullopt;
    return it->first;
}

bool allows(Role role, Right right) {
    switch (role) {
        case Role::chain_admin:
            return true;
        case Role::store_manager:
            return right <= Right::manage_aps;
        case Role::operator_:
        case Role::api:
            return right <= Right::write_prices;
        case Role::auditor:
            return right == Right::read;
    }
    return false;
}

bool Principal::sees(std::string_view store) const {
    return stores.empty() || std::ranges::find(stores, store) != stores.end();
}

}  // namespace esl::mgmt::auth
