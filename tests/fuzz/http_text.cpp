// What HTTP hands over as text: paths, queries, addresses, cookies, entity tags. What decodes must encode to the same.
#include <cstdlib>

#include "common/core/bytes.hpp"
#include "common/http/message.hpp"
#include "common/http/router.hpp"
#include "common/http/url.hpp"

using namespace esl;
using namespace esl::http;

namespace {

void check(bool right) {
    if (!right) std::abort();
}

const Router& router() {
    static const Router instance = [] {
        Router out;
        const Handler nothing = [](const Request&) { return empty_response(); };
        out.add("GET", "/api/v1/tags/{tag}", nothing).add("GET", "/api/v1/tags/{tag}/wanted.png", nothing);
        out.add("POST", "/stores/{store}/products:import", nothing).add("POST", "/tags/{tag}:led", nothing);
        out.add("GET", "/files/{path...}", nothing);
        return out;
    }();
    return instance;
}

void route(std::string_view text) {
    Request request;
    request.method = text.size() % 2 == 0 ? "GET" : "POST";
    request.path = '/' + std::string(text);
    const auto match = router().match(request);
    check(match.route != nullptr || match.refusal.status >= 204);
    if (match.route == nullptr) return;
    for (const auto& [name, value] : request.params) check(request.param(name) == value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = as_text({data, size});
    if (const auto decoded = percent_decode(text)) check(percent_decode(percent_encode(*decoded)) == *decoded);
    if (const auto query = parse_query(text)) {
        std::string again;
        for (const auto& [name, value] : *query) again += percent_encode(name) + '=' + percent_encode(value) + '&';
        check(parse_query(again) == *query);
    }
    (void)parse_host_port(text);
    if (const auto url = parse_url(text)) check(!url->at.host.empty() && url->target.starts_with('/'));
    route(text);
    Request request;
    request.headers.add("Cookie", std::string(text));
    request.headers.add("Content-Type", std::string(text));
    (void)request.cookie("shelfwire_session");
    (void)request.content_type();
    (void)etag_matches(text, "\"17\"");
    return 0;
}
