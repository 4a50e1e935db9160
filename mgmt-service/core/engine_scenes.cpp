// What a tag is to show, and until when that is right.
#include <algorithm>

#include "mgmt-service/core/audit_text.hpp"
#include "mgmt-service/core/engine_state.hpp"

namespace esl::mgmt {

// The product as it will be then, if nobody decides anything else until then.
Product Engine::product_at(const Product& product, UnixMillis at) const {
    auto out = product;
    const auto found = ahead_items_.find({product.store, product.id});
    if (found == ahead_items_.end()) return out;
    for (const auto& [moment, index] : found->second) {
        if (moment.at > at) break;
        const auto change = changes_.find(moment.change);
        if (change == changes_.end() || change->second.rec.state != ChangeState::scheduled) continue;
        if (index >= change->second.items.size()) continue;
        const auto& item = change->second.items[index];
        if (item.sets_price) out.price = item.after.price;
        if (!item.sets_promotion) continue;
        out.promotion = item.after.promotion;
        if (out.promotion) fill_prior_price(out.store, out.id, *out.promotion);
    }
    return out;
}

Scene Engine::scene_at(const Tag& tag, UnixMillis at) const {
    Scene scene;
    scene.panel = tag.panel;
    scene.template_id = tag.template_id;
    scene.tag = tag.id.text();
    const auto store = tag.store ? stores_.find(*tag.store) : stores_.end();
    if (store == stores_.end()) return scene;
    scene.currency = store->second.rec.currency;
    scene.locale = store->second.rec.locale;
    for (const auto& id : tag.products) {
        const auto found = store->second.products.find(id);
        if (found == store->second.products.end()) continue;
        const auto p = product_at(found->second.rec, at);
        Scene::Item item{p.id, p.name, p.brand, p.quantity, p.unit, p.url, p.price_at(at), {}, false, {}};
        if (p.in_promotion(at)) {
            item.promotion = true;
            item.prior_price = p.promotion->prior_price ? p.promotion->prior_price : p.price;
            item.promotion_to = p.promotion->to;
        }
        scene.items.push_back(std::move(item));
    }
    return scene;
}

std::string Engine::inputs_of(const Scene& scene) const {
    return scene_hash(scene, lookups_.template_version(scene.panel, scene.template_id));
}

// From when on the picture of that moment is wrong by itself.
std::optional<UnixMillis> Engine::next_boundary(const Tag& tag, UnixMillis at) const {
    std::optional<UnixMillis> next;
    const auto store = tag.store ? stores_.find(*tag.store) : stores_.end();
    if (store == stores_.end()) return next;
    for (const auto& id : tag.products) {
        const auto found = store->second.products.find(id);
        if (found == store->second.products.end()) continue;
        const auto promotion = product_at(found->second.rec, at).promotion;
        if (!promotion) continue;
        for (const auto t : {promotion->from, promotion->to}) {
            if (t > at && (!next || t < *next)) next = t;
        }
    }
    return next;
}

Result<Scene> Engine::preview_scene(const Service::PreviewRequest& request) const {
    const auto store = stores_.find(request.store);
    if (store == stores_.end()) return fail(ServiceError::not_found, "store " + request.store);
    const auto product = store->second.products.find(request.product);
    if (product == store->second.products.end()) return fail(ServiceError::not_found, "product " + request.product);
    Tag tag;
    tag.store = request.store;
    tag.panel = request.panel;
    tag.template_id = request.template_id;
    tag.products = {request.product};
    auto scene = scene_of(tag);
    scene.tag.clear();
    auto& item = scene.items.front();
    const auto& rec = product->second.rec;
    if (request.price && !item.promotion) item.price = request.price;
    if (request.promo_price && *request.promo_price == 0) {
        item.promotion = false;
        item.prior_price.reset();
        item.promotion_to.reset();
        item.price = request.price ? request.price : rec.price;
    } else if (request.promo_price) {
        Promotion trial{*request.promo_price, std::nullopt, now(), now() + std::chrono::days(7)};
        fill_prior_price(request.store, request.product, trial);
        item.promotion = true;
        item.price = trial.price;
        item.prior_price = trial.prior_price ? trial.prior_price : rec.price;
        item.promotion_to = trial.to;
    }
    return scene;
}

}  // namespace esl::mgmt
