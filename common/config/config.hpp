// Reads a part's TOML file into its plain structs, once, at start. Every error names the file, the line and the key.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace esl::config {

// Bad configuration is a start-up failure: thrown here, caught once in main, exit code 1.
class ConfigError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// One table of a parsed file. Values keep `fallback` when the key is absent; a key of the wrong type or out of range
// throws ConfigError "file:line: key 'a.b': ...". Copies share the parsed file.
class Table {
public:
    // An empty path gives an empty table.
    [[nodiscard]] static Table load(const std::filesystem::path& file);
    [[nodiscard]] static Table parse(std::string_view text, std::string_view name = "config");

    void read(std::string_view key, std::string& value) const;
    void read(std::string_view key, bool& value) const;
    void read(std::string_view key, std::int64_t& value, std::int64_t lowest, std::int64_t highest) const;
    void read(std::string_view key, double& value, double lowest, double highest) const;
    void read(std::string_view key, std::vector<std::string>& value) const;
    // A number is seconds; text is "150ms", "5s", "8m", "3d".
    void read(std::string_view key, std::chrono::milliseconds& value) const;
    template <class Integer>
        requires std::is_integral_v<Integer> && (!std::is_same_v<Integer, bool>) && (!std::is_same_v<Integer, std::int64_t>)
    void read(std::string_view key, Integer& value, std::int64_t lowest, std::int64_t highest) const {
        auto wide = static_cast<std::int64_t>(value);
        read(key, wide, lowest, highest);
        value = static_cast<Integer>(wide);
    }

    // The table under a key (empty when absent) and the array of tables under a key.
    [[nodiscard]] Table table(std::string_view key) const;
    [[nodiscard]] std::vector<Table> tables(std::string_view key) const;
    [[nodiscard]] bool has(std::string_view key) const;

    // Throws for the first key that is not in the list, so that a misspelt setting is not silently ignored.
    void only(std::initializer_list<std::string_view> known) const;
    void only(const std::vector<std::string_view>& known) const;
    // "file:line" of a key, for a check of the caller's own.
    [[nodiscard]] std::string where(std::string_view key) const;

private:
    struct Data;
    explicit Table(std::shared_ptr<const Data> data);
    std::shared_ptr<const Data> data_;
};

// "150ms", "5s", "8m", "2h", "3d"; throws ConfigError.
[[nodiscard]] std::chrono::milliseconds parse_duration(std::string_view text);

}  // namespace esl::config
