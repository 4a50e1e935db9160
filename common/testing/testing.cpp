#include "common/testing/testing.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace esl::testing {

TempDir::TempDir() {
    auto pattern = (std::filesystem::temp_directory_path() / "shelfwire-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder: " + pattern);
    path_ = pattern;
}

TempDir::~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

bool wait_until(const std::function<bool()>& condition, std::chrono::milliseconds deadline) {
    const auto end = std::chrono::steady_clock::now() + deadline;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= end) return condition();
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

bool listens_at(const std::filesystem::path& socket) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket.native().size() >= sizeof address.sun_path)
        throw std::runtime_error("too long for a socket: " + socket.string());
    std::memcpy(address.sun_path, socket.c_str(), socket.native().size());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) throw std::runtime_error("no socket to try " + socket.string() + " with");
    const bool taken = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return taken;
}

void for_every_split(BytesView bytes, const std::function<void(BytesView, BytesView)>& check) {
    for (std::size_t at = 0; at <= bytes.size(); ++at) check(bytes.first(at), bytes.subspan(at));
}

void for_every_truncation(BytesView bytes, const std::function<void(BytesView)>& check) {
    for (std::size_t length = 0; length < bytes.size(); ++length) check(bytes.first(length));
}

Pty::Pty() {
    master_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master_ < 0 || ::grantpt(master_) != 0 || ::unlockpt(master_) != 0) {
        throw std::runtime_error("no pseudo-terminal");
    }
    path_ = ::ptsname(master_);
    keep_open_ = ::open(path_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    termios raw{};
    ::tcgetattr(keep_open_, &raw);
    ::cfmakeraw(&raw);
    ::tcsetattr(keep_open_, TCSANOW, &raw);
}

Pty::~Pty() {
    if (keep_open_ >= 0) ::close(keep_open_);
    if (master_ >= 0) ::close(master_);
}

std::string read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + path.string());
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::set<std::string> operations_of_openapi(const std::string& yaml) {
    std::set<std::string> out;
    const std::set<std::string> methods{"get", "put", "post", "patch", "delete"};
    const auto from = yaml.find("\npaths:\n");
    std::istringstream lines(yaml.substr(from, yaml.find("\ncomponents:\n") - from));
    std::string path;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("  /")) path = line.substr(2, line.size() - 3);
        const bool key = line.starts_with("    ") && line.ends_with(':');
        auto method = key ? line.substr(4, line.size() - 5) : std::string{};
        if (!methods.contains(method)) continue;
        std::ranges::transform(method, method.begin(), [](char c) { return static_cast<char>(c - 32); });
        out.insert(method + " /api/v1" + path);
    }
    return out;
}

}  // namespace esl::testing
