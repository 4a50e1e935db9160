#include "mgmt-service/adapters/memory/memory_task_store.hpp"

#include <algorithm>

namespace esl::mgmt {
namespace {

template <class Map, class Key>
auto find_in(const Map& map, const Key& key) -> std::optional<typename Map::mapped_type> {
    const auto it = map.find(key);
    if (it == map.end()) return std::nullopt;
    return it->second;
}

bool matches(const ChangeFilter& f, const Change& c) {
    return (!f.store || c.store == *f.store) && (!f.state || c.state == *f.state);
}
bool matches(const JobFilter& f, const Job& j) {
    return (!f.change || j.change == *f.change) && (!f.store || j.store == *f.store) && (!f.tag || j.tag == *f.tag) &&
           (!f.state || j.state == *f.state);
}

// Newest first; ids sort by time.
template <class Row, class Filter>
std::vector<Row> page(const std::map<std::string, Row>& rows, const Filter& filter, const std::string& before,
                      std::size_t limit, std::uint64_t& total) {
    std::vector<Row> out;
    total = 0;
    for (auto it = rows.rbegin(); it != rows.rend(); ++it) {
        if (!matches(filter, it->second)) continue;
        ++total;
        if ((before.empty() || it->first < before) && out.size() < limit) out.push_back(it->second);
    }
    return out;
}

bool unfinished(ChangeState s) {
    return s == ChangeState::draft || s == ChangeState::awaiting_approval || s == ChangeState::scheduled ||
           s == ChangeState::running;
}

}  // namespace

Snapshot MemoryTaskStore::load() {
    const std::lock_guard lock(mutex_);
    Snapshot out;
    for (const auto& [id, s] : stores_) out.stores.push_back(s);
    for (const auto& [id, a] : aps_) out.aps.push_back(a);
    for (const auto& [id, t] : tags_) out.tags.push_back(t);
    for (const auto& [id, p] : products_) out.products.push_back(p);
    for (const auto& [id, r] : rules_) out.rules.push_back(r);
    std::set<std::string> wanted;
    for (const auto& [id, j] : jobs_) {
        if (is_final(j.state)) continue;
        out.jobs.push_back(j);
        wanted.insert(j.change);
    }
    for (const auto& [id, t] : tags_) {
        if (t.dirty) wanted.insert(*t.dirty);
    }
    for (const auto& [id, c] : changes_) {
        if (!unfinished(c.state) && !wanted.contains(id)) continue;
        out.changes.push_back(c);
        if (!unfinished(c.state) || c.state == ChangeState::running) continue;
        if (const auto it = items_.find(id); it != items_.end()) {
            for (const auto& [index, item] : it->second) out.items.push_back(item);
        }
    }
    return out;
}

void MemoryTaskStore::commit(const WriteBatch& b) {
    const std::lock_guard lock(mutex_);
    for (const auto& r : b.stores) stores_[r.id] = r;
    for (const auto& r : b.aps) aps_[r.id] = r;
    for (const auto& r : b.tags) tags_[r.id] = r;
    for (const auto& r : b.products) products_[{r.store, r.id}] = r;
    for (const auto& r : b.prices) prices_[{r.store, r.product}].push_back(r);
    for (const auto& r : b.changes) changes_[r.id] = r;
    for (const auto& id : b.clear_items) items_.erase(id);
    for (const auto& r : b.rules) rules_[r.store] = r;
    for (const auto& r : b.items) items_[r.change][r.index] = r;
    for (const auto& r : b.change_steps) change_steps_[r.change].push_back(r);
    for (const auto& r : b.jobs) jobs_[r.id] = r;
    for (const auto& r : b.steps) steps_[r.job].push_back(r);
    for (const auto& r : b.images) images_.try_emplace(r.ref.sha, r);
    for (const auto& r : b.keys) keys_[{r.actor, r.key}] = r;
}

std::optional<Change> MemoryTaskStore::change(const std::string& id) {
    const std::lock_guard lock(mutex_);
    return find_in(changes_, id);
}

std::vector<Change> MemoryTaskStore::changes(const ChangeFilter& filter, const std::string& before, std::size_t limit,
                                             std::uint64_t& total) {
    const std::lock_guard lock(mutex_);
    return page(changes_, filter, before, limit, total);
}

std::vector<ChangeItem> MemoryTaskStore::change_items(const std::string& change, std::size_t limit) {
    const std::lock_guard lock(mutex_);
    std::vector<ChangeItem> out;
    const auto it = items_.find(change);
    if (it == items_.end()) return out;
    for (const auto& [index, item] : it->second) {
        if (out.size() >= limit) break;
        out.push_back(item);
    }
    return out;
}

std::vector<ChangeItem> MemoryTaskStore::item_page(const std::string& change, std::int64_t after, bool tripped,
                                                   std::size_t limit) {
    const std::lock_guard lock(mutex_);
    std::vector<ChangeItem> out;
    for (const auto& [index, item] : find_in(items_, change).value_or(std::map<std::uint32_t, ChangeItem>{})) {
        if (index <= after || (tripped && item.trips.empty())) continue;
        if (out.size() >= limit) break;
        out.push_back(item);
    }
    return out;
}

std::vector<ChangeStep> MemoryTaskStore::change_steps(const std::string& change) {
    const std::lock_guard lock(mutex_);
    auto out = find_in(change_steps_, change).value_or(std::vector<ChangeStep>{});
    if (out.size() > kMaxChangeSteps) out.resize(kMaxChangeSteps);
    return out;
}

std::optional<Job> MemoryTaskStore::job(const std::string& id) {
    const std::lock_guard lock(mutex_);
    return find_in(jobs_, id);
}

std::vector<Job> MemoryTaskStore::jobs(const JobFilter& filter, const std::string& before, std::size_t limit,
                                       std::uint64_t& total) {
    const std::lock_guard lock(mutex_);
    return page(jobs_, filter, before, limit, total);
}

std::vector<JobStep> MemoryTaskStore::steps(const std::string& job) {
    const std::lock_guard lock(mutex_);
    return find_in(steps_, job).value_or(std::vector<JobStep>{});
}

std::vector<std::int64_t> MemoryTaskStore::durations(const std::string& change) {
    const std::lock_guard lock(mutex_);
    std::vector<std::int64_t> out;
    for (const auto& [id, j] : jobs_) {
        if (j.change == change && j.state == JobState::displayed) {
            out.push_back(std::max<std::int64_t>(0, to_millis(j.updated_at) - to_millis(j.due)));
        }
    }
    return out;
}

std::vector<PricePoint> MemoryTaskStore::prices(const std::string& store, const std::string& product,
                                                UnixMillis since) {
    const std::lock_guard lock(mutex_);
    auto all = find_in(prices_, Pair{store, product}).value_or(std::vector<PricePoint>{});
    std::ranges::sort(all, {}, &PricePoint::from);
    auto first = std::ranges::upper_bound(all, since, {}, &PricePoint::from);
    if (first != all.begin()) --first;
    return {first, all.end()};
}

std::optional<StoredImage> MemoryTaskStore::image(const std::string& sha) {
    const std::lock_guard lock(mutex_);
    return find_in(images_, sha);
}

std::optional<Idempotency> MemoryTaskStore::idempotency(const std::string& actor, const std::string& key) {
    const std::lock_guard lock(mutex_);
    return find_in(keys_, Pair{actor, key});
}

void MemoryTaskStore::clean(UnixMillis keys_before) {
    const std::lock_guard lock(mutex_);
    std::erase_if(keys_, [&](const auto& k) { return k.second.at < keys_before; });
    if (keys_.size() > kMaxKeys) {
        std::vector<UnixMillis> times;
        for (const auto& [id, k] : keys_) times.push_back(k.at);
        std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(kMaxKeys), std::ranges::greater{});
        std::erase_if(keys_, [&](const auto& k) { return k.second.at <= times[kMaxKeys]; });
    }
    std::set<std::string> used;
    for (const auto& [id, t] : tags_) {
        if (t.desired) used.insert(t.desired->image.sha);
        if (t.planned) used.insert(t.planned->image.sha);
        if (t.reported) used.insert(t.reported->image.sha);
    }
    for (const auto& [id, j] : jobs_) {
        if (!is_final(j.state)) used.insert(j.image.sha);
    }
    std::erase_if(images_, [&](const auto& i) { return !used.contains(i.first); });
}

}  // namespace esl::mgmt
