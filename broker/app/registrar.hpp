// Groups and parent topics: those of the configuration, and those that administrators added, which survive a restart.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "broker/core/names.hpp"
#include "common/core/clock.hpp"

namespace esl::broker {

enum class NameKind : std::uint8_t { group, topic };

// Thread-safe.
class Registrar {
public:
    using Changed = std::function<void(std::shared_ptr<const Registry>)>;

    // `file` (empty: nothing is kept) holds what was added, and since when there is each group, configured ones too, as
    // JSON {"groups": [..], "topics": [..], "groups_since": {"GID_a": Unix ms}}. Throws std::runtime_error when a
    // configured name or the file is bad. `clock` outlives it.
    Registrar(NameLimits limits, const std::vector<std::string>& groups, const std::vector<std::string>& topics,
              std::filesystem::path file, const Clock& clock);

    void on_change(Changed changed) { changed_ = std::move(changed); }
    [[nodiscard]] std::shared_ptr<const Registry> current() const;
    // Each group, and Unix ms since when it is there: added, or first met in the configuration.
    using Since = std::map<std::string, std::int64_t, std::less<>>;
    [[nodiscard]] Since groups() const;
    // On disk when they return; throw std::system_error, with nothing changed, when that fails. A configured name
    // cannot be removed here: the next start would bring it back.
    [[nodiscard]] Result<> add(NameKind kind, std::string_view name);
    [[nodiscard]] Result<> remove(NameKind kind, std::string_view name);
    // Throws what reload() would.
    void check_reload(const std::vector<std::string>& groups, const std::vector<std::string>& topics) const;
    // Takes these for the configured names and reads the file again; what neither has is taken out. Throws
    // std::runtime_error, with nothing changed, for the same reasons as the constructor.
    void reload(const std::vector<std::string>& groups, const std::vector<std::string>& topics);

private:
    using NameSet = std::set<std::string, std::less<>>;
    struct Names {
        NameSet configured[2];  // by NameKind
        NameSet added[2];
        Since since;  // of groups
    };

    [[nodiscard]] std::shared_ptr<const Registry> build(const std::vector<std::string>& groups,
                                                        const std::vector<std::string>& topics, Names& names) const;
    void read_file(Registry& registry, Names& names) const;
    // Times for the groups that have none. False: they all had one, and no other has.
    bool note_times(const Registry& registry, Names& names) const;
    // As far as the disk takes it: a time is not worth a start that fails.
    void keep_times(const Names& names) const;
    void save(const Names& names) const;
    void put_in_force(std::shared_ptr<const Registry> next);

    NameLimits limits_;
    const Clock& clock_;
    std::filesystem::path file_;
    Changed changed_;
    mutable std::mutex lock_;
    std::shared_ptr<const Registry> current_;
    Names names_;
};

}  // namespace esl::broker
