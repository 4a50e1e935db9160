// Files of a folder as a Handler: content types, entity tags, precompressed siblings, single-page fallback.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "common/http/router.hpp"

namespace esl::http {

struct StaticFiles {
    std::filesystem::path root;
    // Served for paths without a file and without a dot in their last segment, so that a page's own routes can be
    // reloaded. Empty: they are 404.
    std::string single_page = "index.html";
    // First path segment of files whose names carry a hash of their content; they may be cached for a year.
    std::string immutable_prefix = "assets";
    // Paths below this prefix are never answered with the single page ("/api/").
    std::string no_fallback_prefix = "/api/";
    std::string content_security_policy =
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; "
        "base-uri 'none'; form-action 'self'";
    std::size_t max_file = std::size_t{32} << 20;  // larger files are 404, with a log line from whoever put them there
};

// Reads from disk at each request (the system caches it). "name.br" and "name.gz" beside a file are sent to those who
// accept them. Paths with "..", "." or hidden segments, and links that lead out of the root, are 404.
[[nodiscard]] Handler serve_files(StaticFiles options);

[[nodiscard]] std::string_view content_type_of(std::string_view file_name);

}  // namespace esl::http
