#include "mgmt-service/http/views.hpp"

#include <sodium.h>

#include <array>
#include <charconv>
#include <cstdio>

#include "mgmt-service/domain/gtin.hpp"
#include "mgmt-service/domain/unit_price.hpp"

namespace esl::mgmt::rest {
namespace {

template <class T>
Json or_null(const std::optional<T>& value) {
    return value ? Json(*value) : Json(nullptr);
}
Json or_null(const std::optional<UnixMillis>& time) {
    return time ? Json(to_millis(*time)) : Json(nullptr);
}
Json or_null(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

Json money(std::int64_t minor, const std::string& currency) {
    return {{"minor", minor}, {"currency", currency}};
}
Json money(const std::optional<std::int64_t>& minor, const std::string& currency) {
    return minor ? money(*minor, currency) : Json(nullptr);
}

Json promotion(const std::optional<Promotion>& p, const std::string& currency) {
    if (!p) return nullptr;
    return {{"price", money(p->price, currency)},
            {"prior_price", money(p->prior_price, currency)},
            {"from", to_millis(p->from)},
            {"to", to_millis(p->to)}};
}

Json failure(const std::optional<Failure>& f) {
    if (!f) return nullptr;
    return {{"class", f->kind},
            {"code", or_null(f->code)},
            {"detail", f->detail},
            {"at", to_millis(f->at)},
            {"attempts", f->attempts}};
}

Json approval(const std::optional<ApprovalNeed>& need) {
    if (!need) return nullptr;
    return {{"role", name(need->role)},
            {"max_up_percent", or_null(need->max_up_percent)},
            {"max_down_percent", or_null(need->max_down_percent)},
            {"max_items", or_null(need->max_items)},
            {"tripped", need->tripped},
            {"too_many", need->too_many}};
}

Json unit_price_of(const Product& product, const std::optional<std::int64_t>& price, const std::string& currency) {
    if (!price || product.quantity.empty() || product.unit.empty()) return nullptr;
    const auto code = Currency::parse(currency);
    const auto quantity = Quantity::parse(product.quantity);
    const auto unit = parse_unit(product.unit);
    if (!code || !quantity || !unit) return nullptr;
    const auto out = unit_price({.minor = *price, .currency = *code}, *quantity, *unit);
    if (!out) return nullptr;
    return {{"minor", out->price.minor}, {"currency", currency}, {"per", out->per}};
}

std::string base64(BytesView bytes) {
    std::string out(sodium_base64_ENCODED_LEN(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
    sodium_bin2base64(out.data(), out.size(), bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
    out.pop_back();  // the NUL
    return out;
}

void put(Json& out, const char* name, const std::string& text) {
    if (!text.empty()) out[name] = text;
}
// "tag:<id>" also answers in `tag`, so that a page need not cut texts.
void put_tag_of_object(Json& out, const std::string& object) {
    if (object.starts_with("tag:") && !out.contains("tag")) out["tag"] = object.substr(4);
}

// Second line of the signed note (C2SP tlog-checkpoint).
std::uint64_t tree_size(const std::string& checkpoint) {
    const auto begin = checkpoint.find('\n') + 1;
    std::uint64_t size = 0;
    std::from_chars(checkpoint.data() + begin, checkpoint.data() + checkpoint.size(), size);
    return size;
}

}  // namespace

std::string encoded(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string image_id(const ImageRef& image) {
    std::array<char, 9> text{};
    std::snprintf(text.data(), text.size(), "%08X", image.crc);
    return text.data();
}

Json view(const StoreView& s) {
    return {{"id", s.store.id},
            {"name", s.store.name},
            {"currency", s.store.currency},
            {"locale", s.store.locale},
            {"products", s.products},
            {"tags", s.tags},
            {"aps", s.aps},
            {"created_at", to_millis(s.store.created_at)}};
}

Json view(const ApView& a) {
    auto radios = Json::array();
    for (const auto& radio : a.ap.radios) radios.push_back(radio.substr(0, radio.find(':')));
    const auto space = a.ap.software.find(' ');
    const bool two = space != std::string::npos;
    return {{"id", a.ap.id},
            {"store", or_null(a.ap.store)},
            {"name", a.ap.name},
            {"online", a.ap.online},
            {"since", to_millis(a.ap.since)},
            {"model", two ? a.ap.software.substr(0, space) : std::string{}},
            {"version", two ? a.ap.software.substr(space + 1) : a.ap.software},
            {"radios", std::move(radios)},
            {"tags", a.tags},
            {"queue", a.ap.queue},
            {"permit_join_until", or_null(a.ap.permit_join_until)},
            {"last_seen", to_millis(a.ap.last_seen)}};
}

Json view(const TagView& t) {
    const Tag& tag = t.tag;
    Json desired = nullptr, next = nullptr, reported = nullptr, battery = nullptr;
    if (tag.desired) {
        desired = {{"version", tag.desired->version},          {"image", image_id(tag.desired->image)},
                   {"at", to_millis(tag.desired->at)},         {"not_before", to_millis(tag.desired->not_before)},
                   {"expires", or_null(tag.desired->expires)}, {"change", or_null(tag.desired->change)}};
    }
    if (tag.planned) {
        next = {{"image", image_id(tag.planned->image)},
                {"at", to_millis(tag.planned->at)},
                {"sent_at", or_null(tag.planned->sent_at)},
                {"accepted_at", or_null(tag.planned->accepted_at)}};
    }
    if (tag.reported) {
        reported = {{"version", tag.reported->version},
                    {"image", image_id(tag.reported->image)},
                    {"at", to_millis(tag.reported->at)}};
    }
    if (tag.battery) {
        battery = {{"percent", or_null(tag.battery->percent)},
                   {"millivolts", or_null(tag.battery->millivolts)},
                   {"low", tag.battery->low()},
                   {"at", to_millis(tag.battery->at)}};
    }
    auto products = Json::array();
    for (const auto& p : t.products) products.push_back({{"id", p.id}, {"name", p.name}});
    return {{"id", tag.id.text()},
            {"store", or_null(tag.store)},
            {"ap", or_null(tag.ap)},
            {"radio", tag.radio},
            {"model", tag.model},
            {"panel", text(tag.panel)},
            {"state", name(t.status)},
            {"late", t.late},
            {"failure", failure(tag.failure)},
            {"desired", std::move(desired)},
            {"next", std::move(next)},
            {"reported", std::move(reported)},
            {"products", std::move(products)},
            {"template", or_null(tag.template_id)},
            {"position", tag.position},
            {"battery", std::move(battery)},
            {"rssi", or_null(tag.rssi)},
            {"firmware", tag.firmware},
            {"first_seen", to_millis(tag.first_seen)},
            {"last_seen", to_millis(tag.last_seen)}};
}

Json view(const ProductView& p, const std::string& currency) {
    const Product& product = p.product;
    auto tags = Json::array();
    for (const auto& t : p.tags)
        tags.push_back({{"id", t.id.text()}, {"panel", text(t.panel)}, {"state", name(t.status)}});
    const bool gtin = read_product_code(product.id).verdict == CodeVerdict::gtin;
    return {{"id", product.id},
            {"store", product.store},
            {"code_kind", gtin ? "gtin" : "item_code"},
            {"name", product.name},
            {"brand", product.brand},
            {"quantity", or_null(product.quantity)},
            {"unit", or_null(product.unit)},
            {"price", money(product.price, currency)},
            {"promotion", promotion(product.promotion, currency)},
            {"url", or_null(product.url)},
            {"price_now", money(p.price_now, currency)},
            {"unit_price", unit_price_of(product, p.price_now, currency)},
            {"tags", std::move(tags)},
            {"version", product.version},
            {"updated_at", to_millis(product.updated_at)}};
}

Json view(const Change& c) {
    auto counts = Json::object();
    for (std::size_t i = 0; i < kJobStates; ++i) {
        if (c.counts[i] > 0) counts[std::string(name(static_cast<JobState>(i)))] = c.counts[i];
    }
    return {{"id", c.id},
            {"store", c.store},
            {"state", name(c.state)},
            {"kind", c.kind},
            {"title", c.title},
            {"created_at", to_millis(c.created_at)},
            {"created_by", c.created_by},
            {"at", to_millis(c.at)},
            {"finished_at", or_null(c.finished_at)},
            {"items_total", c.items_total},
            {"jobs_total", c.jobs_total},
            {"counts", std::move(counts)},
            {"version", c.version},
            {"authors", c.authors},
            {"approval", approval(c.approval)},
            {"timings", {{"p50_ms", or_null(c.p50_ms)}, {"p99_ms", or_null(c.p99_ms)}}}};
}

Json view(const ChangeItemView& i, const std::string& currency) {
    const auto both = [&](const PriceAndPromotion& p) {
        return Json{{"price", money(p.price, currency)}, {"promotion", promotion(p.promotion, currency)}};
    };
    auto reasons = Json::array();
    for (const auto& trip : i.item.trips) {
        reasons.push_back({{"what", trip.kind == TripKind::price ? "price" : "promotion"},
                           {"percent", static_cast<double>(trip.per_mille) / 10.0}});
    }
    return {{"product", i.item.product},
            {"name", i.name},
            {"before", i.item.before ? both(*i.item.before) : Json(nullptr)},
            {"after", both(i.item.after)},
            {"reasons", std::move(reasons)}};
}

Json view(const ApprovalRule& r) {
    return {{"store", or_null(r.store)},
            {"inherits", r.inherits},
            {"max_up_percent", or_null(r.max_up_percent)},
            {"max_down_percent", or_null(r.max_down_percent)},
            {"max_items", or_null(r.max_items)},
            {"role", name(r.role)},
            {"version", r.version}};
}

Json view(const ChangeDetail& c, const std::string& currency) {
    auto out = view(c.change);
    auto items = Json::array();
    for (const auto& item : c.items) items.push_back(view(item, currency));
    out["items"] = std::move(items);
    auto steps = Json::array();
    for (const auto& step : c.steps) {
        Json one{{"state", name(step.state)},
                 {"action", name(step.action)},
                 {"at", to_millis(step.at)},
                 {"actor", step.actor}};
        put(one, "note", step.note);
        steps.push_back(std::move(one));
    }
    out["steps"] = std::move(steps);
    return out;
}

Json view(const Job& j) {
    return {{"id", j.id},
            {"change", j.change},
            {"store", j.store},
            {"tag", j.tag.text()},
            {"ap", or_null(j.ap)},
            {"version", j.version},
            {"image", image_id(j.image)},
            {"state", name(j.state)},
            {"failure", failure(j.failure)},
            {"attempts", j.attempts},
            {"created_at", to_millis(j.created_at)},
            {"updated_at", to_millis(j.updated_at)}};
}

Json view(const JobDetail& j) {
    auto out = view(j.job);
    auto steps = Json::array();
    for (const auto& step : j.steps) {
        Json one{{"state", name(step.state)}, {"at", to_millis(step.at)}, {"actor", step.actor}};
        put(one, "detail", step.detail);
        steps.push_back(std::move(one));
    }
    out["steps"] = std::move(steps);
    return out;
}

Json view(const Stats& s) {
    const auto wanted = s.tags - s.unknown;
    auto minutes = Json::array();
    for (const auto& m : s.minutes)
        minutes.push_back({{"at", to_millis(m.at)}, {"displayed", m.displayed}, {"failed", m.failed}});
    return {{"now", to_millis(s.now)},
            {"tags",
             {{"total", s.tags},
              {"bound", s.bound},
              {"shown", s.shown},
              {"pending", s.pending},
              {"failed", s.failed},
              {"unknown", s.unknown}}},
            {"shown_percent", wanted == 0 ? 100.0 : static_cast<double>(s.shown * 1000 / wanted) / 10.0},
            {"late", {{"count", s.late}, {"oldest", or_null(s.late_oldest)}}},
            {"failed", {{"count", s.failed}, {"by_class", s.failed_by_class}}},
            {"aps", {{"online", s.aps_online}, {"offline", s.aps_offline}, {"unclaimed", s.aps_unclaimed}}},
            {"batteries", {{"low", s.batteries_low}, {"unknown", s.batteries_unknown}}},
            {"changes",
             {{"running", s.changes_running},
              {"scheduled", s.changes_scheduled},
              {"awaiting_approval", s.changes_awaiting}}},
            {"last_hour",
             {{"displayed", s.hour_displayed},
              {"failed", s.hour_failed},
              {"p50_ms", or_null(s.hour_p50_ms)},
              {"p99_ms", or_null(s.hour_p99_ms)}}},
            {"minutes", std::move(minutes)}};
}

Json view(const TemplateInfo& t) {
    return {{"id", t.id}, {"name", t.name}, {"version", t.version}, {"panel", text(t.panel)}};
}

Json view(const auth::User& u) {
    return {{"name", u.name},
            {"role", auth::name(u.role)},
            {"stores", u.stores},
            {"disabled", u.disabled},
            {"created_at", to_millis(u.created_at)},
            {"last_login_at", or_null(u.last_login_at)}};
}

Json view(const auth::Token& t) {
    return {{"id", t.id},
            {"name", t.name},
            {"role", auth::name(t.role)},
            {"stores", t.stores},
            {"created_at", to_millis(t.created_at)},
            {"created_by", t.created_by},
            {"last_used_at", or_null(t.last_used_at)},
            {"expires_at", or_null(t.expires_at)}};
}

Json view(const audit::Record& record) {
    auto out = Json::parse(record.json, nullptr, false);
    if (!out.is_object()) return {{"index", record.index}, {"action", "?"}};  // the log itself checks its lines
    out.erase("logged");
    // What the log has no field for is in `detail` (docs/formats/audit-log.md).
    if (auto detail = out.find("detail"); detail != out.end() && detail->is_object()) {
        for (const auto* key : {"store", "tag"}) {
            if (const auto it = detail->find(key); it != detail->end()) {
                out[key] = *it;
                detail = out.find("detail");
                detail->erase(key);
            }
        }
        if (detail->empty()) out.erase("detail");
    }
    put_tag_of_object(out, record.entry.object);
    return out;
}

Json view(const audit::Proof& proof) {
    auto path = Json::array();
    for (const auto& hash : proof.path) path.push_back(base64(hash));
    return {{"entry", view(proof.record)},
            {"canonical", proof.record.json},
            {"leaf_hash", base64(audit::leaf_hash(as_bytes(proof.record.json)))},
            {"tree_size", tree_size(proof.checkpoint)},
            {"proof", std::move(path)},
            {"checkpoint", proof.checkpoint},
            {"verifier_key", proof.verifier}};
}

}  // namespace esl::mgmt::rest
