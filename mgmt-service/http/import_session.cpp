#include "mgmt-service/http/import_session.hpp"

#include <functional>
#include <nlohmann/json.hpp>

#include "mgmt-service/http/views.hpp"

namespace esl::mgmt::rest {
namespace {

constexpr std::size_t kBatch = 1000;  // rows of one transaction; the service takes no more
constexpr std::size_t kMaxPending = 4000;

ProductWrite write_of(const ProductRow& row) {
    ProductWrite out;
    out.id = row.code.id;
    out.name = row.name.value_or("");
    out.brand = row.brand.value_or("");
    out.quantity = row.quantity_text;
    out.unit = row.unit.value_or("");
    out.url = row.url.value_or("");
    if (row.price) out.price = row.price->minor;
    if (row.promotion) {
        out.promotion = Promotion{.price = row.promotion->price.minor,
                                  .prior_price = {},
                                  .from = row.promotion->from,
                                  .to = row.promotion->to};
        if (row.promotion->prior_price) out.promotion->prior_price = row.promotion->prior_price->minor;
    }
    return out;
}

// Tells two rows of one product apart; they come from one file, so there is nothing to gain by a collision.
std::uint64_t digest_of(const ProductWrite& write) {
    std::string all;
    for (const auto* text : {&write.name, &write.brand, &write.quantity, &write.unit, &write.url}) {
        all.append(*text).push_back('\0');
    }
    all += write.price ? std::to_string(*write.price) : "-";
    if (const auto& p = write.promotion) {
        all += ' ' + std::to_string(p->price) + ' ' + std::to_string(p->prior_price.value_or(-1)) + ' ' +
               std::to_string(to_millis(p->from)) + ' ' + std::to_string(to_millis(p->to));
    }
    return std::hash<std::string>{}(all);
}

}  // namespace

ImportSession::ImportSession(Service& service, Caller caller, ImportRequest request)
    : service_(service),
      caller_(std::move(caller)),
      request_(std::move(request)),
      parser_(request_.format, request_.currency, [this](ParsedRow&& row) { parsed_.push_back(std::move(row)); }) {}

Result<> ImportSession::feed(std::string_view bytes, std::string& out) {
    if (auto fed = parser_.feed(bytes); !fed) return fed;
    for (auto& row : parsed_) {
        // A second row of a product waits for the verdict on the first.
        const bool again = row.product && batch_ids_.contains(row.product->code.id);
        if (again || batch_.size() >= kBatch || pending_.size() >= kMaxPending) {
            if (auto flushed = flush(out); !flushed) return flushed;
        }
        take(std::move(row));
    }
    parsed_.clear();
    // Half a batch is worth a transaction; less waits for more rows or the end.
    return batch_.size() >= kBatch / 2 ? flush(out) : Result<>{};
}

void ImportSession::take(ParsedRow&& row) {
    ++rows_;
    Pending pending{.row = row.row, .product = {}};
    if (row.product) {
        take_good(pending, *row.product);
    } else {
        pending.verdict = Verdict::rejected;
        pending.product = row.product.error().id;
        pending.reason = name(row.product.error().problem);
        pending.detail = row.product.error().detail;
    }
    pending_.push_back(std::move(pending));
}

void ImportSession::take_good(Pending& pending, const ProductRow& row) {
    auto write = write_of(row);
    pending.product = write.id;
    pending.digest = digest_of(write);
    const auto before = accepted_.find(std::hash<std::string>{}(write.id));
    if (before == accepted_.end()) {
        pending.in_batch = true;
        batch_ids_.emplace(write.id, pending_.size());
        batch_.push_back(std::move(write));
    } else if (before->second != pending.digest) {
        pending.verdict = Verdict::rejected;
        pending.reason = name(RowProblem::duplicate);
        pending.detail = "product " + write.id + " is earlier in this file with other values";
    }
}

Result<> ImportSession::flush(std::string& out) {
    UpsertOutcome outcome;
    if (!batch_.empty()) {
        const UpsertOptions options{.merge = true,
                                    .dry_run = request_.dry_run,
                                    .kind = "import",
                                    .title = request_.title,
                                    .change = change_,
                                    .if_version = {},
                                    .whole_file = true,
                                    .held = held_};
        auto done = service_.upsert_products(caller_, request_.store, batch_, options);
        if (!done) return fail(done.error());
        outcome = *std::move(done);
        if (outcome.change) change_ = outcome.change;
        if (outcome.held) held_ = outcome.held;
    }
    std::size_t next = 0;
    for (auto& pending : pending_) {
        if (pending.in_batch) {
            auto& verdict = outcome.verdicts.at(next++);
            pending.verdict = verdict.verdict;
            pending.reason = std::move(verdict.reason);
            pending.detail = std::move(verdict.detail);
            if (pending.verdict != Verdict::rejected) {
                accepted_.emplace(std::hash<std::string>{}(pending.product), pending.digest);
            }
        }
        tell(pending, out);
    }
    pending_.clear();
    batch_.clear();
    batch_ids_.clear();
    return {};
}

void ImportSession::tell(const Pending& pending, std::string& out) {
    ++counts_[pending.verdict];
    Json line{{"row", pending.row},
              {"verdict", name(pending.verdict)},
              {"product", pending.product.empty() ? Json(nullptr) : Json(pending.product)}};
    if (pending.verdict == Verdict::rejected) {
        ++reasons_[pending.reason];
        line["reason"] = pending.reason;
        line["detail"] = pending.detail;
    }
    out += encoded(line);
    out += '\n';
}

Result<> ImportSession::finish(std::string& out) {
    if (auto ended = parser_.finish(); !ended) return ended;
    if (auto fed = feed({}, out); !fed) return fed;
    if (auto flushed = flush(out); !flushed) return flushed;
    // A rule is in force: what it says of the prices can be said now that all are known.
    if (held_) {
        const auto sent = service_.submit_change(caller_, *held_, {}, {});
        if (!sent) return fail(sent.error());
        if (!change_ && sent->state != ChangeState::awaiting_approval) change_ = held_;
    }
    const Json summary{{"rows", rows_},
                       {"created", counts_[Verdict::created]},
                       {"updated", counts_[Verdict::updated]},
                       {"unchanged", counts_[Verdict::unchanged]},
                       {"rejected", counts_[Verdict::rejected]},
                       {"reasons", reasons_},
                       {"dry_run", request_.dry_run},
                       {"change", change_ ? Json(*change_) : Json(nullptr)},
                       {"held", held_ ? Json(*held_) : Json(nullptr)}};
    out += encoded({{"summary", summary}}) + '\n';
    return {};
}

}  // namespace esl::mgmt::rest
