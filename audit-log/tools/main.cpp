// audit-log: checks, searches and proves what is in an audit log.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "audit_log/log.hpp"

namespace {

using namespace esl;
using namespace esl::audit;

struct Arguments {
    std::string dir;
    std::string checkpoint;
    std::string verifier;
    std::string tag;
    std::string at;
    std::string file;
    Query query;
    std::string from;
    std::string to;
    std::int64_t index = -1;
    bool json = false;
};

[[noreturn]] void stop(const std::string& why) {
    throw std::runtime_error(why);
}

std::string read_all(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) stop("cannot read " + path);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Unix milliseconds or "2026-11-22T06:00:00Z".
UnixMillis time_from(const std::string& text) {
    if (!text.empty() && text.find_first_not_of("0123456789") == std::string::npos)
        return from_millis(std::stoll(text));
    std::tm tm{};
    const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &tm);
    if (end == nullptr || (*end != 'Z' && *end != '\0'))
        stop("time '" + text + "': expected 2026-11-22T06:00:00Z or Unix milliseconds");
    return from_millis(static_cast<std::int64_t>(::timegm(&tm)) * 1000);
}

std::string time_text(UnixMillis time) {
    const auto millis = to_millis(time);
    const auto seconds = static_cast<std::time_t>(millis / 1000);
    std::tm tm{};
    ::gmtime_r(&seconds, &tm);
    char text[40];
    std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                  tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, static_cast<int>(millis % 1000));
    return text;
}

// A key given as text, or a file that holds it.
std::optional<Verifier> verifier_from(const std::string& text) {
    if (text.empty()) return std::nullopt;
    auto parsed = parse_verifier(std::ifstream(text) ? read_all(text) : text);
    if (!parsed) stop(parsed.error().message());
    return *parsed;
}

const SystemClock kClock;

std::unique_ptr<Log> open_for_reading(const std::string& dir) {
    Options options;
    options.dir = dir;
    options.read_only = true;
    auto log = Log::open(options, kClock);
    if (!log) stop(log.error().message());
    return std::move(*log);
}

int run_verify(const Arguments& a) {
    std::optional<std::string> external;
    if (!a.checkpoint.empty()) external = read_all(a.checkpoint);
    const auto v = verify(a.dir, external, verifier_from(a.verifier));
    std::printf("%s: %llu entries, %llu signed, %llu checkpoints checked\n", v.good ? "good" : "BAD",
                static_cast<unsigned long long>(v.entries), static_cast<unsigned long long>(v.signed_size),
                static_cast<unsigned long long>(v.checkpoints));
    if (!v.note.empty()) std::printf("note: %s\n", v.note.c_str());
    if (!v.problem.empty()) std::printf("problem: %s\n", v.problem.c_str());
    return v.good ? 0 : 1;
}

int run_query(Arguments a) {
    if (!a.from.empty()) a.query.from = time_from(a.from);
    if (!a.to.empty()) a.query.to = time_from(a.to);
    const auto found = open_for_reading(a.dir)->query(a.query);
    if (!found) stop(found.error().message());
    for (const auto& r : *found) {
        if (a.json) {
            std::printf("%s\n", r.json.c_str());
        } else {
            std::printf("%8llu  %s  %-24s %-20s %-34s %s\n", static_cast<unsigned long long>(r.index),
                        time_text(*r.entry.at).c_str(), r.entry.actor.c_str(), r.entry.action.c_str(),
                        r.entry.object.c_str(), r.entry.after.c_str());
        }
    }
    return 0;
}

// What a tag showed at a moment: the newest display outcome up to then.
std::uint64_t index_of_display(const Log& log, const Arguments& a) {
    Query query;
    query.object = "tag:" + a.tag;
    query.action = std::string(action::kJobDisplayed);
    query.limit = 1;
    if (!a.at.empty()) query.to = time_from(a.at) + std::chrono::milliseconds(1);
    const auto found = log.query(query);
    if (!found) stop(found.error().message());
    if (found->empty()) stop("no display of tag " + a.tag + (a.at.empty() ? "" : " up to " + a.at));
    return found->front().index;
}

