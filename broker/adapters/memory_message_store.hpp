// The message store without a disk, for tests and as the definition of what a store does.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "broker/ports/message_store.hpp"

namespace esl::broker {

// What several openings of one memory store share, as they would a file.
class MemoryDisk {
public:
    void apply(const StoreOperation& operation);
    [[nodiscard]] StoredState state() const;

private:
    using Received = std::pair<SessionNumber, mqtt::PacketId>;
    std::map<SessionNumber, StoredSession> sessions_;
    std::map<std::pair<SessionNumber, std::string>, SubscriptionOptions> subscriptions_;
    std::map<Received, bool> received_;
    std::map<MessageId, StoredWill> wills_;
    std::map<std::string, StoredConnection> connections_;
    std::map<MessageId, StoredState::Owed> messages_;
    std::multimap<MessageId, SessionNumber> early_acks_;
    std::map<std::string, StoredState::Retained> retained_;
    MessageId highest_message_ = 0;
    MessageId highest_will_ = 0;
    SessionNumber highest_session_ = 0;
    std::uint64_t highest_order_ = 0;
};

// `done` is called inside post(). Thread-safe by a lock.
class MemoryMessageStore final : public MessageStore {
public:
    explicit MemoryMessageStore(std::shared_ptr<MemoryDisk> disk) : disk_(std::move(disk)) {}
    [[nodiscard]] Result<StoredState> load() override;
    void post(std::vector<StoreOperation> batch, Done done) override;
    void close() override {}
    [[nodiscard]] Figures figures() const override;

private:
    mutable std::mutex lock_;
    std::shared_ptr<MemoryDisk> disk_;
    Figures figures_;
};

}  // namespace esl::broker
