// The tamper-evident log of one part: appended durably, proven by a Merkle tree and signed checkpoints.
// docs/formats/audit-log.md has the files and their bytes.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "audit_log/checkpoint.hpp"
#include "audit_log/entry.hpp"
#include "audit_log/merkle.hpp"
#include "common/core/clock.hpp"
#include "common/core/result.hpp"

namespace esl::audit {

struct Options {
    std::filesystem::path dir;  // made when absent, mode 0700
    std::string origin;         // the log's name, e.g. "shelfwire/mgmt"; kept from the first opening when empty
    std::uint64_t segment_bytes = 64ULL << 20;
    bool read_only =
        false;  // what is there now, without lock or repair, also beside a running writer; append() is refused
};

// Only entries that fit all that is set. Times are of `at`, from <= at < to.
struct Query {
    std::string actor;
    std::string action;  // exact, or a prefix that ends in '.': "tag."
    std::string object;
    std::string change;
    std::string job;
    std::optional<UnixMillis> from;
    std::optional<UnixMillis> to;
    std::optional<std::uint64_t> before_index;  // newest first: only indexes below this (the cursor)
    std::size_t limit = 100;
};

// One entry and everything someone else needs to check it.
struct Proof {
    Record record;
    std::vector<Hash> path;
    std::string checkpoint;  // signed note
    std::string verifier;    // verifier key text
};
// The proof as one JSON text, and its check without any log at hand. Errors: bad_checkpoint, bad_signature, damaged.
[[nodiscard]] std::string proof_json(const Proof& proof);
[[nodiscard]] Result<Record> check_proof(std::string_view json, const Verifier& verifier);

// Thread-safe. Appends of several threads share one flush (group commit); the queue in front of the writer holds 10,000
// entries, further append() calls wait. One process at a time may have a log open.
class Log {
public:
    // Recovers what a crash left: whole entries stay, a torn last line is cut off and that is itself logged. Damage
    // below the last checkpoint is AuditError::damaged with the entry; nothing is repaired then.
    [[nodiscard]] static Result<std::unique_ptr<Log>> open(Options options, const Clock& clock);
    ~Log();  // waits for what has been handed over

    // Returns when the entries are on disk: the index of the first. After AuditError::io the log takes no more
    // (AuditError::closed), so that nothing is acknowledged unaudited.
    [[nodiscard]] Result<std::uint64_t> append(Entry entry);
    [[nodiscard]] Result<std::uint64_t> append(std::vector<Entry> entries);

    [[nodiscard]] std::uint64_t size() const;
    [[nodiscard]] std::string checkpoint() const;  // the newest signed note
    [[nodiscard]] const std::string& verifier() const;

    [[nodiscard]] Result<Record> read(std::uint64_t index) const;
    // Newest first.
    [[nodiscard]] Result<std::vector<Record>> query(const Query& query) const;
    [[nodiscard]] Result<Proof> prove(std::uint64_t index) const;
    [[nodiscard]] Result<std::vector<Hash>> prove_consistency(std::uint64_t first, std::uint64_t second) const;

private:
    class Impl;
    explicit Log(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// Reads a log's files without opening it for writing; safe beside a running writer.
struct Verdict {
    bool good = false;
    std::uint64_t entries = 0;      // whole entries read
    std::uint64_t signed_size = 0;  // of the newest good checkpoint
    std::uint64_t checkpoints = 0;  // all of them were checked
    std::string problem;            // what and where, when not good
    std::string note;               // e.g. a torn last line, entries behind the last checkpoint
};
// `external`: a signed note kept elsewhere; the log must still contain it. `verifier`: a key kept elsewhere; absent,
// the key file beside the log is used, which an intruder could have replaced.
[[nodiscard]] Verdict verify(const std::filesystem::path& dir, std::optional<std::string> external = std::nullopt,
                             std::optional<Verifier> verifier = std::nullopt);

}  // namespace esl::audit
