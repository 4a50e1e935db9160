// One import: bytes of a file in, verdict lines out, rows into the service in batches. The REST handler and its streams
// are left out, so that a test can drive it byte by byte.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mgmt-service/core/service.hpp"
#include "mgmt-service/domain/import_parser.hpp"

namespace esl::mgmt::rest {

struct ImportRequest {
    std::string store;
    Currency currency = Currency::eur();
    ImportFormat format = ImportFormat::csv;
    bool dry_run = false;
    std::string title;
};

// Thread-confined. Memory: one batch of rows, and 40 bytes for each product of the file (to tell duplicates).
class ImportSession {
public:
    ImportSession(Service& service, Caller caller, ImportRequest request);

    // Appends whole lines to `out`. ImportError: the header line is of no use (nothing has been written then).
    // ServiceError: the service took no more; rows without a line were not kept.
    [[nodiscard]] Result<> feed(std::string_view bytes, std::string& out);
    // The rest, and the summary line.
    [[nodiscard]] Result<> finish(std::string& out);
    [[nodiscard]] std::uint64_t rows() const { return rows_; }

private:
    // What is told of a row: known at once when the parser refuses it, else once its batch has been through the
    // service.
    struct Pending {
        std::uint64_t row = 0;
        std::string product;  // empty: none could be read
        Verdict verdict = Verdict::unchanged;
        std::string reason{}, detail{};
        bool in_batch = false;
        std::uint64_t digest = 0;
    };
    void take(ParsedRow&& row);
    void take_good(Pending& pending, const ProductRow& row);
    [[nodiscard]] Result<> flush(std::string& out);
    void tell(const Pending& pending, std::string& out);

    Service& service_;
    Caller caller_;
    ImportRequest request_;
    ImportParser parser_;
    std::vector<ParsedRow> parsed_;
    std::vector<Pending> pending_;
    std::vector<ProductWrite> batch_;
    std::unordered_map<std::string, std::size_t> batch_ids_;     // product to its place in pending_
    std::unordered_map<std::uint64_t, std::uint64_t> accepted_;  // hash of product id to hash of what it was given
    std::optional<std::string> change_, held_;
    std::uint64_t rows_ = 0;
    std::map<Verdict, std::uint64_t> counts_;
    std::map<std::string, std::uint64_t> reasons_;
};

}  // namespace esl::mgmt::rest
