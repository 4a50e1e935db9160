#include "common/config/config.hpp"

#include <algorithm>
#include <charconv>
#include <toml++/toml.h>

namespace esl::config {

struct Table::Data {
    std::shared_ptr<const toml::table> root;  // keeps every node below alive
    const toml::table* table = nullptr;
    std::string name;    // the file's
    std::string prefix;  // "a.b." for nested tables
};

namespace {

[[noreturn]] void refuse(const std::string& where, std::string_view key, const std::string& what) {
    throw ConfigError(where + ": key '" + std::string(key) + "': " + what);
}

}  // namespace

Table::Table(std::shared_ptr<const Data> data) : data_(std::move(data)) {}

Table Table::load(const std::filesystem::path& file) {
    if (file.empty()) return parse("");
    try {
        auto root = std::make_shared<const toml::table>(toml::parse_file(file.string()));
        return Table(std::make_shared<Data>(Data{root, root.get(), file.string(), ""}));
    } catch (const toml::parse_error& e) {
        throw ConfigError(file.string() + ":" + std::to_string(e.source().begin.line) + ": " +
                          std::string(e.description()));
    }
}

Table Table::parse(std::string_view text, std::string_view name) {
    try {
        auto root = std::make_shared<const toml::table>(toml::parse(text));
        return Table(std::make_shared<Data>(Data{root, root.get(), std::string(name), ""}));
    } catch (const toml::parse_error& e) {
        throw ConfigError(std::string(name) + ":" + std::to_string(e.source().begin.line) + ": " +
                          std::string(e.description()));
    }
}

std::string Table::where(std::string_view key) const {
    const auto* node = data_->table->get(key);
    const auto line = node != nullptr ? node->source().begin.line : data_->table->source().begin.line;
    return data_->name + ":" + std::to_string(line);
}

bool Table::has(std::string_view key) const { return data_->table->contains(key); }

void Table::read(std::string_view key, std::string& value) const {
    const auto* node = data_->table->get(key);
    if (node == nullptr) return;
    const auto* text = node->as_string();
    if (text == nullptr) refuse(where(key), data_->prefix + std::string(key), "expected text");
    value = text->get();
}

void Table::read(std::string_view key, bool& value) const {
    const auto* node = data_->table->get(key);
    if (node == nullptr) return;
    const auto* flag = node->as_boolean();
    if (flag == nullptr) refuse(where(key), data_->prefix + std::string(key), "expected true or false");
    value = flag->get();
}

void Table::read(std::string_view key, std::int64_t& value, std::int64_t lowest, std::int64_t highest) const {
    const auto* node = data_->table->get(key);
    if (node == nullptr) return;
    const auto* number = node->as_integer();
    if (number == nullptr || number->get() < lowest || number->get() > highest) {
        refuse(where(key), data_->prefix + std::string(key),
               "expected a whole number from " + std::to_string(lowest) + " to " + std::to_string(highest));
    }
    value = number->get();
}

void Table::read(std::string_view key, double& value, double lowest, double highest) const {
    const auto* node = data_->table->get(key);
    if (node == nullptr) return;
    const auto number = node->value<double>();
    if (!number || *number < lowest || *number > highest) {
        refuse(where(key), data_->prefix + std::string(key),
               "expected a number from " + std::to_string(lowest) + " to " + std::to_string(highest));
    }
    value = *number;
}

void Table::read(std::string_view key, std::vector<std::string>& value) const {
    const auto* node = data_->table->get(key);
    if (node == nullptr) return;
    const auto* list = node->as_array();
    if (list == nullptr) refuse(where(key), data_->prefix + std::string(key), "expected a list of texts");
    std::vector<std::string> out;
    for (const auto& item : *list) {
        const auto* text = item.as_string();
        if (text == nullptr) refuse(where(key), data_->prefix + std::string(key), "expected a list of texts");
        out.push_back(text->get());
    }
    value = std::move(out);
}

void Table::read(std::string_view key, std::chrono::milliseconds& value) const {
    const auto* node = data_->table->get(key);
    if (node == nullptr) return;
    if (const auto* seconds = node->as_integer(); seconds != nullptr && seconds->get() >= 0) {
        value = std::chrono::seconds(seconds->get());
        return;
    }
    const auto* text = node->as_string();
    if (text == nullptr) refuse(where(key), data_->prefix + std::string(key), "expected a duration such as \"5s\"");
    try {
        value = parse_duration(text->get());
    } catch (const ConfigError& e) {
        refuse(where(key), data_->prefix + std::string(key), e.what());
    }
}

Table Table::table(std::string_view key) const {
    const auto* node = data_->table->get(key);
    if (node == nullptr) return parse("", data_->name);
    if (node->as_table() == nullptr) refuse(where(key), data_->prefix + std::string(key), "expected a table");
    return Table(std::make_shared<Data>(
        Data{data_->root, node->as_table(), data_->name, data_->prefix + std::string(key) + "."}));
}

std::vector<Table> Table::tables(std::string_view key) const {
    std::vector<Table> out;
    const auto* node = data_->table->get(key);
    if (node == nullptr) return out;
    if (node->as_array() == nullptr) refuse(where(key), data_->prefix + std::string(key), "expected [[tables]]");
    for (const auto& item : *node->as_array()) {
        if (item.as_table() == nullptr) refuse(where(key), data_->prefix + std::string(key), "expected [[tables]]");
        out.push_back(Table(std::make_shared<Data>(
            Data{data_->root, item.as_table(), data_->name, data_->prefix + std::string(key) + "."})));
    }
    return out;
}

void Table::only(std::initializer_list<std::string_view> known) const {
    only(std::vector<std::string_view>(known));
}

void Table::only(const std::vector<std::string_view>& known) const {
    for (const auto& [key, node] : *data_->table) {
        if (std::ranges::find(known, std::string_view(key.str())) == known.end()) {
            throw ConfigError(data_->name + ":" + std::to_string(node.source().begin.line) + ": unknown key '" +
                              data_->prefix + std::string(key.str()) + "'");
        }
    }
}

std::chrono::milliseconds parse_duration(std::string_view text) {
    struct Unit {
        std::string_view name;
        std::int64_t millis;
    };
    static constexpr Unit kUnits[] = {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit{end, static_cast<std::size_t>(text.data() + text.size() - end)};
    for (const auto& u : kUnits) {
        if (error == std::errc{} && number >= 0 && number < 1'000'000'000 && unit == u.name) {
            return std::chrono::milliseconds(number * u.millis);
        }
    }
    throw ConfigError("'" + std::string(text) + "' is not a duration such as 150ms, 5s, 8m, 2h, 3d");
}

}  // namespace esl::config
