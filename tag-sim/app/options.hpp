// What the command line and the configuration file of tag-sim say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace esl::sim {

enum class RadioKind { bluez, znp };

struct Options {
    RadioKind radio = RadioKind::bluez;
    // Both radios.
    unsigned tags = 10;
    std::string http;  // "127.0.0.1:0"; empty: no HTTP
    std::optional<std::uint64_t> seed;
    double speed = 1;
    std::string faults;  // file; empty: nothing goes wrong
    std::string state;   // file that remembers screens and the network; empty: forgotten at the end
    // bluez
    std::string bus;
    std::string adapter = "hci0";
    std::vector<std::string> models{"0033", "000B", "004B", "012B"};
    unsigned max_links = 7;
    // znp
    std::string listen;  // ADDR:PORT, or
    std::string pty;     // path of a link to the pseudo-terminal
    std::vector<std::string> panels{"296x128-bwr", "250x122-bwr", "400x300-bwry", "800x480-bwr"};

    std::string log_level = "info";
    bool log_json = false;
    bool check_only = false;
};

struct ParsedOptions {
    std::optional<Options> options;  // empty: the program is to end with exit_code, everything has been printed
    int exit_code = 0;
};
// Flags win over the file. Throws config::ConfigError for a bad file; usage mistakes are printed and give exit_code 2.
[[nodiscard]] ParsedOptions parse_options(int argc, char** argv);

}  // namespace esl::sim
