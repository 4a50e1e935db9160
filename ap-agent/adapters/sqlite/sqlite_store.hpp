// AgentStore in one SQLite file (docs/formats/agent-store.md): WAL, synchronous=FULL, one writer thread that commits
// all batches that have gathered in one transaction.
#pragma once

#include <filesystem>
#include <memory>

#include "ap-agent/ports/agent_store.hpp"

namespace boost::asio {
class any_io_executor;
}

namespace esl::ap {

class SqliteStore final : public AgentStore {
public:
    // Opens or makes `<data>/agent.db`. Throws std::runtime_error with the path when it cannot, when another process
    // holds it, or when its schema is newer than this program.
    SqliteStore(const boost::asio::any_io_executor& executor, const std::filesystem::path& data);
    // Commits what was handed over; its `done` is not called any more.
    ~SqliteStore() override;

    [[nodiscard]] Snapshot load() override;
    void write(StoreBatch batch, Done done) override;
    [[nodiscard]] std::size_t backlog() const override;

private:
    class Writer;
    std::shared_ptr<Writer> writer_;
};

}  // namespace esl::ap
