#include "broker/adapters/trace_files.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <tuple>

#include "broker/adapters/trace_block.hpp"

namespace esl::broker {
namespace {

using traces::BlockHeader;

constexpr std::string_view kMagic = "SWTRACE1";
constexpr std::uint64_t kFilesPerBound = 16;  // so that the oldest file is a small part of what is kept
constexpr std::uint64_t kFileBytesLeast = 64 * 1024;
constexpr std::chrono::milliseconds kExpireEvery = std::chrono::minutes(1);
constexpr int kFilesPerKeep = 24;

class Fd {
public:
    explicit Fd(int fd) : fd_(fd) {}
    ~Fd() {
        if (fd_ >= 0) ::close(fd_);
    }
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    [[nodiscard]] int get() const { return fd_; }

private:
    int fd_;
};

bool read_all(int fd, std::uint64_t at, std::uint8_t* into, std::size_t size) {
    while (size > 0) {
        const auto got = ::pread(fd, into, size, static_cast<off_t>(at));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        into += got;
        at += static_cast<std::uint64_t>(got);
        size -= static_cast<std::size_t>(got);
    }
    return true;
}

std::optional<BlockHeader> read_header(int fd, std::uint64_t at, std::uint64_t end) {
    std::uint8_t raw[BlockHeader::kBytes];
    if (at + sizeof raw > end || !read_all(fd, at, raw, sizeof raw)) return std::nullopt;
    auto header = traces::decode_header(raw);
    if (header && at + header->size() > end) return std::nullopt;
    return header;
}

struct File {
    std::uint64_t number = 0;
    std::filesystem::path path;
    std::uint64_t bytes = 0;  // whole blocks; what follows is torn
    std::int64_t first = INT64_MAX;
    std::int64_t last = INT64_MIN;
};

// All files of one kind. The list is guarded by the owner's lock; the open end belongs to the writer's thread.
class Series {
public:
    Series(std::filesystem::path folder, std::string name, std::uint64_t most)
        : folder_(std::move(folder)), name_(std::move(name)), most_(most) {
        for (const auto& entry : std::filesystem::directory_iterator(folder_)) look_at(entry.path());
        std::ranges::sort(files_, {}, &File::number);
    }

