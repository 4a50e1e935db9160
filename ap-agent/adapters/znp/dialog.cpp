#include "ap-agent/adapters/znp/dialog.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "ap-agent/ports/tag_radio.hpp"

namespace esl::ap::znp {

struct Dialog::Wait {
    std::optional<wire::Message> request;  // of an SREQ
    Matches matches;                       // of an AREQ
    std::chrono::milliseconds timeout{0};
    std::optional<SteadyTime> deadline;
    std::optional<Result<wire::Message>> result;
    std::coroutine_handle<> waiter;
    bool abandoned = false;
};

Dialog::Pending::~Pending() {
    if (!wait_) return;
    wait_->abandoned = true;
    wait_->waiter = nullptr;
}
bool Dialog::Pending::await_ready() const {
    return wait_->result.has_value();
}
void Dialog::Pending::await_suspend(std::coroutine_handle<> waiter) {
    wait_->waiter = waiter;
}
Result<wire::Message> Dialog::Pending::await_resume() {
    return std::move(*wait_->result);
}

Dialog::Pending Dialog::request(wire::Message message, std::chrono::milliseconds timeout) {
    auto wait = std::make_shared<Wait>();
    wait->request = std::move(message);
    wait->timeout = timeout;
    if (closed_) {
        wait->result = esl::fail(RadioError::gone, *closed_);
    } else if (requests_.size() >= kMaxQueued) {
        wait->result = esl::fail(RadioError::busy, "requests to the coordinator");
    } else {
        requests_.push_back(wait);
        send_next();
    }
    return Pending(std::move(wait));
}

Dialog::Pending Dialog::expect(Matches matches, std::chrono::milliseconds timeout) {
    auto wait = std::make_shared<Wait>();
    wait->matches = std::move(matches);
    wait->deadline = clock_.steady() + timeout;
    if (closed_) {
        wait->result = esl::fail(RadioError::gone, *closed_);
    } else {
        expected_.push_back(wait);
    }
    return Pending(std::move(wait));
}

Dialog::Pending Dialog::sleep(std::chrono::milliseconds duration) {
    return expect([](const wire::Message&) { return false; }, duration);
}

void Dialog::send(const wire::Message& message) {
    send_raw(wire::encode(message));
}
void Dialog::send_raw(BytesView bytes) {
    output_.insert(output_.end(), bytes.begin(), bytes.end());
}

void Dialog::set_timeout(const std::weak_ptr<Wait>& wait, std::chrono::milliseconds timeout) {
    if (const auto alive = wait.lock()) alive->deadline = clock_.steady() + timeout;
}

void Dialog::fail(const std::weak_ptr<Wait>& wait, Error error) {
    const auto alive = wait.lock();
    if (!alive || alive->result) return;
    std::erase(expected_, alive);
    finish(alive, esl::fail(std::move(error)));
    run_ready();
}

void Dialog::finish(const std::shared_ptr<Wait>& wait, Result<wire::Message> result) {
    if (wait->result) return;
    wait->result = std::move(result);
    ready_.push_back(wait);
}

void Dialog::send_next() {
    while (!in_flight_ && !requests_.empty()) {
        auto& next = *requests_.front();
        if (next.abandoned) {
            requests_.pop_front();
            continue;
        }
        send(*next.request);
        next.deadline = clock_.steady() + next.timeout;
        in_flight_ = true;
    }
}

void Dialog::receive(BytesView bytes) {
    last_byte_ = clock_.steady();
    take(unframer_.push(bytes));
}

void Dialog::take(const std::vector<wire::Frame>& frames) {
    for (const auto& frame : frames) {
        const auto message = wire::decode(frame);
        if (!message) {
            ++unknown_;
            spdlog::debug("znp: dropped a message: {}", message.error().message());
            continue;
        }
        handle(*message);
    }
}

void Dialog::handle(const wire::Message& message) {
    if (message.kind() == wire::Kind::srsp) {
        if (!in_flight_) return;  // the answer to a request that was given up
        const auto front = requests_.front();
        const auto& asked = front->request->definition();
        const bool refused = message.is(wire::Kind::srsp, "rpc.error");
        const bool answers = refused ? (message.u8("cmd0") == asked.cmd0() && message.u8("cmd1") == asked.id)
                                     : message.name() == asked.name;
        if (!answers) return;
        requests_.pop_front();
        in_flight_ = false;
        if (refused) {
            finish(front,
                   esl::fail(RadioError::rejected, std::string(asked.name) + ": the coordinator does not know it"));
        } else {
            finish(front, message);
        }
        send_next();
        run_ready();
        return;
    }
    for (const auto& wait : std::vector(expected_)) {
        if (!wait->abandoned && wait->matches(message)) finish(wait, message);
    }
    std::erase_if(expected_, [](const auto& wait) { return wait->abandoned || wait->result; });
    run_ready();
    if (on_message) on_message(message);
}

void Dialog::tick() {
    const auto now = clock_.steady();
    if (unframer_.mid_frame() && now - last_byte_ >= kInsideFrame) take(unframer_.give_up_waiting());
    if (in_flight_ && *requests_.front()->deadline <= now) {
        const auto late = requests_.front();
        requests_.pop_front();
        in_flight_ = false;
        finish(late, esl::fail(RadioError::timeout, std::string(late->request->name()) + ": no reply"));
        send_next();
    }
    for (const auto& wait : std::vector(expected_)) {
        if (*wait->deadline <= now) finish(wait, esl::fail(RadioError::timeout));
    }
    std::erase_if(expected_, [](const auto& wait) { return wait->abandoned || wait->result; });
    run_ready();
}

void Dialog::close(const std::string& why) {
    closed_ = why;
    for (const auto& wait : std::exchange(requests_, {})) finish(wait, esl::fail(RadioError::gone, why));
    for (const auto& wait : std::exchange(expected_, {})) finish(wait, esl::fail(RadioError::gone, why));
    in_flight_ = false;
    run_ready();
}

std::optional<SteadyTime> Dialog::next_deadline() const {
    std::optional<SteadyTime> first;
    const auto consider = [&](const Wait& wait) {
        if (!wait.abandoned && wait.deadline && (!first || *wait.deadline < *first)) first = wait.deadline;
    };
    if (in_flight_ && !requests_.empty()) first = requests_.front()->deadline;
    if (unframer_.mid_frame() && (!first || last_byte_ + kInsideFrame < *first)) first = last_byte_ + kInsideFrame;
    for (const auto& wait : expected_) consider(*wait);
    return first;
}

// A resumed task may make and end further waits; those join the same round.
void Dialog::run_ready() {
    if (running_) return;
    running_ = true;
    while (!ready_.empty()) {
        const auto wait = std::move(ready_.front());
        ready_.pop_front();
        if (const auto waiter = std::exchange(wait->waiter, nullptr)) waiter.resume();
    }
    running_ = false;
}

}  // namespace esl::ap::znp
