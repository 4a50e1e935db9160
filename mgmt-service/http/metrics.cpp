#include "mgmt-service/http/metrics.hpp"

#include <algorithm>
#include <string_view>

#include "common/http/process_metrics.hpp"

namespace esl::mgmt::rest {
namespace {

class Text {
public:
    void counter(std::string_view name, std::string_view help, std::uint64_t value) {
        metric(name, help, "counter", value);
    }
    void gauge(std::string_view name, std::string_view help, std::uint64_t value) {
        metric(name, help, "gauge", value);
    }
    void head(std::string_view name, std::string_view help, std::string_view type) {
        out_.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ").append(name).append(" ");
        out_.append(type).append("\n");
    }
    void line(std::string_view name, std::string_view labels, std::uint64_t value) {
        out_.append(name).append(labels).append(" ").append(std::to_string(value)).append("\n");
    }
    [[nodiscard]] std::string take() { return std::move(out_); }

private:
    void metric(std::string_view name, std::string_view help, std::string_view type, std::uint64_t value) {
        head(name, help, type);
        line(name, "", value);
    }
    std::string out_;
};

}  // namespace

void RequestCounts::answered(int status, std::chrono::microseconds taken) {
    ++by_class_.at(static_cast<std::size_t>(std::clamp(status / 100, 0, 5)));
    microseconds_ += static_cast<std::uint64_t>(taken.count());
}

RequestCounts::Snapshot RequestCounts::snapshot() const {
    Snapshot out;
    for (std::size_t i = 0; i < by_class_.size(); ++i) out.by_class[i] = by_class_[i];
    out.microseconds = microseconds_;
    return out;
}

std::string metrics_text(const Metrics& m, const http::ServerStats& server, const RequestCounts& counts,
                         const LiveCounts& live) {
    Text out;
    out.counter("shelfwire_jobs_created_total", "Jobs made.", m.jobs_created);
    out.counter("shelfwire_jobs_displayed_total", "Jobs whose tag confirmed.", m.jobs_displayed);
    out.counter("shelfwire_jobs_failed_total", "Attempts that ended in failure.", m.jobs_failed);
    out.counter("shelfwire_jobs_superseded_total", "Jobs overtaken by a newer one.", m.jobs_superseded);
    out.gauge("shelfwire_jobs_live", "Jobs that may still move.", m.live_jobs);
    out.counter("shelfwire_tasks_sent_total", "Tasks sent to APs.", m.tasks_sent);
    out.counter("shelfwire_tasks_resent_total", "Tasks sent again.", m.tasks_resent);
    out.counter("shelfwire_leases_moved_total", "Tags that went from one AP to another.", m.leases_moved);
    out.counter("shelfwire_results_refused_total", "Results of an old lease or version.", m.results_refused);
    out.counter("shelfwire_messages_bad_total", "Messages from APs that could not be read.", m.messages_bad);
    out.counter("shelfwire_images_rendered_total", "Images drawn.", m.rendered);
    out.counter("shelfwire_images_unchanged_total", "Images not drawn because nothing on them changed.",
                m.render_skipped);
    out.counter("shelfwire_images_same_total", "Images drawn and found the same as before.", m.same_image_skipped);
    out.counter("shelfwire_commits_total", "Database transactions.", m.commits);
    out.counter("shelfwire_commit_rows_total", "Rows in them.", m.commit_rows);
    out.gauge("shelfwire_broker_up", "1 while connected to the broker.", m.link_up);
    const auto requests = counts.snapshot();
    out.head("shelfwire_http_requests_total", "Answered requests by status class.", "counter");
    for (std::size_t i = 1; i < requests.by_class.size(); ++i) {
        out.line("shelfwire_http_requests_total", "{class=\"" + std::to_string(i) + "xx\"}", requests.by_class[i]);
    }
    out.counter("shelfwire_http_microseconds_total", "Time from header to answer.", requests.microseconds);
    out.counter("shelfwire_http_broken_requests_total", "Requests refused before they were understood.",
                server.broken_requests);
    out.counter("shelfwire_http_refused_connections_total", "Connections above the limit.", server.refused_connections);
    out.gauge("shelfwire_http_connections", "Open connections.", server.open_connections);
    out.counter("shelfwire_import_rows_total", "Rows of files read.", counts.imported_rows);
    out.gauge("shelfwire_event_listeners", "Open event streams.", live.listeners);
    out.counter("shelfwire_event_listeners_dropped_total", "Event streams dropped as too slow.", live.dropped);
    return out.take() + http::process_metrics("mgmt-service");
}

}  // namespace esl::mgmt::rest
