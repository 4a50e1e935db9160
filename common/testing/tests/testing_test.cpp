#include "common/testing/testing.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace esl::testing {
namespace {

TEST(ListensAt, SaysSoOnlyWhenSomebodyListensAndNotWhenTheFileIsThere) {
    const TempDir folder;
    const auto path = folder / "socket";
    EXPECT_FALSE(listens_at(path));
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ASSERT_LT(path.native().size(), sizeof address.sun_path);
    std::memcpy(address.sun_path, path.c_str(), path.native().size());
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_TRUE(std::filesystem::exists(path));
    EXPECT_FALSE(listens_at(path));
    ASSERT_EQ(::listen(fd, 1), 0);
    EXPECT_TRUE(listens_at(path));
    ::close(fd);
    EXPECT_FALSE(listens_at(path));
}

TEST(ListensAt, RefusesAPathThatFitsNoSocket) {
    EXPECT_THROW(static_cast<void>(listens_at("/" + std::string(200, 'x'))), std::runtime_error);
}

}  // namespace
}  // namespace esl::testing
