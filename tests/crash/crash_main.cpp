// crash-broker: load, a disk and a broker that fail at moments of chance, and a count of what was promised and what was
// kept. Exit code 0 when nothing was lost, duplicated at QoS 2 or out of order.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <fstream>
#include <map>

#include "broker/tests/running_broker.hpp"
#include "broker/tests/test_client.hpp"
#include "common/testing/testing.hpp"
#include "tests/crash/clients.hpp"
#include "tests/crash/fragile_disk.hpp"

namespace esl::crash {
namespace {

using broker::testing::BrokerProcess;
using broker::testing::TestClient;
using std::chrono::milliseconds;
using Moment = std::chrono::steady_clock::time_point;

constexpr std::size_t kTopics = 100;
constexpr std::size_t kSubscribersPerTopic = 3;
constexpr std::size_t kPublishers = 24;
constexpr std::size_t kRetained = 20;

enum class Event : std::uint8_t { kill, power, torn_tail, stop, full, full_and_power, flush_fails };
constexpr std::array kEvents{Event::kill, Event::power,          Event::torn_tail,  Event::stop,
                             Event::full, Event::full_and_power, Event::flush_fails};

const char* name(Event event) {
    switch (event) {
        case Event::kill:
            return "kill -9";
        case Event::power:
            return "power loss";
        case Event::torn_tail:
            return "power loss with a torn tail";
        case Event::stop:
            return "graceful restart";
        case Event::full:
            return "full disk";
        case Event::full_and_power:
            return "full disk and power loss";
        case Event::flush_fails:
            return "flushes that fail";
    }
    return "";
}

struct Options {
    std::uint64_t acknowledged = 110'000;
    std::uint64_t events = 14;
    std::uint32_t seed = 0;
    bool loud = false;
    bool lying_disk = false;
};

class Run {
public:
    Run(const Options& options)
        : options_(options),
          random_(options.seed),
          ledger_(kTopics, kTopics * kSubscribersPerTopic),
          broker_(folder_.path(), {"--allow-anonymous", "--mode", "standard", "--shards", "2"}) {
        make_control();
        broker_.use_executable(ESL_FRAGILE_BROKER);
        for (std::size_t i = 0; i < kPublishers; ++i) {
            const auto version = i % 2 == 0 ? mqtt::ProtocolVersion::v5 : mqtt::ProtocolVersion::v311;
            auto publisher = std::make_unique<Publisher>(static_cast<std::uint32_t>(i), version, kTopics,
                                                         static_cast<std::uint32_t>(random_()));
            publishers_.push_back(publisher.get());
            clients_.push_back(std::move(publisher));
        }
        for (std::size_t i = 0; i < kTopics * kSubscribersPerTopic; ++i) {
            const auto qos = i % 3 == 0 ? mqtt::QoS::at_least_once : mqtt::QoS::exactly_once;
            const auto version = i % 2 == 0 ? mqtt::ProtocolVersion::v311 : mqtt::ProtocolVersion::v5;
            auto subscriber = std::make_unique<Subscriber>(i, i / kSubscribersPerTopic, qos, version);
            subscribers_.push_back(subscriber.get());
            clients_.push_back(std::move(subscriber));
        }
    }
    ~Run() { ::munmap(const_cast<char*>(control_), 1); }

    bool go();

private:
    void make_control();
    void tell_disk(Mode mode) { *control_ = static_cast<char>(mode); }
    void start();
    void load_for(milliseconds time, bool publish = true);
    void connect_missing();
    void happen(Event event);
    void check_retained();
    void publish_retained();
    std::uint64_t missing() const;
    bool drain();
    bool report() const;

