#include "broker/app/registrar.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>

#include "broker/adapters/durable_file.hpp"

namespace esl::broker {
namespace {

Result<> add_to(Registry& registry, NameKind kind, std::string_view name) {
    return kind == NameKind::group ? registry.add_group(name) : registry.add_parent(name);
}

}  // namespace

Registrar::Registrar(NameLimits limits, const std::vector<std::string>& groups, const std::vector<std::string>& topics,
                     std::filesystem::path file, const Clock& clock)
    : limits_(limits), clock_(clock), file_(std::move(file)) {
    current_ = build(groups, topics, names_);
    if (note_times(*current_, names_)) keep_times(names_);
}

std::shared_ptr<const Registry> Registrar::build(const std::vector<std::string>& groups,
                                                 const std::vector<std::string>& topics, Names& names) const {
    auto registry = std::make_shared<Registry>(limits_);
    const auto take = [&](NameKind kind, const std::vector<std::string>& list) {
        for (const auto& name : list) {
            if (auto ok = add_to(*registry, kind, name); !ok && !ok.error().is(NameError::exists))
                throw std::runtime_error("configuration: " + ok.error().message());
            names.configured[static_cast<int>(kind)].insert(name);
        }
    };
    take(NameKind::group, groups);
    take(NameKind::topic, topics);
    read_file(*registry, names);
    return registry;
}

void Registrar::read_file(Registry& registry, Names& names) const {
    if (file_.empty() || !std::filesystem::exists(file_)) return;
    const auto bad = [&](const std::string& what) { return std::runtime_error(file_.string() + ": " + what); };
    std::ifstream in(file_);
    if (!in) throw bad("cannot be read");
    nlohmann::json json;
    try {
        json = nlohmann::json::parse(in);
    } catch (const nlohmann::json::parse_error& error) {
        throw bad("not JSON from byte " + std::to_string(error.byte) + " on");
    }
    if (!json.is_object()) throw bad("must be an object, is " + std::string(json.type_name()));
    for (const auto kind : {NameKind::group, NameKind::topic}) {
        const std::string key = kind == NameKind::group ? "groups" : "topics";
        if (!json.contains(key)) continue;
        const auto& list = json[key];
        if (!list.is_array()) throw bad(key + ": must be an array, is " + list.type_name());
        for (std::size_t i = 0; i < list.size(); ++i) {
            const auto place = key + "[" + std::to_string(i) + "]: ";
            if (!list[i].is_string()) throw bad(place + "must be text, is " + list[i].type_name());
            const auto name = list[i].get<std::string>();
            if (auto ok = add_to(registry, kind, name); !ok && !ok.error().is(NameError::exists))
                throw bad(place + ok.error().message());
            names.added[static_cast<int>(kind)].insert(name);
        }
    }
    if (!json.contains("groups_since")) return;
    const auto& since = json["groups_since"];
    if (!since.is_object()) throw bad("groups_since: must be an object, is " + std::string(since.type_name()));
    for (const auto& [group, time] : since.items()) {
        if (!time.is_number_integer())
            throw bad("groups_since." + group + ": must be a whole number, is " + time.type_name());
        names.since[group] = time.get<std::int64_t>();
    }
}

bool Registrar::note_times(const Registry& registry, Names& names) const {
    const auto groups = registry.groups();
    bool changed = std::erase_if(names.since, [&](const auto& entry) {
                       return !std::ranges::binary_search(groups, entry.first);
                   }) > 0;
    const auto now = to_millis(clock_.wall());
    for (const auto& group : groups) changed = names.since.emplace(group, now).second || changed;
    return changed;
}

void Registrar::keep_times(const Names& names) const {
    try {
        save(names);
    } catch (const std::system_error& error) {
        spdlog::warn("since when there are groups is not kept: {}", error.what());
    }
}

void Registrar::put_in_force(std::shared_ptr<const Registry> next) {
    current_ = std::move(next);
    if (changed_) changed_(current_);
}

void Registrar::check_reload(const std::vector<std::string>& groups, const std::vector<std::string>& topics) const {
    const std::lock_guard guard(lock_);
    Names names;
    static_cast<void>(build(groups, topics, names));
}

void Registrar::reload(const std::vector<std::string>& groups, const std::vector<std::string>& topics) {
    const std::lock_guard guard(lock_);
    Names names;
    auto next = build(groups, topics, names);
    names.since.merge(names_.since);  // those that the disk did not take
    if (note_times(*next, names)) keep_times(names);
    names_ = std::move(names);
    put_in_force(std::move(next));
}

std::shared_ptr<const Registry> Registrar::current() const {
    const std::lock_guard guard(lock_);
    return current_;
}

Registrar::Since Registrar::groups() const {
    const std::lock_guard guard(lock_);
    return names_.since;
}

Result<> Registrar::add(NameKind kind, std::string_view name) {
    const std::lock_guard guard(lock_);
    auto next = std::make_shared<Registry>(*current_);
    if (auto ok = add_to(*next, kind, name); !ok) return ok;
    auto names = names_;
    names.added[static_cast<int>(kind)].emplace(name);
    note_times(*next, names);
    save(names);
    names_ = std::move(names);
    put_in_force(std::move(next));
    return {};
}

Result<> Registrar::remove(NameKind kind, std::string_view name) {
    const std::lock_guard guard(lock_);
    if (names_.configured[static_cast<int>(kind)].contains(name)) {
        return fail(NameError::exists, "'" + std::string(name) + "' is in the configuration, remove it there");
    }
    auto next = std::make_shared<Registry>(*current_);
    auto ok = kind == NameKind::group ? next->remove_group(name) : next->remove_parent(name);
    if (!ok) return ok;
    auto names = names_;
    auto& added = names.added[static_cast<int>(kind)];
    if (const auto at = added.find(name); at != added.end()) added.erase(at);
    note_times(*next, names);
    save(names);
    names_ = std::move(names);
    put_in_force(std::move(next));
    return {};
}

void Registrar::save(const Names& names) const {
    if (file_.empty()) return;
    const nlohmann::json json{{"groups", names.added[0]}, {"topics", names.added[1]}, {"groups_since", names.since}};
    write_durably(file_, json.dump(2) + "\n");
}

}  // namespace esl::broker
