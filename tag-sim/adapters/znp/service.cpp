#include "tag-sim/adapters/znp/service.hpp"

#include <charconv>

#include "common/tagwire/znp/frame.hpp"
#include "tag-sim/adapters/znp/line.hpp"

namespace esl::sim::znp {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kFirstAddress = 0x00124B00'1C000001;
constexpr auto kShortestCheckIn = 1'000ms;
constexpr auto kCheckInPerTag = 10ms;  // bounds the reports to 100 a second

std::chrono::milliseconds refresh_of(const Panel& panel) {
    switch (panel.palette) {
        case image::Palette::bw:
            return 4s;
        case image::Palette::bwr:
        case image::Palette::bwy:
            return panel.width >= 800 ? 18s : 15s;
        case image::Palette::bwry:
            return panel.width >= 400 ? 30s : 25s;
    }
    return 15s;
}

TagProfile profile_of(const Panel& panel, std::uint64_t address) {
    return {TagId::eui64(address), "price-display", panel.width, panel.height, panel.palette, refresh_of(panel), 3000};
}

}  // namespace

Result<Panel> parse_panel(std::string_view text) {
    const auto x = text.find('x');
    const auto dash = text.find('-');
    if (x == text.npos || dash == text.npos || x > dash) return fail(ParseError::malformed, std::string{text});
    Panel out;
    const auto read = [](std::string_view digits, unsigned& into) {
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), into);
        return error == std::errc{} && end == digits.data() + digits.size();
    };
    if (!read(text.substr(0, x), out.width) || !read(text.substr(x + 1, dash - x - 1), out.height)) {
        return fail(ParseError::malformed, std::string{text});
    }
    const auto palette = image::palette_from(text.substr(dash + 1));
    if (!palette) return fail(ParseError::malformed, std::string{text});
    out.palette = *palette;
    const auto sane = [](unsigned side) { return side > 0 && side <= image::kMaxSide; };
    if (!sane(out.width) || !sane(out.height)) return fail(ParseError::out_of_range, std::string{text});
    return out;
}

struct ZnpService::Impl {
    Impl(boost::asio::io_context& io, const ZnpOptions& options, Shelf& shelf, CoordinatorMemory memory)
        : coordinator(shelf.scheduler(), shelf.plan(), shelf.speed(), [this](const Bytes& b) { line->send(b); }) {
        const auto check_in = std::max<std::chrono::milliseconds>(kShortestCheckIn, kCheckInPerTag * options.tags);
        for (unsigned i = 0; i < options.tags; ++i) {
            const auto& panel = options.panels.at(i % options.panels.size());
            coordinator.add(shelf.add(profile_of(panel, kFirstAddress + i)), check_in);
        }
        coordinator.restore(std::move(memory));
        coordinator.host_present(false);
        LineEvents events{[this](BytesView bytes) { received(bytes); }, [this](bool present) { host(present); }};
        line = options.listen.empty() ? open_pty(io, options.pty, std::move(events))
                                      : listen_tcp(io, options.listen, std::move(events));
    }

    void received(BytesView bytes) {
        for (const auto& frame : unframer.push(bytes)) coordinator.frame(frame);
    }
    void host(bool present) {
        unframer.reset();
        coordinator.host_present(present);
    }

    Coordinator coordinator;
    tagwire::znp::Unframer unframer;
    std::unique_ptr<Line> line;
};

ZnpService::ZnpService(boost::asio::io_context& io, const ZnpOptions& options, Shelf& shelf, CoordinatorMemory memory)
    : impl_(std::make_unique<Impl>(io, options, shelf, std::move(memory))) {}

ZnpService::~ZnpService() = default;

std::string ZnpService::address() const {
    return impl_->line->address();
}
Coordinator& ZnpService::coordinator() {
    return impl_->coordinator;
}

std::vector<std::pair<std::string, double>> ZnpService::figures() const {
    const auto f = impl_->coordinator.figures();
    const auto number = [](auto n) { return static_cast<double>(n); };
    return {{"znp_requests_total", number(f.requests)},
            {"znp_not_understood_total", number(f.not_understood)},
            {"znp_dropped_bytes_total", number(impl_->unframer.dropped_bytes())},
            {"znp_bad_frames_total", number(impl_->unframer.bad_frames())},
            {"znp_frames_to_tags_total", number(f.to_tags)},
            {"znp_frames_from_tags_total", number(f.from_tags)},
            {"znp_frames_expired_total", number(f.expired)},
            {"znp_frames_lost_total", number(f.lost)},
            {"znp_hosts_total", number(impl_->line->figures().hosts)},
            {"znp_joined_now", number(f.joined_now)}};
}

}  // namespace esl::sim::znp