    Options options_;
    std::minstd_rand random_;
    testing::TempDir folder_;
    volatile char* control_ = nullptr;
    Ledger ledger_;
    BrokerProcess broker_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::vector<Publisher*> publishers_;
    std::vector<Subscriber*> subscribers_;
    std::set<const Client*> away_;  // this round
    std::map<Event, int> happened_;
    std::vector<int> kept_ = std::vector<int>(kRetained, 0);   // acknowledged version
    std::vector<int> tried_ = std::vector<int>(kRetained, 0);  // sent version
    bool stopped_well_ = true;
    double restore_worst_ = 0;
};

void Run::make_control() {
    const auto file = folder_ / "disk-mode";
    std::ofstream(file) << static_cast<char>(Mode::loses);
    const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
    void* at = ::mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    if (at == MAP_FAILED) throw std::runtime_error("mmap fails");
    control_ = static_cast<volatile char*>(at);
    ::setenv("SHELFWIRE_FRAGILE_DISK", file.c_str(), 1);
}

void Run::start() {
    const auto from = std::chrono::steady_clock::now();
    broker_.start(broker_.port());
    restore_worst_ =
        std::max(restore_worst_, std::chrono::duration<double>(std::chrono::steady_clock::now() - from).count());
    away_.clear();
    for (const auto* subscriber : subscribers_) {
        if (subscriber->subscribed() && random_() % 6 == 0) away_.insert(subscriber);
    }
    for (auto& client : clients_) client->drop();
    check_retained();
}

void Run::connect_missing() {
    for (auto& client : clients_) {
        if (!client->connected() && !away_.contains(client.get())) client->connect_to(broker_.port());
    }
}

void Run::load_for(milliseconds time, bool publish) {
    const auto until = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < until) {
        connect_missing();
        serve(clients_, ledger_, milliseconds(5));
        if (random_() % 64 == 0) clients_[random_() % clients_.size()]->drop();  // a bad network, too
        if (!publish) continue;
        for (auto* publisher : publishers_) publisher->publish(ledger_);
    }
}

void Run::publish_retained() {
    try {
        TestClient client(broker_.port());
        client.connect({.client_id = "retainer"});
        for (int i = 0; i < 5; ++i) {
            const auto which = random_() % kRetained;
            const auto version = ++tried_[which];
            client.publish("kept/" + std::to_string(which), std::to_string(version), mqtt::QoS::at_least_once, true);
            kept_[which] = version;
        }
    } catch (const std::runtime_error&) {  // the disk is what it is today
    }
}

void Run::check_retained() {
    TestClient client(broker_.port());
    client.connect({.client_id = "looker"});
    client.subscribe("kept/#", mqtt::QoS::at_most_once);
    std::map<std::size_t, int> there;
    while (!client.nothing_waits() || client.waiting() != 0) {
        const auto got = client.receive();
        there[std::stoul(got.topic.substr(got.topic.find('/') + 1))] = std::stoi(got.payload);
    }
    for (std::size_t i = 0; i < kRetained; ++i) {
        if (there[i] < kept_[i] || there[i] > tried_[i]) ++ledger_.totals.retained_wrong;
    }
}

void Run::happen(Event event) {
    ++happened_[event];
    ledger_.disk_in_trouble = event == Event::full || event == Event::full_and_power || event == Event::flush_fails;
    if (options_.loud)
        std::fprintf(stderr, "%s after %llu acknowledged\n", name(event),
                     static_cast<unsigned long long>(ledger_.totals.acknowledged));
    switch (event) {
        case Event::kill:
        case Event::power:
            broker_.kill_dead();
            break;
        case Event::torn_tail: {
            broker_.kill_dead();
            std::ofstream log(folder_ / "data" / "messages.db-wal", std::ios::binary | std::ios::app);
            for (auto left = 1 + random_() % 6'000; left > 0; --left) log.put(static_cast<char>(random_()));
            break;
        }
        case Event::stop:
            stopped_well_ &= broker_.terminate() == 0;
            break;
        case Event::full:
        case Event::flush_fails: {
            tell_disk(event == Event::full ? Mode::full : Mode::fails);
            load_for(milliseconds(300));
            tell_disk(Mode::loses);
            // It recovers by itself: everybody's messages are taken again.
            const auto before = ledger_.totals.acknowledged;
            const bool again = testing::wait_until([&] {
                load_for(milliseconds(20));
                return ledger_.totals.acknowledged > before + 1'000;
            });
            if (!again) throw std::runtime_error("the broker takes nothing after the disk is good again");
            if (!broker_.alive()) throw std::runtime_error("the broker has ended: " + broker_.log());
            return;
        }
        case Event::full_and_power:
            tell_disk(Mode::full);
            load_for(milliseconds(200));
            broker_.kill_dead();
            tell_disk(Mode::loses);
            break;
    }
    start();
}

std::uint64_t Run::missing() const {
    std::uint64_t sum = 0;
    for (const auto* subscriber : subscribers_) sum += ledger_.missing(subscriber->number(), subscriber->topic());
    return sum;
}

bool Run::drain() {
    tell_disk(Mode::loses);
    away_.clear();
    return testing::wait_until(
        [&] {
            load_for(milliseconds(200), false);
            return std::ranges::all_of(publishers_, &Publisher::idle) && missing() == 0;
        },
        std::chrono::seconds(60));
}

bool Run::report() const {
    const auto& t = ledger_.totals;
    const auto line = [](const char* what, std::uint64_t value, const char* wanted) {
        std::printf("%-52s %10llu   %s\n", what, static_cast<unsigned long long>(value), wanted);
    };
    std::printf("seed %u; %zu persistent subscribers at QoS 1 and 2, %zu publishers at QoS 1 and 2\n", options_.seed,
                subscribers_.size(), publishers_.size());
    for (const auto& [event, times] : happened_) line(name(event), static_cast<std::uint64_t>(times), "");
    line("acknowledged", t.acknowledged, "");
    line("  of them at QoS 2", t.acknowledged_qos2, "");
    line("refused (no promise was made)", t.refused, "");
    line("delivered", t.delivered, "");
    line("repeated at QoS 1 (allowed)", t.repeated_qos1, "");
    line("refused and delivered all the same", t.refused_delivered, "");
    line("behind newer ones after a lost refusal (allowed)", t.order_in_doubt, "");
    line("lost", t.lost, "must be 0");
    line("duplicated at QoS 2", t.duplicated_qos2, "must be 0");
    line("out of order", t.out_of_order, "must be 0");
    line("delivered and never sent", t.never_sent, "must be 0");
    line("sessions missing", t.sessions_missing, "must be 0");
    line("retained values wrong", t.retained_wrong, "must be 0");
    line("graceful stops with an exit code that is not 0", stopped_well_ ? 0 : 1, "must be 0");
    std::printf("worst start of the broker, with the port open: %.0f ms\n", restore_worst_ * 1'000);
    return t.lost + t.duplicated_qos2 + t.out_of_order + t.never_sent + t.sessions_missing + t.retained_wrong == 0 &&
           stopped_well_ && t.acknowledged >= options_.acknowledged;
}

bool Run::go() {
    start();
    const bool all_there = testing::wait_until([&] {
        load_for(milliseconds(50), false);
        return std::ranges::all_of(subscribers_, &Subscriber::subscribed);
    });
    if (!all_there) throw std::runtime_error("not everybody can subscribe");
    std::uint64_t events = 0;
    while (ledger_.totals.acknowledged < options_.acknowledged || events < options_.events) {
        // Each kind in turn, so that a short run has them all; the moment is chance.
        const auto event = kEvents[events++ % kEvents.size()];
        tell_disk(options_.lying_disk ? Mode::lies : event == Event::kill ? Mode::keeps : Mode::loses);
        publish_retained();
        load_for(milliseconds(100 + random_() % 700));
        happen(event);
    }
    static_cast<void>(drain());
    // Whatever would still come a second time comes now.
    stopped_well_ &= broker_.terminate() == 0;
    start();
    static_cast<void>(drain());
    load_for(milliseconds(500), false);
    ledger_.totals.lost = missing();
    return report();
}

}  // namespace
}  // namespace esl::crash

int main(int argc, char** argv) {
    CLI::App app{"Crashes the broker and its disk under load, and counts what was promised and what was kept"};
    esl::crash::Options options;
    options.seed = std::random_device{}();
    if (std::getenv("SHELFWIRE_LONG") != nullptr) {
        options.acknowledged = 1'000'000;
        options.events = 105;
    }
    app.add_option("--acknowledged", options.acknowledged, "go on until so many messages were acknowledged");
    app.add_option("--events", options.events, "and so many crashes and failures have happened");
    app.add_option("--seed", options.seed, "of everything that is chance here");
    app.add_flag("--lying-disk", options.lying_disk, "a disk that only says it flushes: must be found out");
    app.add_flag("--loud", options.loud, "say what happens");
    CLI11_PARSE(app, argc, argv);
    try {
        return esl::crash::Run(options).go() ? 0 : 1;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "crash-broker: seed %u: %s\n", options.seed, error.what());
        return 1;
    }
}
