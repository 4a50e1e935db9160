#include <fstream>

#include "audit-log/src/segments.hpp"
#include "audit_log/log.hpp"

namespace esl::audit {
namespace {

Result<Verifier> verifier_beside(const std::filesystem::path& dir) {
    std::ifstream in(dir / "verifier");
    std::string line;
    if (!std::getline(in, line)) return fail(AuditError::bad_key, "no verifier file in " + dir.string());
    return parse_verifier(line);
}

// Checks one signed head against the entries; the text says which entries are in doubt.
std::string check_head(const Checkpoint& head, const MerkleTree& tree, std::uint64_t good_below) {
    if (head.size > tree.size()) {
        return "truncated: " + std::to_string(tree.size()) + " entries, a checkpoint was signed for " +
               std::to_string(head.size);
    }
    if (tree.root(head.size) != head.root) {
        return "entries " + std::to_string(good_below) + " to " + std::to_string(head.size - 1) +
               ": not what was signed (altered, removed or reordered)";
    }
    return {};
}

}  // namespace

Verdict verify(const std::filesystem::path& dir, std::optional<std::string> external,
               std::optional<Verifier> verifier) {
    Verdict verdict;
    if (!verifier) {
        auto beside = verifier_beside(dir);
        if (!beside) {
            verdict.problem = beside.error().message();
            return verdict;
        }
        verifier = std::move(*beside);
    }
    // Notes first: a writer at work only adds entries behind what they cover.
    const auto notes = read_notes(dir / "checkpoints");
    MerkleTree tree;
    const auto scan = scan_segments(segment_files(dir), [&tree](const Line& line, Place) { tree.append(line.leaf); });
    verdict.entries = scan.entries;
    if (!scan.problem.empty()) {
        if (!scan.torn_tail) {
            verdict.problem = scan.problem;
            return verdict;
        }
        verdict.note = "an unfinished last line (a writer at work, or stopped in the middle); ";
    }
    if (external) {
        const auto head = open_note(*external, *verifier);
        verdict.problem = head ? check_head(*head, tree, 0) : "external checkpoint: " + head.error().message();
        if (!verdict.problem.empty()) return verdict;
    }
    for (const auto& note : notes) {
        const auto head = open_note(note, *verifier);
        verdict.problem = head ? check_head(*head, tree, verdict.signed_size)
                               : "checkpoint " + std::to_string(verdict.checkpoints) + ": " + head.error().message();
        if (verdict.problem.empty() && head->size < verdict.signed_size) {
            verdict.problem = "checkpoint " + std::to_string(verdict.checkpoints) + " goes back to size " +
                              std::to_string(head->size);
        }
        if (!verdict.problem.empty()) return verdict;
        verdict.signed_size = head->size;
        ++verdict.checkpoints;
    }
    if (notes.empty()) {
        verdict.problem = "no checkpoint in " + dir.string();
        return verdict;
    }
    if (scan.entries > verdict.signed_size) {
        verdict.note += std::to_string(scan.entries - verdict.signed_size) + " entries behind the last checkpoint; ";
    }
    verdict.good = true;
    return verdict;
}

}  // namespace esl::audit
