#include "broker/app/message_ids.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "broker/adapters/durable_file.hpp"
#include "common/core/ids.hpp"

namespace esl::broker {
namespace {

constexpr int kNumbersPerStart = 44;
constexpr std::uint64_t kStartsMost = 1ULL << (63 - kNumbersPerStart);  // SQLite's integers have 63 bits and a sign

std::uint64_t random_number() {
    std::array<std::uint8_t, 8> bytes{};
    fill_random(bytes);
    return std::bit_cast<std::uint64_t>(bytes);
}

struct Kept {
    std::uint64_t instance = 0;
    std::uint64_t starts = 0;
};

Kept read(const std::filesystem::path& file) {
    std::ifstream in(file);
    const auto json = nlohmann::json::parse(in, nullptr, false);
    const auto bad = [&](const char* what) { return std::runtime_error(file.string() + ": " + what); };
    if (!json.is_object() || !json.contains("instance") || !json["instance"].is_string() || !json.contains("starts") ||
        !json["starts"].is_number_unsigned()) {
        throw bad(R"(must be {"instance": "<16 hex digits>", "starts": <number>})");
    }
    Kept kept{.starts = json["starts"].get<std::uint64_t>()};
    const auto text = json["instance"].get<std::string>();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), kept.instance, 16);
    if (error != std::errc{} || end != text.data() + text.size() || text.size() != 16)
        throw bad("instance: must be 16 hex digits");
    return kept;
}

}  // namespace

void begin_ids(SharedIds& ids, const std::filesystem::path& file, MessageId highest_stored) {
    ids.channel_key = {.high = random_number(), .low = random_number()};
    if (file.empty()) {
        ids.instance = random_number();
        return;
    }
    Kept kept = std::filesystem::exists(file) ? read(file) : Kept{.instance = random_number(), .starts = 0};
    if (++kept.starts >= kStartsMost) throw std::runtime_error(file.string() + ": started too often for new ids");
    write_durably(
        file,
        nlohmann::json{{"instance", fmt::format("{:016X}", kept.instance)}, {"starts", kept.starts}}.dump() + "\n");
    ids.instance = kept.instance;
    ids.message = std::max(kept.starts << kNumbersPerStart, highest_stored + 1);
}

}  // namespace esl::broker
