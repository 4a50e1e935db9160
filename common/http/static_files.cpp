#include "common/http/static_files.hpp"

#include <array>
#include <fstream>
#include <optional>
#include <utility>

#include "common/http/problem.hpp"
#include "common/http/url.hpp"

namespace esl::http {
namespace fs = std::filesystem;
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 19> kTypes{{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".webp", "image/webp"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".woff", "font/woff"},
    {".ttf", "font/ttf"},
    {".txt", "text/plain; charset=utf-8"},
    {".csv", "text/csv; charset=utf-8"},
    {".yaml", "application/yaml"},
    {".webmanifest", "application/manifest+json"},
    {".wasm", "application/wasm"},
}};

// The path below the root, or nothing when it could lead elsewhere.
std::optional<fs::path> relative_path(std::string_view url_path) {
    const auto decoded = percent_decode(url_path);
    if (!decoded || !decoded->starts_with('/')) return std::nullopt;
    fs::path out;
    std::string_view rest = std::string_view{*decoded}.substr(1);
    while (!rest.empty()) {
        const auto end = std::min(rest.find('/'), rest.size());
        const auto segment = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (segment.empty() || segment.front() == '.' || segment.find('\\') != std::string_view::npos)
            return std::nullopt;
        out /= segment;
    }
    return out;
}

bool inside(const fs::path& root, const fs::path& file) {
    std::error_code ec;
    const auto real = fs::canonical(file, ec);
    if (ec) return false;
    const auto base = fs::canonical(root, ec);
    if (ec) return false;
    const auto [end, _] = std::mismatch(base.begin(), base.end(), real.begin(), real.end());
    return end == base.end();
}

std::optional<std::string> read_below(const StaticFiles& options, const fs::path& relative) {
    const auto file = options.root / relative;
    std::error_code ec;
    if (!fs::is_regular_file(file, ec) || !inside(options.root, file)) return std::nullopt;
    const auto size = fs::file_size(file, ec);
    if (ec || size > options.max_file) return std::nullopt;
    std::ifstream in(file, std::ios::binary);
    std::string content(size, '\0');
    in.read(content.data(), static_cast<std::streamsize>(size));
    if (in.gcount() != static_cast<std::streamsize>(size)) return std::nullopt;
    return content;
}

bool accepts(const Request& request, std::string_view coding) {
    std::string_view list = request.headers.get("accept-encoding");
    while (!list.empty()) {
        const auto end = std::min(list.find(','), list.size());
        auto item = list.substr(0, end);
        list.remove_prefix(std::min(end + 1, list.size()));
        while (item.starts_with(' ')) item.remove_prefix(1);
        const auto name_end = std::min(item.find_first_of("; "), item.size());
        if (!same_text_ignoring_case(item.substr(0, name_end), coding)) continue;
        return item.find("q=0") == std::string_view::npos || item.find("q=0.") != std::string_view::npos;
    }
    return false;
}

Response file_response(const StaticFiles& options, const Request& request, const fs::path& relative,
                       std::string plain) {
    Response response;
    const auto type = content_type_of(relative.filename().string());
    response.headers.set("Content-Type", std::string(type)).set("Vary", "Accept-Encoding");
    if (type.starts_with("text/html")) {
        response.headers.set("Content-Security-Policy", options.content_security_policy);
    }
    const bool hashed_name = relative.begin() != relative.end() && *relative.begin() == options.immutable_prefix;
    response.headers.set("Cache-Control", hashed_name ? "public, max-age=31536000, immutable" : "no-cache");
    response.body = std::move(plain);
    for (const auto& [coding, ending] : {std::pair{"br", ".br"}, std::pair{"gzip", ".gz"}}) {
        if (!accepts(request, coding)) continue;
        auto compressed = read_below(options, fs::path(relative) += ending);
        if (!compressed) continue;
        response.headers.set("Content-Encoding", coding);
        response.body = *std::move(compressed);
        break;
    }
    const auto etag = etag_of(response.body);
    apply_etag(request, response, etag);
    return response;
}

}  // namespace

std::string_view content_type_of(std::string_view file_name) {
    for (const auto& [ending, type] : kTypes) {
        if (file_name.size() > ending.size() &&
            same_text_ignoring_case(file_name.substr(file_name.size() - ending.size()), ending)) {
            return type;
        }
    }
    return "application/octet-stream";
}

Handler serve_files(StaticFiles options) {
    return [options = std::move(options)](const Request& request) {
        const auto not_found = [&] { return problem(404, "nothing at " + request.path); };
        auto relative = relative_path(request.path);
        if (!relative) return not_found();
        if (relative->empty()) *relative = options.single_page.empty() ? "index.html" : options.single_page;
        if (auto content = read_below(options, *relative)) {
            return file_response(options, request, *relative, *std::move(content));
        }
        const bool page_route = !options.single_page.empty() && !relative->has_extension() &&
                                !request.path.starts_with(options.no_fallback_prefix);
        if (!page_route) return not_found();
        auto page = read_below(options, options.single_page);
        if (!page) return not_found();
        return file_response(options, request, options.single_page, *std::move(page));
    };
}

}  // namespace esl::http
