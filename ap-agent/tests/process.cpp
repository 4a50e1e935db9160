#include "ap-agent/tests/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

extern char** environ;

namespace esl::ap::testing {

Process::Process(std::vector<std::string> command, std::filesystem::path log, const Environment& extra)
    : log_(std::move(log)) {
    std::vector<std::string> variables;
    for (char** v = environ; *v != nullptr; ++v) variables.emplace_back(*v);
    for (const auto& [name, value] : extra) variables.push_back(name + "=" + value);
    std::vector<char*> argv, envp;
    for (auto& word : command) argv.push_back(word.data());
    for (auto& variable : variables) envp.push_back(variable.data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    ::posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 2, log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::posix_spawn_file_actions_adddup2(&actions, 2, 1);
    const int rc = ::posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), envp.data());
    ::posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) {
        pid_ = -1;
        throw std::runtime_error("cannot start " + command[0]);
    }
}

Process::~Process() {
    kill();
}

void Process::kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
}

int Process::terminate() {
    if (pid_ <= 0) return -1;
    ::kill(pid_, SIGTERM);
    int status = 0;
    if (!esl::testing::wait_until([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; })) {
        kill();
        return -1;
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool Process::ended(int& code) {
    int status = 0;
    if (pid_ <= 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return false;
    pid_ = -1;
    code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return true;
}

std::string Process::said() const {
    std::ifstream in(log_);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void Process::wait_for(const std::string& text) const {
    if (!esl::testing::wait_until([&] { return said().contains(text); })) {
        throw std::runtime_error("no '" + text + "' in: " + said());
    }
}

std::uint16_t Process::number_after(const std::string& before) const {
    wait_for(before);
    const auto text = said();
    const char* from = text.data() + text.find(before) + before.size();
    std::uint16_t out = 0;
    std::from_chars(from, text.data() + text.size(), out);
    return out;
}

BusDaemon::BusDaemon() {
    const auto config = (dir_ / "bus.conf").string();
    std::ofstream(config) << R"(<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>)"
                          << address() << R"(</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/>
<allow receive_sender="*"/></policy></busconfig>)";
    daemon_ = std::make_unique<Process>(
        std::vector<std::string>{"dbus-daemon", "--nofork", "--nopidfile", "--config-file=" + config}, dir_ / "log");
    if (!esl::testing::wait_until([&] { return esl::testing::listens_at(dir_ / "bus"); })) {
        throw std::runtime_error("dbus-daemon does not listen: " + daemon_->said());
    }
}

std::string BusDaemon::address() const {
    return "unix:path=" + (dir_ / "bus").string();
}

Simulator::Simulator(const std::string& kind, unsigned tags, const std::vector<std::string>& more, unsigned speed) {
    std::vector<std::string> command{ESL_TAG_SIM, kind,          "--tags",  std::to_string(tags),
                                     "--http",    "127.0.0.1:0", "--speed", std::to_string(speed)};
    command.insert(command.end(), more.begin(), more.end());
    sim_ = std::make_unique<Process>(std::move(command), dir_ / "log");
    port_ = sim_->number_after("HTTP on 127.0.0.1:");
}

BluezSim::BluezSim(const BusDaemon& bus, unsigned tags, std::vector<std::string> more, unsigned speed)
    : Simulator(
          "bluez", tags,
          [&] {
              more.insert(more.begin(), {"--bus", bus.address(), "--adapter", "hci0"});
              return std::move(more);
          }(),
          speed) {}

ZnpSim::ZnpSim(unsigned tags, unsigned speed) : Simulator("znp", tags, {"--listen", "127.0.0.1:0"}, speed) {}

std::string ZnpSim::url() const {
    return "tcp://127.0.0.1:" + std::to_string(sim_->number_after("ZNP on 127.0.0.1:"));
}

std::vector<Simulator::Tag> Simulator::tags() const {
    std::vector<Tag> out;
    const auto body = nlohmann::json::parse(http_get(port_, "/tags"));
    for (const auto& t : body.at("tags")) {
        Tag tag{t.at("id"),
                t.at("model"),
                t.at("width"),
                t.at("height"),
                t.at("palette"),
                0,
                t.at("counters").at("refreshes")};
        if (t.at("shown_image").is_string()) {
            tag.shown = static_cast<std::uint32_t>(std::stoul(t.at("shown_image").get<std::string>(), nullptr, 16));
        }
        out.push_back(std::move(tag));
    }
    return out;
}

std::string http_get(std::uint16_t port, const std::string& path) {
    boost::asio::io_context io;
    boost::asio::ip::tcp::socket socket(io);
    socket.connect({boost::asio::ip::address_v4::loopback(), port});
    boost::asio::write(socket,
                       boost::asio::buffer("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    std::string answer;
    boost::system::error_code ec;
    boost::asio::read(socket, boost::asio::dynamic_buffer(answer), ec);
    const auto body = answer.find("\r\n\r\n");
    if (body == std::string::npos) throw std::runtime_error("no answer to GET " + path);
    return answer.substr(body + 4);
}

}  // namespace esl::ap::testing
