#include "mgmt-service/http/once.hpp"

#include <openssl/evp.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "common/core/bytes.hpp"
#include "mgmt-service/auth/password.hpp"
#include "mgmt-service/http/problems.hpp"

namespace esl::mgmt::rest {
namespace {

constexpr std::string_view kHeader = "idempotency-key";
constexpr std::array<std::string_view, 3> kKeptHeaders{"Content-Type", "ETag", "Location"};

bool good_key(std::string_view key) {
    return !key.empty() && key.size() <= 64 && std::ranges::all_of(key, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-';
    });
}

// SHA-256 over method, target and body.
class Digest {
public:
    explicit Digest(const http::Request& request) : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
        EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
        add(request.method + ' ' + request.target + '\n');
    }
    void add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
    [[nodiscard]] std::string text() {
        std::array<std::uint8_t, 32> out{};
        EVP_DigestFinal_ex(context_.get(), out.data(), nullptr);
        return to_lower_hex(out);
    }

private:
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

// Holds the key while the request is under way.
class Taken {
public:
    Taken(KeysUnderWay& keys, std::string actor, std::string key)
        : keys_(keys), actor_(std::move(actor)), key_(std::move(key)), ours_(keys_.take(actor_, key_)) {}
    ~Taken() {
        if (ours_) keys_.release(actor_, key_);
    }
    Taken(const Taken&) = delete;
    Taken& operator=(const Taken&) = delete;
    [[nodiscard]] bool ours() const { return ours_; }

private:
    KeysUnderWay& keys_;
    std::string actor_, key_;
    bool ours_;
};

http::Response busy(const std::string& key) {
    return problem(ProblemKind::conflict, "a request with the Idempotency-Key " + key + " is under way");
}

std::optional<Idempotency> known(Service& service, const Clock& clock, const std::string& actor,
                                 const std::string& key) {
    auto found = service.idempotency(actor, key);
    if (found && found->at + kAnswerLife < clock.wall()) return std::nullopt;
    return found;
}

http::Response replay(const Idempotency& kept) {
    http::Response out;
    out.status = kept.status;
    const auto headers = nlohmann::json::parse(kept.headers, nullptr, false);
    if (headers.is_object()) {
        for (const auto& [name, value] : headers.items()) out.headers.set(name, value.get<std::string>());
    }
    out.body = kept.body;
    out.headers.set("Idempotent-Replay", "true");
    return out;
}

void keep(Service& service, const Clock& clock, Idempotency what, const http::Headers& headers) {
    auto list = nlohmann::json::object();
    for (const auto name : kKeptHeaders) {
        if (headers.has(name)) list[std::string(name)] = std::string(headers.get(name));
    }
    what.headers = list.dump();
    what.at = clock.wall();
    // It has been done: the answer goes out even when it cannot be kept.
    if (auto kept = service.remember(std::move(what)); !kept) {
        spdlog::warn("the answer to a request with Idempotency-Key is not kept: {}", kept.error().message());
    }
}

std::string without_secret(const std::string& body) {
    auto json = nlohmann::json::parse(body, nullptr, false);
    if (!json.is_object() || json.erase("secret") == 0) return body;
    return json.dump();
}

// Passes everything on; keeps a digest of what came and the end of what went.
class Recorder final : public http::Exchange {
public:
    explicit Recorder(http::Exchange& inner) : inner_(inner), digest_(inner.request()) {}
    [[nodiscard]] const http::Request& request() const override { return inner_.request(); }
    [[nodiscard]] Result<std::size_t> read(std::span<char> into) override {
        auto got = inner_.read(into);
        if (got) digest_.add({into.data(), *got});
        if (got && *got == 0) whole_body_ = true;
        return got;
    }
    [[nodiscard]] Result<> begin(int status, const http::Headers& headers) override {
        status_ = status;
        headers_ = headers;
        return inner_.begin(status, headers);
    }
    [[nodiscard]] Result<> write(std::string_view bytes) override {
        answer_ += bytes;
        if (answer_.size() > kMaxKeptStreamAnswer) {
            cut_ = true;
            answer_.erase(0, answer_.size() - kMaxKeptStreamAnswer / 2);
        }
        return inner_.write(bytes);
    }
    [[nodiscard]] Result<> respond(const http::Response& response) override { return inner_.respond(response); }
    void abort() override {
        status_ = 0;
        inner_.abort();
    }

