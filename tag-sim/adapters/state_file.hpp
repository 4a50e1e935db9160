// What a shelf keeps over a restart of the simulator: e-paper keeps its picture, a ZigBee network its memory
// (docs/formats/tag-sim-state.md).
#pragma once

#include <filesystem>
#include <map>
#include <optional>

#include "tag-sim/core/coordinator.hpp"
#include "tag-sim/core/shelf.hpp"

namespace esl::sim {

class StateFile {
public:
    // An empty path: nothing is read or kept.
    explicit StateFile(std::filesystem::path path) : path_(std::move(path)) {}

    // Reads the file when there is one. Throws std::runtime_error that names the file when it is damaged.
    void load();
    [[nodiscard]] CoordinatorMemory coordinator() const;
    // Gives the tags of the shelf the screens they had; a tag whose panel has another size now keeps its white one.
    void restore(Shelf& shelf) const;
    // Writes the file when a screen or the coordinator's memory has changed, by way of a second file that then takes
    // the place of the first. Throws std::runtime_error when the disk refuses.
    void save(Shelf& shelf, Coordinator* coordinator);

private:
    struct Screen {
        std::uint64_t refreshes = 0;
        std::int64_t shown_at = 0;
        std::uint32_t image = 0;
        Bytes stream;
    };
    std::filesystem::path path_;
    std::map<TagId, Screen> screens_;
    std::optional<CoordinatorMemory> memory_;
};

}  // namespace esl::sim
