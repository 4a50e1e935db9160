// The tables `bundles` and `gone` of messages.db: messages that are owed to one session, many in a row, and which of
// them have been acknowledged. A row costs SQLite as much as its binding, its search and its place in a page; a message
// in a row that exists costs its bytes. Not thread-safe: the store's thread owns it.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "broker/adapters/sqlite.hpp"
#include "broker/adapters/sqlite_ack_rows.hpp"
#include "broker/ports/message_store.hpp"

namespace esl::broker::sqlite {

using BundleNumber = std::int64_t;  // grows; 0: none

// QoS 2 has states on the way, several recipients acknowledge one after the other: those have a row of their own.
[[nodiscard]] inline bool fits_a_bundle(const Recipients& recipients) {
    return recipients.size() == 1 && recipients[0].qos != mqtt::QoS::exactly_once;
}

// A record: a message and its recipients. Appends.
void write_record(const Message& message, const Recipients& recipients, Bytes& out);
struct Record {
    Message message;  // points into the row
    BytesView recipients;
    BytesView whole;
};
// Throws Failure(damaged), which names the row, when the bytes end early.
void for_each_record(BytesView row, BundleNumber number, const std::function<void(const Record&)>& visit);

class Bundles {
public:
    explicit Bundles(Database& database);

    // Before the first begin(). `live`: of each row that is there, how many of its messages count.
    void start_from(std::vector<std::pair<BundleNumber, std::uint32_t>> live, std::vector<AckRow> gone,
                    BundleNumber highest);
    // begin(), changes, flush(); then committed() or undo() as the transaction around them ends.
    void begin() { gone_.begin(); }
    // The row that the record will be in.
    BundleNumber add(const PutMessage& put);
    BundleNumber add(BytesView record);
    // A message has been acknowledged: it does not come back, and its row goes with the last of its messages.
    void remove(BundleNumber row, MessageId message);
    // Acknowledgements have gathered because rows that stay hold them: the oldest is worth writing anew without what is
    // gone from it.
    [[nodiscard]] bool crowded() const;
    // Takes out the oldest row; its number, 0 when there is none. Whoever asks add()s what of it still counts.
    BundleNumber take_oldest(Bytes& records);
    void flush();
    // Acknowledgements go when every row that they could speak of has gone.
    void reclaim();
    void committed();
    void undo();

private:
    struct Gone {
        BundleNumber row;
        MessageId message;
    };
    struct Undo {
        BundleNumber row;
        std::uint32_t live;  // before
    };
    void close_row();
    void change(BundleNumber row, std::int32_t by);

    Statement put_, remove_, oldest_;
    AckRows gone_;
    boost::unordered_flat_map<BundleNumber, std::uint32_t> live_;  // messages of a row that count
    BundleNumber highest_ = 0;
    BundleNumber highest_before_ = 0;  // at begin()
    Bytes row_;                        // being filled, it will be `highest_`; empty: none
    std::vector<Gone> removed_;        // by the open transaction
    std::vector<Undo> undo_;
    Bytes scratch_;
};

}  // namespace esl::broker::sqlite
