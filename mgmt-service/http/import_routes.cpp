// /stores/{store}/products:import: a file in, a verdict per row out, while rows still arrive.
#include <spdlog/spdlog.h>

#include <vector>

#include "mgmt-service/http/import_session.hpp"
#include "mgmt-service/http/input.hpp"
#include "mgmt-service/http/metrics.hpp"
#include "mgmt-service/http/problems.hpp"
#include "mgmt-service/http/routes.hpp"

namespace esl::mgmt::rest {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;
// Some million rows. A browser reads nothing before it has sent all, so verdicts wait meanwhile, up to 16 MB.
constexpr http::RouteOptions kLimits{.max_body = std::size_t{128} << 20, .max_unsent = std::size_t{16} << 20};

std::optional<ImportFormat> format_of(const http::Request& request) {
    const auto type = request.content_type();
    if (type == "text/csv") return ImportFormat::csv;
    if (type == "application/x-ndjson" || type == "application/jsonl") return ImportFormat::json_lines;
    return std::nullopt;
}

std::variant<ImportRequest, http::Response> read_request(const Context& context, const Call& call) {
    ImportRequest out;
    out.store = call.request.param("store");
    const auto code = context.currency_of(out.store);
    if (!code) return problem_from(code.error());
    const auto currency = Currency::parse(*code);
    if (!currency) return problem_from(currency.error());
    out.currency = *currency;
    const auto format = format_of(call.request);
    if (!format) {
        return problem(ProblemKind::unsupported_media_type, "Content-Type is '" + call.request.content_type() +
                                                                "', neither text/csv nor application/x-ndjson");
    }
    out.format = *format;
    QueryReader query(call.request);
    out.dry_run = query.boolean("dry_run").value_or(false);
    out.title = query.text("title", 200).value_or("");
    if (query.refusal()) return *query.refusal();
    return out;
}

// Sends what the session has to say. The answer begins with the first line, so that a bad header is still a 422.
class Answer {
public:
    explicit Answer(http::Exchange& exchange) : exchange_(exchange) {}

    Result<> say(const std::string& lines) {
        if (lines.empty()) return {};
        if (!begun_) {
            begun_ = true;
            if (auto sent = exchange_.begin(200, {{"Content-Type", "application/x-ndjson"}}); !sent) return sent;
        }
        return exchange_.write(lines);
    }
    // Before the first line a refusal; later the answer is cut off before its summary, which says so to the client.
    void fail(const Error& error) {
        if (!begun_ && error.as<ImportError>()) {
            (void)exchange_.respond(problem(ProblemKind::invalid, "header line: " + error.message(),
                                            {{.where = "header", .detail = error.message()}}));
        } else if (!begun_) {
            (void)exchange_.respond(problem_from(error));
        } else {
            spdlog::warn("an import ended early: {}", error.message());
            exchange_.abort();
        }
    }

private:
    http::Exchange& exchange_;
    bool begun_ = false;
};

Result<> run(ImportSession& session, http::Exchange& exchange, Answer& answer) {
    std::vector<char> piece(kPiece);
    std::string lines;
    for (;;) {
        const auto got = exchange.read(piece);
        if (!got) return fail(got.error());
        lines.clear();
        if (*got == 0) break;
        if (auto fed = session.feed({piece.data(), *got}, lines); !fed) return fed;
        if (auto said = answer.say(lines); !said) return said;
    }
    if (auto ended = session.finish(lines); !ended) return ended;
    return answer.say(lines);
}

void import_products(const Context& context, const Call& call, http::Exchange& exchange) {
    auto request = read_request(context, call);
    if (const auto* refusal = std::get_if<http::Response>(&request)) {
        (void)exchange.respond(*refusal);
        return;
    }
    ImportSession session(context.service(), call.caller, std::get<ImportRequest>(std::move(request)));
    Answer answer(exchange);
    if (auto done = run(session, exchange, answer); !done) answer.fail(done.error());
    context.counts.imported_rows += session.rows();
}

}  // namespace

void add_import_routes(Routes& routes) {
    const auto context = routes.shared();
    routes.add_stream(
        "POST", "/stores/{store}/products:import", auth::Right::write_prices,
        [context](const Call& call, http::Exchange& exchange) { import_products(*context, call, exchange); }, kLimits);
}

}  // namespace esl::mgmt::rest
