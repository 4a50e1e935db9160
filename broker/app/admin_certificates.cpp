// /api/v1/ca-registration-code, /cas, /device-certificates.
#include "broker/app/admin_body.hpp"
#include "common/http/problem.hpp"

namespace esl::broker {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;

json described(const CaCertificate& c) {
    return {{"sn", c.sn},
            {"name", c.name},
            {"active", c.active},
            {"valid_from", to_millis(c.valid_from)},
            {"valid_to", to_millis(c.valid_to)}};
}
json in_full(const CaCertificate& c) {
    auto out = described(c);
    out["certificate"] = c.pem;
    out["verification"] = c.verification_pem;
    out["registration_code"] = c.registration_code;
    return out;
}
json described(const DeviceCertificate& c) {
    return {{"ca_sn", c.ca_sn},
            {"sn", c.sn},
            {"name", c.name},
            {"active", c.active},
            {"valid_from", to_millis(c.valid_from)},
            {"valid_to", to_millis(c.valid_to)}};
}

void add_cas(const CredentialRoutes& r) {
    r.add("GET", "/api/v1/ca-registration-code", [r](const Request&) -> Response {
        const auto code = r.book.registration_code();
        if (!code) return refusal(code.error());
        return json_answer(200, {{"registration_code", *code}});
    });
    r.add("GET", "/api/v1/cas", [r](const Request& request) -> Response {
        const auto query = page_query(request);
        if (!query) return bad_page();
        return page_answer(r.book.cas(*query), [](const CaCertificate& c) { return described(c); });
    });
    r.add("POST", "/api/v1/cas", [r](const Request& request) -> Response {
        AdminBody body(request);
        const auto name = body.text("name");
        const auto certificate = body.text("certificate");
        const auto verification = body.text("verification");
        if (auto bad = body.failed()) return *bad;
        const auto made = r.book.register_ca(name, certificate, verification);
        if (!made) return refusal(made.error());
        if (auto bad = r.write_down(request, "ca.registered", "ca:" + made->sn, described(*made))) return *bad;
        return json_answer(201, described(*made));
    });
    r.add("GET", "/api/v1/cas/{sn}", [r](const Request& request) -> Response {
        const auto found = r.book.ca(std::string(request.param("sn")));
        return found ? json_answer(200, in_full(*found)) : refusal(found.error());
    });
    r.add("DELETE", "/api/v1/cas/{sn}", [r](const Request& request) -> Response {
        const std::string sn(request.param("sn"));
        if (auto done = r.book.remove_ca(sn); !done) return refusal(done.error());
        if (auto bad = r.write_down(request, "ca.removed", "ca:" + sn, nullptr)) return *bad;
        return http::empty_response();
    });
    for (const bool active : {true, false}) {
        const std::string verb = active ? "activate" : "inactivate";
        r.add("POST", "/api/v1/cas/{sn}/" + verb, [r, active, verb](const Request& request) -> Response {
            const std::string sn(request.param("sn"));
            if (auto done = r.book.set_ca_active(sn, active); !done) return refusal(done.error());
            if (auto bad = r.write_down(request, "ca." + verb + "d", "ca:" + sn, nullptr)) return *bad;
            return http::empty_response();
        });
    }
}

void add_device_certificates(const CredentialRoutes& r) {
    r.add("GET", "/api/v1/device-certificates", [r](const Request& request) -> Response {
        const auto query = page_query(request);
        if (!query) return bad_page();
        return page_answer(r.book.device_certificates(std::string(request.query_value("ca").value_or("")), *query),
                           [](const DeviceCertificate& c) { return described(c); });
    });
    r.add("GET", "/api/v1/device-certificates/{ca}/{sn}", [r](const Request& request) -> Response {
        const auto found =
            r.book.device_certificate(std::string(request.param("ca")), std::string(request.param("sn")));
        return found ? json_answer(200, described(*found)) : refusal(found.error());
    });
    r.add("DELETE", "/api/v1/device-certificates/{ca}/{sn}", [r](const Request& request) -> Response {
        const std::string ca(request.param("ca"));
        const std::string sn(request.param("sn"));
        if (auto done = r.book.remove_device_certificate(ca, sn); !done) return refusal(done.error());
        if (auto bad = r.write_down(request, "device_certificate.removed", "certificate:" + ca + "|" + sn, nullptr))
            return *bad;
        return http::empty_response();
    });
    for (const bool active : {true, false}) {
        const std::string verb = active ? "activate" : "inactivate";
        r.add("POST", "/api/v1/device-certificates/{ca}/{sn}/" + verb,
              [r, active, verb](const Request& request) -> Response {
                  const std::string ca(request.param("ca"));
                  const std::string sn(request.param("sn"));
                  if (auto done = r.book.set_device_certificate_active(ca, sn, active); !done)
                      return refusal(done.error());
                  if (auto bad = r.write_down(request, "device_certificate." + verb + "d",
                                              "certificate:" + ca + "|" + sn, nullptr))
                      return *bad;
                  return http::empty_response();
              });
    }
}

}  // namespace

void add_certificate_routes(const CredentialRoutes& routes) {
    add_cas(routes);
    add_device_certificates(routes);
}

}  // namespace esl::broker
