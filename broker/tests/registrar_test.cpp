#include "broker/app/registrar.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "common/testing/testing.hpp"

namespace esl::broker {
namespace {

TEST(Registrar, NamesFileAndPlaceOfWhatIsWrongInNamesJson) {
    testing::TempDir folder;
    const testing::ManualClock clock;
    const auto file = folder / "names.json";
    const std::vector<std::pair<std::string, std::string>> cases{
        {R"({"groups": [)", "not JSON from byte"},
        {R"([1])", "must be an object, is array"},
        {R"({"groups": "GID_a"})", "groups: must be an array, is string"},
        {R"({"groups": ["GID_one", 5]})", "groups[1]: must be text, is number"},
        {R"({"topics": [null]})", "topics[0]: must be text, is null"},
        {R"({"groups_since": []})", "groups_since: must be an object, is array"},
        {R"({"groups_since": {"GID_a": "then"}})", "groups_since.GID_a: must be a whole number, is string"},
        {R"({"topics": ["esl_task", "no/slash"]})", "topics[1]: not a parent topic"},
    };
    for (const auto& [text, complaint] : cases) {
        std::ofstream(file) << text;
        try {
            const Registrar registrar({}, {}, {}, file, clock);
            ADD_FAILURE() << "taken: " << text;
        } catch (const std::runtime_error& error) {
            EXPECT_EQ(std::string(error.what()).find(file.string() + ": " + complaint), 0U) << error.what();
        }
    }
}

TEST(Registrar, ChangesNothingThatItCannotSave) {
    testing::TempDir folder;
    const testing::ManualClock clock;
    const auto file = folder / "data/names.json";
    std::filesystem::create_directory(folder / "data");
    Registrar registrar({}, {}, {}, file, clock);
    ASSERT_TRUE(registrar.add(NameKind::group, "GID_before"));
    std::filesystem::rename(folder / "data", folder / "away");
    EXPECT_THROW(static_cast<void>(registrar.add(NameKind::group, "GID_failed")), std::system_error);
    EXPECT_THROW(static_cast<void>(registrar.remove(NameKind::group, "GID_before")), std::system_error);
    EXPECT_EQ(registrar.current()->groups(), std::vector<std::string>{"GID_before"});
    std::filesystem::rename(folder / "away", folder / "data");
    ASSERT_TRUE(registrar.add(NameKind::group, "GID_later"));
    // The failed ones must not come along with the next.
    const Registrar next({}, {}, {}, file, clock);
    EXPECT_EQ(next.current()->groups(), (std::vector<std::string>{"GID_before", "GID_later"}));
}

TEST(Registrar, KnowsSinceWhenThereIsEachGroup) {
    testing::TempDir folder;
    testing::ManualClock clock;
    const auto file = folder / "names.json";
    const auto now = [&] { return to_millis(clock.wall()); };
    const auto first = now();
    Registrar registrar({}, {"GID_one"}, {}, file, clock);
    clock.advance(std::chrono::seconds(5));
    const auto second = now();
    ASSERT_TRUE(registrar.add(NameKind::group, "GID_two"));
    EXPECT_EQ(registrar.groups(), (Registrar::Since{{"GID_one", first}, {"GID_two", second}}));
    clock.advance(std::chrono::seconds(5));
    EXPECT_EQ(Registrar({}, {"GID_one"}, {}, file, clock).groups(), registrar.groups());
    registrar.reload({"GID_three"}, {});
    EXPECT_EQ(registrar.groups(), (Registrar::Since{{"GID_three", now()}, {"GID_two", second}}));
    ASSERT_TRUE(registrar.remove(NameKind::group, "GID_two"));
    EXPECT_EQ(Registrar({}, {"GID_three"}, {}, file, clock).groups(), (Registrar::Since{{"GID_three", now()}}));
}

// A folder that takes no file is no reason not to start.
TEST(Registrar, KeepsTheTimesInMemoryWhenTheDiskDoesNotTakeThem) {
    testing::TempDir folder;
    const testing::ManualClock clock;
    Registrar registrar({}, {"GID_one"}, {}, folder / "missing/names.json", clock);
    registrar.reload({"GID_one", "GID_two"}, {});
    EXPECT_EQ(registrar.groups().size(), 2U);
}

TEST(Registrar, ReloadsConfiguredNamesAndKeepsTheOldOnesWhenTheNewAreBad) {
    testing::TempDir folder;
    const testing::ManualClock clock;
    Registrar registrar({}, {"GID_one"}, {"first"}, folder / "names.json", clock);
    ASSERT_TRUE(registrar.add(NameKind::topic, "added"));
    registrar.reload({"GID_two"}, {"second"});
    EXPECT_EQ(registrar.current()->groups(), std::vector<std::string>{"GID_two"});
    EXPECT_EQ(registrar.current()->parents(), (std::vector<std::string>{"added", "second"}));
    EXPECT_FALSE(registrar.remove(NameKind::group, "GID_two"));  // configured now
    EXPECT_THROW(registrar.reload({"nope"}, {}), std::runtime_error);
    EXPECT_EQ(registrar.current()->groups(), std::vector<std::string>{"GID_two"});
}

}  // namespace
}  // namespace esl::broker
