// What the codec costs per packet: bench-mqtt-codec.
#include <benchmark/benchmark.h>

#include "common/mqtt/packet/ack.hpp"
#include "common/mqtt/packet/publish.hpp"
#include "common/mqtt/topic_filter.hpp"

namespace {

using namespace esl;        // NOLINT
using namespace esl::mqtt;  // NOLINT

constexpr std::string_view kTopic = "esl_task/p2p/GID_esl_ap@@@0A1B2C3D4E5F";

Bytes publish(ProtocolVersion version, bool with_properties) {
    const Bytes payload(200, 0x55);
    Properties properties;
    if (with_properties) {
        properties.number(PropertyId::message_expiry_interval, 60).text(PropertyId::content_type, "application/cbor");
        properties.user("job", "0192f2c0-0000-7000-8000-000000000000");
    }
    Bytes out;
    (void)encode_publish(
        {.topic = kTopic, .payload = payload, .properties = properties, .packet_id = 7, .qos = QoS::at_least_once},
        version, out);
    return out;
}

void decode(benchmark::State& state, ProtocolVersion version, bool with_properties) {
    const auto wire = publish(version, with_properties);
    for (auto _ : state) {
        const auto unframed = unframe(wire, 1 << 20);
        const auto packet = decode_publish(unframed->frame, version);
        benchmark::DoNotOptimize(packet->payload.data());
    }
}
void encode(benchmark::State& state) {
    const Bytes payload(200, 0x55);
    Bytes out;
    out.reserve(1'000);
    for (auto _ : state) {
        out.clear();
        (void)encode_publish({.topic = kTopic, .payload = payload, .packet_id = 7, .qos = QoS::at_least_once},
                             ProtocolVersion::v5, out);
        benchmark::DoNotOptimize(out.data());
    }
}
void acknowledge(benchmark::State& state) {
    Bytes out;
    out.reserve(16);
    for (auto _ : state) {
        out.clear();
        encode_ack(PacketType::puback, 7, out);
        const auto unframed = unframe(out, 100);
        const auto packet = decode_ack(unframed->frame, ProtocolVersion::v5);
        benchmark::DoNotOptimize(packet->packet_id);
    }
}
void match(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(matches("esl_report/+/result/#", "esl_report/store-17/result"));
}

BENCHMARK_CAPTURE(decode, publish_311, ProtocolVersion::v311, false);
BENCHMARK_CAPTURE(decode, publish_5, ProtocolVersion::v5, false);
BENCHMARK_CAPTURE(decode, publish_5_three_properties, ProtocolVersion::v5, true);
BENCHMARK(encode);
BENCHMARK(acknowledge);
BENCHMARK(match);

}  // namespace
