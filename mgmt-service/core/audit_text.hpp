// JSON texts for the before and after of audit entries, and the hash of a scene. Internal to mgmt-service/core.
#pragma once

#include "mgmt-service/core/model.hpp"
#include "mgmt-service/ports/image_renderer.hpp"

namespace esl::mgmt {

[[nodiscard]] std::string image_text(std::uint32_t crc);  // "9A3C0F11"
[[nodiscard]] std::string audit_text(const Product& product);
[[nodiscard]] std::string audit_text(const PriceAndPromotion& price);
[[nodiscard]] std::string audit_text(const Store& store);
[[nodiscard]] std::string audit_text(const Change& change, std::string_view note = {});
[[nodiscard]] std::string audit_text(const ApprovalRule& rule);
// What a tag stands for.
[[nodiscard]] std::string audit_binding(const Tag& tag);
[[nodiscard]] std::string audit_outcome(const Job& job, std::string_view why = {});
// With what the picture says: the products of the scene that it was drawn from.
[[nodiscard]] std::string audit_shown(const Job& job, const Scene& scene);
[[nodiscard]] std::string audit_pairs(const std::vector<std::pair<std::string, std::string>>& pairs);

// SHA-256 (lower-case hex) over everything that decides how the picture looks.
[[nodiscard]] std::string scene_hash(const Scene& scene, std::string_view template_version);
[[nodiscard]] std::string sha256_hex(BytesView bytes);

}  // namespace esl::mgmt
