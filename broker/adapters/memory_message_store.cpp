#include "broker/adapters/memory_message_store.hpp"

#include <algorithm>

namespace esl::broker {

void MemoryDisk::apply(const StoreOperation& operation) {
    struct Visitor {
        MemoryDisk& d;
        void operator()(const PutSession& op) const {
            d.sessions_[op.session.number] = op.session;
            d.highest_session_ = std::max(d.highest_session_, op.session.number);
        }
        void operator()(const RemoveSession& op) const {
            d.sessions_.erase(op.session);
            std::erase_if(d.subscriptions_, [&](const auto& e) { return e.first.first == op.session; });
            std::erase_if(d.received_, [&](const auto& e) { return e.first.first == op.session; });
        }
        void operator()(const PutSubscription& op) const { d.subscriptions_[{op.session, op.filter}] = op.options; }
        void operator()(const RemoveSubscription& op) const { d.subscriptions_.erase({op.session, op.filter}); }
        void operator()(const PutMessage& op) const {
            const auto id = op.message->id;
            d.highest_message_ = std::max(d.highest_message_, id);
            d.messages_[id] = {op.message, op.recipients};
            const auto [first, last] = d.early_acks_.equal_range(id);
            std::vector<SessionNumber> early;
            for (auto at = first; at != last; ++at) early.push_back(at->second);
            d.early_acks_.erase(first, last);
            for (const auto session : early) (*this)(AckMessage{id, session});
        }
        void operator()(const AckMessage& op) const {
            const auto at = d.messages_.find(op.message);
            if (at == d.messages_.end()) {
                if (op.message > d.highest_message_) d.early_acks_.emplace(op.message, op.session);
                return;
            }
            auto& recipients = at->second.recipients;
            const auto who = std::ranges::find(recipients, op.session, &Recipient::session);
            if (who != recipients.end()) recipients.erase(who);
            if (recipients.empty()) d.messages_.erase(at);
        }
        void operator()(const ReleaseMessage& op) const {
            const auto at = d.messages_.find(op.message);
            if (at == d.messages_.end()) return;
            for (auto& r : at->second.recipients) {
                if (r.session != op.session || r.released) continue;
                r.released = true;
                break;
            }
        }
        void operator()(const PutReceived& op) const { d.received_[{op.session, op.packet_id}] = true; }
        void operator()(const RemoveReceived& op) const { d.received_.erase({op.session, op.packet_id}); }
        void operator()(const PutRetained& op) const {
            d.highest_order_ = std::max(d.highest_order_, op.order);
            auto& slot = d.retained_[std::string(op.message->topic)];
            if (slot.order < op.order) slot = {op.message, op.order};
        }
        void operator()(const RemoveRetained& op) const {
            d.highest_order_ = std::max(d.highest_order_, op.order);
            const auto at = d.retained_.find(op.topic);
            if (at != d.retained_.end() && at->second.order < op.order) d.retained_.erase(at);
        }
        void operator()(const PutWill& op) const {
            d.wills_[op.will.message->id] = op.will;
            d.highest_will_ = std::max(d.highest_will_, op.will.message->id);
            d.highest_session_ = std::max(d.highest_session_, op.will.session);
        }
        void operator()(const RemoveWill& op) const { d.wills_.erase(op.will); }
        void operator()(const PutConnection& op) const {
            d.connections_[op.connection.channel_id] = op.connection;
            d.highest_session_ = std::max(d.highest_session_, op.connection.session);
        }
        void operator()(const RemoveConnection& op) const { d.connections_.erase(op.channel_id); }
    };
    std::visit(Visitor{*this}, operation);
}

StoredState MemoryDisk::state() const {
    StoredState out;
    for (const auto& [number, session] : sessions_) {
        StoredState::Session s{.record = session, .subscriptions = {}, .received = {}};
        for (const auto& [key, options] : subscriptions_) {
            if (key.first == number) s.subscriptions.emplace_back(key.second, options);
        }
        for (const auto& [key, yes] : received_) {
            if (key.first == number) s.received.push_back(key.second);
        }
        out.sessions.push_back(std::move(s));
    }
    for (const auto& [id, owed] : messages_) out.messages.push_back(owed);
    for (const auto& [topic, kept] : retained_) out.retained.push_back(kept);
    for (const auto& [id, will] : wills_) out.wills.push_back(will);
    for (const auto& [channel, connection] : connections_) out.connections.push_back(connection);
    out.highest_session = highest_session_;
    out.highest_message = std::max(highest_message_, highest_will_);
    out.highest_order = highest_order_;
    return out;
}

Result<StoredState> MemoryMessageStore::load() {
    const std::lock_guard guard(lock_);
    return disk_->state();
}

void MemoryMessageStore::post(std::vector<StoreOperation> batch, Done done) {
    {
        const std::lock_guard guard(lock_);
        for (const auto& operation : batch) disk_->apply(operation);
        ++figures_.commits;
        figures_.operations += batch.size();
    }
    if (done) done({});
}

MessageStore::Figures MemoryMessageStore::figures() const {
    const std::lock_guard guard(lock_);
    auto figures = figures_;
    figures.messages = disk_->state().messages.size();
    return figures;
}

}  // namespace esl::broker
