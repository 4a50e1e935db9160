// What leaves by rules.
#include "broker/core/hub.hpp"

namespace esl::broker {

// True when the acknowledgement has to wait for the exporter.
bool Hub::export_publish(std::string_view client_id, bool clean_session, const Parcel& parcel) {
    matches_.clear();
    exports_->outbound.match(parcel.topic, matches_);
    if (matches_.empty()) return false;
    const auto what = std::make_shared<const Exported>(
        Exported{.kind = Exported::Kind::message,
                 .qos = parcel.qos,
                 .clean_session = clean_session,
                 .retain = parcel.retain,
                 .born = ports_.clock.wall(),
                 .expires = parcel.expires,
                 .id = message_id_text(ports_.ids.instance, parcel.id),
                 .topic = std::string(parcel.topic),
                 .client_id = std::string(client_id),
                 .event = {},
                 .payload = Bytes(parcel.payload.begin(), parcel.payload.end()),
                 .properties = Bytes(parcel.properties.begin(), parcel.properties.end())});
    const bool answered = parcel.qos != mqtt::QoS::at_most_once;
    bool waits = false;
    for (const auto& match : matches_) {
        const bool durable = exports_->durable.contains(match.holder);
        export_batch_.push_back({.rule = match.holder, .durable = durable, .answered = answered, .what = what});
        waits |= durable && answered;
    }
    return waits;
}

void Hub::post_exports() {
    if (export_batch_.empty()) return;
    std::vector<ExportItem> items;
    items.swap(export_batch_);
    if (export_slots_.empty()) return ports_.exporter->post(std::move(items), {});
    exports_posted_.push_back(std::move(export_slots_));
    export_slots_.clear();
    ports_.exporter->post(std::move(items), ports_.on_exported);
}

void Hub::exported(bool stored) {
    const auto slots = std::move(exports_posted_.front());
    exports_posted_.pop_front();
    for (const auto slot : slots) {
        auto& pending = publishes_[slot];
        if (!stored && pending.publisher != 0) pending.export_failed = true;
        // What is nobody's to be refused goes on; the end of a connection will be told at the next start.
        if (!stored && pending.rare)
            std::erase_if(pending.rare->also,
                          [](const auto& operation) { return std::holds_alternative<RemoveConnection>(operation); });
        if (--pending.waiting == 0) settle(slot);
    }
}

}  // namespace esl::broker
