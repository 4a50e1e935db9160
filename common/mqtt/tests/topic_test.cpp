#include "common/mqtt/topic.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "common/mqtt/topic_filter.hpp"
#include "common/mqtt/utf8.hpp"

namespace esl::mqtt {
namespace {

using namespace std::string_literals;

TEST(Utf8, TakesEveryGoodCodePointAndNoOther) {
    const auto encode = [](std::uint32_t c) {
        std::string out;
        const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
        if (c < 0x80) {
            put(c);
        } else if (c < 0x800) {
            put(0xC0 | c >> 6), put(0x80 | (c & 0x3F));
        } else if (c < 0x10000) {
            put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
        } else {
            put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 0x3F)), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
        }
        return out;
    };
    for (std::uint32_t c = 0; c < 0x110400; ++c) {
        const bool good = c != 0 && (c < 0xD800 || c > 0xDFFF) && c < 0x110000;
        ASSERT_EQ(is_utf8(encode(c)), good) << std::hex << c;
    }
}

TEST(Utf8, SaysWhereTheFirstBadByteStands) {
    const std::pair<std::string, std::size_t> rows[] = {
        {"\x80"s, 0},
        {"abc\xC3"s, 3},       // cut off
        {"12345678\x00"s, 8},  // behind eight plain ones
        {"1234\x00"
         "5678"s,
         4},                       // inside eight
        {"12345678\xC0\x80"s, 8},  // overlong zero
        {"\xC1\xBF"s, 0},          // overlong
        {"\xE0\x9F\xBF"s, 0},      // overlong
        {"\xF0\x8F\xBF\xBF"s, 0},  // overlong
        {"a\xED\xA0\x80"s, 1},     // U+D800
        {"a\xED\xBF\xBF"s, 1},     // U+DFFF
        {"\xF4\x90\x80\x80"s, 0},  // U+110000
        {"\xF5\x80\x80\x80"s, 0},
        {"\xE2\x82"s, 0},
        {"\xE2\x28\xA1"s, 0},
    };
    for (const auto& [text, at] : rows) EXPECT_EQ(find_bad_utf8(text), at) << text;
    EXPECT_EQ(find_bad_utf8(""), std::nullopt);
    EXPECT_EQ(find_bad_utf8("\xE4\xBB\xB7\xE6\xA0\xBC 9,99 \xE2\x82\xAC"), std::nullopt);
    EXPECT_EQ(find_bad_utf8("\xEF\xBB\xBFx"),
              std::nullopt);  // [MQTT-1.5.4-3]: a byte order mark is an ordinary character
}

