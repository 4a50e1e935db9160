#include "broker/app/registrar.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <tuple>

namespace esl::broker {
namespace {

Result<> add_to(Registry& registry, NameKind kind, std::string_view name) {
    return kind == NameKind::group ? registry.add_group(name) : registry.add_parent(name);
}

void write_durably(const std::filesystem::path& file, const std::string& text) {
    const auto temporary = file.string() + ".new";
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    const auto check = [&](bool ok) {
        if (ok) return;
        const int why = errno;
        if (fd >= 0) ::close(fd);
        throw std::system_error(why, std::generic_category(), temporary);
    };
    check(fd >= 0);
    check(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    check(::fsync(fd) == 0);
    ::close(fd);
    std::filesystem::rename(temporary, file);
    const int folder = ::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        ::fsync(folder);
        ::close(folder);
    }
}

}  // namespace

Registrar::Registrar(NameLimits limits, const std::vector<std::string>& groups, const std::vector<std::string>& topics,
                     std::filesystem::path file)
    : limits_(limits), file_(std::move(file)) {
    auto registry = std::make_shared<Registry>(limits_);
    for (const auto& name : groups) take(*registry, NameKind::group, name, true);
    for (const auto& name : topics) take(*registry, NameKind::topic, name, true);
    read_file(*registry);
    current_ = std::move(registry);
}

void Registrar::take(Registry& registry, NameKind kind, const std::string& name, bool configured) {
    if (auto ok = add_to(registry, kind, name); !ok && !ok.error().is(NameError::exists)) {
        throw std::runtime_error((configured ? "configuration: " : file_.string() + ": ") + ok.error().message());
    }
    (configured ? configured_ : added_)[static_cast<int>(kind)].insert(name);
}

void Registrar::read_file(Registry& registry) {
    if (file_.empty() || !std::filesystem::exists(file_)) return;
    std::ifstream in(file_);
    const auto json = nlohmann::json::parse(in, nullptr, false);
    if (!json.is_object()) throw std::runtime_error(file_.string() + ": not a JSON object");
    for (const auto& name : json.value("groups", std::vector<std::string>{}))
        take(registry, NameKind::group, name, false);
    for (const auto& name : json.value("topics", std::vector<std::string>{}))
        take(registry, NameKind::topic, name, false);
}

Result<> Registrar::reload() {
    const std::lock_guard guard(lock_);
    const auto before = std::pair{added_[0], added_[1]};
    try {
        auto next = std::make_shared<Registry>(limits_);
        for (const auto& name : configured_[0]) take(*next, NameKind::group, name, true);
        for (const auto& name : configured_[1]) take(*next, NameKind::topic, name, true);
        added_[0].clear();
        added_[1].clear();
        read_file(*next);
        current_ = std::move(next);
    } catch (const std::exception& error) {
        std::tie(added_[0], added_[1]) = before;
        return fail(NameError::not_there, error.what());
    }
    if (changed_) changed_(current_);
    return {};
}

std::shared_ptr<const Registry> Registrar::current() const {
    const std::lock_guard guard(lock_);
    return current_;
}

Result<> Registrar::add(NameKind kind, std::string_view name) {
    const std::lock_guard guard(lock_);
    auto next = std::make_shared<Registry>(*current_);
    if (auto ok = add_to(*next, kind, name); !ok) return ok;
    added_[static_cast<int>(kind)].emplace(name);
    save();
    current_ = std::move(next);
    if (changed_) changed_(current_);
    return {};
}

Result<> Registrar::remove(NameKind kind, std::string_view name) {
    const std::lock_guard guard(lock_);
    if (configured_[static_cast<int>(kind)].contains(name)) {
        return fail(NameError::exists, "'" + std::string(name) + "' is in the configuration, remove it there");
    }
    auto next = std::make_shared<Registry>(*current_);
    auto ok = kind == NameKind::group ? next->remove_group(name) : next->remove_parent(name);
    if (!ok) return ok;
    auto& added = added_[static_cast<int>(kind)];
    if (const auto at = added.find(name); at != added.end()) added.erase(at);
    save();
    current_ = std::move(next);
    if (changed_) changed_(current_);
    return {};
}

void Registrar::save() const {
    if (file_.empty()) return;
    write_durably(file_, nlohmann::json{{"groups", added_[0]}, {"topics", added_[1]}}.dump(2) + "\n");
}

}  // namespace esl::broker