int run_prove(const Arguments& a) {
    if (a.tag.empty() == (a.index < 0)) stop("prove needs either --tag or --index");
    const auto log = open_for_reading(a.dir);
    const auto index = a.tag.empty() ? static_cast<std::uint64_t>(a.index) : index_of_display(*log, a);
    const auto proof = log->prove(index);
    if (!proof) stop(proof.error().message());
    const auto text = proof_json(*proof);
    if (a.json) {
        std::printf("%s\n", text.c_str());
        return 0;
    }
    const auto own = parse_verifier(proof->verifier);
    const auto checked = own ? check_proof(text, *own) : Result<Record>(fail(own.error()));
    std::printf("entry       %s\n", proof->record.json.c_str());
    std::printf("at          %s\n", time_text(*proof->record.entry.at).c_str());
    std::printf("index       %llu, audit path of %zu hashes\n", static_cast<unsigned long long>(index),
                proof->path.size());
    std::printf("checkpoint  %s", proof->checkpoint.c_str());
    std::printf("proof       %s\n", checked ? "good" : checked.error().message().c_str());
    return checked ? 0 : 1;
}

int run_check(const Arguments& a) {
    const auto verifier = verifier_from(a.verifier);
    if (!verifier) stop("check needs --verifier");
    const auto record = check_proof(read_all(a.file), *verifier);
    if (!record) {
        std::printf("BAD: %s\n", record.error().message().c_str());
        return 1;
    }
    std::printf("good: %s\n", record->json.c_str());
    return 0;
}

int run_export(Arguments a) {
    const auto log = open_for_reading(a.dir);
    for (std::uint64_t i = 0; i < log->size(); ++i) {
        const auto record = log->read(i);
        if (!record) stop(record.error().message());
        std::printf("%s\n", record->json.c_str());
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Arguments a;
    CLI::App app{"Checks, searches and proves what is in an audit log."};
    app.set_version_flag("--version", "audit-log " ESL_VERSION);
    app.require_subcommand(1);

    auto* verify = app.add_subcommand("verify", "check every entry, the Merkle tree and every signed checkpoint");
    verify->add_option("dir", a.dir, "the log's folder")->required();
    verify->add_option("--checkpoint", a.checkpoint,
                       "a signed checkpoint kept elsewhere (file) that the log must still contain");
    verify->add_option("--verifier", a.verifier, "the log's public key (text or file); else the one beside the log");

    auto* query = app.add_subcommand("query", "print entries, newest first");
    query->add_option("dir", a.dir, "the log's folder")->required();
    query->add_option("--actor", a.query.actor, "exact actor");
    query->add_option("--action", a.query.action, "exact action, or a prefix that ends in '.'");
    query->add_option("--object", a.query.object, "exact object, e.g. tag:FFFF92103A07");
    query->add_option("--change", a.query.change, "change id");
    query->add_option("--job", a.query.job, "job id");
    query->add_option("--from", a.from, "from this time on (2026-11-22T06:00:00Z or Unix milliseconds)");
    query->add_option("--to", a.to, "before this time");
    query->add_option("--limit", a.query.limit, "how many at most")->capture_default_str();
    query->add_flag("--json", a.json, "one JSON entry a line");

    auto* prove = app.add_subcommand("prove", "prove one entry, or what a tag displayed at a moment");
    prove->add_option("dir", a.dir, "the log's folder")->required();
    prove->add_option("--tag", a.tag, "tag id");
    prove->add_option("--at", a.at, "the moment; absent: now");
    prove->add_option("--index", a.index, "entry number");
    prove->add_flag("--json", a.json, "the proof as JSON, for 'check'");

    auto* check = app.add_subcommand("check", "check a proof made by 'prove --json' without the log");
    check->add_option("file", a.file, "the proof")->required();
    check->add_option("--verifier", a.verifier, "the log's public key (text or file)")->required();

    auto* exporting = app.add_subcommand("export", "print all entries as JSON lines, oldest first");
    exporting->add_option("dir", a.dir, "the log's folder")->required();

    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& e) {
        return app.exit(e);
    } catch (const CLI::ParseError& e) {
        app.exit(e);
        return 2;
    }
    try {
        if (*verify) return run_verify(a);
        if (*query) return run_query(a);
        if (*prove) return run_prove(a);
        if (*check) return run_check(a);
        return run_export(a);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "audit-log: %s\n", e.what());
        return 1;
    }
}