    [[nodiscard]] bool finished() const { return status_ == 200 && whole_body_; }
    [[nodiscard]] std::string digest() { return digest_.text(); }
    [[nodiscard]] const http::Headers& headers() const { return headers_; }
    [[nodiscard]] std::string answer() const {
        if (!cut_ || answer_.empty()) return answer_;
        const auto line = answer_.rfind('\n', answer_.size() - 2);
        return line == std::string::npos ? answer_ : answer_.substr(line + 1);
    }

private:
    http::Exchange& inner_;
    Digest digest_;
    http::Headers headers_;
    std::string answer_;
    int status_ = 0;
    bool whole_body_ = false, cut_ = false;
};

// Reads the body of a repeated request to its end, which tells whether it is the same.
Result<std::string> digest_of_body(http::Exchange& exchange) {
    Digest digest(exchange.request());
    std::vector<char> piece(std::size_t{64} << 10);
    for (;;) {
        const auto got = exchange.read(piece);
        if (!got) return fail(got.error());
        if (*got == 0) return digest.text();
        digest.add({piece.data(), *got});
    }
}

}  // namespace

std::optional<http::Response> refuse_bad_key(const http::Request& request) {
    if (!request.headers.has(kHeader) || good_key(request.headers.get(kHeader))) return std::nullopt;
    return bad_parameter("Idempotency-Key", "is not 1 to 64 of [0-9A-Za-z_-]");
}

http::Response once(Service& service, KeysUnderWay& under_way, const Clock& clock, const http::Request& request,
                    const std::string& actor, Keys keys, const std::function<http::Response()>& endpoint) {
    const std::string key(request.headers.get(kHeader));
    const Taken taken(under_way, actor, key);
    if (!taken.ours()) return busy(key);
    Digest digesting(request);
    digesting.add(request.body);
    auto digest = digesting.text();
    if (const auto before = known(service, clock, actor, key)) {
        const bool same =
            keys == Keys::secret ? auth::verify_password(before->digest, digest) : before->digest == digest;
        return same ? replay(*before) : problem(ProblemKind::idempotency_key_reused, key);
    }
    auto response = endpoint();
    // What was refused has done nothing: its key is free for the request put right.
    if (response.status < 200 || response.status > 299 || response.body.size() > kMaxKeptAnswer) return response;
    if (keys == Keys::secret) digest = auth::hash_password(digest);
    Idempotency what{actor, key, std::move(digest), {}, {}, response.status, {}, response.body};
    if (keys == Keys::secret) what.body = without_secret(what.body);
    keep(service, clock, std::move(what), response.headers);
    return response;
}

void once(Service& service, KeysUnderWay& under_way, const Clock& clock, http::Exchange& exchange,
          const std::string& actor, const std::function<void(http::Exchange&)>& endpoint) {
    const std::string key(exchange.request().headers.get(kHeader));
    const Taken taken(under_way, actor, key);
    if (!taken.ours()) {
        (void)exchange.respond(busy(key));
        return;
    }
    if (const auto before = known(service, clock, actor, key)) {
        const auto digest = digest_of_body(exchange);
        (void)exchange.respond(!digest                     ? problem_from(digest.error())
                               : *digest == before->digest ? replay(*before)
                                                           : problem(ProblemKind::idempotency_key_reused, key));
        return;
    }
    Recorder recorder(exchange);
    endpoint(recorder);
    if (!recorder.finished()) return;
    keep(service, clock, {actor, key, recorder.digest(), {}, {}, 200, {}, recorder.answer()}, recorder.headers());
}

}  // namespace esl::mgmt::rest
