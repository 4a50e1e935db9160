// What waits for one rule's sink: order, retries and bounds, without I/O, threads or a clock of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/ports/exporter.hpp"

namespace esl::broker {

class ExportQueue {
public:
    enum class Order : std::uint8_t {
        none,    // each for itself
        client,  // a client's messages wait for each other
        all      // one row, taken from the front
    };
    struct Bounds {
        std::size_t rows = 100'000;
        std::size_t bytes = 16UL << 20;
        std::chrono::milliseconds keep = std::chrono::hours(72);  // older ones are given up
        std::chrono::milliseconds retry_first{1'000};             // doubles with each try
        std::chrono::milliseconds retry_limit{300'000};
    };
    struct Item {
        std::uint64_t number = 0;  // grows with time
        bool durable = false;
        ExportedPtr what;
        unsigned tries = 0;
    };

    ExportQueue(Order order, Bounds bounds) : order_(order), bounds_(bounds) {}

    // Gives what had to go for it, oldest first: a full queue drops what waits longest, never what is under way.
    [[nodiscard]] std::vector<Item> push(Item item);
    // Up to `most` whose time has come; they are under way until done() or failed().
    [[nodiscard]] std::vector<Item> take(SteadyTime now, std::size_t most);
    void done(std::uint64_t number);
    // Tried again after a wait that doubles, shortened by up to half by `jitter` (0 to 1).
    void failed(std::uint64_t number, SteadyTime now, double jitter);
    // Gives those too old to be tried again, as far as they are not under way.
    [[nodiscard]] std::vector<Item> expire(UnixMillis now);
    // When take() may have something again; nothing: not before a push, done or failed.
    [[nodiscard]] std::optional<SteadyTime> due() const;
    // Everything, under way or not, oldest first; the queue is empty afterwards.
    [[nodiscard]] std::vector<Item> drain();

    [[nodiscard]] std::size_t size() const { return items_.size(); }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

private:
    enum class State : std::uint8_t { ready, behind, delayed, under_way };
    struct Entry {
        Item item;
        State state = State::ready;
        SteadyTime due{};
    };
    using Entries = std::map<std::uint64_t, Entry>;

    std::vector<Item> take_front(SteadyTime now, std::size_t most);
    Item remove(Entries::iterator at);
    void start(Entry& entry);
    void next_of(const std::string& client);
    [[nodiscard]] std::chrono::milliseconds wait_after(unsigned tries, double jitter) const;

    Order order_;
    Bounds bounds_;
    Entries items_;
    std::deque<std::uint64_t> ready_;                                    // numbers that are gone are passed over
    std::multimap<SteadyTime, std::uint64_t> delayed_;                   // likewise
    std::unordered_map<std::string, std::deque<std::uint64_t>> behind_;  // Order::client: a client's others
    SteadyTime resting_until_{};                                         // Order::all
    std::size_t bytes_ = 0;
};

}  // namespace esl::broker
