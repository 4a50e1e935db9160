#include "broker/app/registrar.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "broker/adapters/durable_file.hpp"

namespace esl::broker {
namespace {

Result<> add_to(Registry& registry, NameKind kind, std::string_view name) {
    return kind == NameKind::group ? registry.add_group(name) : registry.add_parent(name);
}

}  // namespace

Registrar::Registrar(NameLimits limits, const std::vector<std::string>& groups, const std::vector<std::string>& topics,
                     std::filesystem::path file)
    : limits_(limits), file_(std::move(file)) {
    current_ = build(groups, topics, names_);
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
    names_ = std::move(names);
    put_in_force(std::move(next));
}

std::shared_ptr<const Registry> Registrar::current() const {
    const std::lock_guard guard(lock_);
    return current_;
}

Result<> Registrar::add(NameKind kind, std::string_view name) {
    const std::lock_guard guard(lock_);
    auto next = std::make_shared<Registry>(*current_);
    if (auto ok = add_to(*next, kind, name); !ok) return ok;
    auto names = names_;
    names.added[static_cast<int>(kind)].emplace(name);
    save(names.added);
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
    save(names.added);
    names_ = std::move(names);
    put_in_force(std::move(next));
    return {};
}

void Registrar::save(const NameSet (&added)[2]) const {
    if (file_.empty()) return;
    write_durably(file_, nlohmann::json{{"groups", added[0]}, {"topics", added[1]}}.dump(2) + "\n");
}

}  // namespace esl::broker
