#include "broker/app/registrar.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "common/testing/testing.hpp"

namespace esl::broker {
namespace {

TEST(Registrar, NamesFileAndPlaceOfWhatIsWrongInNamesJson) {
    testing::TempDir folder;
    const auto file = folder / "names.json";
    const std::vector<std::pair<std::string, std::string>> cases{
        {R"({"groups": [)", "not JSON from byte"},
        {R"([1])", "must be an object, is array"},
        {R"({"groups": "GID_a"})", "groups: must be an array, is string"},
        {R"({"groups": ["GID_one", 5]})", "groups[1]: must be text, is number"},
        {R"({"topics": [null]})", "topics[0]: must be text, is null"},
        {R"({"topics": ["esl_task", "no/slash"]})", "topics[1]: not a parent topic"},
    };
    for (const auto& [text, complaint] : cases) {
        std::ofstream(file) << text;
        try {
            const Registrar registrar({}, {}, {}, file);
            ADD_FAILURE() << "taken: " << text;
        } catch (const std::runtime_error& error) {
            EXPECT_EQ(std::string(error.what()).find(file.string() + ": " + complaint), 0U) << error.what();
        }
    }
}

TEST(Registrar, ChangesNothingThatItCannotSave) {
    testing::TempDir folder;
    const auto file = folder / "data/names.json";
    std::filesystem::create_directory(folder / "data");
    Registrar registrar({}, {}, {}, file);
    ASSERT_TRUE(registrar.add(NameKind::group, "GID_before"));
    std::filesystem::rename(folder / "data", folder / "away");
    EXPECT_THROW(static_cast<void>(registrar.add(NameKind::group, "GID_failed")), std::system_error);
    EXPECT_THROW(static_cast<void>(registrar.remove(NameKind::group, "GID_before")), std::system_error);
    EXPECT_EQ(registrar.current()->groups(), std::vector<std::string>{"GID_before"});
    std::filesystem::rename(folder / "away", folder / "data");
    ASSERT_TRUE(registrar.add(NameKind::group, "GID_later"));
    // The failed ones must not come along with the next.
    const Registrar next({}, {}, {}, file);
    EXPECT_EQ(next.current()->groups(), (std::vector<std::string>{"GID_before", "GID_later"}));
}

TEST(Registrar, ReloadsConfiguredNamesAndKeepsTheOldOnesWhenTheNewAreBad) {
    testing::TempDir folder;
    Registrar registrar({}, {"GID_one"}, {"first"}, folder / "names.json");
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
