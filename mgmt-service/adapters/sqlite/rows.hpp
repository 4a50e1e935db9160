// Records to and from rows, one pair of functions each. Internal to mgmt-service/adapters/sqlite.
#pragma once

#include <nlohmann/json.hpp>

#include "mgmt-service/adapters/sqlite/statement.hpp"
#include "mgmt-service/core/model.hpp"

namespace esl::mgmt::sqlite {

inline constexpr const char* kChangeColumns =
    "id, store, state, kind, title, created_at, created_by, at, finished_at, items_total, jobs_total, counts, p50_ms, "
    "p99_ms, version, authors, approval";
inline constexpr const char* kItemColumns =
    "change, idx, product, b_known, b_price, b_promo_price, b_promo_prior, b_promo_from, b_promo_to, a_price, "
    "a_promo_price, a_promo_prior, a_promo_from, a_promo_to, sets_price, sets_promotion, trips";
inline constexpr const char* kRuleColumns = "store, inherits, max_up, max_down, max_items, role, version";
inline constexpr const char* kJobColumns =
    "id, change, store, tag, ap, version, crc, sha, state, f_kind, f_code, f_detail, f_at, f_attempts, attempts, "
    "tries, created_at, due, updated_at";
inline constexpr const char* kTagColumns =
    "id, store, ap, epoch, radio, model, firmware, panel, products, template_id, position, version, revision, dirty, "
    "d_version, d_crc, d_sha, d_at, d_not_before, d_expires, d_change, d_inputs, r_version, r_crc, r_sha, r_at, "
    "f_kind, f_code, f_detail, f_at, f_attempts, b_percent, b_millivolts, b_at, rssi, first_seen, last_seen, "
    "p_at, p_version, p_crc, p_sha, p_inputs, p_job, p_created_at, p_expires, p_sent_at, p_accepted_at";
inline constexpr const char* kProductColumns =
    "store, id, name, brand, quantity, unit, price, promo_price, promo_prior, promo_from, promo_to, url, version, "
    "updated_at";
inline constexpr const char* kApColumns =
    "id, store, name, online, since, software, boot, radios, queue, permit_join_until, last_seen";

void put(Statement& s, const Store& r);
void put(Statement& s, const Ap& r);
void put(Statement& s, const Tag& r);
void put(Statement& s, const Product& r);
void put(Statement& s, const PricePoint& r);
void put(Statement& s, const Change& r);
void put(Statement& s, const ChangeItem& r);
void put(Statement& s, const ApprovalRule& r);
void put(Statement& s, const ChangeStep& r);
void put(Statement& s, const Job& r);
void put(Statement& s, const JobStep& r);
void put(Statement& s, const StoredImage& r);
void put(Statement& s, const Idempotency& r);

[[nodiscard]] Store read_store(Statement& s);
[[nodiscard]] Ap read_ap(Statement& s);
[[nodiscard]] Tag read_tag(Statement& s);
[[nodiscard]] Product read_product(Statement& s);
[[nodiscard]] PricePoint read_price(Statement& s);
[[nodiscard]] Change read_change(Statement& s);
[[nodiscard]] ChangeItem read_item(Statement& s);
[[nodiscard]] ApprovalRule read_rule(Statement& s);
[[nodiscard]] ChangeStep read_change_step(Statement& s);
[[nodiscard]] Job read_job(Statement& s);
[[nodiscard]] JobStep read_step(Statement& s);

}  // namespace esl::mgmt::sqlite