TEST(Topic, NamesHaveNoWildcardsAndAreNotEmpty) {
    for (const auto* good : {"a", "/", "//", "a/b", "a b", "$SYS/x", "\xE4\xBB\xB7"}) {
        EXPECT_TRUE(is_topic_name(good)) << good;
    }
    for (const auto& bad : {""s, "a/+"s, "#"s, "a+"s, "a\0b"s, "\xFF"s, std::string(65'536, 'a')}) {
        EXPECT_FALSE(is_topic_name(bad)) << bad.substr(0, 20);
    }
    EXPECT_TRUE(is_topic_name(std::string(65'535, 'a')));
}

TEST(Topic, LevelsAreWhatLiesBetweenSlashes) {
    EXPECT_EQ(level_count("a"), 1U);
    EXPECT_EQ(level_count("/"), 2U);
    EXPECT_EQ(level_count("a/b/c"), 3U);
    EXPECT_EQ(level_count(std::string(65'535, '/')), 65'536U);
    std::vector<std::string> seen;
    Levels levels("/a//b/");
    for (std::string_view level; levels.next(level);) seen.emplace_back(level);
    EXPECT_EQ(seen, (std::vector<std::string>{"", "a", "", "b", ""}));
}

TEST(TopicFilter, WildcardsStandAloneInTheirLevel) {
    for (const auto* good : {"a", "#", "+", "/", "+/+", "/+", "a/+/b", "a/#", "+/#", "$SYS/#", "+/tennis/#", "/#"}) {
        EXPECT_TRUE(is_topic_filter(good)) << good;
        EXPECT_TRUE(is_subscription_filter_of_good_utf8(good)) << good;
    }
    for (const auto& bad : {""s, "a#"s, "a/#/b"s, "#/"s, "##"s, "a+"s, "+a"s, "a/b+/c"s, "a/+#"s, "/a/++"s, "a\0"s}) {
        EXPECT_FALSE(is_topic_filter(bad)) << bad;
    }
}

TEST(TopicFilter, SharedOnesHaveAGroupAndAFilter) {
    const auto shared = split_shared("$share/group/a/+/#").value();
    EXPECT_EQ(shared.group, "group");
    EXPECT_EQ(shared.filter, "a/+/#");
    EXPECT_EQ(split_shared("$share/g//").value().filter, "/");
    for (const auto* bad :
         {"$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/g#/a", "$share/g/a#"}) {
        EXPECT_FALSE(split_shared(bad)) << bad;
        EXPECT_FALSE(is_subscription_filter_of_good_utf8(bad)) << bad;
    }
    EXPECT_FALSE(split_shared("a/b"));
    EXPECT_FALSE(split_shared("$shared/g/a"));
    EXPECT_TRUE(is_subscription_filter_of_good_utf8("$shared/g/a"));
    EXPECT_TRUE(is_subscription_filter_of_good_utf8("$share"));
}

struct Match {
    const char* filter;
    const char* topic;
    bool matches;
};

TEST(TopicFilter, MatchesAsTheStandardSays) {
    const Match rows[] = {
        {"sport/tennis/player1/#", "sport/tennis/player1", true},  // examples of section 4.7.1
        {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
        {"sport/tennis/player1/#", "sport/tennis/player10", false},
        {"sport/#", "sport", true},
        {"#", "a", true},
        {"#", "/", true},
        {"sport/tennis/+", "sport/tennis/player1", true},
        {"sport/tennis/+", "sport/tennis/player1/ranking", false},
        {"sport/+", "sport", false},
        {"sport/+", "sport/", true},
        {"+/+", "/finance", true},
        {"/+", "/finance", true},
        {"+", "/finance", false},
        {"+", "", true},
        {"a/b", "a/b", true},
        {"a/b", "a/B", false},
        {"a/b", "a/b/", false},
        {"a/b/", "a/b", false},
        {"a", "ab", false},
        {"ab", "a", false},
        {"+/b/+/d", "a/b/c/d", true},
        {"+/b/+/d", "a/b/c/e", false},
        {"#", "$SYS/x", false},  // section 4.7.2
        {"+/x", "$SYS/x", false},
        {"+/#", "$SYS/x", false},
        {"$SYS/#", "$SYS/x", true},
        {"$SYS/+", "$SYS/x", true},
        {"$SYS/#", "$SYS", true},
        {"a/+", "a/$x", true},
    };
    for (const auto& row : rows)
        EXPECT_EQ(matches(row.filter, row.topic), row.matches) << row.filter << " " << row.topic;
}

// Splits first and recurses: slow, and easy to see to be right.
bool naive(const std::vector<std::string>& filter, const std::vector<std::string>& topic, std::size_t i = 0) {
    if (i < filter.size() && filter[i] == "#") return i > 0 || !topic[0].starts_with('$');
    if (i >= filter.size() || i >= topic.size()) return i >= filter.size() && i >= topic.size();
    if (filter[i] == "+") return (i > 0 || !topic[0].starts_with('$')) && naive(filter, topic, i + 1);
    return filter[i] == topic[i] && naive(filter, topic, i + 1);
}

std::string join(const std::vector<std::string>& levels) {
    std::string out;
    for (std::size_t i = 0; i < levels.size(); ++i) out += (i > 0 ? "/" : "") + levels[i];
    return out;
}

TEST(TopicFilter, MatchesAsANaiveMatcherDoes) {
    constexpr unsigned kSeed = 20'261;
    SCOPED_TRACE(kSeed);
    std::mt19937 random(kSeed);
    const char* words[] = {"a", "b", "", "$x", "+", "#"};
    int matched = 0;
    for (int round = 0; round < 50'000; ++round) {
        std::vector<std::string> filter(1 + random() % 4);
        std::vector<std::string> topic(1 + random() % 4);
        for (auto& level : topic) level = words[random() % 4];
        for (std::size_t i = 0; i < filter.size(); ++i) filter[i] = words[random() % (i + 1 == filter.size() ? 6 : 5)];
        const bool expected = naive(filter, topic);
        ASSERT_EQ(matches(join(filter), join(topic)), expected) << join(filter) << " " << join(topic);
        matched += expected ? 1 : 0;
    }
    EXPECT_GT(matched, 1'000);
}

// Every topic of up to four levels over a few words, `$x` among them, decides what covers and what overlaps. A filter
// has three levels at most, so four are enough to tell any two apart.
TEST(TopicFilter, CoversAndOverlapsAsTheTopicsThatTheyMatchDo) {
    const std::vector<std::string> words{"a", "b", "", "$x"};
    std::vector<std::string> topics;
    for (const auto& w : words) {
        if (!w.empty()) topics.push_back(w);
    }
    for (std::size_t from = 0, level = 1; level < 4; ++level) {
        const auto to = topics.size();
        if (level == 1) topics.push_back("");  // only to build on
        for (std::size_t i = from; i < (level == 1 ? to + 1 : to); ++i) {
            for (const auto& w : words) topics.push_back(topics[i] + "/" + w);
        }
        from = to;
    }
    std::erase(topics, "");
    constexpr unsigned kSeed = 20'262;
    SCOPED_TRACE(kSeed);
    std::mt19937 random(kSeed);
    const char* levels[] = {"a", "+", "b", "$x", "#"};
    const auto filter = [&] {
        std::vector<std::string> out(1 + random() % 3);
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = levels[random() % (i + 1 == out.size() ? 5 : 4)];
        return join(out);
    };
    int covered = 0;
    int overlapping = 0;
    for (int round = 0; round < 4'000; ++round) {
        const auto a = filter();
        const auto b = filter();
        bool all = true;
        bool some = false;
        for (const auto& topic : topics) {
            const bool in_a = matches(a, topic);
            const bool in_b = matches(b, topic);
            all = all && (in_a || !in_b);
            some = some || (in_a && in_b);
        }
        ASSERT_EQ(covers(a, b), all) << a << " " << b;
        ASSERT_EQ(overlap(a, b), some) << a << " " << b;
        covered += all ? 1 : 0;
        overlapping += some ? 1 : 0;
    }
    EXPECT_GT(covered, 200);
    EXPECT_GT(overlapping, 200);
}

TEST(TopicFilter, MatchesManyLevelsWithoutRecursion) {
    const std::string slashes(65'535, '/');
    std::string pluses;
    for (int i = 0; i < 32'767; ++i) pluses += "+/";
    EXPECT_TRUE(matches(slashes, slashes));
    EXPECT_FALSE(matches(pluses, slashes));
    EXPECT_TRUE(matches(pluses + "#", slashes));
}

}  // namespace
}  // namespace esl::mqtt
