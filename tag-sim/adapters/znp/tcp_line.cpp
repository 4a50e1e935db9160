#include <spdlog/spdlog.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <stdexcept>

#include "tag-sim/adapters/znp/line.hpp"
#include "tag-sim/adapters/znp/outbox.hpp"

namespace esl::sim::znp {
namespace {

using boost::asio::ip::tcp;

tcp::endpoint endpoint_of(const std::string& address) {
    const auto colon = address.rfind(':');
    boost::system::error_code bad;
    auto host = colon == std::string::npos ? std::string{} : address.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    const auto ip = boost::asio::ip::make_address(host, bad);
    std::size_t end = 0;
    unsigned long port = 65'536;
    try {
        port = std::stoul(address.substr(colon + 1), &end);
    } catch (const std::exception&) {
    }
    if (bad || port > 65'535 || end != address.size() - colon - 1) {
        throw std::runtime_error("--listen " + address + ": expected ADDRESS:PORT");
    }
    return {ip, static_cast<std::uint16_t>(port)};
}

class TcpLine final : public Line {
public:
    TcpLine(boost::asio::io_context& io, const std::string& address, LineEvents events)
        : acceptor_(io), events_(std::move(events)) {
        const auto endpoint = endpoint_of(address);
        try {
            acceptor_.open(endpoint.protocol());
            acceptor_.set_option(tcp::acceptor::reuse_address(true));
            acceptor_.bind(endpoint);
            acceptor_.listen();
        } catch (const boost::system::system_error& error) {
            throw std::runtime_error("--listen " + address + ": " + error.code().message());
        }
        accept();
    }

    void send(const Bytes& bytes) override {
        if (!host_) return;
        if (outbox_->push(bytes)) return;
        figures_.dropped_bytes += bytes.size();
        spdlog::warn("host does not read: cut off");
        leave();
    }
    [[nodiscard]] std::string address() const override {
        const auto local = acceptor_.local_endpoint();
        return local.address().to_string() + ":" + std::to_string(local.port());
    }
    [[nodiscard]] LineFigures figures() const override { return figures_; }

private:
    // A new host takes the place of the one before: that one may have died without a word.
    void accept() {
        acceptor_.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
            if (error) return;
            leave();
            ++figures_.hosts;
            host_ = std::make_shared<tcp::socket>(std::move(socket));
            boost::system::error_code ignored;
            host_->set_option(tcp::no_delay(true), ignored);
            outbox_ = std::make_shared<Outbox<tcp::socket>>(host_, kMaxUnsent);
            events_.host_present(true);
            read(host_);
            accept();
        });
    }

    void read(const std::shared_ptr<tcp::socket>& host) {
        host->async_read_some(boost::asio::buffer(buffer_),
                              [this, host](const boost::system::error_code& error, std::size_t size) {
                                  if (host != host_) return;
                                  if (error) return leave();
                                  events_.received(BytesView{buffer_.data(), size});
                                  if (host == host_) read(host);
                              });
    }

    void leave() {
        if (!host_) return;
        boost::system::error_code ignored;
        host_->close(ignored);
        host_.reset();
        outbox_.reset();
        events_.host_present(false);
    }

    tcp::acceptor acceptor_;
    LineEvents events_;
    std::shared_ptr<tcp::socket> host_;
    std::shared_ptr<Outbox<tcp::socket>> outbox_;
    std::array<std::uint8_t, 4096> buffer_{};
    LineFigures figures_;
};

}  // namespace

std::unique_ptr<Line> listen_tcp(boost::asio::io_context& io, const std::string& address, LineEvents events) {
    return std::make_unique<TcpLine>(io, address, std::move(events));
}

}  // namespace esl::sim::znp
