#include "tag-sim/adapters/http/shelf_api.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/http/message.hpp"
#include "common/http/problem.hpp"
#include "common/http/process_metrics.hpp"
#include "common/http/router.hpp"
#include "tag-sim/adapters/http/plan_json.hpp"
#include "tag-sim/adapters/http/shelf_page.hpp"

namespace esl::sim::web {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;

constexpr std::chrono::seconds kVisitLimit{5};

std::string hex32(std::uint32_t value) {
    Bytes bytes;
    ByteWriter{bytes}.u32be(value);
    return to_hex(bytes);
}

json image_json(std::uint32_t id) {
    return id == 0 ? json() : json(hex32(id));
}

json history_json(const ShownHistory& history) {
    json shown = json::array();
    for (const auto& entry : history.entries()) {
        shown.push_back({{"image", image_json(entry.image)},
                         {"at", to_millis(entry.at)},
                         {"simulated_ms", entry.simulated.count()}});
    }
    return {{"shown", std::move(shown)}, {"fallen_off", history.fallen_off()}};
}

json tag_json(const VirtualTag& tag) {
    const auto& p = tag.profile();
    const auto& c = tag.counters();
    return {{"id", p.id.text()},
            {"radio", p.id.is_eui48() ? "bluez" : "znp"},
            {"model", p.model},
            {"width", p.width},
            {"height", p.height},
            {"palette", image::name(p.palette)},
            {"state", name(tag.state())},
            {"powered", tag.powered()},
            {"dead", !tag.powered()},
            {"transfers", c.transfers},
            {"shown_image", image_json(tag.shown_id())},
            {"shown_at", to_millis(tag.shown_at())},
            {"battery_mv", tag.battery_mv()},
            {"low_battery", tag.low_battery()},
            {"led", tag.led()},
            {"counters",
             {{"connects", c.connects},
              {"transfers", c.transfers},
              {"images", c.images},
              {"refreshes", c.refreshes},
              {"bytes", c.bytes},
              {"bad", c.bad},
              {"power_cuts", c.power_cuts}}}};
}

class Api {
public:
    Api(boost::asio::io_context& io, Shelf& shelf, std::function<Figures()> figures)
        : io_(io), shelf_(shelf), figures_(std::move(figures)) {}

    Response list() {
        return visit([this] {
            json tags = json::array();
            for (const auto* tag : shelf_.tags()) tags.push_back(tag_json(*tag));
            return http::json_response(200, json{{"tags", std::move(tags)}}.dump());
        });
    }
    Response one(const Request& request) {
        return with_tag(request, [](VirtualTag& tag) {
            auto out = tag_json(tag);
            out["history"] = history_json(tag.history());
            return http::json_response(200, out.dump());
        });
    }
    Response png(const Request& request) {
        return with_image(request, [](const image::TagImage& shown) {
            return http::text_response(200, std::string{as_text(image::to_png(shown))}, "image/png");
        });
    }
    Response raw(const Request& request) {
        return with_image(request, [](const image::TagImage& shown) {
            return http::text_response(200, std::string{as_text(shown.bytes())}, "application/octet-stream");
        });
    }
    Response power(const Request& request) {
        const auto body = json::parse(request.body, nullptr, false);
        if (!body.is_object() || !body.contains("on") || !body["on"].is_boolean()) {
            return http::problem(400, "body: expected {\"on\": true} or {\"on\": false}");
        }
        return with_tag(request, [on = body["on"].get<bool>()](VirtualTag& tag) {
            if (on) {
                tag.restore_power();
            } else {
                tag.cut_power();
            }
            return http::json_response(200, tag_json(tag).dump());
        });
    }
    Response faults() {
        return visit([this] { return http::json_response(200, to_json(shelf_.plan())); });
    }
    Response change_faults(const Request& request) {
        return visit([this, body = request.body] {
            if (auto merged = merge_json(shelf_.plan(), body); !merged)
                return http::problem(400, merged.error().message());
            shelf_.apply_faults();
            return http::json_response(200, to_json(shelf_.plan()));
        });
    }
    Response metrics() {
        return visit([this] { return http::text_response(200, metrics_text(), "text/plain; version=0.0.4"); });
    }

private:
    // Runs on the shelf's thread and waits for it here.
    Response visit(std::function<Response()> job) {
        auto task = std::make_shared<std::packaged_task<Response()>>(std::move(job));
        auto answer = task->get_future();
        boost::asio::post(io_, [task] { (*task)(); });
        if (answer.wait_for(kVisitLimit) != std::future_status::ready)
            return http::problem(503, "the simulator is busy");
        return answer.get();
    }
    Response with_tag(const Request& request, std::function<Response(VirtualTag&)> job) {
        const auto id = TagId::parse(request.param("id"));
        if (!id) return http::problem(404, "no tag " + std::string{request.param("id")});
        return visit([this, id = *id, job = std::move(job)] {
            auto* tag = shelf_.find(id);
            return tag == nullptr ? http::problem(404, "no tag " + id.text()) : job(*tag);
        });
    }
    // The image is copied on the shelf's thread and encoded on the caller's.
    Response with_image(const Request& request, const std::function<Response(const image::TagImage&)>& encode) {
        auto shown = std::make_shared<std::optional<image::TagImage>>();
        auto answer = with_tag(request, [shown](VirtualTag& tag) {
            *shown = tag.shown();
            return http::empty_response();
        });
        return *shown && answer.status == 204 ? encode(**shown) : answer;
    }

