// /tags: lists, screens, bindings, LEDs.
#include "mgmt-service/http/input.hpp"
#include "mgmt-service/http/problems.hpp"
#include "mgmt-service/http/routes.hpp"
#include "mgmt-service/http/views.hpp"

namespace esl::mgmt::rest {
namespace {

using Need = ObjectReader::Need;

http::Response list_tags(const Context& context, const Call& call) {
    QueryReader query(call.request);
    TagFilter filter;
    filter.store = query.text("store", 16);
    filter.status = query.one_of<TagStatus>("state", tag_status_from);
    filter.ap = query.text("ap");
    filter.bound = query.boolean("bound");
    filter.low_battery = query.boolean("low_battery");
    filter.late = query.boolean("late");
    filter.q = query.text("q").value_or("");
    const auto page = query.page();
    if (query.refusal()) return *query.refusal();
    if (auto refusal = call.narrow(filter.store)) return *std::move(refusal);
    const auto found = context.service().tags(filter, page);
    if (!found) return problem_from(found.error());
    auto out = items_of(found->items);
    out["next"] = found->next ? Json(*found->next) : Json(nullptr);
    out["total"] = found->total;
    return json(200, encoded(out));
}

// A tag of a store that the principal does not see is not there.
Result<TagView> visible_tag(const Context& context, const Call& call) {
    const auto text = std::string(call.request.param("tag"));
    const auto id = TagId::parse(text);
    if (!id) return fail(ServiceError::not_found, id.error().about());
    auto tag = context.service().tag(*id);
    if (tag && !call.sees(tag->tag.store)) return fail(ServiceError::not_found, "tag " + text);
    return tag;
}

http::Response tag_response(const Result<TagView>& tag) {
    if (!tag) return problem_from(tag.error());
    auto response = json(200, encoded(view(*tag)));
    response.headers.set("ETag", '"' + std::to_string(tag->tag.revision) + '"');
    return response;
}

using ImageOf = Result<WantedImage> (Service::*)(TagId);

http::Response tag_image(const Context& context, const Call& call, ImageOf which) {
    const auto tag = visible_tag(context, call);
    if (!tag) return problem_from(tag.error());
    const auto found = (context.service().*which)(tag->tag.id);
    if (!found) return problem_from(found.error());
    const auto id = image_id(found->ref);
    http::Response response;
    const auto etag = '"' + id + '"';
    // An address that names the image never changes its content; without the name it is asked again each time.
    const bool named = call.request.query_value("image") == id;
    response.headers.set("Content-Type", "image/png")
        .set("Cache-Control", named ? "private, max-age=31536000, immutable" : "private, no-cache");
    if (!http::etag_matches(call.request.headers.get("if-none-match"), etag)) {
        response.body = as_text(image::to_png(found->image));
    }
    http::apply_etag(call.request, response, etag);
    return response;
}

http::Response bind(const Context& context, const Call& call) {
    const auto tag = visible_tag(context, call);
    // One without a store yet may be bound into one's own.
    const auto id = TagId::parse(call.request.param("tag"));
    if (!id) return problem(ProblemKind::not_found, id.error().about());
    if (!tag) {
        const auto any = context.service().tag(*id);
        if (!any || any->tag.store) return problem_from(tag.error());
    }
    auto body = json_body(call.request);
    if (auto* refusal = std::get_if<http::Response>(&body)) return std::move(*refusal);
    FieldErrors errors;
    ObjectReader in(std::get<Json>(body), "", errors);
    BindingWrite write;
    write.store = in.text("store", {.least = 1, .most = 16}, Need::required).value_or("");
    for (const auto& code : in.texts("products", 8, {.least = 1, .most = 64}, Need::required)) {
        write.products.push_back(product_id(code));
    }
    if (errors.empty() && write.products.empty()) in.error("products", "is empty");
    write.template_id = in.text("template", {.least = 1, .most = 64});
    write.position = in.text("position", {.least = 0, .most = 64}).value_or("");
    in.finish();
    if (!errors.empty()) return refused(errors);
    if (auto refusal = call.refuse_store(write.store)) return *std::move(refusal);
    auto match = if_match(call.request);
    if (auto* refusal = std::get_if<http::Response>(&match)) return std::move(*refusal);
    write.if_revision = std::get<std::optional<std::uint64_t>>(match);
    return tag_response(context.service().bind(call.caller, *id, write));
}

http::Response unbind(const Context& context, const Call& call) {
    const auto tag = visible_tag(context, call);
    if (!tag) return problem_from(tag.error());
    auto match = if_match(call.request);
    if (auto* refusal = std::get_if<http::Response>(&match)) return std::move(*refusal);
    return tag_response(
        context.service().unbind(call.caller, tag->tag.id, std::get<std::optional<std::uint64_t>>(match)));
}

http::Response flash_led(const Context& context, const Call& call) {
    const auto tag = visible_tag(context, call);
    if (!tag) return problem_from(tag.error());
    auto body = json_body(call.request);
    if (auto* refusal = std::get_if<http::Response>(&body)) return std::move(*refusal);
    FieldErrors errors;
    ObjectReader in(std::get<Json>(body), "", errors);
    const auto colour = in.text("colour", {.least = 1, .most = 16}).value_or("green");
    if (colour != "red" && colour != "green" && colour != "blue") in.error("colour", "is none of red, green, blue");
    const auto seconds = in.integer("seconds", 1, 300, Need::required);
    in.finish();
    if (!errors.empty()) return refused(errors);
    const auto done = context.service().led(call.caller, tag->tag.id, colour, static_cast<std::uint32_t>(*seconds));
    return done ? http::empty_response(202) : problem_from(done.error());
}

}  // namespace

void add_tag_routes(Routes& routes) {
    using auth::Right;
    const auto context = routes.shared();
    const http::RouteOptions small{.max_body = 16 * 1024};
    routes.add("GET", "/tags", Right::read, [context](const Call& call) { return list_tags(*context, call); });
    routes.add("GET", "/tags/{tag}", Right::read,
               [context](const Call& call) { return tag_response(visible_tag(*context, call)); });
    routes.add("GET", "/tags/{tag}/wanted.png", Right::read,
               [context](const Call& call) { return tag_image(*context, call, &Service::wanted_image); });
    routes.add("GET", "/tags/{tag}/shown.png", Right::read,
               [context](const Call& call) { return tag_image(*context, call, &Service::shown_image); });
    routes.add(
        "PUT", "/tags/{tag}/binding", Right::write_prices, [context](const Call& call) { return bind(*context, call); },
        small);
    routes.add("DELETE", "/tags/{tag}/binding", Right::write_prices,
               [context](const Call& call) { return unbind(*context, call); });
    routes.add(
        "POST", "/tags/{tag}/led", Right::write_prices,
        [context](const Call& call) { return flash_led(*context, call); }, small);
}

}  // namespace esl::mgmt::rest
