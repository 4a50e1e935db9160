// An AP whose tags show everything at once: what is left is the time of service, broker and contract. For benchmarks
// only.
#include <CLI/CLI.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>

#include "common/contract/messages.hpp"
#include "common/contract/topics.hpp"
#include "common/mqttclient/client.hpp"

namespace {

using namespace esl;
using namespace esl::contract;

class InstantAp {
public:
    InstantAp(boost::asio::io_context& io, mqttclient::Options options, std::string store, unsigned tags)
        : ap_(options.client_id),
          store_(std::move(store)),
          tags_(tags),
          client_(io.get_executor(), std::move(options)) {
        client_.on_message([this](mqttclient::Message m) { take(m); });
        client_.on_state([this](mqttclient::State state, const std::string&) {
            if (state == mqttclient::State::connected) greet();
        });
    }
    void start(bool subscribe) {
        if (subscribe) client_.subscribe(task_topic(ap_));
        client_.start();
    }
    void stop(std::function<void()> stopped) { client_.stop(std::chrono::seconds(2), std::move(stopped)); }

private:
    void report(ReportKind kind, const Uplink& message) {
        client_.publish(report_topic(store_, kind), encode(message));
    }

    void greet() {
        const auto now = clock_.wall();
        report(ReportKind::ap, ApHello{.ap = ap_,
                                       .software = "instant",
                                       .boot = new_uuid7(clock_),
                                       .radios = {{"instant", "up", tags_}},
                                       .queued = 0,
                                       .at = now});
        TagsReport all{.ap = ap_, .full = false, .tags = {}};
        for (unsigned i = 0; i < tags_; ++i) {
            Sighting s;
            s.tag = TagId::eui48(0xFFFF'0000'0000 + i);
            s.event = TagEvent::joined;
            s.radio = "bluez";
            s.model = "gicisky-0033";
            s.width = 296;
            s.height = 128;
            s.palette = image::Palette::bwr;
            s.rssi = -60;
            s.at = now;
            all.tags.push_back(std::move(s));
            if (all.tags.size() == 200)
                report(ReportKind::tags, std::exchange(all, TagsReport{.ap = ap_, .full = false, .tags = {}}));
        }
        if (!all.tags.empty()) report(ReportKind::tags, all);
        std::printf("connected, %u tags reported\n", tags_);
        std::fflush(stdout);
    }

    void take(const mqttclient::Message& message) {
        const auto decoded = decode_downlink(message.payload);
        if (!decoded || !std::holds_alternative<Tasks>(*decoded)) return;
        ResultReport report_all{ap_, {}};
        for (const auto& task : std::get<Tasks>(*decoded).tasks) {
            TaskResult r;
            r.tag = task.tag;
            r.version = task.version;
            r.job = task.job;
            r.state = TaskState::displayed;
            r.image_id = task.image_id;
            r.epoch = task.epoch;
            r.attempts = 1;
            r.at = clock_.wall();
            report_all.results.push_back(std::move(r));
        }
        report(ReportKind::result, report_all);
    }

    SystemClock clock_;
    std::string ap_;
    std::string store_;
    unsigned tags_;
    mqttclient::Client client_;
};

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"An AP with tags that show everything at once, for benchmarks of service, broker and contract."};
    mqttclient::Options options;
    std::string store = "bench";
    unsigned tags = 1000;
    bool plain = false;
    app.add_option("--broker", options.url, "tcp://host:port")->required();
    app.add_option("--client-id", options.client_id, "MQTT client id")->required();
    app.add_option("--store", store, "store id")->capture_default_str();
    app.add_option("--tags", tags, "how many tags")->capture_default_str();
    app.add_flag("--plain", plain, "the broker has no P2P messages: subscribe");
    CLI11_PARSE(app, argc, argv);

    boost::asio::io_context io(1);
    InstantAp ap(io, options, store, tags);
    ap.start(plain);
    boost::asio::signal_set signals(io, SIGTERM, SIGINT);
    signals.async_wait([&](boost::system::error_code, int) { ap.stop([&io] { io.stop(); }); });
    io.run();
}
