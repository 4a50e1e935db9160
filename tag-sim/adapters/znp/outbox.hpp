// Bytes on their way out of a stream, one write at a time. Internal to the line adapters.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <memory>
#include <utility>

#include "common/core/bytes.hpp"

namespace esl::sim::znp {

template <class Stream>
class Outbox : public std::enable_shared_from_this<Outbox<Stream>> {
public:
    Outbox(std::shared_ptr<Stream> stream, std::size_t bound) : stream_(std::move(stream)), bound_(bound) {}

    // False when the bound is reached; nothing of these bytes is kept then.
    bool push(const Bytes& bytes) {
        if (waiting_.size() + bytes.size() > bound_) return false;
        waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
        if (!writing_) write();
        return true;
    }

private:
    void write() {
        writing_ = true;
        flying_ = std::exchange(waiting_, {});
        boost::asio::async_write(
            *stream_, boost::asio::buffer(flying_),
            [self = this->shared_from_this()](const boost::system::error_code& error, std::size_t) {
                self->writing_ = false;
                if (!error && !self->waiting_.empty()) self->write();
            });
    }

    std::shared_ptr<Stream> stream_;
    std::size_t bound_;
    bool writing_ = false;
    Bytes waiting_;
    Bytes flying_;
};

}  // namespace esl::sim::znp
