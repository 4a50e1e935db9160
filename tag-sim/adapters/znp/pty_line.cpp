#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "tag-sim/adapters/znp/line.hpp"
#include "tag-sim/adapters/znp/outbox.hpp"

namespace esl::sim::znp {
namespace {

using boost::asio::posix::stream_descriptor;

[[noreturn]] void failed(const std::string& what) {
    throw std::runtime_error(what + ": " + std::strerror(errno));
}

class PtyLine final : public Line {
public:
    PtyLine(boost::asio::io_context& io, std::string link, LineEvents events)
        : link_(std::move(link)), events_(std::move(events)) {
        const int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (master < 0) failed("pseudo-terminal");
        stream_ = std::make_shared<stream_descriptor>(io, master);
        char name[128];
        if (grantpt(master) != 0 || unlockpt(master) != 0 || ptsname_r(master, name, sizeof name) != 0)
            failed("pseudo-terminal");
        // One open end of our own: without it, the master reads an error while no host has the line open.
        keep_open_ = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
        termios settings{};
        if (keep_open_ < 0 || tcgetattr(keep_open_, &settings) != 0) failed(name);
        cfmakeraw(&settings);
        tcsetattr(keep_open_, TCSANOW, &settings);
        make_link(name);
        outbox_ = std::make_shared<Outbox<stream_descriptor>>(stream_, kMaxUnsent);
        events_.host_present(true);
        figures_.hosts = 1;
        read();
    }
    ~PtyLine() override {
        if (keep_open_ >= 0) close(keep_open_);
        std::error_code ignored;
        if (linked_) std::filesystem::remove(link_, ignored);
    }

    void send(const Bytes& bytes) override {
        if (!outbox_->push(bytes)) figures_.dropped_bytes += bytes.size();
    }
    [[nodiscard]] std::string address() const override { return link_; }
    [[nodiscard]] LineFigures figures() const override { return figures_; }

private:
    void make_link(const char* terminal) {
        std::error_code error;
        if (std::filesystem::is_symlink(link_, error)) std::filesystem::remove(link_, error);
        std::filesystem::create_symlink(terminal, link_, error);
        if (error) throw std::runtime_error("--pty " + link_ + ": " + error.message());
        linked_ = true;
    }

    void read() {
        stream_->async_read_some(boost::asio::buffer(buffer_),
                                 [this](const boost::system::error_code& error, std::size_t size) {
                                     if (error) return;
                                     events_.received(BytesView{buffer_.data(), size});
                                     read();
                                 });
    }

    std::string link_;
    LineEvents events_;
    std::shared_ptr<stream_descriptor> stream_;
    int keep_open_ = -1;
    bool linked_ = false;
    std::shared_ptr<Outbox<stream_descriptor>> outbox_;
    std::array<std::uint8_t, 4096> buffer_{};
    LineFigures figures_;
};

}  // namespace

std::unique_ptr<Line> open_pty(boost::asio::io_context& io, const std::string& link, LineEvents events) {
    return std::make_unique<PtyLine>(io, link, std::move(events));
}

}  // namespace esl::sim::znp
