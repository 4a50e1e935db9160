// The rules of a running broker: which there are, what they do, how they reach the shards.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "broker/ports/publisher.hpp"
#include "broker/ports/rule_source.hpp"
#include "broker/rules/rule_book.hpp"
#include "broker/rules/rule_engine.hpp"

namespace esl::broker {

// Thread-safe, but for start() and stop().
class Rules {
public:
    // Hands the table to every shard and returns when all have it.
    using Apply = std::function<void(std::shared_ptr<const ExportTable>)>;

    // `data` empty: rules are those of the configuration, and what waits is kept in memory.
    Rules(std::vector<RuleSpec> configured, const std::filesystem::path& data, bool apsara, const Clock& clock,
          Publisher& publisher);

    [[nodiscard]] Exporter& exporter() { return engine_; }
    [[nodiscard]] RuleBook& book() { return book_; }
    [[nodiscard]] const RuleEngine& engine() const { return engine_; }
    // From now on changes reach the shards; the first time at once.
    void start(Apply apply);
    // Before the shards go.
    void stop();

private:
    [[nodiscard]] std::unique_ptr<RuleSink> make_sink(const RuleSpec& spec);
    void set_sources(const std::vector<RuleSpec>& rules);

    const Clock& clock_;
    Publisher& publisher_;
    RuleBook book_;
    RuleEngine engine_;
    struct Source {
        RuleSpec spec;
        std::unique_ptr<RuleSource> source;
    };
    std::map<std::string, Source> sources_;
};

}  // namespace esl::broker
