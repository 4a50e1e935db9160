#include <exception>
#include <iostream>

#include "common/log/log.hpp"
#include "tag-sim/app/app.hpp"

int main(int argc, char** argv) {
    try {
        const auto parsed = esl::sim::parse_options(argc, argv);
        if (!parsed.options) return parsed.exit_code;
        const auto& options = *parsed.options;
        if (auto log = esl::log::set_up("tag-sim", {options.log_level, options.log_json}); !log) {
            std::cerr << "tag-sim: --log-level: " << log.error().message() << '\n';
            return 2;
        }
        return esl::sim::run(options);
    } catch (const std::exception& error) {
        std::cerr << "tag-sim: " << error.what() << '\n';
        return 1;
    }
}
