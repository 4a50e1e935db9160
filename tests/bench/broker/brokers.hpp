// The two brokers that are compared, each as a fresh process with a folder of its own.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "common/testing/testing.hpp"
#include "tests/bench/broker/child.hpp"
#include "tests/bench/broker/workloads.hpp"

namespace esl::bench {

struct Executables {
    std::filesystem::path broker;
    std::string mosquitto = "/usr/sbin/mosquitto";
};

class Broker {
public:
    struct Options {
        bool store = true;      // our data folder; Mosquitto's persistence only where it would keep messages
        bool traces = true;     // with the data folder
        bool standard = false;  // plain MQTT names instead of ApsaraMQ's
        unsigned shards = 2;
        // A durable rule that lets every message out, by this sink: file, sqlite, http (where nobody listens).
        std::string rule{};
    };
    static std::unique_ptr<Broker> ours(const Executables& executables, const Options& options);
    static std::unique_ptr<Broker> mosquitto(const Executables& executables, const Options& options);

    [[nodiscard]] const Names& names() const { return names_; }
    [[nodiscard]] const Child& process() const { return *child_; }
    // One of ours, from /metrics, with its labels; nothing for Mosquitto or without a store.
    [[nodiscard]] std::optional<double> metric(const std::string& name) const;

private:
    testing::TempDir folder_;
    std::unique_ptr<Child> child_;
    Names names_;
    std::uint16_t admin_ = 0;
};

}  // namespace esl::bench
