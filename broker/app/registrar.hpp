// Groups and parent topics: those of the configuration, and those that administrators added, which survive a restart.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "broker/core/names.hpp"

namespace esl::broker {

enum class NameKind : std::uint8_t { group, topic };

// Thread-safe.
class Registrar {
public:
    using Changed = std::function<void(std::shared_ptr<const Registry>)>;

    // `file` (empty: nothing is kept) holds what was added, as JSON {"groups": [..], "topics": [..]}. Throws
    // std::runtime_error when a configured name or the file is bad.
    Registrar(NameLimits limits, const std::vector<std::string>& groups, const std::vector<std::string>& topics,
              std::filesystem::path file);

    void on_change(Changed changed) { changed_ = std::move(changed); }
    [[nodiscard]] std::shared_ptr<const Registry> current() const;
    // On disk when they return. A configured name cannot be removed here: the next start would bring it back.
    [[nodiscard]] Result<> add(NameKind kind, std::string_view name);
    [[nodiscard]] Result<> remove(NameKind kind, std::string_view name);
    // Reads the file again; what it no longer has is taken out.
    [[nodiscard]] Result<> reload();

private:
    void save() const;
    void read_file(Registry& registry);
    void take(Registry& registry, NameKind kind, const std::string& name, bool configured);

    NameLimits limits_;
    std::filesystem::path file_;
    Changed changed_;
    mutable std::mutex lock_;
    std::shared_ptr<const Registry> current_;
    std::set<std::string, std::less<>> configured_[2];
    std::set<std::string, std::less<>> added_[2];
};

}  // namespace esl::broker
