#include "common/http/router.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "common/http/problem.hpp"
#include "common/http/url.hpp"

namespace esl::http {
namespace {

// One segment of a pattern: literal, "{name}", "{name}suffix" or "{name...}".
struct Segment {
    std::string_view name, suffix;
    bool rest = false;

    static Segment of(std::string_view text) {
        if (!text.starts_with('{')) return {.name = {}, .suffix = text};
        const auto close = text.find('}');
        Segment segment{.name = text.substr(1, close - 1), .suffix = text.substr(close + 1)};
        if (segment.name.ends_with("...")) {
            segment.rest = true;
            segment.name.remove_suffix(3);
        }
        return segment;
    }
};

// Cuts the next segment off a path that starts with '/'.
std::string_view next_segment(std::string_view& path) {
    path.remove_prefix(1);
    const auto end = std::min(path.find('/'), path.size());
    const auto segment = path.substr(0, end);
    path.remove_prefix(end);
    return segment;
}

using RawParams = std::vector<std::pair<std::string_view, std::string_view>>;

std::optional<RawParams> try_match(std::string_view pattern, std::string_view path) {
    RawParams params;
    while (!pattern.empty()) {
        if (path.empty()) return std::nullopt;
        const auto want = Segment::of(next_segment(pattern));
        if (want.rest) {
            params.emplace_back(want.name, path.substr(1));
            return params;
        }
        auto have = next_segment(path);
        if (want.name.empty()) {
            if (have != want.suffix) return std::nullopt;
            continue;
        }
        if (!have.ends_with(want.suffix) || have.size() == want.suffix.size()) return std::nullopt;
        have.remove_suffix(want.suffix.size());
        params.emplace_back(want.name, have);
    }
    if (!path.empty()) return std::nullopt;
    return params;
}

// Literal before name-with-suffix before name before rest, from the left.
std::string rank_of(std::string_view pattern) {
    std::string rank;
    while (!pattern.empty()) {
        const auto segment = Segment::of(next_segment(pattern));
        rank += segment.rest ? '3' : segment.name.empty() ? '0' : segment.suffix.empty() ? '2' : '1';
    }
    return rank;
}

void check_pattern(std::string_view pattern) {
    const auto bad = [&](std::string_view why) {
        throw std::invalid_argument("route pattern '" + std::string(pattern) + "': " + std::string(why));
    };
    if (!pattern.starts_with('/')) bad("does not start with '/'");
    for (auto rest = pattern; !rest.empty();) {
        const auto segment = next_segment(rest);
        const auto open = segment.find('{');
        if (open == std::string_view::npos) continue;
        const auto close = segment.find('}');
        if (open != 0 || close == std::string_view::npos || close < 2) bad("'{name}' must begin its segment");
        if (segment.substr(1, close - 1).ends_with("...") && !rest.empty()) bad("'{name...}' must be last");
    }
}

Response method_refused(const Request& request, std::vector<std::string> allowed) {
    if (std::ranges::count(allowed, "GET") > 0) allowed.emplace_back("HEAD");
    allowed.emplace_back("OPTIONS");
    std::ranges::sort(allowed);
    std::string list;
    for (const auto& method : allowed) list += (list.empty() ? "" : ", ") + method;
    auto response = request.method == "OPTIONS"
                        ? empty_response(204)
                        : problem(405, request.method + " is not served at " + request.path + "; " + list + " are");
    response.headers.set("Allow", list);
    return response;
}

}  // namespace

Router& Router::insert(Route route) {
    check_pattern(route.pattern);
    for (const auto& other : routes_) {
        if (other.method == route.method && other.pattern == route.pattern) {
            throw std::invalid_argument("route " + route.method + ' ' + route.pattern + " is there twice");
        }
    }
    const auto rank = rank_of(route.pattern);
    const auto at = std::ranges::upper_bound(routes_, rank, {}, [](const Route& r) { return rank_of(r.pattern); });
    routes_.insert(at, std::move(route));
    return *this;
}

Router& Router::add(std::string_view method, std::string_view pattern, Handler handler, RouteOptions options) {
    return insert({std::string(method), std::string(pattern), std::move(handler), {}, options});
}

Router& Router::add_stream(std::string_view method, std::string_view pattern, StreamHandler handler,
                           RouteOptions options) {
    return insert({std::string(method), std::string(pattern), {}, std::move(handler), options});
}

bool Router::has_streams() const {
    return std::ranges::any_of(routes_, [](const Route& r) { return static_cast<bool>(r.stream); });
}

Router::Match Router::match(Request& request) const {
    const std::string_view method = request.method == "HEAD" ? std::string_view{"GET"} : request.method;
    std::vector<std::string> allowed;
    for (const auto& route : routes_) {
        const auto params = try_match(route.pattern, request.path);
        if (!params) continue;
        if (route.method != method) {
            if (std::ranges::count(allowed, route.method) == 0) allowed.push_back(route.method);
            continue;
        }
        for (const auto& [name, raw] : *params) {
            auto value = percent_decode(raw);
            if (!value)
                return {nullptr, problem(400, "path: " + value.error().about() + " of {" + std::string(name) + "}")};
            request.params.emplace_back(std::string(name), *std::move(value));
        }
        request.pattern = route.pattern;
        return {&route, {}};
    }
    if (!allowed.empty()) return {nullptr, method_refused(request, std::move(allowed))};
    if (fallback_.handler && method == "GET") return {&fallback_, {}};
    return {nullptr, problem(404, "nothing at " + request.path)};
}

}  // namespace esl::http
