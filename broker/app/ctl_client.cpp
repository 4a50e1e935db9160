#include "broker/app/ctl_client.hpp"

#include <iostream>
#include <stdexcept>

#include "broker/app/admin.hpp"
#include "broker/app/config.hpp"

namespace esl::broker {
namespace {

using nlohmann::json;

http::Client open(const CtlTarget& target) {
    std::string admin = target.admin;
    std::filesystem::path data = target.data;
    if (!target.config.empty()) {
        const auto config = load_config(target.config, std::nullopt);
        if (admin.empty()) admin = config.admin;
        if (data.empty()) data = config.data;
    }
    if (admin.empty()) throw std::runtime_error("no --admin ADDR:PORT, and no admin in a --config");
    if (target.key_file.empty() && data.empty())
        throw std::runtime_error("no --key-file, --data or --config to find the key by");
    const auto key =
        read_admin_key(target.key_file.empty() ? data / "admin.key" : std::filesystem::path(target.key_file));
    return http::Client(admin, {.timeout = std::chrono::seconds(10), .headers = {{"Authorization", "Bearer " + key}}});
}

}  // namespace

CtlClient::CtlClient(const CtlTarget& target) : as_json_(target.as_json), client_(open(target)) {}

bool CtlClient::good(const Result<http::Response>& response) {
    if (!response) {
        std::cerr << "broker ctl: " << response.error().message() << "\n";
        return false;
    }
    if (response->status < 400) return true;
    const auto body = json::parse(response->body, nullptr, false);
    std::cerr << "broker ctl: "
              << (body.is_object() && body.contains("detail") ? body["detail"].get<std::string>()
                                                              : "status " + std::to_string(response->status))
              << "\n";
    return false;
}

int CtlClient::show(const Result<http::Response>& response, const std::function<void(const json&)>& print) {
    if (!good(response)) return 1;
    if (as_json_) {
        if (!response->body.empty()) std::cout << response->body << "\n";
        return 0;
    }
    const auto body = json::parse(response->body, nullptr, false);
    if (body.is_object()) print(body);
    return 0;
}

int CtlClient::print_text(const Result<http::Response>& response) {
    if (!good(response)) return 1;
    std::cout << response->body;
    return 0;
}

}  // namespace esl::broker
