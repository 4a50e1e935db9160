#include "tag-sim/adapters/state_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace esl::sim {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

json memory_json(const CoordinatorMemory& memory) {
    json out{{"items", json::array()}, {"table", json::array()}, {"joined", json::array()}};
    for (const auto& [id, value] : memory.nv.items) out["items"].push_back({id, json::binary(value)});
    for (const auto& [key, value] : memory.nv.table) {
        out["table"].push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), json::binary(value)});
    }
    for (const auto& [tag, nwk] : memory.joined) out["joined"].push_back({tag.text(), nwk});
    return out;
}

TagId tag_of(const json& text) {
    const auto id = TagId::parse(text.get<std::string>());
    if (!id) throw std::runtime_error(id.error().message());
    return *id;
}

CoordinatorMemory memory_of(const json& in) {
    CoordinatorMemory out;
    out.nv.items.clear();
    for (const auto& row : in.at("items")) out.nv.items[row.at(0).get<std::uint16_t>()] = row.at(1).get_binary();
    for (const auto& row : in.at("table")) {
        out.nv.table[{row.at(0).get<std::uint8_t>(), row.at(1).get<std::uint16_t>(), row.at(2).get<std::uint16_t>()}] =
            row.at(3).get_binary();
    }
    for (const auto& row : in.at("joined")) out.joined[tag_of(row.at(0))] = row.at(1).get<std::uint16_t>();
    return out;
}

// Whole, on the disk, and only then under its name.
void replace_file(const std::filesystem::path& path, BytesView bytes) {
    const auto beside = path.string() + ".new";
    const int file = open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool good = file >= 0;
    while (good && !bytes.empty()) {
        const auto written = write(file, bytes.data(), bytes.size());
        good = written > 0;
        if (good) bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    good = good && fsync(file) == 0;
    const int why = errno;
    if (file >= 0) close(file);
    if (!good || rename(beside.c_str(), path.c_str()) != 0) {
        throw std::runtime_error("state file " + path.string() + ": " + std::strerror(good ? errno : why));
    }
}

}  // namespace

void StateFile::load() {
    if (path_.empty() || !std::filesystem::exists(path_)) return;
    std::ifstream in{path_, std::ios::binary};
    const Bytes bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    try {
        const auto document = json::from_cbor(bytes);
        if (document.at("version") != kVersion) throw std::runtime_error("made by another version");
        for (const auto& row : document.at("tags")) {
            screens_[tag_of(row.at(0))] = {row.at(1).get<std::uint64_t>(), row.at(2).get<std::int64_t>(),
                                           row.at(3).get<std::uint32_t>(), row.at(4).get_binary()};
        }
        if (document.contains("coordinator")) memory_ = memory_of(document.at("coordinator"));
    } catch (const std::exception& error) {
        throw std::runtime_error("state file " + path_.string() + ": " + error.what());
    }
}

CoordinatorMemory StateFile::coordinator() const {
    return memory_.value_or(CoordinatorMemory{});
}

void StateFile::restore(Shelf& shelf) const {
    for (const auto& [id, screen] : screens_) {
        auto* tag = shelf.find(id);
        if (tag == nullptr) continue;
        auto image = image::inflate(tag->profile().width, tag->profile().height, screen.stream);
        if (image) tag->restore_screen(std::move(*image), screen.image, from_millis(screen.shown_at), screen.refreshes);
    }
}

void StateFile::save(Shelf& shelf, Coordinator* coordinator) {
    if (path_.empty()) return;
    bool changed = false;
    for (const auto* tag : shelf.tags()) {
        auto& screen = screens_[tag->id()];
        const auto shown_at = to_millis(tag->shown_at());
        if (screen.image == tag->shown_id() && screen.shown_at == shown_at && !screen.stream.empty()) continue;
        screen = {tag->counters().refreshes, shown_at, tag->shown_id(), image::deflate(tag->shown(), 1)};
        changed = true;
    }
    if (coordinator != nullptr && coordinator->take_changed()) {
        memory_ = coordinator->memory();
        changed = true;
    }
    if (!changed) return;
    json document{{"version", kVersion}, {"tags", json::array()}};
    for (const auto& [id, screen] : screens_) {
        document["tags"].push_back(
            {id.text(), screen.refreshes, screen.shown_at, screen.image, json::binary(screen.stream)});
    }
    if (memory_) document["coordinator"] = memory_json(*memory_);
    replace_file(path_, json::to_cbor(document));
}

}  // namespace esl::sim
