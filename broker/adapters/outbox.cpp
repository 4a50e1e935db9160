#include "broker/adapters/outbox.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "broker/adapters/sqlite.hpp"

namespace esl::broker {
namespace {

constexpr std::uint8_t kForm = 1;

void put_text(ByteWriter& out, std::string_view text) {
    out.u16le(static_cast<std::uint16_t>(text.size())).bytes(as_bytes(text));
}

void put_blob(ByteWriter& out, BytesView blob) {
    out.u32le(static_cast<std::uint32_t>(blob.size())).bytes(blob);
}

std::string text(ByteReader& in) {
    return std::string(as_text(in.bytes(in.u16le())));
}

Bytes blob(ByteReader& in) {
    const auto bytes = in.bytes(in.u32le());
    return {bytes.begin(), bytes.end()};
}

}  // namespace

void encode_exported(const Exported& what, Bytes& out) {
    ByteWriter to(out);
    to.u8(kForm)
        .u8(static_cast<std::uint8_t>(what.kind))
        .u8(static_cast<std::uint8_t>(static_cast<unsigned>(what.qos) | (what.clean_session ? 4U : 0U) |
                                      (what.retain ? 8U : 0U)))
        .u64le(static_cast<std::uint64_t>(to_millis(what.born)))
        .u64le(static_cast<std::uint64_t>(to_millis(what.expires)));
    put_text(to, what.id);
    put_text(to, what.topic);
    put_text(to, what.client_id);
    put_text(to, what.event);
    put_blob(to, what.payload);
    put_blob(to, what.properties);
}

Result<Exported> decode_exported(BytesView bytes) {
    ByteReader in(bytes);
    Exported what;
    if (const auto form = in.u8(); form != kForm) return fail(ParseError::unknown, "form " + std::to_string(form));
    what.kind = static_cast<Exported::Kind>(in.u8());
    const auto flags = in.u8();
    what.qos = static_cast<mqtt::QoS>(flags & 3);
    what.clean_session = (flags & 4) != 0;
    what.retain = (flags & 8) != 0;
    what.born = from_millis(static_cast<std::int64_t>(in.u64le()));
    what.expires = from_millis(static_cast<std::int64_t>(in.u64le()));
    what.id = text(in);
    what.topic = text(in);
    what.client_id = text(in);
    what.event = text(in);
    what.payload = blob(in);
    what.properties = blob(in);
    if (!in.exhausted() || (flags & 3) == 3 || what.kind > Exported::Kind::presence)
        return fail(ParseError::malformed, "outbox row");
    return what;
}

namespace {

// It holds what devices said: nobody else's to read. SQLite gives what it puts beside the file the file's own mode.
const std::filesystem::path& private_file(const std::filesystem::path& file) {
    if (const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); fd >= 0) ::close(fd);
    for (const auto* beside : {"", "-wal", "-shm"}) ::chmod((file.string() + beside).c_str(), 0600);
    return file;
}

}  // namespace

struct Outbox::Impl {
    explicit Impl(const std::filesystem::path& file) : db(private_file(file)) {
        db.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=1000");
        db.execute(
            "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL);"
            "INSERT OR IGNORE INTO meta VALUES('form', 1);"
            "CREATE TABLE IF NOT EXISTS outbox(number INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, "
            "what BLOB NOT NULL)");
        sqlite::Statement form(db, "SELECT value FROM meta WHERE key='form'");
        if (!form.step() || form.integer_at(0) != 1)
            throw std::runtime_error(file.string() + ": a form that this broker does not know");
        while (form.step()) {
        }
        begin = {db, "BEGIN IMMEDIATE"};
        end = {db, "COMMIT"};
        rollback = {db, "ROLLBACK"};
        put = {db, "INSERT INTO outbox VALUES(?,?,?)"};
        forget = {db, "DELETE FROM outbox WHERE number=?"};
    }
    sqlite::Database db;
    sqlite::Statement begin, end, rollback, put, forget;
    Bytes scratch;
};

Outbox::Outbox(const std::filesystem::path& file) {
    if (file.empty()) return;
    try {
        impl_ = std::make_unique<Impl>(file);
    } catch (const sqlite::Failure& failure) {
        throw std::runtime_error(file.string() + ": " + failure.what() +
                                 (failure.reason == StoreError::damaged ? "; to start without what waits in it, move it away" : ""));
    }
    // AUTOINCREMENT keeps the highest number there ever was.
    sqlite::Statement highest(impl_->db, "SELECT seq FROM sqlite_sequence WHERE name='outbox'");
    if (highest.step()) highest_ = static_cast<std::uint64_t>(highest.integer_at(0));
}

Outbox::~Outbox() = default;

std::vector<OutboxRow> Outbox::load() {
    std::vector<OutboxRow> out;
    if (!impl_) return out;
    sqlite::Statement rows(impl_->db, "SELECT number, rule, what FROM outbox ORDER BY number");
    while (rows.step()) {
        auto what = decode_exported(rows.blob_at(2));
        if (!what)
            throw std::runtime_error("rules.db: row " + std::to_string(rows.integer_at(0)) + ": " +
                                     what.error().message());
        out.push_back({.number = static_cast<std::uint64_t>(rows.integer_at(0)),
                       .rule = std::string(rows.text_at(1)),
                       .what = std::make_shared<const Exported>(std::move(*what))});
    }
    return out;
}

Result<> Outbox::commit(const std::vector<OutboxRow>& put, const std::vector<std::uint64_t>& forget) {
    if (!impl_ || (put.empty() && forget.empty())) return {};
    auto& i = *impl_;
    try {
        i.begin.start().run();
        for (const auto& row : put) {
            i.scratch.clear();
            encode_exported(*row.what, i.scratch);
            i.put.start().integer(static_cast<std::int64_t>(row.number)).text(row.rule).blob(i.scratch).run();
        }
        for (const auto number : forget) i.forget.start().integer(static_cast<std::int64_t>(number)).run();
        i.end.start().run();
    } catch (const sqlite::Failure& failure) {
        try {
            i.rollback.start().run();
        } catch (const sqlite::Failure&) {  // SQLite has rolled back by itself
        }
        return fail(failure.reason, failure.what());
    }
    return {};
}

}  // namespace esl::broker
