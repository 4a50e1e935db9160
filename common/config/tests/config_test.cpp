#include "common/config/config.hpp"

#include <gtest/gtest.h>

namespace esl::config {
namespace {

std::string error_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const ConfigError& e) {
        return e.what();
    }
    return "no error";
}

TEST(Config, ReadsValuesAndKeepsDefaultsOfAbsentKeys) {
    const auto root = Table::parse("listen = 'a:1'\n[queue]\nmax = 7\nkeep = '3d'\nnames = ['x', 'y']\n");
    std::string listen = "none";
    std::string other = "default";
    root.read("listen", listen);
    root.read("other", other);
    int max = 1;
    std::chrono::milliseconds keep{};
    std::vector<std::string> names;
    const auto queue = root.table("queue");
    queue.read("max", max, 1, 10);
    queue.read("keep", keep);
    queue.read("names", names);
    EXPECT_EQ(listen, "a:1");
    EXPECT_EQ(other, "default");
    EXPECT_EQ(max, 7);
    EXPECT_EQ(keep, std::chrono::days(3));
    EXPECT_EQ(names, (std::vector<std::string>{"x", "y"}));
}

TEST(Config, NamesFileLineAndKeyOfEveryMistake) {
    const auto root = Table::parse("a = 1\n[queue]\nmax = 70\nmxa = 1\nkeep = 'soon'\n", "broker.toml");
    std::string a;
    int max = 1;
    std::chrono::milliseconds keep{};
    const auto queue = root.table("queue");
    EXPECT_EQ(error_of([&] { root.read("a", a); }), "broker.toml:1: key 'a': expected text");
    EXPECT_EQ(error_of([&] { queue.read("max", max, 1, 10); }),
              "broker.toml:3: key 'queue.max': expected a whole number from 1 to 10");
    EXPECT_EQ(error_of([&] { queue.only({"max", "keep"}); }), "broker.toml:4: unknown key 'queue.mxa'");
    EXPECT_EQ(error_of([&] { queue.read("keep", keep); }),
              "broker.toml:5: key 'queue.keep': 'soon' is not a duration such as 150ms, 5s, 8m, 2h, 3d");
    EXPECT_EQ(error_of([] { (void)Table::parse("a = \n", "x.toml"); }).substr(0, 9), "x.toml:1:");
}

}  // namespace
}  // namespace esl::config
