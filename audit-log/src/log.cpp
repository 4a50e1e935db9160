#include "audit_log/log.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cassert>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <fstream>
#include <future>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <unordered_map>

#include "audit-log/src/index.hpp"
#include "audit-log/src/segments.hpp"

namespace esl::audit {
namespace {

constexpr std::size_t kQueueBound = 10'000;  // entries
constexpr std::size_t kBatchBound = 2'000;   // entries in one flush

class File {
public:
    File() = default;
    explicit File(int fd) : fd_(fd) {}
    ~File() {
        if (fd_ >= 0) ::close(fd_);
    }
    File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    File& operator=(File&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    [[nodiscard]] int fd() const { return fd_; }
    [[nodiscard]] bool open() const { return fd_ >= 0; }

private:
    int fd_ = -1;
};

bool write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const auto n = ::write(fd, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

std::string io_text(const std::string& what) {
    return what + ": " + std::strerror(errno);
}

// A new file is only there after a power cut when its folder's entry is on disk too.
bool sync_folder(const std::filesystem::path& dir) {
    const File folder(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return folder.open() && ::fsync(folder.fd()) == 0;
}

std::string first_line(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::string line;
    std::getline(in, line);
    return line;
}

}  // namespace

class Log::Impl {
public:
    Impl(Options options, const Clock& clock) : options_(std::move(options)), clock_(clock) {}

    ~Impl() {
        {
            const std::scoped_lock lock(queue_mutex_);
            stopping_ = true;
        }
        queue_changed_.notify_all();
        if (writer_.joinable()) writer_.join();
    }

    Result<> open();

    Result<std::uint64_t> append(std::vector<Entry> entries) {
        if (entries.empty()) return size();
        auto batch = std::make_unique<Batch>();
        batch->entries = std::move(entries);
        auto done = batch->done.get_future();
        {
            std::unique_lock lock(queue_mutex_);
            queue_changed_.wait(lock, [&] { return queued_ < kQueueBound || stopping_ || failed_; });
            if (stopping_ || failed_ || options_.read_only) return fail(AuditError::closed, options_.dir.string());
            queued_ += batch->entries.size();
            queue_.push_back(std::move(batch));
        }
        queue_changed_.notify_all();
        return done.get();
    }

    std::uint64_t size() const {
        const std::shared_lock lock(state_mutex_);
        return tree_.size();
    }
    std::string checkpoint() const {
        const std::shared_lock lock(state_mutex_);
        return note_;
    }
    const std::string& verifier() const { return verifier_; }

    Result<Record> read(std::uint64_t index) const;
    Result<std::vector<Record>> query(const Query& query) const;
    Result<Proof> prove(std::uint64_t index) const;
    Result<std::vector<Hash>> prove_consistency(std::uint64_t first, std::uint64_t second) const {
        const std::shared_lock lock(state_mutex_);
        if (first > second || second > tree_.size())
            return fail(AuditError::not_found, "size " + std::to_string(second));
        return tree_.consistency_proof(first, second);
    }

private:
    struct Batch {
        std::vector<Entry> entries;
        std::promise<Result<std::uint64_t>> done;
    };

    Result<> open_read_only();
    Result<> trust(const std::string& note, const Verifier& verifier);
    Result<> take_lock();
    Result<> take_origin();
    Result<> recover(std::vector<std::filesystem::path> files, const std::vector<std::string>& notes);
    Result<> open_segment(const std::filesystem::path& file);
    Result<> publish();
    void remember(const Line& line, Place place);
    void run();
    void write(std::vector<std::unique_ptr<Batch>>& batches);
    Result<> write_lines(const std::vector<std::unique_ptr<Batch>>& batches, std::vector<Line>& lines,
                         std::vector<Place>& places);

    const Options options_;
    const Clock& clock_;
    std::string origin_;
    std::string verifier_;
    std::optional<SigningKey> key_;
    File lock_file_;
    File segment_;
    File notes_;
    std::uint64_t segment_size_ = 0;

    mutable std::shared_mutex state_mutex_;  // the five below; written by the writer thread only
    MerkleTree tree_;
    EntryIndex index_;
    std::vector<std::filesystem::path> files_;
    std::string note_;
    std::uint64_t signed_size_ = 0;

    std::mutex queue_mutex_;
    std::condition_variable queue_changed_;
    std::deque<std::unique_ptr<Batch>> queue_;
    std::size_t queued_ = 0;
    bool stopping_ = false;
    bool failed_ = false;
    std::thread writer_;
};

Result<> Log::Impl::take_lock() {
    lock_file_ = File(::open((options_.dir / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock_file_.open()) return fail(AuditError::io, io_text((options_.dir / "lock").string()));
    if (::flock(lock_file_.fd(), LOCK_EX | LOCK_NB) != 0) return fail(AuditError::locked, options_.dir.string());
    return {};
}

Result<> Log::Impl::take_origin() {
    const auto file = options_.dir / "verifier";
    if (std::filesystem::exists(file)) {
        const auto known = parse_verifier(first_line(file));
        if (!known) return fail(known.error());
        if (!options_.origin.empty() && options_.origin != known->origin) {
            return fail(AuditError::bad_key, "the log in " + options_.dir.string() + " is '" + known->origin + "'");
        }
        origin_ = known->origin;
    } else {
        origin_ = options_.origin.empty() ? "shelfwire/audit" : options_.origin;
    }
    auto key = SigningKey::open(options_.dir / "key");
    if (!key) return fail(key.error());
    key_ = std::move(*key);
    verifier_ = verifier_text(origin_, key_->public_key());
    if (std::filesystem::exists(file)) {
        if (first_line(file) != verifier_)
            return fail(AuditError::bad_key, "key and verifier in " + options_.dir.string() + " differ");
        return {};
    }
    std::ofstream out(file);
    out << verifier_ << '\n';
    return out.flush() ? Result<>{} : fail(AuditError::io, io_text(file.string()));
}

void Log::Impl::remember(const Line& line, Place place) {
    tree_.append(line.leaf);
    index_.add(line.record.entry, place);
}

Result<> Log::Impl::open_read_only() {
    std::ifstream in(options_.dir / "verifier");
    if (!std::getline(in, verifier_)) return fail(AuditError::not_found, "no log in " + options_.dir.string());
    const auto verifier = parse_verifier(verifier_);
    if (!verifier) return fail(verifier.error());
    const auto notes = read_notes(options_.dir / "checkpoints");
    files_ = segment_files(options_.dir);
    const auto scan = scan_segments(files_, [this](const Line& line, Place place) { remember(line, place); });
    if (!scan.problem.empty() && !scan.torn_tail) return fail(AuditError::damaged, scan.problem);
    return notes.empty() ? Result<>(fail(AuditError::not_found, "no checkpoint")) : trust(notes.back(), *verifier);
}

// Takes the note as the newest signed head when the tree bears it out.
Result<> Log::Impl::trust(const std::string& note, const Verifier& verifier) {
    const auto head = open_note(note, verifier);
    if (!head) return fail(head.error());
    if (head->size > tree_.size()) {
        return fail(AuditError::damaged,
                    "has " + std::to_string(tree_.size()) + " entries, checkpoint says " + std::to_string(head->size));
    }
    if (tree_.root(head->size) != head->root) {
        return fail(AuditError::damaged,
                    "entries below " + std::to_string(head->size) + " are not those of the checkpoint");
    }
    note_ = note;
    signed_size_ = head->size;
    return {};
}

Result<> Log::Impl::open() {
    if (options_.read_only) return open_read_only();
    std::error_code error;
    if (!std::filesystem::exists(options_.dir)) {
        std::filesystem::create_directories(options_.dir, error);
        if (error) return fail(AuditError::io, options_.dir.string() + ": " + error.message());
        std::filesystem::permissions(options_.dir, std::filesystem::perms::owner_all, error);
    }
    if (auto locked = take_lock(); !locked) return locked;
    if (auto named = take_origin(); !named) return named;
    const auto notes_file = options_.dir / "checkpoints";
    const auto notes = read_notes(notes_file);
    std::uint64_t whole = 0;
    for (const auto& note : notes) whole += note.size();
    notes_ = File(::open(notes_file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!notes_.open() || ::ftruncate(notes_.fd(), static_cast<off_t>(whole)) != 0) {
        return fail(AuditError::io, io_text(notes_file.string()));
    }
    if (auto recovered = recover(segment_files(options_.dir), notes); !recovered) return recovered;
    if (!sync_folder(options_.dir)) return fail(AuditError::io, io_text(options_.dir.string()));
    writer_ = std::thread([this] { run(); });
    return {};
}

Result<> Log::Impl::recover(std::vector<std::filesystem::path> files, const std::vector<std::string>& notes) {
    const auto scan = scan_segments(files, [this](const Line& line, Place place) { remember(line, place); });
    if (!scan.problem.empty() && !scan.torn_tail) return fail(AuditError::damaged, scan.problem);
    if (!notes.empty()) {
        if (auto trusted = trust(notes.back(), Verifier{origin_, key_->public_key()}); !trusted) return trusted;
    }
    if (files.empty()) files.push_back(options_.dir / segment_name(0));
    files_ = files;
    if (auto opened = open_segment(files_.back()); !opened) return opened;
    segment_size_ = scan.tail_offset;
    if (::ftruncate(segment_.fd(), static_cast<off_t>(scan.tail_offset)) != 0) {
        return fail(AuditError::io, io_text(files_.back().string()));
    }
    if (auto published = publish(); !published) return published;
    if (scan.torn_tail) {
        std::vector<std::unique_ptr<Batch>> tear;
        tear.push_back(std::make_unique<Batch>());
        tear.back()->entries.push_back(Entry{.actor = "system",
                                             .action = std::string(action::kTailRepaired),
                                             .object = "log:" + origin_,
                                             .source = "",
                                             .change = "",
                                             .job = "",
                                             .before = "",
                                             .after = "",
                                             .detail = R"({"cut":")" + files_.back().filename().string() + "\"}",
                                             .at = std::nullopt});
        auto done = tear.back()->done.get_future();
        write(tear);
        if (auto written = done.get(); !written) return fail(written.error());
    }
    return {};
}

Result<> Log::Impl::open_segment(const std::filesystem::path& file) {
    segment_ = File(::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!segment_.open()) return fail(AuditError::io, io_text(file.string()));
    return {};
}

// Signs the tree as it is and appends the note. The note is not flushed: a power cut may lose it, never an entry.
Result<> Log::Impl::publish() {
    const Checkpoint head{origin_, tree_.size(), tree_.root(tree_.size())};
    auto note = key_->sign(head);
    if (!write_all(notes_.fd(), note)) return fail(AuditError::io, io_text("checkpoints"));
    note_ = std::move(note);
    signed_size_ = head.size;
    return {};
}

void Log::Impl::run() {
    for (;;) {
        std::vector<std::unique_ptr<Batch>> batches;
        {
            std::unique_lock lock(queue_mutex_);
            queue_changed_.wait(lock, [&] { return !queue_.empty() || stopping_; });
            if (queue_.empty()) return;
            std::size_t taken = 0;
            while (!queue_.empty() && taken < kBatchBound) {
                taken += queue_.front()->entries.size();
                batches.push_back(std::move(queue_.front()));
                queue_.pop_front();
            }
            queued_ -= taken;
        }
        queue_changed_.notify_all();
        write(batches);
    }
}

Result<> Log::Impl::write_lines(const std::vector<std::unique_ptr<Batch>>& batches, std::vector<Line>& lines,
                                std::vector<Place>& places) {
    if (segment_size_ >= options_.segment_bytes) {
        auto next = options_.dir / segment_name(tree_.size());
        if (auto opened = open_segment(next); !opened) return opened;
        if (!sync_folder(options_.dir)) return fail(AuditError::io, io_text(options_.dir.string()));
        const std::unique_lock lock(state_mutex_);
        files_.push_back(std::move(next));
        segment_size_ = 0;
    }
    std::string text;
    const auto now = clock_.wall();
    const auto segment = static_cast<std::uint32_t>(files_.size() - 1);
    for (const auto& batch : batches) {
        for (const auto& entry : batch->entries) {
            const auto json = canonical_json(entry, tree_.size() + lines.size(), now);
            Line line;
            line.leaf = leaf_hash(as_bytes(json));
            line.record.entry = entry;
            const auto row = segment_line(line.leaf, json);
            places.push_back(Place{segment, static_cast<std::uint32_t>(row.size() - 1), segment_size_ + text.size()});
            text.append(row);
            lines.push_back(std::move(line));
        }
    }
    if (!write_all(segment_.fd(), text) || ::fdatasync(segment_.fd()) != 0) {
        return fail(AuditError::io, io_text(files_.back().string()));
    }
    segment_size_ += text.size();
    return {};
}

void Log::Impl::write(std::vector<std::unique_ptr<Batch>>& batches) {
    std::vector<Line> lines;
    std::vector<Place> places;
    auto outcome =
        failed_ ? Result<>(fail(AuditError::closed, options_.dir.string())) : write_lines(batches, lines, places);
    auto index = tree_.size();
    if (outcome) {
        const std::unique_lock lock(state_mutex_);
        for (std::size_t i = 0; i < lines.size(); ++i) remember(lines[i], places[i]);
        outcome = publish();
    }
    if (!outcome) {
        const std::scoped_lock lock(queue_mutex_);
        failed_ = true;
    }
    for (auto& batch : batches) {
        if (outcome) {
            batch->done.set_value(index);
        } else {
            batch->done.set_value(fail(outcome.error()));
        }
        index += batch->entries.size();
    }
    if (!outcome) queue_changed_.notify_all();
}

Result<Record> Log::Impl::read(std::uint64_t index) const {
    Place place;
    std::filesystem::path file;
    {
        const std::shared_lock lock(state_mutex_);
        if (index >= tree_.size()) return fail(AuditError::not_found, "entry " + std::to_string(index));
        place = index_.place(index);
        file = files_[place.segment];
    }
    std::ifstream in(file, std::ios::binary);
    std::string line(place.length, '\0');
    in.seekg(static_cast<std::streamoff>(place.offset));
    in.read(line.data(), static_cast<std::streamsize>(line.size()));
    if (!in) return fail(AuditError::io, file.string());
    auto parsed = parse_line(line, index);
    if (!parsed) return fail(AuditError::damaged, "entry " + std::to_string(index) + ": " + parsed.error().about());
    return std::move(parsed->record);
}

Result<std::vector<Record>> Log::Impl::query(const Query& query) const {
    std::vector<Record> out;
    std::optional<std::uint64_t> next = query.before_index;
    for (;;) {
        {
            const std::shared_lock lock(state_mutex_);
            next = index_.candidate_below(query, next.value_or(tree_.size()));
        }
        if (!next || out.size() >= query.limit) return out;
        auto record = read(*next);
        if (!record) return fail(record.error());
        if (matches(query, record->entry)) out.push_back(std::move(*record));
    }
}

Result<Proof> Log::Impl::prove(std::uint64_t index) const {
    auto record = read(index);
    if (!record) return fail(record.error());
    const std::shared_lock lock(state_mutex_);
    if (index >= signed_size_)
        return fail(AuditError::not_found, "entry " + std::to_string(index) + " is not signed yet");
    return Proof{.record = std::move(*record),
                 .path = tree_.inclusion_proof(index, signed_size_),
                 .checkpoint = note_,
                 .verifier = verifier_};
}

Log::Log(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Log::~Log() = default;

Result<std::unique_ptr<Log>> Log::open(Options options, const Clock& clock) {
    auto impl = std::make_unique<Impl>(std::move(options), clock);
    if (auto opened = impl->open(); !opened) return fail(opened.error());
    return std::unique_ptr<Log>(new Log(std::move(impl)));
}

Result<std::uint64_t> Log::append(Entry entry) {
    std::vector<Entry> one;
    one.push_back(std::move(entry));
    return impl_->append(std::move(one));
}
Result<std::uint64_t> Log::append(std::vector<Entry> entries) {
    return impl_->append(std::move(entries));
}
std::uint64_t Log::size() const {
    return impl_->size();
}
std::string Log::checkpoint() const {
    return impl_->checkpoint();
}
const std::string& Log::verifier() const {
    return impl_->verifier();
}
Result<Record> Log::read(std::uint64_t index) const {
    return impl_->read(index);
}
Result<std::vector<Record>> Log::query(const Query& query) const {
    return impl_->query(query);
}
Result<Proof> Log::prove(std::uint64_t index) const {
    return impl_->prove(index);
}
Result<std::vector<Hash>> Log::prove_consistency(std::uint64_t first, std::uint64_t second) const {
    return impl_->prove_consistency(first, second);
}

}  // namespace esl::audit
