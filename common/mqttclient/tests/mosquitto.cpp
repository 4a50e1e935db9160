#include "common/mqttclient/tests/mosquitto.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

extern char** environ;

namespace esl::testing {
namespace {

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    out.sin_port = htons(port);
    return out;
}

bool accepts(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = loopback(port);
    const bool ok = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return ok;
}

}  // namespace

std::uint16_t free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        ::close(fd);
        throw std::runtime_error("no free port");
    }
    ::close(fd);
    return ntohs(address.sin_port);
}

Mosquitto::Mosquitto(const std::string& extra) : extra_(extra), port_(free_port()) {
    start();
}

Mosquitto::~Mosquitto() {
    kill();
}

void Mosquitto::start() {
    const auto file = (dir_ / "mosquitto.conf").string();
    std::ofstream(file) << "listener " << port_
                        << " 127.0.0.1\npersistence false\nlog_dest none\n"
                        // Started by root it would become another user, who cannot read the test's folder.
                        << "user root\n"
                        << extra_;
    std::string program = "/usr/sbin/mosquitto";
    std::string flag = "-c";
    std::string path = file;
    char* argv[] = {program.data(), flag.data(), path.data(), nullptr};
    if (::posix_spawn(&pid_, program.c_str(), nullptr, nullptr, argv, environ) != 0) {
        pid_ = -1;
        throw std::runtime_error("cannot start /usr/sbin/mosquitto");
    }
    if (!wait_until([this] { return accepts(port_); })) {
        kill();
        throw std::runtime_error("mosquitto does not listen");
    }
}

void Mosquitto::kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
}

}  // namespace esl::testing
