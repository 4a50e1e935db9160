#include "tag-sim/app/options.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "common/config/config.hpp"
#include "common/testing/testing.hpp"
#include "tag-sim/adapters/znp/service.hpp"
#include "tag-sim/app/app.hpp"

namespace esl::sim {
namespace {

ParsedOptions parse(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "tag-sim");
    std::vector<char*> pointers;
    for (auto& argument : arguments) pointers.push_back(argument.data());
    return parse_options(static_cast<int>(pointers.size()), pointers.data());
}

TEST(SimOptions, FlagsWinOverTheFile) {
    const testing::TempDir folder;
    const auto file = (folder / "sim.toml").string();
    std::ofstream{file} << "tags = 7\nspeed = 30\nmodels = [\"0028\"]\n";
    const auto parsed = parse({"bluez", "--config", file, "--tags", "9"});
    ASSERT_TRUE(parsed.options);
    EXPECT_EQ(parsed.options->tags, 9U);
    EXPECT_EQ(parsed.options->speed, 30);
    EXPECT_EQ(parsed.options->models, std::vector<std::string>{"0028"});
    EXPECT_EQ(parse({"bluez", "--models", "0033,004B"}).options->models, (std::vector<std::string>{"0033", "004B"}));
}

TEST(SimOptions, UsageMistakesEndWithTwoAndHelpWithZero) {
    const std::vector<std::vector<std::string>> mistakes{{},
                                                         {"fleet"},
                                                         {"bluez", "--tags", "0"},
                                                         {"bluez", "--speed", "0"},
                                                         {"znp"},
                                                         {"znp", "--listen", "127.0.0.1:0", "--pty", "x"},
                                                         {"bluez", "--nonsense"}};
    for (const auto& arguments : mistakes) {
        const auto parsed = parse(arguments);
        EXPECT_FALSE(parsed.options);
        EXPECT_EQ(parsed.exit_code, 2);
    }
    EXPECT_EQ(parse({"--help"}).exit_code, 0);
    EXPECT_EQ(parse({"--version"}).exit_code, 0);
}

TEST(SimOptions, AMisspeltSettingIsNamedWithItsLine) {
    const testing::TempDir folder;
    const auto file = (folder / "sim.toml").string();
    std::ofstream{file} << "tags = 7\ntgs = 8\n";
    try {
        (void)parse({"bluez", "--config", file});
        FAIL() << "taken";
    } catch (const config::ConfigError& error) {
        EXPECT_NE(std::string{error.what()}.find("sim.toml:2"), std::string::npos) << error.what();
    }
}

TEST(SimOptions, TheSampleFileAndItsFaultPlanAreGood) {
    const auto parsed = parse({"bluez", "--config", "deploy/config/tag-sim.toml", "--check-config"});
    ASSERT_TRUE(parsed.options);
    EXPECT_EQ(run(*parsed.options), 0);
}

TEST(SimOptions, ModelsAndPanelsAreCheckedByName) {
    const auto error = [](const std::vector<std::string>& arguments) -> std::string {
        try {
            (void)run(*parse(arguments).options);
        } catch (const std::runtime_error& e) {
            return e.what();
        }
        return "";
    };
    EXPECT_EQ(error({"bluez", "--models", "3FFF", "--check-config"}), "--models: 3FFF is not known");
    EXPECT_EQ(error({"bluez", "--models", "xyz", "--check-config"}), "--models: 'xyz' is not four hex digits");
    EXPECT_EQ(error({"znp", "--listen", "127.0.0.1:0", "--panels", "296-bwr", "--check-config"}),
              "--panels: malformed: 296-bwr (as 296x128-bwr)");
    EXPECT_TRUE(znp::parse_panel("800x480-bwry"));
    EXPECT_FALSE(znp::parse_panel("0x480-bw"));
    EXPECT_FALSE(znp::parse_panel("5000x480-bw"));
    EXPECT_FALSE(znp::parse_panel("296x128-rgb"));
}

}  // namespace
}  // namespace esl::sim
