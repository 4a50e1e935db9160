// The whole of the simulated ZigBee network: a line, a coordinator and its tags.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tag-sim/core/coordinator.hpp"
#include "tag-sim/core/shelf.hpp"

namespace boost::asio {
class io_context;
}

namespace esl::sim::znp {

struct Panel {
    unsigned width = 296;
    unsigned height = 128;
    image::Palette palette = image::Palette::bwr;
};
// "296x128-bwr". Errors: ParseError::malformed, ::out_of_range.
[[nodiscard]] Result<Panel> parse_panel(std::string_view text);

struct ZnpOptions {
    std::string listen;  // ADDR:PORT, or
    std::string pty;     // path of the link
    unsigned tags = 10;
    std::vector<Panel> panels;  // taken in turn, not empty
};

class ZnpService {
public:
    // Adds the tags to the shelf. Throws std::runtime_error when the line cannot be opened.
    ZnpService(boost::asio::io_context& io, const ZnpOptions& options, Shelf& shelf, CoordinatorMemory memory);
    ~ZnpService();

    [[nodiscard]] std::string address() const;
    [[nodiscard]] Coordinator& coordinator();
    // Name and value, for metrics.
    [[nodiscard]] std::vector<std::pair<std::string, double>> figures() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace esl::sim::znp
