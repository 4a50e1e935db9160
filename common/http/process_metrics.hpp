// What Prometheus calls process_...: of the process that asks, and what was built.
#pragma once

#include <string>
#include <string_view>

namespace esl::http {

// Prometheus text 0.0.4: process_cpu_seconds_total, process_resident_memory_bytes, process_virtual_memory_bytes,
// process_open_fds, process_max_fds, process_start_time_seconds, process_threads, and
// shelfwire_build_info{program="...",version="..."} 1. One that /proc does not tell is left out. Thread-safe.
// Names and units: prometheus.io, "Writing client libraries", "Process metrics".
[[nodiscard]] std::string process_metrics(std::string_view program);

}  // namespace esl::http
