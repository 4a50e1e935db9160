// What every `broker ctl` command needs: the broker's address and key, and a way to print its answers.
#pragma once

#include <functional>
#include <iosfwd>
#include <nlohmann/json.hpp>
#include <string>

#include "common/http/client.hpp"

namespace CLI {
class App;
}

namespace esl::broker {

struct CtlTarget {
    std::string admin;
    std::string data;
    std::string key_file;
    std::string config;
    bool as_json = false;
};

class CtlClient {
public:
    // Throws std::runtime_error when address or key cannot be found.
    explicit CtlClient(const CtlTarget& target);
    [[nodiscard]] http::Client& http() { return client_; }
    // Exit code. Prints an error to stderr, or the answer: as it is with --json, else by `print`.
    int show(const Result<http::Response>& response, const std::function<void(const nlohmann::json&)>& print);
    // The same for an answer that is no JSON.
    int print_text(const Result<http::Response>& response);

private:
    // False: not a good answer, and printed.
    [[nodiscard]] static bool good(const Result<http::Response>& response);

    bool as_json_;
    http::Client client_;
};

// Each adds its commands to the line; the one that was given goes into `run`.
// `token`, `device`, `identity`, `permission`, `blacklist`, `ca`, `certificate`, likewise.
void add_credential_commands(CLI::App& app, std::function<int(CtlClient&)>& run);
// `key list`, `add`, `rm`.
void add_key_commands(CLI::App& app, std::function<int(CtlClient&)>& run);
// `trace client`, `trace message`.
void add_trace_commands(CLI::App& app, std::function<int(CtlClient&)>& run);
// `listeners`.
void add_listener_commands(CLI::App& app, std::function<int(CtlClient&)>& run);
// `rule list`, `show`, `add`, `set`, `rm`.
void add_rule_commands(CLI::App& app, std::function<int(CtlClient&)>& run);

}  // namespace esl::broker
