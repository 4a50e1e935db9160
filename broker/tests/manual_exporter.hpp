// An exporter for tests of the session core.
#pragma once

#include <functional>
#include <vector>

#include "broker/ports/exporter.hpp"

namespace esl::broker::testing {

// Keeps what it gets and answers when told.
struct ManualExporter final : Exporter {
    void post(std::vector<ExportItem> batch, std::function<void(bool)> done) override {
        for (auto& item : batch) items.push_back(std::move(item));
        if (done) waiting.push_back(std::move(done));
    }
    void answer(bool good) {
        auto now = std::move(waiting);
        waiting.clear();
        for (auto& done : now) done(good);
    }
    std::vector<ExportItem> items;
    std::vector<std::function<void(bool)>> waiting;
};

}  // namespace esl::broker::testing
