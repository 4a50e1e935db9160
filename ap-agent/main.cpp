#include <cstdio>
#include <exception>

#include "ap-agent/app/app.hpp"
#include "ap-agent/app/options.hpp"
#include "common/log/log.hpp"

int main(int argc, char** argv) {
    try {
        esl::ap::AppOptions options;
        const auto parsed = esl::ap::parse_command_line(argc, argv, options);
        if (!parsed.run) return parsed.exit_code;
        if (const auto ok = esl::log::set_up("ap-agent", options.log); !ok) {
            std::fprintf(stderr, "ap-agent: --log-level: %s\n", ok.error().message().c_str());
            return 2;
        }
        return esl::ap::run(std::move(options));
    } catch (const std::exception& e) {
        std::fprintf(stderr, "ap-agent: %s\n", e.what());
        return 1;
    }
}
