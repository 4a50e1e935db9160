// What the service shows of itself: lists by page, counts, the last hour.
#include <algorithm>

#include "mgmt-service/core/engine_state.hpp"

namespace esl::mgmt {
namespace {

constexpr std::size_t kMaxPage = 500;
constexpr std::size_t kMaxFound = 5'000;
constexpr int kMinutes = 60;

std::int64_t minute_of(UnixMillis t) {
    return to_millis(t) / 60'000;
}

std::optional<std::int64_t> percentile(std::vector<std::int64_t>& values, double p) {
    if (values.empty()) return std::nullopt;
    const auto rank = static_cast<std::ptrdiff_t>(p * static_cast<double>(values.size() - 1) + 0.5);
    std::ranges::nth_element(values, values.begin() + rank);
    return values[static_cast<std::size_t>(rank)];
}

}  // namespace

bool Engine::is_late(const Tag& tag, UnixMillis at) const {
    if (!tag.desired || status_of(tag) == TagStatus::shown) return false;
    return at - std::max(tag.desired->at, tag.desired->not_before) > settings_.late_after;
}

TagView Engine::view(const TagState& tag) const {
    TagView out;
    out.tag = tag.rec;
    out.status = status_of(tag.rec);
    out.late = is_late(tag.rec, now());
    for (const auto& id : tag.rec.products) out.products.push_back({id, product_name(tag.rec.store.value_or(""), id)});
    return out;
}

ProductView Engine::view(const StoreState&, const ProductState& product) const {
    ProductView out;
    out.product = product.rec;
    out.price_now = product.rec.price_at(now());
    for (const auto id : product.tags) {
        const auto& tag = tags_.at(id);
        out.tags.push_back({id, tag.rec.panel, status_of(tag.rec)});
    }
    return out;
}

std::vector<StoreView> Engine::stores() const {
    std::vector<StoreView> out;
    for (const auto& [id, s] : stores_) {
        StoreView v{s.rec, s.products.size(), s.tags, 0};
        for (const auto& [ap_id, ap] : aps_) v.aps += ap.rec.store == id ? 1U : 0U;
        out.push_back(std::move(v));
    }
    return out;
}

Result<StoreView> Engine::store(const std::string& id) const {
    for (auto& v : stores()) {
        if (v.store.id == id) return std::move(v);
    }
    return fail(ServiceError::not_found, "store " + id);
}

std::vector<ApView> Engine::aps(const std::optional<std::string>& store) const {
    std::vector<ApView> out;
    for (const auto& [id, ap] : aps_) {
        if (!store || ap.rec.store == *store) out.push_back({ap.rec, ap.tags.size()});
    }
    return out;
}

Result<ApView> Engine::ap(const std::string& id) const {
    const auto it = aps_.find(id);
    if (it == aps_.end()) return fail(ServiceError::not_found, "AP " + id);
    return ApView{it->second.rec, it->second.tags.size()};
}

Result<TagView> Engine::tag(TagId id) const {
    const auto* tag = find_tag(id);
    if (tag == nullptr) return fail(ServiceError::not_found, "tag " + id.text());
    return view(*tag);
}

Result<Page<TagView>> Engine::tags(const TagFilter& filter, const PageRequest& page) const {
    TagId after;
    if (!page.cursor.empty()) {
        const auto id = TagId::parse(page.cursor);
        if (!id) return fail(ServiceError::invalid, "cursor");
        after = *id;
    }
    const auto at = now();
    const auto words = words_of(filter.q);
    const auto matches = [&](const TagState& t) {
        if (filter.store && t.rec.store != *filter.store) return false;
        if (filter.status && status_of(t.rec) != *filter.status) return false;
        if (filter.ap && t.rec.ap != *filter.ap) return false;
        if (filter.bound && *filter.bound == t.rec.products.empty()) return false;
        if (filter.low_battery && *filter.low_battery != (t.rec.battery && t.rec.battery->low())) return false;
        if (filter.late && *filter.late != is_late(t.rec, at)) return false;
        if (words.empty()) return true;
        auto text = fold(t.rec.id.text() + " " + t.rec.position);
        for (const auto& id : t.rec.products) text += " " + fold(id + " " + product_name(t.rec.store.value_or(""), id));
        return std::ranges::all_of(words, [&](const auto& w) { return text.find(w) != std::string::npos; });
    };
    Page<TagView> out;
    const auto limit = std::clamp<std::size_t>(page.limit, 1, kMaxPage);
    for (const auto& [id, tag] : tags_) {
        if (!matches(tag)) continue;
        ++out.total;
        if (!page.cursor.empty() && id <= after) continue;
        if (out.items.size() < limit) {
            out.items.push_back(view(tag));
        } else if (!out.next) {
            out.next = out.items.back().tag.id.text();
        }
    }
    return out;
}

Result<ProductView> Engine::product(const std::string& store, const std::string& id) const {
    const auto s = stores_.find(store);
    if (s == stores_.end()) return fail(ServiceError::not_found, "store " + store);
    const auto p = s->second.products.find(id);
    if (p == s->second.products.end()) return fail(ServiceError::not_found, "product " + id);
    return view(s->second, p->second);
}

Result<Page<ProductView>> Engine::products(const ProductFilter& filter, const PageRequest& page) const {
    const auto s = stores_.find(filter.store);
    if (s == stores_.end()) return fail(ServiceError::not_found, "store " + filter.store);
    const auto& store = s->second;
    const auto at = now();
    const auto matches = [&](const ProductState& p) {
        if (filter.bound && *filter.bound == p.tags.empty()) return false;
        if (!filter.promotion) return true;
        return *filter.promotion == (p.rec.promotion && p.rec.promotion->to > at);
    };
    Page<ProductView> out;
    const auto limit = std::clamp<std::size_t>(page.limit, 1, kMaxPage);
    const auto add = [&](const ProductState& p) {
        if (out.items.size() < limit) {
            out.items.push_back(view(store, p));
        } else if (!out.next) {
            out.next = out.items.back().product.id;
        }
    };
    if (filter.q.empty()) {
        if (!filter.bound && !filter.promotion) {
            out.total = store.products.size();
            auto it = page.cursor.empty() ? store.products.begin() : store.products.upper_bound(page.cursor);
            for (; it != store.products.end() && !out.next; ++it) add(it->second);
            return out;
        }
        for (const auto& [id, p] : store.products) {
            if (!matches(p)) continue;
            ++out.total;
            if (id > page.cursor) add(p);
        }
        return out;
    }
    // Best first: the code itself, codes that begin so (also without the zeros that pad a shorter GTIN), then words;
    // within each by id. The cursor is the last one's id, whose rank is found again.
    std::set<std::pair<int, std::string>> ranked;
    auto code_query = filter.q;
    std::erase_if(code_query, [](char c) { return c == ' '; });
    const auto with_code = [&](const std::string& prefix) {
        for (auto it = store.products.lower_bound(prefix); it != store.products.end() && it->first.starts_with(prefix);
             ++it) {
            const auto bare =
                std::string_view(it->first).substr(std::min(it->first.find_first_not_of('0'), it->first.size() - 1));
            ranked.emplace(it->first == code_query || bare == code_query ? 0 : 1, it->first);
            if (ranked.size() >= kMaxFound) return;
        }
    };
    with_code(code_query);
    for (std::size_t zeros = 1; zeros <= 6; ++zeros) with_code(std::string(zeros, '0') + code_query);
    for (const auto& id : store.index.find(filter.q, kMaxFound)) {
        if (!ranked.contains({0, id}) && !ranked.contains({1, id})) ranked.emplace(2, id);
    }
    std::pair<int, std::string> after{-1, {}};
    for (int rank = 0; rank <= 2 && !page.cursor.empty(); ++rank) {
        if (ranked.contains({rank, page.cursor})) after = {rank, page.cursor};
    }
    for (const auto& entry : ranked) {
        const auto& p = store.products.at(entry.second);
        if (!matches(p)) continue;
        ++out.total;
        if (entry > after) add(p);
    }
    return out;
}

void Engine::count_outcome(const std::string& store, bool displayed, std::int64_t took_ms) {
    auto& pulse = pulses_[store];
    const auto at = now();
    auto& minute = pulse.minutes[minute_of(at)];
    minute.at = from_millis(minute_of(at) * 60'000);
    ++(displayed ? minute.displayed : minute.failed);
    if (displayed) pulse.took_ms.emplace_back(at, took_ms);
    while (!pulse.minutes.empty() && pulse.minutes.begin()->first < minute_of(at) - kMinutes) {
        pulse.minutes.erase(pulse.minutes.begin());
    }
    while (!pulse.took_ms.empty() && pulse.took_ms.front().first < at - std::chrono::hours(1))
        pulse.took_ms.pop_front();
}

Stats Engine::stats(const std::optional<std::string>& store) const {
    Stats out;
    out.now = now();
    for (const auto& [id, tag] : tags_) {
        if (store && tag.rec.store != *store) continue;
        ++out.tags;
        if (!tag.rec.products.empty()) ++out.bound;
        switch (status_of(tag.rec)) {
            case TagStatus::shown:
                ++out.shown;
                break;
            case TagStatus::pending:
                ++out.pending;
                break;
            case TagStatus::failed:
                ++out.failed;
                break;
            case TagStatus::unknown:
                ++out.unknown;
                break;
        }
        if (status_of(tag.rec) == TagStatus::failed && tag.rec.failure) ++out.failed_by_class[tag.rec.failure->kind];
        if (is_late(tag.rec, out.now)) {
            ++out.late;
            const auto due = std::max(tag.rec.desired->at, tag.rec.desired->not_before);
            out.late_oldest = out.late_oldest ? std::min(*out.late_oldest, due) : due;
        }
        if (!tag.rec.battery) {
            ++out.batteries_unknown;
        } else if (tag.rec.battery->low()) {
            ++out.batteries_low;
        }
    }
    for (const auto& [id, ap] : aps_) {
        if (!ap.rec.store) ++out.aps_unclaimed;
        if (store && ap.rec.store != *store) continue;
        ++(ap.rec.online ? out.aps_online : out.aps_offline);
    }
    for (const auto& [id, change] : changes_) {
        if (store && change.rec.store != *store) continue;
        if (change.rec.state == ChangeState::scheduled) ++out.changes_scheduled;
        if (change.rec.state == ChangeState::awaiting_approval) ++out.changes_awaiting;
        if (change.rec.state == ChangeState::running) ++out.changes_running;
    }
    std::vector<std::int64_t> took;
    const auto this_minute = minute_of(out.now);
    out.minutes.resize(kMinutes);
    for (int i = 0; i < kMinutes; ++i) {
        out.minutes[static_cast<std::size_t>(i)].at = from_millis((this_minute - kMinutes + i) * 60'000);
    }
    for (const auto& [id, pulse] : pulses_) {
        if (store && id != *store) continue;
        for (const auto& [minute, count] : pulse.minutes) {
            if (minute < this_minute - kMinutes || minute > this_minute) continue;
            out.hour_displayed += count.displayed;
            out.hour_failed += count.failed;
            if (minute == this_minute) continue;
            auto& slot = out.minutes[static_cast<std::size_t>(minute - this_minute + kMinutes)];
            slot.displayed += count.displayed;
            slot.failed += count.failed;
        }
        for (const auto& [at, ms] : pulse.took_ms) {
            if (at >= out.now - std::chrono::hours(1)) took.push_back(ms);
        }
    }
    out.hour_p50_ms = percentile(took, 0.50);
    out.hour_p99_ms = percentile(took, 0.99);
    return out;
}

}  // namespace esl::mgmt
