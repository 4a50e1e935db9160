#include "mgmt-service/render/fonts.hpp"

#include <fontconfig/fontconfig.h>
#include <ft2build.h>
#include <hb.h>
#include <openssl/evp.h>
#include <pango/pango.h>
#include <zint.h>
#include FT_FREETYPE_H
#include <librsvg/rsvg.h>

#include <algorithm>
#include <fstream>

#if __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
// Fontconfig keeps offsets where others keep pointers, and the leak checker cannot follow them.
using NotALeak = __lsan::ScopedDisabler;
#else
struct NotALeak {
    NotALeak() {}
};
#endif

#if __has_feature(thread_sanitizer)
// These libraries are not built for the thread sanitizer, which therefore does not see their locks.
extern "C" const char* __tsan_default_suppressions() {
    return "called_from_lib:libglib-2.0.so\ncalled_from_lib:libgio-2.0.so\ncalled_from_lib:libgdk_pixbuf-2.0."
           "so\ncalled_from_lib:libgobject-2.0.so\ncalled_from_lib:libpango-1.0.so\n"
           "called_from_lib:libpangoft2-1.0.so\ncalled_from_lib:libpangocairo-1.0.so\ncalled_from_lib:libcairo.so\n"
           "called_from_lib:libpixman-1.so\ncalled_from_lib:libfontconfig.so\ncalled_from_lib:libharfbuzz.so\n"
           "called_from_lib:libfreetype.so\ncalled_from_lib:librsvg-2.so\n";
}
#endif

namespace esl::mgmt::render {
namespace {

namespace fs = std::filesystem;

// Scripts that DejaVu lacks or draws poorly. Debian: fonts-noto-cjk, fonts-noto-core.
constexpr const char* kNotoFiles[] = {
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/truetype/noto/NotoSansHebrew-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansThai-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansThai-Bold.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansDevanagari-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansDevanagari-Bold.ttf",
};

class Sha256 {
public:
    Sha256() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_, EVP_sha256(), nullptr); }
    ~Sha256() { EVP_MD_CTX_free(context_); }
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;
    void add(const void* data, std::size_t size) { EVP_DigestUpdate(context_, data, size); }
    void add(const std::string& text) { add(text.data(), text.size() + 1); }
    Digest finish() {
        Digest out{};
        EVP_DigestFinal_ex(context_, out.data(), nullptr);
        return out;
    }

private:
    EVP_MD_CTX* context_;
};

bool add_file(Sha256& hash, const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return false;
    hash.add(path.filename().string());
    std::vector<char> buffer(1U << 16);
    while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
        hash.add(buffer.data(), static_cast<std::size_t>(in.gcount()));
    }
    return true;
}

void add_versions(Sha256& hash) {
    hash.add(std::string("freetype " + std::to_string(FREETYPE_MAJOR) + "." + std::to_string(FREETYPE_MINOR) + "." +
                         std::to_string(FREETYPE_PATCH)));
    hash.add(std::string("harfbuzz ") + hb_version_string());
    hash.add(std::string("pango ") + pango_version_string());
    hash.add(std::string("rsvg ") + std::to_string(rsvg_major_version) + "." + std::to_string(rsvg_minor_version) +
             "." + std::to_string(rsvg_micro_version));
    hash.add(std::string("zint ") + std::to_string(ZBarcode_Version()));
}

bool load_file(FcConfig* config, const fs::path& path) {
    const NotALeak scope;
    return FcConfigAppFontAddFile(config, reinterpret_cast<const FcChar8*>(path.c_str())) == FcTrue;
}

std::vector<fs::path> pinned_files(const fs::path& folder) {
    std::vector<fs::path> files;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
        if (entry.path().extension() == ".ttf") files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
}

}  // namespace

FontSet::~FontSet() {
    if (config_ != nullptr) FcConfigDestroy(config_);
}

Result<std::shared_ptr<const FontSet>> FontSet::load(const fs::path& folder) {
    const auto files = pinned_files(folder);
    if (files.empty()) return fail(RenderError::bad_fonts, "no *.ttf in " + folder.string());
    std::shared_ptr<FontSet> set(new FontSet);
    set->config_ = FcConfigCreate();
    Sha256 hash;
    for (const auto& file : files) {
        if (!add_file(hash, file) || !load_file(set->config_, file)) {
            return fail(RenderError::bad_fonts, "cannot load " + file.string());
        }
    }
    for (const fs::path file : kNotoFiles) {
        if (!add_file(hash, file) || !load_file(set->config_, file)) set->missing_.push_back(file.filename().string());
    }
    // Pango calls FcInit() on a thread of its own, which would read all that is installed; with a current
    // configuration it does nothing.
    FcConfigSetCurrent(set->config_);
    add_versions(hash);
    set->digest_ = hash.finish();
    return set;
}

}  // namespace esl::mgmt::render
