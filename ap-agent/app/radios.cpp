#include "ap-agent/app/radios.hpp"

#include <string>

#include "ap-agent/adapters/bluez/bluez_radio.hpp"
#include "ap-agent/adapters/znp/radio.hpp"
#include "common/config/config.hpp"

namespace esl::ap {
namespace {

struct Spec {
    std::string kind;
    std::string where;  // "hci0", a path, or tcp://host:port
};

Spec split(const std::string& text) {
    const auto colon = text.find(':');
    if (colon == std::string::npos) return {text, {}};
    return {text.substr(0, colon), text.substr(colon + 1)};
}

// By number and not by port: a coordinator that comes back under another name keeps its network and its tags.
std::filesystem::path znp_folder(const AppOptions& options, unsigned number) {
    return options.data / (number == 1 ? std::string("znp") : "znp-" + std::to_string(number));
}

}  // namespace

std::vector<std::unique_ptr<TagRadio>> make_radios(const boost::asio::any_io_executor& executor, const Clock& clock,
                                                   const AppOptions& options) {
    std::vector<std::unique_ptr<TagRadio>> out;
    unsigned coordinators = 0;
    for (const auto& text : options.radios) {
        const auto spec = split(text);
        if (spec.kind == "bluez") {
            auto bluez = options.bluez;
            if (!spec.where.empty()) bluez.adapter = spec.where;
            out.push_back(std::make_unique<bluez::BluezRadio>(executor, clock, std::move(bluez)));
        } else if (spec.kind == "znp") {
            const znp::RadioConfig znp{spec.where, znp_folder(options, ++coordinators), options.znp_channel};
            out.push_back(znp::make_radio(executor, znp, clock));
        } else {
            throw config::ConfigError("radio '" + text + "' is of no known kind");
        }
    }
    return out;
}

}  // namespace esl::ap
