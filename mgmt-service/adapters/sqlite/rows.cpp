#include "mgmt-service/adapters/sqlite/rows.hpp"

#include <stdexcept>

namespace esl::mgmt::sqlite {
namespace {

using Json = nlohmann::json;

std::string list_text(const std::vector<std::string>& list) {
    return Json(list).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<std::string> list_from(const std::string& text) {
    return Json::parse(text).get<std::vector<std::string>>();
}

TagId tag_from(const std::string& text) {
    const auto id = TagId::parse(text);
    if (!id) throw std::runtime_error("database: tag id '" + text + "'");
    return *id;
}

struct PromotionColumns {
    std::optional<std::int64_t> price, prior;
    std::optional<UnixMillis> from, to;
    explicit PromotionColumns(const std::optional<Promotion>& p) {
        if (!p) return;
        price = p->price;
        prior = p->prior_price;
        from = p->from;
        to = p->to;
    }
};

std::optional<Promotion> read_promotion(Statement& s) {
    const auto price = s.maybe_number();
    const auto prior = s.maybe_number();
    const auto from = s.maybe_time();
    const auto to = s.maybe_time();
    if (!price || !from || !to) return std::nullopt;
    return Promotion{*price, prior, *from, *to};
}

struct FailureColumns {
    std::optional<std::string> kind, detail;
    std::optional<std::int64_t> code;
    std::optional<UnixMillis> at;
    std::optional<std::uint32_t> attempts;
    explicit FailureColumns(const std::optional<Failure>& f) {
        if (!f) return;
        kind = f->kind;
        detail = f->detail;
        code = f->code;
        at = f->at;
        attempts = f->attempts;
    }
};

std::optional<Failure> read_failure(Statement& s) {
    const auto kind = s.maybe_text();
    const auto code = s.maybe_number();
    const auto detail = s.maybe_text();
    const auto at = s.maybe_time();
    const auto attempts = s.maybe_number();
    if (!kind) return std::nullopt;
    return Failure{*kind, code, detail.value_or(""), at.value_or(UnixMillis{}),
                   static_cast<std::uint32_t>(attempts.value_or(0))};
}

std::optional<std::uint32_t> maybe_limit(Statement& s) {
    const auto v = s.maybe_number();
    return v ? std::optional(static_cast<std::uint32_t>(*v)) : std::nullopt;
}

// [kind, per mille] pairs; "[]" for none, which queries look for.
std::string trips_text(const std::vector<Trip>& trips) {
    Json out = Json::array();
    for (const auto& t : trips) out.push_back(Json::array({static_cast<int>(t.kind), t.per_mille}));
    return out.dump();
}

std::vector<Trip> trips_from(const std::string& text) {
    std::vector<Trip> out;
    for (const auto& t : Json::parse(text)) {
        out.push_back({static_cast<TripKind>(t.at(0).get<int>()), t.at(1).get<std::int64_t>()});
    }
    return out;
}

// [role, up, down, items, tripped, too many].
std::optional<std::string> need_text(const std::optional<ApprovalNeed>& n) {
    if (!n) return std::nullopt;
    const auto limit = [](const std::optional<std::uint32_t>& v) { return v ? Json(*v) : Json(nullptr); };
    return Json::array({static_cast<int>(n->role), limit(n->max_up_percent), limit(n->max_down_percent),
                        limit(n->max_items), n->tripped, n->too_many})
        .dump();
}

std::optional<ApprovalNeed> need_from(const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    const auto json = Json::parse(*text);
    const auto limit = [&](std::size_t i) {
        return json.at(i).is_null() ? std::nullopt : std::optional(json.at(i).get<std::uint32_t>());
    };
    return ApprovalNeed{static_cast<ApproverRole>(json.at(0).get<int>()),
                        limit(1),
                        limit(2),
                        limit(3),
                        json.at(4).get<std::uint32_t>(),
                        json.at(5).get<bool>()};
}

std::optional<Planned> read_planned(Statement& s) {
    Planned p;
    const auto at = s.maybe_time();
    p.version = s.as<std::uint64_t>();
    p.image.crc = s.as<std::uint32_t>();
    p.image.sha = s.text();
    p.inputs = s.text();
    p.job = s.text();
    p.created_at = s.time();
    p.expires = s.maybe_time();
    p.sent_at = s.maybe_time();
    p.accepted_at = s.maybe_time();
    if (!at) return std::nullopt;
    p.at = *at;
    return p;
}

}  // namespace

void put(Statement& s, const Store& r) {
    s.with(r.id, r.name, r.currency, r.locale, r.created_at).run();
}

Store read_store(Statement& s) {
    Store r;
    r.id = s.text();
    r.name = s.text();
    r.currency = s.text();
    r.locale = s.text();
    r.created_at = s.time();
    return r;
}

void put(Statement& s, const Ap& r) {
    const auto radios = list_text(r.radios);
    s.with(r.id, r.store, r.name, r.online, r.since, r.software, r.boot, radios, r.queue, r.permit_join_until,
           r.last_seen)
        .run();
}

Ap read_ap(Statement& s) {
    Ap r;
    r.id = s.text();
    r.store = s.maybe_text();
    r.name = s.text();
    r.online = s.number() != 0;
    r.since = s.time();
    r.software = s.text();
    r.boot = s.text();
    r.radios = list_from(s.text());
    r.queue = s.as<std::uint64_t>();
    r.permit_join_until = s.maybe_time();
    r.last_seen = s.time();
    return r;
}

void put(Statement& s, const Tag& r) {
    const auto id = r.id.text();
    const auto panel = text(r.panel);
    const auto products = list_text(r.products);
    const auto d = r.desired.value_or(Desired{});
    const auto p = r.reported.value_or(Reported{});
    const auto a = r.planned.value_or(Planned{});
    const FailureColumns f(r.failure);
    const auto b = r.battery.value_or(Battery{});
    s.with(id, r.store, r.ap, r.epoch, r.radio, r.model, r.firmware, panel, products, r.template_id, r.position,
           r.version, r.revision, r.dirty, r.desired ? std::optional(d.version) : std::nullopt, d.image.crc,
           d.image.sha, d.at, d.not_before, d.expires, d.change, d.inputs,
           r.reported ? std::optional(p.version) : std::nullopt, p.image.crc, p.image.sha, p.at, f.kind, f.code,
           f.detail, f.at, f.attempts, b.percent, b.millivolts, r.battery ? std::optional(b.at) : std::nullopt, r.rssi,
           r.first_seen, r.last_seen, r.planned ? std::optional(a.at) : std::nullopt, a.version, a.image.crc,
           r.planned ? std::optional(a.image.sha) : std::nullopt, a.inputs, a.job, a.created_at, a.expires, a.sent_at,
           a.accepted_at)
        .run();
}

Tag read_tag(Statement& s) {
    Tag r;
    r.id = tag_from(s.text());
    r.store = s.maybe_text();
    r.ap = s.maybe_text();
    r.epoch = s.as<std::uint64_t>();
    r.radio = s.text();
    r.model = s.text();
    r.firmware = s.text();
    r.panel = panel_from(s.text()).value_or(Panel{});
    r.products = list_from(s.text());
    r.template_id = s.maybe_text();
    r.position = s.text();
    r.version = s.as<std::uint64_t>();
    r.revision = s.as<std::uint64_t>();
    r.dirty = s.maybe_text();
    const auto desired = s.maybe_number();
    Desired d;
    d.version = static_cast<std::uint64_t>(desired.value_or(0));
    d.image.crc = s.as<std::uint32_t>();
    d.image.sha = s.text();
    d.at = s.time();
    d.not_before = s.time();
    d.expires = s.maybe_time();
    d.change = s.text();
    d.inputs = s.text();
    if (desired) r.desired = std::move(d);
    const auto reported = s.maybe_number();
    Reported p;
    p.version = static_cast<std::uint64_t>(reported.value_or(0));
    p.image.crc = s.as<std::uint32_t>();
    p.image.sha = s.text();
    p.at = s.time();
    if (reported) r.reported = std::move(p);
    r.failure = read_failure(s);
    Battery b;
    if (const auto v = s.maybe_number()) b.percent = static_cast<std::uint8_t>(*v);
    if (const auto v = s.maybe_number()) b.millivolts = static_cast<std::uint32_t>(*v);
    if (const auto at = s.maybe_time()) {
        b.at = *at;
        r.battery = b;
    }
    if (const auto v = s.maybe_number()) r.rssi = static_cast<std::int32_t>(*v);
    r.first_seen = s.time();
    r.last_seen = s.time();
    r.planned = read_planned(s);
    return r;
}

void put(Statement& s, const Product& r) {
    const PromotionColumns p(r.promotion);
    s.with(r.store, r.id, r.name, r.brand, r.quantity, r.unit, r.price, p.price, p.prior, p.from, p.to, r.url,
           r.version, r.updated_at)
        .run();
}

Product read_product(Statement& s) {
    Product r;
    r.store = s.text();
    r.id = s.text();
    r.name = s.text();
    r.brand = s.text();
    r.quantity = s.text();
    r.unit = s.text();
    r.price = s.maybe_number();
    r.promotion = read_promotion(s);
    r.url = s.text();
    r.version = s.as<std::uint64_t>();
    r.updated_at = s.time();
    return r;
}

void put(Statement& s, const PricePoint& r) {
    s.with(r.store, r.product, r.from, r.price, r.promotion, r.change).run();
}

PricePoint read_price(Statement& s) {
    PricePoint r;
    r.store = s.text();
    r.product = s.text();
    r.from = s.time();
    r.price = s.maybe_number();
    r.promotion = s.number() != 0;
    r.change = s.text();
    return r;
}

void put(Statement& s, const Change& r) {
    const auto counts = Json(r.counts).dump();
    const auto authors = list_text(r.authors);
    const auto approval = need_text(r.approval);
    s.with(r.id, r.store, r.state, r.kind, r.title, r.created_at, r.created_by, r.at, r.finished_at, r.items_total,
           r.jobs_total, counts, r.p50_ms, r.p99_ms, r.version, authors, approval)
        .run();
}

Change read_change(Statement& s) {
    Change r;
    r.id = s.text();
    r.store = s.text();
    r.state = s.as<ChangeState>();
    r.kind = s.text();
    r.title = s.text();
    r.created_at = s.time();
    r.created_by = s.text();
    r.at = s.time();
    r.finished_at = s.maybe_time();
    r.items_total = s.as<std::uint32_t>();
    r.jobs_total = s.as<std::uint32_t>();
    r.counts = Json::parse(s.text()).get<std::array<std::uint32_t, kJobStates>>();
    r.p50_ms = s.maybe_number();
    r.p99_ms = s.maybe_number();
    r.version = s.as<std::uint64_t>();
    r.authors = list_from(s.text());
    r.approval = need_from(s.maybe_text());
    return r;
}

void put(Statement& s, const ChangeItem& r) {
    const auto before = r.before.value_or(PriceAndPromotion{});
    const PromotionColumns b(before.promotion);
    const PromotionColumns a(r.after.promotion);
    const auto trips = trips_text(r.trips);
    s.with(r.change, r.index, r.product, r.before.has_value(), before.price, b.price, b.prior, b.from, b.to,
           r.after.price, a.price, a.prior, a.from, a.to, r.sets_price, r.sets_promotion, trips)
        .run();
}

ChangeItem read_item(Statement& s) {
    ChangeItem r;
    r.change = s.text();
    r.index = s.as<std::uint32_t>();
    r.product = s.text();
    const bool known = s.number() != 0;
    PriceAndPromotion before;
    before.price = s.maybe_number();
    before.promotion = read_promotion(s);
    if (known) r.before = before;
    r.after.price = s.maybe_number();
    r.after.promotion = read_promotion(s);
    r.sets_price = s.number() != 0;
    r.sets_promotion = s.number() != 0;
    r.trips = trips_from(s.text());
    return r;
}

void put(Statement& s, const ApprovalRule& r) {
    s.with(r.store, r.inherits, r.max_up_percent, r.max_down_percent, r.max_items, r.role, r.version).run();
}

ApprovalRule read_rule(Statement& s) {
    ApprovalRule r;
    r.store = s.text();
    r.inherits = s.number() != 0;
    r.max_up_percent = maybe_limit(s);
    r.max_down_percent = maybe_limit(s);
    r.max_items = maybe_limit(s);
    r.role = s.as<ApproverRole>();
    r.version = s.as<std::uint64_t>();
    return r;
}

void put(Statement& s, const ChangeStep& r) {
    s.with(r.change, r.state, r.action, r.at, r.actor, r.note).run();
}

ChangeStep read_change_step(Statement& s) {
    ChangeStep r;
    r.change = s.text();
    r.state = s.as<ChangeState>();
    r.action = s.as<ChangeAction>();
    r.at = s.time();
    r.actor = s.text();
    r.note = s.text();
    return r;
}

void put(Statement& s, const Job& r) {
    const auto tag = r.tag.text();
    const FailureColumns f(r.failure);
    s.with(r.id, r.change, r.store, tag, r.ap, r.version, r.image.crc, r.image.sha, r.state, f.kind, f.code, f.detail,
           f.at, f.attempts, r.attempts, r.tries, r.created_at, r.due, r.updated_at)
        .run();
}

Job read_job(Statement& s) {
    Job r;
    r.id = s.text();
    r.change = s.text();
    r.store = s.text();
    r.tag = tag_from(s.text());
    r.ap = s.maybe_text();
    r.version = s.as<std::uint64_t>();
    r.image.crc = s.as<std::uint32_t>();
    r.image.sha = s.text();
    r.state = s.as<JobState>();
    r.failure = read_failure(s);
    r.attempts = s.as<std::uint32_t>();
    r.tries = s.as<std::uint32_t>();
    r.created_at = s.time();
    r.due = s.time();
    r.updated_at = s.time();
    return r;
}

void put(Statement& s, const JobStep& r) {
    s.with(r.job, r.state, r.at, r.actor, r.detail).run();
}

JobStep read_step(Statement& s) {
    JobStep r;
    r.job = s.text();
    r.state = s.as<JobState>();
    r.at = s.time();
    r.actor = s.text();
    r.detail = s.text();
    return r;
}

void put(Statement& s, const StoredImage& r) {
    s.with(r.ref.sha, r.ref.crc, r.width, r.height, r.deflated).run();
}

void put(Statement& s, const Idempotency& r) {
    s.with(r.actor, r.key, r.digest, r.change, r.at, r.status, r.headers, r.body).run();
}

}  // namespace esl::mgmt::sqlite
