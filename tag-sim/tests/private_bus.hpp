// A dbus-daemon of the test's own, with a policy that lets anybody own and send anything. Ends with the object.
#pragma once

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <fstream>
#include <stdexcept>
#include <string>

#include "common/testing/testing.hpp"

extern char** environ;

namespace esl::testing {

class PrivateBus {
public:
    PrivateBus() {
        const auto config = dir_ / "bus.conf";
        std::ofstream{config} << "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" "
                                 "\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">"
                                 "<busconfig><listen>unix:path="
                              << socket().string()
                              << "</listen><auth>EXTERNAL</auth><policy context=\"default\">"
                                 "<allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/>"
                                 "</policy></busconfig>";
        std::string program = "dbus-daemon", file = "--config-file=" + config.string(), nofork = "--nofork",
                    nopid = "--nopidfile";
        char* arguments[] = {program.data(), file.data(), nofork.data(), nopid.data(), nullptr};
        if (posix_spawnp(&pid_, "dbus-daemon", nullptr, nullptr, arguments, environ) != 0) {
            throw std::runtime_error("dbus-daemon does not start");
        }
        if (!wait_until([&] { return listens_at(socket()); })) throw std::runtime_error("dbus-daemon does not listen");
    }
    ~PrivateBus() {
        kill(pid_, SIGTERM);
        int status = 0;
        waitpid(pid_, &status, 0);
    }
    PrivateBus(const PrivateBus&) = delete;
    PrivateBus& operator=(const PrivateBus&) = delete;

    [[nodiscard]] std::string address() const { return "unix:path=" + socket().string(); }

private:
    [[nodiscard]] std::filesystem::path socket() const { return dir_ / "bus"; }

    TempDir dir_;
    pid_t pid_ = 0;
};

}  // namespace esl::testing
