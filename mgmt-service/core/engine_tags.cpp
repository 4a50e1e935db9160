// What operators do with tags: bind, unbind, flash.
#include <algorithm>

#include "mgmt-service/core/audit_text.hpp"
#include "mgmt-service/core/engine_state.hpp"

namespace esl::mgmt {
namespace {

constexpr std::size_t kMaxBound = 8;

}  // namespace

Result<TagView> Engine::bind(const Caller& caller, TagId id, const BindingWrite& write) {
    auto* tag = find_tag(id);
    if (tag == nullptr) return fail(ServiceError::not_found, "tag " + id.text());
    if (write.if_revision && *write.if_revision != tag->rec.revision) {
        return fail(ServiceError::precondition_failed, "tag " + id.text());
    }
    const auto store = stores_.find(write.store);
    if (store == stores_.end()) return fail(ServiceError::invalid, "/store: no store " + write.store);
    if (write.products.empty() || write.products.size() > kMaxBound) {
        return fail(ServiceError::invalid, "/products: 1 to 8 of them");
    }
    for (std::size_t i = 0; i < write.products.size(); ++i) {
        if (!store->second.products.contains(write.products[i])) {
            return fail(ServiceError::invalid, "/products/" + std::to_string(i) + ": no product " + write.products[i] +
                                                   " in store " + write.store);
        }
    }
    const auto before = audit_binding(tag->rec);
    index_tag(*tag, false);
    if (tag->rec.store != write.store) {
        if (tag->rec.store) --stores_.at(*tag->rec.store).tags;
        ++store->second.tags;
    }
    tag->rec.store = write.store;
    tag->rec.products = write.products;
    tag->rec.template_id = write.template_id;
    tag->rec.position = write.position;
    ++tag->rec.revision;
    index_tag(*tag, true);
    tag_writes_.insert(id);
    tag_events_.insert(id);
    audit({now(),
           caller.actor,
           "tag.bind",
           "tag:" + id.text(),
           write.store,
           {},
           {},
           id.text(),
           caller.source,
           before,
           audit_binding(tag->rec)});
    if (tag->rec.ap && !may_lease(tag->rec, aps_.at(*tag->rec.ap))) release(*tag);
    if (!tag->rec.ap) {
        if (auto* ap = best_hearer(*tag)) lease(*tag, *ap, "heard");
    }
    if (looks_different(*tag)) {
        auto& change = new_change(write.store, "binding", "Bind " + id.text(), caller.actor, now());
        redraw(*tag, change);
    }
    return view(*tag);
}

Result<TagView> Engine::unbind(const Caller& caller, TagId id, std::optional<std::uint64_t> if_revision) {
    auto* tag = find_tag(id);
    if (tag == nullptr) return fail(ServiceError::not_found, "tag " + id.text());
    if (if_revision && *if_revision != tag->rec.revision) {
        return fail(ServiceError::precondition_failed, "tag " + id.text());
    }
    if (tag->rec.products.empty()) return view(*tag);
    const auto before = audit_binding(tag->rec);
    index_tag(*tag, false);
    tag->rec.products.clear();
    tag->rec.template_id.reset();
    tag->rec.position.clear();
    ++tag->rec.revision;
    tag_writes_.insert(id);
    tag_events_.insert(id);
    audit({now(),
           caller.actor,
           "tag.unbind",
           "tag:" + id.text(),
           tag->rec.store.value_or(""),
           {},
           {},
           id.text(),
           caller.source,
           before,
           audit_binding(tag->rec)});
    auto& change = new_change(tag->rec.store.value_or(""), "binding", "Unbind " + id.text(), caller.actor, now());
    redraw(*tag, change);
    return view(*tag);
}

Result<> Engine::led(const Caller& caller, TagId id, const std::string& colour, std::uint32_t seconds) {
    auto* tag = find_tag(id);
    if (tag == nullptr) return fail(ServiceError::not_found, "tag " + id.text());
    if (!tag->rec.ap) return fail(ServiceError::conflict, "no AP holds tag " + id.text());
    if (!aps_.at(*tag->rec.ap).rec.online) return fail(ServiceError::conflict, "AP " + *tag->rec.ap + " is offline");
    contract::Command c;
    c.id = new_uuid7(clock_);
    c.kind = contract::CommandKind::led;
    c.tag = id;
    c.colour = colour;
    c.seconds = seconds;
    command(*tag->rec.ap, std::move(c));
    audit({now(),
           caller.actor,
           "tag.led",
           "tag:" + id.text(),
           tag->rec.store.value_or(""),
           {},
           {},
           id.text(),
           caller.source,
           {},
           audit_pairs({{"colour", colour}, {"seconds", std::to_string(seconds)}})});
    return {};
}

}  // namespace esl::mgmt
