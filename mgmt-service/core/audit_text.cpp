#include "mgmt-service/core/audit_text.hpp"

#include <openssl/evp.h>

#include <cstdio>
#include <nlohmann/json.hpp>

namespace esl::mgmt {
namespace {

using Json = nlohmann::json;

std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json json_of(const std::optional<std::int64_t>& v) {
    return v ? Json(*v) : Json(nullptr);
}

Json json_of(const std::optional<Promotion>& p) {
    if (!p) return nullptr;
    return {{"price", p->price},
            {"prior_price", json_of(p->prior_price)},
            {"from", to_millis(p->from)},
            {"to", to_millis(p->to)}};
}

// Length-prefixed, so that no two lists of fields give the same bytes.
class Canonical {
public:
    Canonical& add(std::string_view text) {
        out_ += std::to_string(text.size());
        out_ += ':';
        out_ += text;
        return *this;
    }
    Canonical& add(const std::optional<std::int64_t>& v) { return add(v ? std::to_string(*v) : std::string("-")); }
    [[nodiscard]] const std::string& text() const { return out_; }

private:
    std::string out_;
};

}  // namespace

std::string image_text(std::uint32_t crc) {
    char text[9];
    std::snprintf(text, sizeof text, "%08X", crc);
    return text;
}

std::string audit_text(const Product& p) {
    return dump({{"name", p.name},
                 {"brand", p.brand},
                 {"quantity", p.quantity},
                 {"unit", p.unit},
                 {"url", p.url},
                 {"price", json_of(p.price)},
                 {"promotion", json_of(p.promotion)}});
}

std::string audit_text(const PriceAndPromotion& price) {
    return dump({{"price", json_of(price.price)}, {"promotion", json_of(price.promotion)}});
}

std::string audit_text(const Store& s) {
    return dump({{"name", s.name}, {"currency", s.currency}, {"locale", s.locale}});
}

std::string audit_text(const Change& c, std::string_view note) {
    Json out{{"kind", c.kind},
             {"title", c.title},
             {"state", name(c.state)},
             {"at", to_millis(c.at)},
             {"items", c.items_total}};
    if (c.approval) {
        out["version"] = c.version;
        out["tripped"] = c.approval->tripped;
        out["too_many"] = c.approval->too_many;
        out["role"] = name(c.approval->role);
    }
    if (!note.empty()) out["note"] = note;
    return dump(out);
}

std::string audit_text(const ApprovalRule& r) {
    const auto limit = [](const std::optional<std::uint32_t>& v) { return v ? Json(*v) : Json(nullptr); };
    return dump({{"inherits", r.inherits},
                 {"max_up_percent", limit(r.max_up_percent)},
                 {"max_down_percent", limit(r.max_down_percent)},
                 {"max_items", limit(r.max_items)},
                 {"role", name(r.role)}});
}

std::string audit_binding(const Tag& tag) {
    return dump({{"store", tag.store ? Json(*tag.store) : Json(nullptr)},
                 {"products", tag.products},
                 {"template", tag.template_id ? Json(*tag.template_id) : Json(nullptr)},
                 {"position", tag.position}});
}

namespace {

Json outcome(const Job& job) {
    Json out{{"version", job.version},
             {"image", image_text(job.image.crc)},
             {"image_sha256", job.image.sha},
             {"attempts", job.attempts}};
    if (job.failure) {
        out["class"] = job.failure->kind;
        out["detail"] = job.failure->detail;
        if (job.failure->code) out["code"] = *job.failure->code;
    }
    return out;
}

}  // namespace

std::string audit_outcome(const Job& job, std::string_view why) {
    auto out = outcome(job);
    if (!why.empty()) out["why"] = why;
    return dump(out);
}

std::string audit_shown(const Job& job, const Scene& scene) {
    auto out = outcome(job);
    out["currency"] = scene.currency;
    auto& products = out["products"] = Json::array();
    for (const auto& item : scene.items) {
        Json product{{"id", item.code}, {"name", item.name}, {"price", json_of(item.price)}};
        if (item.promotion) {
            product["promotion"] = true;
            product["prior_price"] = json_of(item.prior_price);
        }
        products.push_back(std::move(product));
    }
    return dump(out);
}

std::string audit_pairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
    Json out = Json::object();
    for (const auto& [key, value] : pairs) out[key] = value;
    return dump(out);
}

std::string sha256_hex(BytesView bytes) {
    std::array<std::uint8_t, 32> digest{};
    unsigned size = 0;
    EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
    return to_lower_hex(digest);
}

std::string scene_hash(const Scene& scene, std::string_view template_version) {
    Canonical c;
    c.add(template_version).add(text(scene.panel)).add(scene.template_id.value_or("")).add(scene.tag);
    c.add(scene.currency).add(scene.locale);
    for (const auto& item : scene.items) {
        c.add(item.code).add(item.name).add(item.brand).add(item.quantity).add(item.unit).add(item.url);
        c.add(item.price).add(item.prior_price).add(item.promotion ? "p" : "-");
        c.add(item.promotion_to ? std::optional(to_millis(*item.promotion_to)) : std::nullopt);
    }
    return sha256_hex(as_bytes(c.text()));
}

}  // namespace esl::mgmt
