#include "broker/adapters/http_sink.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "broker/rules/export_json.hpp"
#include "common/http/client.hpp"
#include "common/http/url.hpp"

namespace esl::broker {
namespace {

class HttpSink final : public RuleSink {
public:
    HttpSink(const RuleSpec& spec, const Clock& clock, const http::Url& url)
        : rule_(spec.id),
          secret_(spec.secret),
          target_(url.target),
          clock_(clock),
          client_(base_of(url), {.timeout = spec.timeout, .max_body = 64UL << 10, .ca_file = spec.ca_file}) {}

    Result<> deliver(std::span<const ExportedPtr> batch) override {
        for (const auto& what : batch) {
            const auto body = export_json(rule_, *what);
            const auto now = std::to_string(to_millis(clock_.wall()));
            http::Headers headers{
                {"Content-Type", "application/json"}, {"X-Shelfwire-Rule", rule_}, {"X-Shelfwire-Timestamp", now}};
            if (!what->id.empty()) headers.set("X-Shelfwire-Message", what->id);
            if (!secret_.empty()) headers.set("X-Shelfwire-Signature", webhook_signature(secret_, now, body));
            const auto answer = client_.send("POST", target_, body, headers);
            if (!answer) return fail(SinkError::unreachable, answer.error().message());
            if (answer->status < 200 || answer->status > 299)
                return fail(SinkError::refused, "status " + std::to_string(answer->status));
        }
        return {};
    }
    void cancel() override { client_.cancel(); }

private:
    static std::string base_of(const http::Url& url) {
        const bool v6 = url.at.host.find(':') != std::string::npos;
        return (url.tls ? "https://" : "http://") + (v6 ? "[" + url.at.host + "]" : url.at.host) + ":" +
               std::to_string(url.at.port);
    }

    std::string rule_;
    std::string secret_;
    std::string target_;
    const Clock& clock_;
    http::Client client_;
};

}  // namespace

std::string webhook_signature(std::string_view secret, std::string_view unix_millis, std::string_view body) {
    std::string text(unix_millis);
    text.append(".").append(body);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &size);
    return "sha256=" + to_lower_hex(BytesView(mac, size));
}

std::unique_ptr<RuleSink> make_http_sink(const RuleSpec& spec, const Clock& clock) {
    const auto url = http::parse_url(spec.url);
    if (!url) throw std::runtime_error("rule " + spec.id + ": url: " + url.error().message());  // was checked before
    return std::make_unique<HttpSink>(spec, clock, *url);
}

}  // namespace esl::broker
