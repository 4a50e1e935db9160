// The fonts that tags are drawn with: those in render/fonts/, pinned with the product, and Debian's Noto fonts for
// scripts that these lack. Nothing else that is installed is looked at.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/core/result.hpp"
#include "mgmt-service/render/fields.hpp"

struct _FcConfig;

namespace esl::mgmt::render {

using Digest = std::array<std::uint8_t, 32>;  // SHA-256

// Immutable and thread-safe (a fontconfig configuration may be read by several threads).
class FontSet {
public:
    // Every *.ttf of `folder` must load (Errors: bad_fonts); of the Noto files, those that are installed are taken.
    // Slow (tens of ms): once at start.
    [[nodiscard]] static Result<std::shared_ptr<const FontSet>> load(const std::filesystem::path& folder);
    ~FontSet();
    FontSet(const FontSet&) = delete;
    FontSet& operator=(const FontSet&) = delete;

    // Over the font files' bytes and the versions of FreeType, HarfBuzz, Pango and librsvg: same digest, same pixels.
    [[nodiscard]] const Digest& digest() const { return digest_; }
    // Names of Noto files that are not installed; text in their scripts shows as boxes.
    [[nodiscard]] const std::vector<std::string>& missing() const { return missing_; }
    [[nodiscard]] _FcConfig* config() const { return config_; }

private:
    FontSet() = default;
    _FcConfig* config_ = nullptr;
    Digest digest_{};
    std::vector<std::string> missing_;
};

}  // namespace esl::mgmt::render
