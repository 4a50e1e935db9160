// Helpers for tests of every part. Nothing here sleeps for a guessed time: wait_until() polls a condition up to a
// deadline.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "common/core/bytes.hpp"
#include "common/core/clock.hpp"

namespace esl::testing {

// A clock that moves only when told to. Thread-safe.
class ManualClock final : public Clock {
public:
    explicit ManualClock(std::int64_t wall_millis = 1'767'225'600'000) : wall_(wall_millis) {}  // 2026-01-01
    [[nodiscard]] UnixMillis wall() const override { return from_millis(wall_); }
    [[nodiscard]] SteadyTime steady() const override { return SteadyTime{std::chrono::milliseconds(steady_.load())}; }
    void advance(std::chrono::milliseconds by) {
        wall_ += by.count();
        steady_ += by.count();
    }
    // Only the wall clock: as when someone sets the time.
    void set_wall(std::int64_t millis) { wall_ = millis; }

private:
    std::atomic<std::int64_t> wall_;
    std::atomic<std::int64_t> steady_{1'000'000};
};

// A folder of its own under the system's temporary folder, removed with all it holds.
class TempDir {
public:
    TempDir();
    ~TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

// True as soon as `condition` is; false when `deadline` has passed without it.
[[nodiscard]] bool wait_until(const std::function<bool()>& condition,
                              std::chrono::milliseconds deadline = std::chrono::seconds(20));

// True when a connection to this Unix socket is taken. Its file alone says little: it is there before anybody listens.
[[nodiscard]] bool listens_at(const std::filesystem::path& socket);

// Calls `check` with the bytes cut in two at every place, both ends included.
void for_every_split(BytesView bytes, const std::function<void(BytesView, BytesView)>& check);
// Calls `check` with every proper prefix of the bytes, the empty one included.
void for_every_truncation(BytesView bytes, const std::function<void(BytesView)>& check);

// A pair of connected pseudo-terminal ends in raw mode, for code that opens a serial port by path.
class Pty {
public:
    Pty();
    ~Pty();
    Pty(const Pty&) = delete;
    Pty& operator=(const Pty&) = delete;
    [[nodiscard]] int master() const { return master_; }             // owned by this object
    [[nodiscard]] const std::string& path() const { return path_; }  // what the code under test opens

private:
    int master_ = -1;
    int keep_open_ = -1;  // holds the slave side, so that the master reads no EIO while nobody has opened it
    std::string path_;
};

// "GET /api/v1/tags/{tag}" for every operation of an OpenAPI file of ours served under /api/v1. The file's own layout
// is relied on: paths at two spaces, methods at four.
[[nodiscard]] std::set<std::string> operations_of_openapi(const std::string& yaml);

// Contents of a file under tests/golden or elsewhere in the source tree; throws with the path when it is missing.
[[nodiscard]] std::string read_file(const std::filesystem::path& path);

}  // namespace esl::testing
