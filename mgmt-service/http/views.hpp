// The records of the service as the JSON of openapi.yaml, member by member. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "audit_log/log.hpp"
#include "mgmt-service/auth/model.hpp"
#include "mgmt-service/core/service.hpp"
#include "mgmt-service/ports/image_renderer.hpp"

namespace esl::mgmt::rest {

using Json = nlohmann::json;

// Encoded with bad UTF-8 replaced: a text that came from a radio must not make an answer fail.
[[nodiscard]] std::string encoded(const Json& json);

[[nodiscard]] std::string image_id(const ImageRef& image);  // "9A3C0F11"
[[nodiscard]] Json view(const StoreView& store);
[[nodiscard]] Json view(const ApView& ap);
[[nodiscard]] Json view(const TagView& tag);
[[nodiscard]] Json view(const ProductView& product, const std::string& currency);
[[nodiscard]] Json view(const Change& change);
[[nodiscard]] Json view(const ChangeItemView& item, const std::string& currency);
[[nodiscard]] Json view(const ApprovalRule& rule);
[[nodiscard]] Json view(const ChangeDetail& change, const std::string& currency);
[[nodiscard]] Json view(const Job& job);        // without steps
[[nodiscard]] Json view(const JobDetail& job);  // with steps
[[nodiscard]] Json view(const Stats& stats);
[[nodiscard]] Json view(const TemplateInfo& info);
[[nodiscard]] Json view(const auth::User& user);
[[nodiscard]] Json view(const auth::Token& token);
[[nodiscard]] Json view(const audit::Record& record);
[[nodiscard]] Json view(const audit::Proof& proof);

template <class T>
[[nodiscard]] Json items_of(const std::vector<T>& list) {
    auto items = Json::array();
    for (const auto& one : list) items.push_back(view(one));
    return Json{{"items", std::move(items)}};
}

}  // namespace esl::mgmt::rest
