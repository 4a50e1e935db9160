#include "broker/adapters/durable_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace esl::broker {

void write_durably(const std::filesystem::path& file, std::string_view text, mode_t mode) {
    const auto temporary = file.string() + ".new";
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    const auto check = [&](bool ok) {
        if (ok) return;
        const int why = errno;
        if (fd >= 0) ::close(fd);
        throw std::system_error(why, std::generic_category(), temporary);
    };
    check(fd >= 0);
    check(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    check(::fsync(fd) == 0);
    ::close(fd);
    std::filesystem::rename(temporary, file);
    const int folder = ::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        ::fsync(folder);
        ::close(folder);
    }
}

}  // namespace esl::broker
