// /audit: entries, proofs, checkpoint.
#include <algorithm>
#include <charconv>

#include "audit_log/log.hpp"
#include "common/core/ids.hpp"
#include "mgmt-service/http/input.hpp"
#include "mgmt-service/http/problems.hpp"
#include "mgmt-service/http/routes.hpp"
#include "mgmt-service/http/views.hpp"

namespace esl::mgmt::rest {
namespace {

constexpr std::int64_t kMaxTime = 4'102'444'800'000;  // 2100-01-01
constexpr int kMaxPasses = 50;                        // of reading on past entries that the caller may not see

// The part after the colon alone: what kinds of object could it be?
std::vector<std::string> objects_for(const std::string& text) {
    if (text.find(':') != std::string::npos) return {text};
    if (TagId::parse(text)) return {"tag:" + text};
    if (is_uuid(text)) return {"change:" + text, "job:" + text, "token:" + text};
    if (text.find("@@@") != std::string::npos) return {"ap:" + text};
    if (text.find('/') != std::string::npos) return {"product:" + text};
    return {"user:" + text, "store:" + text};
}

struct Filter {
    audit::Query query;
    std::vector<std::string> objects;  // any of these; empty: every object
};

// Newest first over all objects.
Result<std::vector<audit::Record>> read(const audit::Log& log, const Filter& filter) {
    if (filter.objects.empty()) return log.query(filter.query);
    std::vector<audit::Record> out;
    for (const auto& object : filter.objects) {
        auto query = filter.query;
        query.object = object;
        auto some = log.query(query);
        if (!some) return some;
        std::ranges::move(*some, std::back_inserter(out));
    }
    std::ranges::sort(out, std::ranges::greater{}, &audit::Record::index);
    if (out.size() > filter.query.limit) out.resize(filter.query.limit);
    return out;
}

// What a principal of some stores may see: entries of those stores, and nothing of others or of none.
bool may_see(const Call& call, const Json& entry) {
    if (call.principal.stores.empty()) return true;
    const auto store = entry.find("store");
    return store != entry.end() && store->is_string() && call.principal.sees(store->get_ref<const std::string&>());
}

Filter read_filter(QueryReader& in) {
    Filter out;
    out.query.actor = in.text("actor", 128).value_or("");
    out.query.action = in.text("action", 64).value_or("");
    if (!out.query.action.empty() && out.query.action.find('.') == std::string::npos) out.query.action += '.';
    if (const auto object = in.text("object", 200)) out.objects = objects_for(*object);
    if (const auto tag = in.text("tag", 32)) {
        const auto id = TagId::parse(*tag);
        if (!id) in.bad("tag", id.error().about());
        if (id) out.objects = {"tag:" + id->text()};
    }
    out.query.change = in.text("change", 36).value_or("");
    out.query.job = in.text("job", 36).value_or("");
    if (const auto from = in.integer("from", 0, kMaxTime)) out.query.from = from_millis(*from);
    // `to` counts itself in; the log's does not.
    if (const auto to = in.integer("to", 0, kMaxTime)) out.query.to = from_millis(*to + 1);
    return out;
}

http::Response list_entries(const Context& context, const Call& call) {
    QueryReader in(call.request);
    auto filter = read_filter(in);
    const auto page = in.page();
    if (!page.cursor.empty()) {
        std::uint64_t index = 0;
        const auto* end = page.cursor.data() + page.cursor.size();
        if (std::from_chars(page.cursor.data(), end, index).ptr != end) in.bad("cursor", "is none of ours");
        filter.query.before_index = index;
    }
    if (in.refusal()) return *in.refusal();
    auto items = Json::array();
    Json next = nullptr;
    filter.query.limit = page.limit;
    for (int pass = 0; pass < kMaxPasses; ++pass) {
        const auto records = read(context.deps.audit, filter);
        if (!records) return problem_from(records.error());
        next = nullptr;
        for (const auto& record : *records) {
            auto entry = view(record);
            filter.query.before_index = record.index;
            if (may_see(call, entry)) items.push_back(std::move(entry));
            if (items.size() == page.limit) break;
        }
        const bool more = records->size() == filter.query.limit || items.size() == page.limit;
        if (more && filter.query.before_index.value_or(0) > 0) next = std::to_string(*filter.query.before_index);
        if (!more || items.size() == page.limit) break;
    }
    return json(200, encoded({{"items", std::move(items)}, {"next", std::move(next)}}));
}

http::Response get_proof(const Context& context, const Call& call) {
    const auto text = call.request.param("index");
    std::uint64_t index = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), index).ptr != text.data() + text.size()) {
        return problem(ProblemKind::not_found, "entry " + std::string(text));
    }
    const auto proof = context.deps.audit.prove(index);
    if (!proof) return problem_from(proof.error());
    auto out = view(*proof);
    if (!may_see(call, out["entry"])) return problem(ProblemKind::not_found, "entry " + std::string(text));
    return json(200, encoded(out));
}

}  // namespace

void add_audit_routes(Routes& routes) {
    using auth::Right;
    const auto context = routes.shared();
    routes.add("GET", "/audit/entries", Right::read,
               [context](const Call& call) { return list_entries(*context, call); });
    routes.add("GET", "/audit/entries/{index}", Right::read,
               [context](const Call& call) { return get_proof(*context, call); });
    routes.add("GET", "/audit/checkpoint", Right::read,
               [context](const Call&) { return http::text_response(200, context->deps.audit.checkpoint()); });
}

}  // namespace esl::mgmt::rest
