// /stores/{store}/products and templates.
#include "mgmt-service/domain/gtin.hpp"
#include "mgmt-service/domain/unit_price.hpp"
#include "mgmt-service/http/input.hpp"
#include "mgmt-service/http/problems.hpp"
#include "mgmt-service/http/routes.hpp"
#include "mgmt-service/http/views.hpp"

namespace esl::mgmt::rest {
namespace {

using Need = ObjectReader::Need;

std::string store_of(const Call& call) {
    return std::string(call.request.param("store"));
}

http::Response list_products(const Context& context, const Call& call) {
    QueryReader query(call.request);
    ProductFilter filter{.store = store_of(call), .q = {}, .bound = {}, .promotion = {}};
    filter.q = query.text("q").value_or("");
    filter.bound = query.boolean("bound");
    filter.promotion = query.boolean("promotion");
    const auto page = query.page();
    if (query.refusal()) return *query.refusal();
    const auto currency = context.currency_of(filter.store);
    if (!currency) return problem_from(currency.error());
    const auto found = context.service().products(filter, page);
    if (!found) return problem_from(found.error());
    auto items = Json::array();
    for (const auto& product : found->items) items.push_back(view(product, *currency));
    return json(200, encoded({{"items", std::move(items)},
                              {"next", found->next ? Json(*found->next) : Json(nullptr)},
                              {"total", found->total}}));
}

void set_etag(http::Response& response, const ProductView& product) {
    response.headers.set("ETag", '"' + std::to_string(product.product.version) + '"');
}

http::Response get_product(const Context& context, const Call& call) {
    const auto currency = context.currency_of(store_of(call));
    if (!currency) return problem_from(currency.error());
    const auto product = context.service().product(store_of(call), product_id(call.request.param("product")));
    if (!product) return problem_from(product.error());
    auto response = json(200, encoded(view(*product, *currency)));
    set_etag(response, *product);
    return response;
}

ProductWrite read_product(const Json& body, const std::string& currency, FieldErrors& errors) {
    ObjectReader in(body, "", errors);
    ProductWrite out;
    out.name = in.text("name", {.least = 1, .most = 200}, Need::required).value_or("");
    out.brand = in.text("brand", {.least = 0, .most = 100}).value_or("");
    out.quantity = in.text("quantity", {.least = 1, .most = 16}).value_or("");
    if (!out.quantity.empty()) {
        if (const auto quantity = Quantity::parse(out.quantity); !quantity)
            in.error("quantity", quantity.error().message());
    }
    out.unit = in.text("unit", {.least = 1, .most = 16}).value_or("");
    out.url = in.text("url", {.least = 1, .most = 500}).value_or("");
    if (const Json* price = in.member("price"); price != nullptr && !price->is_null()) {
        out.price = read_money(*price, in.at("price"), currency, errors);
    }
    if (const Json* promotion = in.member("promotion"); promotion != nullptr && !promotion->is_null()) {
        out.promotion = read_promotion(*promotion, in.at("promotion"), currency, errors);
    }
    in.finish();
    return out;
}

http::Response put_product(const Context& context, const Call& call) {
    const auto store = store_of(call);
    const auto currency = context.currency_of(store);
    if (!currency) return problem_from(currency.error());
    auto body = json_body(call.request);
    if (auto* refusal = std::get_if<http::Response>(&body)) return std::move(*refusal);
    FieldErrors errors;
    auto write = read_product(std::get<Json>(body), *currency, errors);
    const auto code = read_product_code(call.request.param("product"));
    if (!code.accepted()) add_error(errors, "product", code.detail);
    if (!errors.empty()) return refused(errors);
    write.id = code.id;
    auto match = if_match(call.request);
    if (auto* refusal = std::get_if<http::Response>(&match)) return std::move(*refusal);
    const UpsertOptions options{.merge = false,
                                .dry_run = false,
                                .kind = "product",
                                .title = write.name,
                                .change = {},
                                .if_version = std::get<std::optional<std::uint64_t>>(match),
                                .whole_file = false,
                                .held = {}};
    const auto done = context.service().upsert_products(call.caller, store, {&write, 1}, options);
    if (!done) return problem_from(done.error());
    const auto& verdict = done->verdicts.at(0);
    if (verdict.verdict == Verdict::rejected) {
        const auto where = verdict.reason == "no_name"         ? "/name"
                           : verdict.reason == "bad_promotion" ? "/promotion"
                                                               : "/price";
        return invalid(where, verdict.detail);
    }
    const auto product = context.service().product(store, write.id);
    if (!product) return problem_from(product.error());
    auto response = json(verdict.verdict == Verdict::created ? 201 : 200,
                         encoded({{"product", view(*product, *currency)},
                                  {"change", done->change ? Json(*done->change) : Json(nullptr)},
                                  {"held", done->held ? Json(*done->held) : Json(nullptr)}}));
    set_etag(response, *product);
    return response;
}

http::Response preview(const Context& context, const Call& call) {
    QueryReader query(call.request);
    const auto panel_text = query.text("panel", 32);
    if (!panel_text) query.bad("panel", "is missing");
    const auto panel = panel_from(panel_text.value_or(""));
    if (panel_text && !panel) query.bad("panel", panel.error().message());
    const auto template_id = query.text("template", 64);
    const auto price = query.integer("price", 0, kMaxMinor);
    const auto promo_price = query.integer("promo_price", 0, kMaxMinor);
    if (query.refusal()) return *query.refusal();
    const auto image = context.service().preview({.store = store_of(call),
                                                  .product = product_id(call.request.param("product")),
                                                  .panel = *panel,
                                                  .template_id = template_id,
                                                  .price = price,
                                                  .promo_price = promo_price});
    if (!image) return problem_from(image.error());
    http::Response response;
    response.headers.set("Content-Type", "image/png").set("Cache-Control", "private, no-cache");
    response.body = as_text(image::to_png(*image));
    http::apply_etag(call.request, response, http::etag_of(response.body));
    return response;
}

}  // namespace

void add_product_routes(Routes& routes) {
    using auth::Right;
    const auto context = routes.shared();
    const std::string products = "/stores/{store}/products";
    routes.add("GET", products, Right::read, [context](const Call& call) { return list_products(*context, call); });
    routes.add("GET", products + "/{product}", Right::read,
               [context](const Call& call) { return get_product(*context, call); });
    routes.add("PUT", products + "/{product}", Right::write_prices,
               [context](const Call& call) { return put_product(*context, call); }, {.max_body = 16 * 1024});
    routes.add("GET", products + "/{product}/preview.png", Right::read,
               [context](const Call& call) { return preview(*context, call); });
    routes.add("GET", "/templates", Right::read,
               [context](const Call&) { return json(200, encoded(items_of(context->deps.renderer.templates()))); });
}

}  // namespace esl::mgmt::rest