    [[nodiscard]] const std::vector<File>& files() const { return files_; }
    [[nodiscard]] std::uint64_t bytes() const {
        std::uint64_t sum = 0;
        for (const auto& file : files_) sum += file.bytes;
        return sum;
    }
    // Makes a new file for the next block when the last one is full or covers `span` already.
    void make_room(std::int64_t now, std::chrono::milliseconds span, std::mutex& lock) {
        const auto file_bytes = std::max(most_ / kFilesPerBound, kFileBytesLeast);
        if (end_.get() >= 0 && files_.back().bytes < file_bytes &&
            (files_.back().first == INT64_MAX || now - files_.back().first < span.count()))
            return;
        const auto number = files_.empty() ? 1 : files_.back().number + 1;
        char text[32];
        std::snprintf(text, sizeof text, "-%08llu.trace", static_cast<unsigned long long>(number));
        File file{.number = number, .path = folder_ / (name_ + text), .bytes = kMagic.size()};
        Fd fd(::open(file.path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
        if (fd.get() < 0 || ::write(fd.get(), kMagic.data(), kMagic.size()) != static_cast<ssize_t>(kMagic.size()))
            throw std::system_error(errno, std::generic_category(), file.path.string());
        end_ = std::move(fd);
        const std::lock_guard guard(lock);
        files_.push_back(std::move(file));
    }
    // Throws std::system_error with the file as it was before.
    void append(BytesView block, std::int64_t first, std::int64_t last, std::mutex& lock) {
        auto& file = files_.back();
        std::size_t done = 0;
        while (done < block.size()) {
            const auto wrote =
                ::pwrite(end_.get(), block.data() + done, block.size() - done, static_cast<off_t>(file.bytes + done));
            if (wrote < 0 && errno == EINTR) continue;
            if (wrote <= 0) {
                const int why = errno;
                static_cast<void>(::ftruncate(end_.get(), static_cast<off_t>(file.bytes)));
                throw std::system_error(why, std::generic_category(), file.path.string());
            }
            done += static_cast<std::size_t>(wrote);
        }
        const std::lock_guard guard(lock);
        file.bytes += block.size();
        file.first = std::min(file.first, first);
        file.last = std::max(file.last, last);
    }
    void expire(std::int64_t before, std::mutex& lock) {
        const std::lock_guard guard(lock);
        auto left = bytes();
        const std::size_t open = end_.get() >= 0 ? 1 : 0;
        while (files_.size() > open && (left > most_ || files_.front().last < before)) {
            std::error_code ignored;
            std::filesystem::remove(files_.front().path, ignored);
            left -= files_.front().bytes;
            files_.erase(files_.begin());
        }
    }

private:
    void look_at(const std::filesystem::path& path) {
        const auto text = path.filename().string();
        unsigned long long number = 0;
        if (!text.starts_with(name_ + "-") || !text.ends_with(".trace") ||
            std::sscanf(text.c_str() + name_.size() + 1, "%llu", &number) != 1) {
            return;
        }
        File file{.number = number, .path = path, .bytes = kMagic.size()};
        const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        struct stat info{};
        std::uint8_t magic[8];
        if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0 || !read_all(fd.get(), 0, magic, sizeof magic) ||
            as_text(magic) != kMagic) {
            spdlog::warn("{}: not a trace file, or empty: left alone", path.string());
            return;
        }
        const auto end = static_cast<std::uint64_t>(info.st_size);
        while (const auto header = read_header(fd.get(), file.bytes, end)) {
            file.bytes += header->size();
            file.first = std::min(file.first, header->first);
            file.last = std::max(file.last, header->last);
        }
        files_.push_back(std::move(file));
    }

    std::filesystem::path folder_;
    std::string name_;
    std::uint64_t most_;
    std::vector<File> files_;  // oldest first
    Fd end_{-1};
};

std::filesystem::path made(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) throw std::runtime_error(folder.string() + ": " + error.message());
    return folder;
}

TraceRow owned(const traces::RowView& row) {
    return {.action = row.action,
            .time = row.time,
            .message = row.message,
            .channel = std::string(row.channel),
            .info = std::string(row.info),
            .client = std::string(row.client)};
}

bool wanted(const TraceQuery& query, const traces::RowView& row) {
    return row.time >= query.from && row.time < query.to && (query.client.empty() || query.client == row.client) &&
           (!query.message || *query.message == row.message) &&
           (query.actions.empty() || std::ranges::find(query.actions, row.action) != query.actions.end());
}

// Reads one file's matching rows; blocks that cannot hold one are passed over by their header and filter.
void search(const File& file, const TraceQuery& query, std::vector<TraceRow>& out) {
    const Fd fd(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) return;  // expired meanwhile
    Bytes block;
    std::uint64_t at = kMagic.size();
    while (const auto header = read_header(fd.get(), at, file.bytes)) {
        const auto body = at + BlockHeader::kBytes;
        at += header->size();
        if (header->last < query.from || header->first >= query.to) continue;
        block.resize(header->filter_bytes);
        if (!read_all(fd.get(), body, block.data(), block.size())) return;
        if (!query.client.empty() && !traces::may_hold(block, traces::key_of_client(query.client))) continue;
        if (query.message && !traces::may_hold(block, traces::key_of_message(*query.message))) continue;
        block.resize(header->filter_bytes + header->row_bytes);
        if (!read_all(fd.get(), body + header->filter_bytes, block.data() + header->filter_bytes, header->row_bytes) ||
            !traces::intact(*header, block)) {
            continue;
        }
        traces::for_each_row(query.kind, BytesView(block).subspan(header->filter_bytes),
                             [&](const traces::RowView& row) {
                                 if (wanted(query, row)) out.push_back(owned(row));
                             });
    }
}

// By time, and rows of one time as they were written; then the page that is asked for.
TraceAnswer page_of(std::vector<TraceRow> found, const TraceQuery& query) {
    std::vector<std::size_t> order(found.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    // Shards write apart: within a millisecond only a message's own way says what came first.
    const auto rank = [&](std::size_t i) {
        return query.kind == TraceKind::message ? static_cast<int>(found[i].action) : 0;
    };
    std::ranges::sort(order, {},
                      [&](std::size_t i) { return std::tuple(found[i].time, found[i].message, rank(i), i); });
    if (query.newest_first) std::ranges::reverse(order);
    TraceAnswer answer;
    answer.cut = order.size() > kTraceMatchesMost;
    answer.total = std::min(order.size(), kTraceMatchesMost);
    const auto pages_before = std::max<std::size_t>(query.page, 1) - 1;
    if (query.page_size == 0 || pages_before > answer.total / query.page_size) return answer;
    const auto from = pages_before * query.page_size;
    const auto to = std::min(from + query.page_size, answer.total);
    for (auto i = from; i < to; ++i) answer.rows.push_back(std::move(found[order[i]]));
    return answer;
}

}  // namespace

struct TraceFiles::Impl {
    Impl(TraceFilesOptions o, const Clock& c)
        : options(std::move(o)),
          clock(c),
          device(made(options.folder), "device", options.device_bytes),
          message(options.folder, "message", options.message_bytes) {
        thread = std::thread([this] { run(); });
    }
    ~Impl() {
        {
            const std::lock_guard guard(queue_lock);
            stopping = true;
        }
        more.notify_one();
        thread.join();
    }

