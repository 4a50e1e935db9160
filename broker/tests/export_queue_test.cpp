#include "broker/rules/export_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace esl::broker {
namespace {

using std::chrono::milliseconds;
using Order = ExportQueue::Order;
using Numbers = std::vector<std::uint64_t>;

ExportQueue::Item item(std::uint64_t number, const std::string& client = "c", std::size_t payload = 10) {
    Exported what;
    what.client_id = client;
    what.payload.resize(payload);
    what.born = from_millis(static_cast<std::int64_t>(number));
    return {.number = number, .durable = true, .what = std::make_shared<const Exported>(std::move(what))};
}

Numbers numbers(const std::vector<ExportQueue::Item>& items) {
    Numbers out;
    for (const auto& one : items) out.push_back(one.number);
    return out;
}

class Queue {
public:
    explicit Queue(Order order, ExportQueue::Bounds bounds = {}) : queue(order, bounds) {}
    Numbers push(std::uint64_t number, const std::string& client = "c") {
        return numbers(queue.push(item(number, client)));
    }
    Numbers take(std::size_t most = 100) { return numbers(queue.take(now, most)); }
    ExportQueue queue;
    SteadyTime now{milliseconds(1'000'000)};
};

TEST(ExportQueue, GivesAFailedOneAgainAfterAWaitThatDoublesWhileOthersGoOn) {
    Queue q(Order::none, {.retry_first = milliseconds(1'000), .retry_limit = milliseconds(3'000)});
    q.push(1);
    q.push(2);
    ASSERT_EQ(q.take(1), (Numbers{1}));
    for (const int wait : {1'000, 2'000, 3'000, 3'000}) {
        q.queue.failed(1, q.now, 0);
        q.now += milliseconds(wait - 1);
        EXPECT_EQ(numbers(q.queue.take(q.now, 0)), Numbers{});
        EXPECT_EQ(*q.queue.due(), q.queue.size() == 2 ? SteadyTime{} : q.now + milliseconds(1));
        if (q.queue.size() == 2) {
            EXPECT_EQ(q.take(), (Numbers{2}));
            q.queue.done(2);
        }
        EXPECT_EQ(q.take(), Numbers{});
        q.now += milliseconds(1);
        EXPECT_EQ(q.take(), (Numbers{1}));
    }
    q.queue.done(1);
    EXPECT_EQ(q.queue.size(), 0U);
    EXPECT_EQ(q.queue.bytes(), 0U);
    EXPECT_FALSE(q.queue.due());
}

TEST(ExportQueue, ShortensTheWaitByUpToHalf) {
    Queue q(Order::none, {.retry_first = milliseconds(1'000)});
    q.push(1);
    q.take();
    q.queue.failed(1, q.now, 1);
    EXPECT_EQ(*q.queue.due(), q.now + milliseconds(500));
}

TEST(ExportQueue, HoldsBackOnlyTheClientWhoseMessageFailed) {
    Queue q(Order::client);
    q.push(1, "a");
    q.push(2, "a");
    q.push(3, "b");
    q.push(4, "a");
    EXPECT_EQ(q.take(), (Numbers{1, 3}));
    q.queue.failed(1, q.now, 0);
    q.queue.done(3);
    q.push(5, "b");
    EXPECT_EQ(q.take(), (Numbers{5}));
    q.now += milliseconds(1'000);
    EXPECT_EQ(q.take(), (Numbers{1}));
    q.queue.done(1);
    EXPECT_EQ(q.take(), (Numbers{2}));
    q.queue.done(2);
    EXPECT_EQ(q.take(), (Numbers{4}));
    q.queue.done(4);
    q.push(6, "a");
    EXPECT_EQ(q.take(), (Numbers{6}));
}

TEST(ExportQueue, KeepsAllInOneRowAndTriesTheFrontAgainFirst) {
    Queue q(Order::all);
    for (std::uint64_t n = 1; n <= 5; ++n) q.push(n, n % 2 == 0 ? "a" : "b");
    EXPECT_EQ(q.take(3), (Numbers{1, 2, 3}));
    for (std::uint64_t n = 1; n <= 3; ++n) q.queue.failed(n, q.now, 0);
    EXPECT_EQ(q.take(), Numbers{});
    q.now = *q.queue.due();
    EXPECT_EQ(q.take(2), (Numbers{1, 2}));
    q.queue.done(1);
    q.queue.done(2);
    EXPECT_EQ(q.take(), (Numbers{3, 4, 5}));
}

TEST(ExportQueue, DropsTheOldestThatIsNotUnderWayWhenItIsFull) {
    for (const auto order : {Order::none, Order::client}) {
        Queue q(order, {.rows = 3});
        q.push(1, "a");
        q.push(2, "b");
        q.push(3, "b");
        EXPECT_EQ(q.take(1), (Numbers{1}));
        EXPECT_EQ(q.push(4, "b"), (Numbers{2}));
        EXPECT_EQ(q.push(5, "a"), (Numbers{3}));
        q.queue.done(1);
        Numbers seen;
        for (auto got = q.take(); !got.empty(); got = q.take()) {
            for (const auto n : got) {
                seen.push_back(n);
                q.queue.done(n);
            }
        }
        std::ranges::sort(seen);
        EXPECT_EQ(seen, (Numbers{4, 5}));
        EXPECT_EQ(q.queue.bytes(), 0U);
    }
    Queue bytes(Order::all, {.bytes = 2 * item(1).what->bytes() + 1});
    bytes.push(1);
    bytes.push(2);
    EXPECT_EQ(bytes.push(3), (Numbers{1}));
}

TEST(ExportQueue, GivesUpWhatIsTooOld) {
    Queue q(Order::client, {.keep = milliseconds(100)});
    q.push(1, "a");
    q.push(2, "a");
    q.push(50, "a");
    EXPECT_EQ(numbers(q.queue.expire(from_millis(101))), Numbers{});
    EXPECT_EQ(numbers(q.queue.expire(from_millis(110))), (Numbers{1, 2}));
    EXPECT_EQ(q.take(), (Numbers{50}));
    EXPECT_EQ(numbers(q.queue.expire(from_millis(1'000))), Numbers{}) << "it is under way";
    EXPECT_EQ(numbers(q.queue.drain()), (Numbers{50}));
    EXPECT_EQ(q.queue.size(), 0U);
}

}  // namespace
}  // namespace esl::broker
