// Which handler takes a request: method and path patterns.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/result.hpp"
#include "common/http/message.hpp"

namespace esl::http {

// Runs on a worker thread, so it may block (SQLite). Several run at once. An exception becomes a 500 and a log line.
using Handler = std::function<Response(const Request&)>;

// A request whose body is pulled and whose answer is pushed, piece by piece, with bounded memory. Belongs to the one
// thread that runs the StreamHandler, and is gone when it returns.
class Exchange {
public:
    virtual ~Exchange() = default;
    [[nodiscard]] virtual const Request& request() const = 0;
    // Blocks for the next bytes of the body; 0 at its end. HttpError::too_large above the route's max_body,
    // ::timed_out, ::closed, ::malformed. After an error every call answers the same.
    [[nodiscard]] virtual Result<std::size_t> read(std::span<char> into) = 0;
    // Status and headers of an answer that write() continues; once, before write().
    [[nodiscard]] virtual Result<> begin(int status, const Headers& headers) = 0;
    // Blocks while more than the route's max_unsent waits for a slow peer. HttpError::closed when the peer is gone.
    [[nodiscard]] virtual Result<> write(std::string_view bytes) = 0;
    // A whole answer instead of begin() and write().
    [[nodiscard]] virtual Result<> respond(const Response& response) = 0;
    // Once begun: the peer must learn that the answer is not whole (the connection is cut).
    virtual void abort() = 0;
};

// Runs on a thread of a pool of its own (ServerOptions::stream_threads). Not answering is a 500; an exception after
// begin() cuts the connection.
using StreamHandler = std::function<void(Exchange&)>;

struct RouteOptions {
    std::size_t max_body = std::size_t{1} << 20;      // above: 413
    std::size_t max_unsent = std::size_t{256} << 10;  // streaming only: answer bytes waiting before write() blocks
};

struct Route {
    std::string method;
    std::string pattern;
    Handler handler;  // one of the two
    StreamHandler stream;
    RouteOptions options;
};

// Filled before the server starts and immutable from then on.
class Router {
public:
    // `pattern`: literal segments and "{name}" for one segment, which may be followed by literal text
    // ("/tags/{id}:led"); "{name...}" last takes the rest, slashes included. Literal beats name, segment by segment.
    // GET also serves HEAD. A pattern or method given twice, or a malformed one, throws std::invalid_argument.
    Router& add(std::string_view method, std::string_view pattern, Handler handler, RouteOptions options = {});
    Router& add_stream(std::string_view method, std::string_view pattern, StreamHandler handler,
                       RouteOptions options = {});
    // For GET and HEAD of paths that no pattern matches (static files). Without it they are 404.
    void set_fallback(Handler handler) { fallback_.handler = std::move(handler); }

    struct Match {
        const Route* route = nullptr;  // null: `refusal` is the answer
        Response refusal;
    };
    // Fills request.params and request.pattern. 404, 405 with Allow, OPTIONS with Allow, 400 for a broken escape.
    [[nodiscard]] Match match(Request& request) const;

    [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }
    [[nodiscard]] bool has_streams() const;

private:
    Router& insert(Route route);

    std::vector<Route> routes_;
    Route fallback_{.method = "GET", .pattern = {}, .handler = {}, .stream = {}, .options = {}};
};

}  // namespace esl::http