    void run() {
        std::unique_lock guard(queue_lock);
        for (;;) {
            more.wait_for(guard, kExpireEvery, [&] { return stopping || !queue.empty(); });
            if (queue.empty() && stopping) return;
            if (queue.empty()) {
                guard.unlock();
                expire();
                guard.lock();
                continue;
            }
            const auto chunk = std::move(queue.front());
            queue.pop_front();
            guard.unlock();
            write(chunk);
            guard.lock();
            ++settled;
            idle.notify_all();
        }
    }

    void write(const TraceChunk& chunk) {
        if (chunk.rows == 0) return expire();
        auto& series = chunk.kind == TraceKind::device ? device : message;
        try {
            block.clear();
            traces::encode_block(chunk, block);
            const auto now = to_millis(clock.wall());
            series.make_room(now, options.keep / kFilesPerKeep, lock);
            series.append(block, chunk.first, chunk.last, lock);
            rows_written += chunk.rows;
            series.expire(now - options.keep.count(), lock);
        } catch (const std::system_error& error) {
            rows_dropped += chunk.rows;
            const auto now = clock.steady();
            if (now - complained < std::chrono::minutes(1) && complained != SteadyTime{}) return;
            complained = now;
            spdlog::error("traces cannot be written: {}; {} rows lost so far", error.what(), rows_dropped.load());
        }
    }

    void expire() {
        const auto before = to_millis(clock.wall()) - options.keep.count();
        device.expire(before, lock);
        message.expire(before, lock);
    }

    const TraceFilesOptions options;
    const Clock& clock;
    mutable std::mutex lock;  // the lists of files
    Series device;
    Series message;
    std::atomic<std::uint64_t> rows_written{0};
    std::atomic<std::uint64_t> rows_dropped{0};
    std::mutex queue_lock;
    std::condition_variable more;
    std::condition_variable idle;
    std::deque<TraceChunk> queue;
    std::uint64_t posted = 0;
    std::uint64_t settled = 0;  // written or dropped
    bool stopping = false;
    Bytes block;
    SteadyTime complained{};
    std::thread thread;
};

TraceFiles::TraceFiles(TraceFilesOptions options, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), clock)) {}
TraceFiles::~TraceFiles() = default;

void TraceFiles::post(TraceChunk chunk) {
    bool first = false;
    {
        const std::lock_guard guard(impl_->queue_lock);
        auto& queue = impl_->queue;
        first = queue.empty();
        if (queue.size() >= impl_->options.waiting_chunks) {
            impl_->rows_dropped += queue.front().rows;
            queue.pop_front();
            ++impl_->settled;
        }
        queue.push_back(std::move(chunk));
        ++impl_->posted;
    }
    if (first) impl_->more.notify_one();
}

void TraceFiles::settle() {
    std::unique_lock guard(impl_->queue_lock);
    const auto until = impl_->posted;
    impl_->idle.wait(guard, [&] { return impl_->settled >= until; });
}

void TraceFiles::expire() {
    post({});  // files change on the writer's thread only
    settle();
}

TraceAnswer TraceFiles::query(const TraceQuery& asked) const {
    TraceQuery query = asked;
    query.from = std::max(query.from, to_millis(impl_->clock.wall()) - impl_->options.keep.count());
    std::vector<File> files;
    {
        const std::lock_guard guard(impl_->lock);
        files = (query.kind == TraceKind::device ? impl_->device : impl_->message).files();
    }
    if (query.newest_first) std::ranges::reverse(files);
    std::vector<TraceRow> found;
    for (const auto& file : files) {
        if (file.last < query.from || file.first >= query.to) continue;
        search(file, query, found);
        if (found.size() > kTraceMatchesMost) break;
    }
    return page_of(std::move(found), query);
}

TraceFiles::Figures TraceFiles::figures() const {
    const std::lock_guard guard(impl_->lock);
    return {.rows_written = impl_->rows_written,
            .rows_dropped = impl_->rows_dropped,
            .bytes = impl_->device.bytes() + impl_->message.bytes()};
}

}  // namespace esl::broker
