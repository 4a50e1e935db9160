// What makes a ZigBee network one and the same: kept by the agent, so that a coordinator that was wiped or replaced
// comes back as the network that the tags know (docs/formats/znp-radio.md has the file).
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "common/core/bytes.hpp"
#include "common/core/result.hpp"

namespace esl::ap::znp {

struct Network {
    std::uint16_t pan = 0;
    std::uint64_t ext_pan = 0;
    std::uint8_t channel = 15;
    std::array<std::uint8_t, 16> key{};  // never in a log
    bool operator==(const Network&) const = default;
};

// Random PAN ids and key.
[[nodiscard]] Network random_network(std::uint8_t channel);

[[nodiscard]] std::string to_json(const Network& network);
// Errors: ParseError with the field.
[[nodiscard]] Result<Network> network_from_json(std::string_view text);

// The whole file, replaced at once, readable by its owner alone; on disk when this returns. Throws std::system_error
// with the path.
void write_private_file(const std::filesystem::path& path, std::string_view text);
// Nothing when there is no such file. Takes other people's rights to read it away. Throws std::system_error.
[[nodiscard]] std::optional<std::string> read_private_file(const std::filesystem::path& path);

}  // namespace esl::ap::znp