    std::string metrics_text() {
        TagCounters sum;
        std::size_t states[4] = {};
        for (const auto* tag : shelf_.tags()) {
            const auto& c = tag->counters();
            sum.connects += c.connects;
            sum.transfers += c.transfers;
            sum.images += c.images;
            sum.refreshes += c.refreshes;
            sum.bytes += c.bytes;
            sum.bad += c.bad;
            sum.power_cuts += c.power_cuts;
            ++states[static_cast<std::size_t>(tag->state())];
        }
        std::string out;
        const auto line = [&out](const std::string& metric, double value) {
            out += "tag_sim_" + metric + " " + json(value).dump() + "\n";
        };
        out += "# TYPE tag_sim_tags gauge\n";
        for (const auto state : {TagState::idle, TagState::receiving, TagState::refreshing, TagState::dead}) {
            line("tags{state=\"" + std::string{name(state)} + "\"}",
                 static_cast<double>(states[static_cast<std::size_t>(state)]));
        }
        const std::pair<const char*, std::uint64_t> counters[] = {
            {"connects_total", sum.connects},    {"transfers_total", sum.transfers}, {"images_total", sum.images},
            {"refreshes_total", sum.refreshes},  {"image_bytes_total", sum.bytes},   {"not_understood_total", sum.bad},
            {"power_cuts_total", sum.power_cuts}};
        for (const auto& [metric, value] : counters) {
            out += "# TYPE tag_sim_" + std::string{metric} + " counter\n";
            line(metric, static_cast<double>(value));
        }
        out += "# TYPE tag_sim_faults_total counter\n";
        for (std::size_t i = 0; i < kFaults; ++i) {
            const auto fault = static_cast<Fault>(i);
            line("faults_total{fault=\"" + std::string{name(fault)} + "\"}",
                 static_cast<double>(shelf_.plan().struck(fault)));
        }
        for (const auto& [metric, value] : figures_()) {
            out += "# TYPE tag_sim_" + metric + (metric.ends_with("_now") ? " gauge\n" : " counter\n");
            line(metric, value);
        }
        return out + http::process_metrics("tag-sim");
    }

    boost::asio::io_context& io_;
    Shelf& shelf_;
    std::function<Figures()> figures_;
};

}  // namespace

std::shared_ptr<const http::Router> make_router(boost::asio::io_context& io, Shelf& shelf,
                                                std::function<Figures()> figures) {
    auto api = std::make_shared<Api>(io, shelf, std::move(figures));
    auto router = std::make_shared<http::Router>();
    router->add("GET", "/", [](const Request&) {
        return http::text_response(200, std::string{kShelfPage}, "text/html; charset=utf-8");
    });
    router->add("GET", "/healthz", [](const Request&) { return http::json_response(200, R"({"status":"ok"})"); });
    router->add("GET", "/tags", [api](const Request&) { return api->list(); });
    router->add("GET", "/tags/{id}", [api](const Request& r) { return api->one(r); });
    router->add("GET", "/tags/{id}.png", [api](const Request& r) { return api->png(r); });
    router->add("GET", "/tags/{id}.raw", [api](const Request& r) { return api->raw(r); });
    router->add("PUT", "/tags/{id}/power", [api](const Request& r) { return api->power(r); });
    router->add("GET", "/faults", [api](const Request&) { return api->faults(); });
    router->add("POST", "/faults", [api](const Request& r) { return api->change_faults(r); });
    router->add("PUT", "/faults", [api](const Request& r) { return api->change_faults(r); });
    router->add("GET", "/metrics", [api](const Request&) { return api->metrics(); });
    return router;
}

}  // namespace esl::sim::web
