#include "broker/adapters/kept_operations.hpp"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <string>
#include <tuple>

namespace esl::broker {
namespace {

// What a later operation of the same key makes needless. Messages and acknowledgements have none: each counts.
using Key = std::tuple<std::size_t, SessionNumber, std::string>;

struct KeyOf {
    enum Kind : std::size_t { none, session, subscription, received, retained, will, connection };
    Key operator()(const PutSession& op) const { return {session, op.session.number, {}}; }
    Key operator()(const RemoveSession& op) const { return {session, op.session, {}}; }
    Key operator()(const PutSubscription& op) const { return {subscription, op.session, op.filter}; }
    Key operator()(const RemoveSubscription& op) const { return {subscription, op.session, op.filter}; }
    Key operator()(const PutReceived& op) const { return {received, op.session, std::to_string(op.packet_id)}; }
    Key operator()(const RemoveReceived& op) const { return {received, op.session, std::to_string(op.packet_id)}; }
    Key operator()(const PutRetained& op) const { return {retained, 0, std::string(op.message->topic)}; }
    Key operator()(const RemoveRetained& op) const { return {retained, 0, op.topic}; }
    Key operator()(const PutWill& op) const { return {will, 0, std::to_string(op.will.message->id)}; }
    Key operator()(const RemoveWill& op) const { return {will, 0, std::to_string(op.will)}; }
    Key operator()(const PutConnection& op) const { return {connection, 0, op.connection.channel_id}; }
    Key operator()(const RemoveConnection& op) const { return {connection, 0, op.channel_id}; }
    Key operator()(const PutMessage&) const { return {}; }
    Key operator()(const AckMessage&) const { return {}; }
    Key operator()(const ReleaseMessage&) const { return {}; }
};

// Of two changes of a retained message the higher order counts, not the later.
std::uint64_t order_of(const StoreOperation& operation) {
    if (const auto* put = std::get_if<PutRetained>(&operation)) return put->order;
    if (const auto* remove = std::get_if<RemoveRetained>(&operation)) return remove->order;
    return 0;
}

// Messages that came and were acknowledged by everybody while nothing could be written.
boost::unordered_flat_set<MessageId> over(const std::deque<std::vector<StoreOperation>>& batches) {
    boost::unordered_flat_map<MessageId, std::int64_t> left;
    boost::unordered_flat_set<MessageId> out;
    for (const auto& batch : batches) {
        for (const auto& operation : batch) {
            if (const auto* put = std::get_if<PutMessage>(&operation))
                left[put->message->id] = static_cast<std::int64_t>(put->recipients.size());
        }
    }
    for (const auto& batch : batches) {
        for (const auto& operation : batch) {
            const auto* ack = std::get_if<AckMessage>(&operation);
            if (ack == nullptr) continue;
            const auto at = left.find(ack->message);
            if (at != left.end() && --at->second == 0) out.insert(ack->message);
        }
    }
    return out;
}

// 0: none.
MessageId message_of(const StoreOperation& operation) {
    if (const auto* put = std::get_if<PutMessage>(&operation)) return put->message->id;
    if (const auto* ack = std::get_if<AckMessage>(&operation)) return ack->message;
    if (const auto* release = std::get_if<ReleaseMessage>(&operation)) return release->message;
    return 0;
}

}  // namespace

void KeptOperations::keep(std::vector<StoreOperation> batch) {
    if (batch.empty()) return;
    size_ += batch.size();
    batches_.push_back(std::move(batch));
    if (size_ >= compact_at_) compact();
}

void KeptOperations::pop_front(std::size_t batches) {
    for (; batches > 0; --batches) {
        size_ -= batches_.front().size();
        batches_.pop_front();
    }
}

void KeptOperations::compact() {
    boost::unordered_flat_set<Key> seen;
    boost::unordered_flat_set<SessionNumber> removed;
    boost::unordered_flat_map<std::string, std::uint64_t> retained;
    const auto finished = over(batches_);
    for (const auto& batch : batches_) {
        for (const auto& operation : batch) {
            if (const auto order = order_of(operation); order != 0) {
                auto& highest = retained[std::get<2>(std::visit(KeyOf{}, operation))];
                highest = std::max(highest, order);
            }
        }
    }
    for (auto batch = batches_.rbegin(); batch != batches_.rend(); ++batch) {
        std::vector<StoreOperation> left;
        for (auto operation = batch->rbegin(); operation != batch->rend(); ++operation) {
            const auto key = std::visit(KeyOf{}, *operation);
            const auto kind = std::get<0>(key);
            const auto session = std::get<1>(key);
            bool needless = finished.contains(message_of(*operation));
            if (kind == KeyOf::retained) {
                needless = order_of(*operation) < retained[std::get<2>(key)];
            } else if (kind == KeyOf::will || kind == KeyOf::connection) {
                needless = !seen.insert(key).second;  // these outlive their session until they have been published
            } else if (kind != KeyOf::none) {
                needless = removed.contains(session) || !seen.insert(key).second;
            }
            if (needless) continue;
            if (std::holds_alternative<RemoveSession>(*operation)) removed.insert(session);
            left.push_back(std::move(*operation));
        }
        std::ranges::reverse(left);
        *batch = std::move(left);
    }
    std::erase_if(batches_, [](const auto& batch) { return batch.empty(); });
    size_ = 0;
    for (const auto& batch : batches_) size_ += batch.size();
    compact_at_ = std::max<std::size_t>(50'000, size_ * 2);
}

}  // namespace esl::broker
