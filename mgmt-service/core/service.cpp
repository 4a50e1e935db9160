#include "mgmt-service/core/service.hpp"

#include <algorithm>
#include <charconv>

#include "mgmt-service/core/service_threads.hpp"

namespace esl::mgmt {
namespace {

constexpr std::size_t kItemsShown = 200;
constexpr std::size_t kMaxPage = 500;

}  // namespace

Service::Service(const Clock& clock, TaskStore& store, ImageRenderer& renderer, AuditSink& audit, ApLink& link,
                 ServiceSettings settings)
    : impl_(std::make_unique<Impl>(clock, store, renderer, audit, link, std::move(settings))) {}
Service::~Service() = default;
void Service::start() {
    impl_->start();
}
void Service::stop() {
    impl_->stop();
}

std::vector<StoreView> Service::stores() {
    return impl_->ask([](Engine& e) { return e.stores(); });
}
Result<StoreView> Service::store(const std::string& id) {
    return impl_->ask([&](Engine& e) { return e.store(id); });
}
Result<StoreView> Service::put_store(const Caller& caller, const std::string& id, const StoreWrite& write,
                                     bool& created) {
    return impl_->write([&](Engine& e) { return e.put_store(caller, id, write, created); });
}
std::vector<ApView> Service::aps(const std::optional<std::string>& store) {
    return impl_->ask([&](Engine& e) { return e.aps(store); });
}
Result<ApView> Service::ap(const std::string& id) {
    return impl_->ask([&](Engine& e) { return e.ap(id); });
}
Result<ApView> Service::update_ap(const Caller& caller, const std::string& id, const std::optional<std::string>& store,
                                  const std::optional<std::string>& name) {
    return impl_->write([&](Engine& e) { return e.update_ap(caller, id, store, name); });
}
Result<> Service::permit_join(const Caller& caller, const std::string& ap, std::uint32_t seconds) {
    return impl_->write([&](Engine& e) { return e.permit_join(caller, ap, seconds); });
}

Result<Page<TagView>> Service::tags(const TagFilter& filter, const PageRequest& page) {
    return impl_->ask([&](Engine& e) { return e.tags(filter, page); });
}
Result<TagView> Service::tag(TagId id) {
    return impl_->ask([&](Engine& e) { return e.tag(id); });
}
Result<TagView> Service::bind(const Caller& caller, TagId id, const BindingWrite& write) {
    return impl_->write([&](Engine& e) { return e.bind(caller, id, write); });
}
Result<TagView> Service::unbind(const Caller& caller, TagId id, std::optional<std::uint64_t> if_revision) {
    return impl_->write([&](Engine& e) { return e.unbind(caller, id, if_revision); });
}
Result<> Service::led(const Caller& caller, TagId id, const std::string& colour, std::uint32_t seconds) {
    return impl_->write([&](Engine& e) { return e.led(caller, id, colour, seconds); });
}
Result<WantedImage> Service::wanted_image(TagId id) {
    const auto tag = this->tag(id);
    if (!tag) return fail(tag.error());
    if (!tag->tag.desired) return fail(ServiceError::not_found, "nothing is wanted of tag " + id.text());
    return impl_->image_of(tag->tag.desired->image);
}
Result<WantedImage> Service::shown_image(TagId id) {
    const auto tag = this->tag(id);
    if (!tag) return fail(tag.error());
    if (!tag->tag.reported) return fail(ServiceError::not_found, "tag " + id.text() + " has confirmed nothing yet");
    return impl_->image_of(tag->tag.reported->image);
}

Result<Page<ProductView>> Service::products(const ProductFilter& filter, const PageRequest& page) {
    return impl_->ask([&](Engine& e) { return e.products(filter, page); });
}
Result<ProductView> Service::product(const std::string& store, const std::string& id) {
    return impl_->ask([&](Engine& e) { return e.product(store, id); });
}
Result<UpsertOutcome> Service::upsert_products(const Caller& caller, const std::string& store,
                                               std::span<const ProductWrite> rows, const UpsertOptions& options) {
    const auto call = [&](Engine& e) { return e.upsert_products(caller, store, rows, options); };
    return options.dry_run ? impl_->ask(call) : impl_->write(call);
}
Result<image::TagImage> Service::preview(const PreviewRequest& request) {
    const auto scene = impl_->ask([&](Engine& e) { return e.preview_scene(request); });
    if (!scene) return fail(scene.error());
    return impl_->renderer().render(*scene);
}
Result<std::vector<PricePoint>> Service::price_history(const std::string& store, const std::string& product) {
    const auto known = this->product(store, product);
    if (!known) return fail(known.error());
    return impl_->store().prices(store, product, UnixMillis{});
}

Result<CreatedChange> Service::create_change(const Caller& caller, const NewChange& request,
                                             std::vector<FieldError>& errors) {
    return impl_->write([&](Engine& e) { return e.create_change(caller, request, errors); });
}
Result<Change> Service::cancel_change(const Caller& caller, const std::string& id) {
    return impl_->write([&](Engine& e) { return e.cancel_change(caller, id); });
}
Result<Change> Service::edit_change(const Caller& caller, const std::string& id, const ChangeEdit& edit,
                                    std::optional<std::uint64_t> if_version, std::vector<FieldError>& errors) {
    return impl_->write([&](Engine& e) { return e.edit_change(caller, id, edit, if_version, errors); });
}
Result<Change> Service::submit_change(const Caller& caller, const std::string& id, const std::string& note,
                                      std::optional<std::uint64_t> if_version) {
    return impl_->write([&](Engine& e) { return e.submit_change(caller, id, note, if_version); });
}
Result<Change> Service::approve_change(const Caller& caller, const std::string& id, const std::string& note,
                                       std::uint64_t version) {
    return impl_->write([&](Engine& e) { return e.approve_change(caller, id, note, version); });
}
Result<Change> Service::reject_change(const Caller& caller, const std::string& id, const std::string& note,
                                      std::uint64_t version) {
    return impl_->write([&](Engine& e) { return e.reject_change(caller, id, note, version); });
}
Result<ApprovalRule> Service::approval_rule(const std::string& store) {
    return impl_->ask([&](Engine& e) { return e.approval_rule(store); });
}
Result<ApprovalRule> Service::put_approval_rule(const Caller& caller, const ApprovalRule& rule,
                                                std::optional<std::uint64_t> if_version) {
    return impl_->write([&](Engine& e) { return e.put_approval_rule(caller, rule, if_version); });
}
Result<Page<ChangeItemView>> Service::change_items(const std::string& id, bool tripped, const PageRequest& page) {
    const auto change = impl_->store().change(id);
    if (!change) return fail(ServiceError::not_found, "change " + id);
    std::int64_t after = -1;
    const auto* end = page.cursor.data() + page.cursor.size();
    if (!page.cursor.empty() && std::from_chars(page.cursor.data(), end, after).ptr != end) {
        return fail(ServiceError::invalid, "cursor");
    }
    const auto limit = std::clamp<std::size_t>(page.limit, 1, kMaxPage);
    auto items = impl_->store().item_page(id, after, tripped, limit + 1);
    return impl_->ask([&](Engine& e) -> Result<Page<ChangeItemView>> {
        Page<ChangeItemView> out;
        out.total = tripped ? (change->approval ? change->approval->tripped : 0) : change->items_total;
        if (items.size() > limit) {
            items.pop_back();
            out.next = std::to_string(items.back().index);
        }
        for (auto& item : items) {
            auto name = e.product_name(change->store, item.product);
            out.items.push_back({std::move(item), std::move(name)});
        }
        return out;
    });
}
Result<ChangeDetail> Service::change(const std::string& id) {
    auto change = impl_->store().change(id);
    if (!change) return fail(ServiceError::not_found, "change " + id);
    auto items = impl_->store().change_items(id, kItemsShown);
    auto steps = impl_->store().change_steps(id);
    return impl_->ask([&](Engine& e) -> Result<ChangeDetail> {
        ChangeDetail out{std::move(*change), {}, std::move(steps)};
        for (auto& item : items) {
            auto name = e.product_name(out.change.store, item.product);
            out.items.push_back({std::move(item), std::move(name)});
        }
        return out;
    });
}
Result<Page<Change>> Service::changes(const ChangeFilter& filter, const PageRequest& page) {
    if (!page.cursor.empty() && !is_uuid(page.cursor)) return fail(ServiceError::invalid, "cursor");
    const auto limit = std::clamp<std::size_t>(page.limit, 1, kMaxPage);
    Page<Change> out;
    out.items = impl_->store().changes(filter, page.cursor, limit + 1, out.total);
    if (out.items.size() > limit) {
        out.items.pop_back();
        out.next = out.items.back().id;
    }
    return out;
}
Result<JobDetail> Service::job(const std::string& id) {
    auto job = impl_->store().job(id);
    if (!job) return fail(ServiceError::not_found, "job " + id);
    return JobDetail{std::move(*job), impl_->store().steps(id)};
}
Result<Page<Job>> Service::jobs(const JobFilter& filter, const PageRequest& page) {
    if (!page.cursor.empty() && !is_uuid(page.cursor)) return fail(ServiceError::invalid, "cursor");
    const auto limit = std::clamp<std::size_t>(page.limit, 1, kMaxPage);
    Page<Job> out;
    out.items = impl_->store().jobs(filter, page.cursor, limit + 1, out.total);
    if (out.items.size() > limit) {
        out.items.pop_back();
        out.next = out.items.back().id;
    }
    return out;
}

Stats Service::stats(const std::optional<std::string>& store) {
    return impl_->ask([&](Engine& e) { return e.stats(store); });
}
Metrics Service::metrics() {
    return impl_->ask([](Engine& e) { return e.metrics(); });
}
std::shared_ptr<void> Service::subscribe(EventSink sink) {
    return impl_->subscribe(std::move(sink));
}
std::optional<Idempotency> Service::idempotency(const std::string& actor, const std::string& key) {
    return impl_->store().idempotency(actor, key);
}
Result<> Service::remember(Idempotency what) {
    return impl_->write([&](Engine& e) -> Result<> {
        e.keep_answer(std::move(what));
        return {};
    });
}
Result<> Service::audit(std::vector<AuditEntry> entries) {
    return impl_->write([&](Engine& e) -> Result<> {
        for (auto& entry : entries) e.audit(std::move(entry));
        return {};
    });
}
void Service::settle() {
    impl_->settle();
}

}  // namespace esl::mgmt
