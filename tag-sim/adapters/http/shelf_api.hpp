// What people and tests see of the simulated shelf over HTTP (docs/formats/tag-sim-http.md).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tag-sim/core/shelf.hpp"

namespace boost::asio {
class io_context;
}
namespace esl::http {
class Router;
}

namespace esl::sim::web {

// Figures of the radio in front of the tags: name and value, monotonic unless the name ends in "_now".
using Figures = std::vector<std::pair<std::string, double>>;

// Handlers run on the server's threads and visit the shelf on `io`'s thread; when that does not answer within five
// seconds they say 503. All arguments outlive the router.
[[nodiscard]] std::shared_ptr<const http::Router> make_router(boost::asio::io_context& io, Shelf& shelf,
                                                              std::function<Figures()> figures);

}  // namespace esl::sim::web
