#include "ap-agent/adapters/znp/nv.hpp"

#include <algorithm>
#include <string>

#include "ap-agent/ports/tag_radio.hpp"

namespace esl::ap::znp {
namespace {

using wire::Kind;
using wire::Message;

constexpr std::size_t kPiece = 240;  // more does not fit a frame

std::unexpected<Error> refused(const char* what, nv::Item item, std::uint64_t status) {
    const std::uint8_t id[] = {static_cast<std::uint8_t>(item >> 8), static_cast<std::uint8_t>(item & 0xFF)};
    return fail(RadioError::radio, std::string(what) + " " + to_hex(id) + ": status " + std::to_string(status));
}

Task<Result<std::size_t>> nv_length(Dialog& dialog, nv::Item item) {
    const auto reply = co_await dialog.request(Message(Kind::sreq, "sys.osalNvLength", {{"item", item}}));
    if (!reply) co_return fail(reply.error());
    co_return std::size_t{reply->u16("length")};
}

}  // namespace

Task<Result<Bytes>> nv_read(Dialog& dialog, nv::Item item) {
    const auto length = co_await nv_length(dialog, item);
    if (!length) co_return fail(length.error());
    Bytes out;
    while (out.size() < *length) {
        const auto reply =
            co_await dialog.request(Message(Kind::sreq, "sys.osalNvReadExt", {{"item", item}, {"offset", out.size()}}));
        if (!reply) co_return fail(reply.error());
        const auto& piece = reply->bytes("value");
        if (reply->u8("status") != 0 || piece.empty()) co_return refused("NV read", item, reply->u8("status"));
        out.insert(out.end(), piece.begin(), piece.end());
    }
    out.resize(*length);
    co_return out;
}

Task<Result<void>> nv_write(Dialog& dialog, nv::Item item, Bytes value) {
    const auto length = co_await nv_length(dialog, item);
    if (!length) co_return fail(length.error());
    if (*length == 0) {
        const Bytes first(value.begin(), value.begin() + static_cast<std::ptrdiff_t>(std::min(value.size(), kPiece)));
        const auto made = co_await dialog.request(
            Message(Kind::sreq, "sys.osalNvItemInit", {{"item", item}, {"length", value.size()}, {"value", first}}));
        if (!made) co_return fail(made.error());
        const auto status = made->u8("status");
        if (status != wire::status::kSuccess && status != wire::status::kNvItemCreated) {
            co_return refused("NV create", item, status);
        }
    }
    for (std::size_t at = 0; at < value.size(); at += kPiece) {
        const auto size = std::min(kPiece, value.size() - at);
        const auto from = value.begin() + static_cast<std::ptrdiff_t>(at);
        const Bytes piece(from, from + static_cast<std::ptrdiff_t>(size));
        const auto written = co_await dialog.request(
            Message(Kind::sreq, "sys.osalNvWriteExt", {{"item", item}, {"offset", at}, {"value", piece}}));
        if (!written) co_return fail(written.error());
        if (written->u8("status") != 0) co_return refused("NV write", item, written->u8("status"));
    }
    co_return Result<void>{};
}

Task<Result<void>> nv_delete(Dialog& dialog, nv::Item item) {
    const auto length = co_await nv_length(dialog, item);
    if (!length) co_return fail(length.error());
    if (*length == 0) co_return Result<void>{};
    const auto gone =
        co_await dialog.request(Message(Kind::sreq, "sys.osalNvDelete", {{"item", item}, {"length", *length}}));
    if (!gone) co_return fail(gone.error());
    const auto status = gone->u8("status");
    if (status != wire::status::kSuccess && status != wire::status::kNvItemCreated) {  // 09: was not there
        co_return refused("NV delete", item, status);
    }
    co_return Result<void>{};
}

std::optional<Nib> parse_nib(BytesView bytes) {
    if (bytes.size() != 110 && bytes.size() != 116) return std::nullopt;
    const bool aligned = bytes.size() == 116;
    const auto at = [&](std::size_t packed, std::size_t padded, std::size_t size) {
        return ByteReader(bytes.subspan(aligned ? padded : packed, size));
    };
    Nib out;
    out.channel = at(22, 24, 1).u8();
    out.pan = at(33, 36, 2).u16le();
    out.ext_pan = at(53, 57, 8).u64le();
    if (out.pan == 0xFFFF || out.channel == 0) return std::nullopt;
    return out;
}

}  // namespace esl::ap::znp
