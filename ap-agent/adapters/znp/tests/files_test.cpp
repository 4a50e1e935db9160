#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "ap-agent/adapters/znp/line.hpp"
#include "ap-agent/adapters/znp/network.hpp"
#include "ap-agent/adapters/znp/radio.hpp"
#include "ap-agent/adapters/znp/tag_table.hpp"
#include "common/testing/testing.hpp"

namespace esl::ap::znp {
namespace {

constexpr const char* kNetwork = R"({
  "format": 1,
  "pan": "1A62",
  "ext_pan": "0807060504030201",
  "channel": 20,
  "key": "000102030405060708090A0B0C0D0E0F"
}
)";

TEST(NetworkFile, GoesBothWays) {
    const auto network = network_from_json(kNetwork).value();
    EXPECT_EQ(network.pan, 0x1A62);
    EXPECT_EQ(network.ext_pan, 0x0807060504030201U);
    EXPECT_EQ(network.channel, 20);
    EXPECT_EQ(network.key[15], 15);
    EXPECT_EQ(to_json(network), kNetwork);
    const auto random = random_network(11);
    EXPECT_EQ(network_from_json(to_json(random)).value(), random);
    EXPECT_NE(random, random_network(11));
}

TEST(NetworkFile, NamesTheFieldThatIsWrong) {
    const std::pair<const char*, std::pair<const char*, const char*>> rows[] = {
        {"pan", {"\"1A62\"", "\"1A6\""}},
        {"pan", {"\"1A62\"", "6754"}},
        {"ext_pan", {"04030201\"", "0403020\""}},
        {"key", {"0E0F\"", "0E\""}},
        {"key", {"0E0F\"", "0EXX\""}},
        {"channel", {"channel\": 20", "channel\": 27"}},
        {"channel", {"channel\": 20", "channel\": -20"}},
        {"format", {"\"format\": 1", "\"format\": 2"}},
    };
    for (const auto& [field, change] : rows) {
        std::string text = kNetwork;
        text.replace(text.find(change.first), std::string_view(change.first).size(), change.second);
        const auto read = network_from_json(text);
        ASSERT_FALSE(read) << text;
        EXPECT_EQ(read.error().about(), field);
    }
    EXPECT_FALSE(network_from_json(""));
    EXPECT_FALSE(network_from_json("[]"));
    esl::testing::for_every_truncation(
        as_bytes(std::string_view(kNetwork).substr(0, std::string_view(kNetwork).size() - 2)),
        [](BytesView part) { EXPECT_FALSE(network_from_json(as_text(part))); });
}

TEST(PrivateFile, IsReadableByItsOwnerAloneAndReplacedWhole) {
    const esl::testing::TempDir folder;
    const auto path = folder / "network.json";
    EXPECT_EQ(read_private_file(path), std::nullopt);
    write_private_file(path, "one");
    write_private_file(path, "two");
    EXPECT_EQ(read_private_file(path), "two");
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
    ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
    EXPECT_EQ(read_private_file(path), "two");
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U);  // taken away from the others again
    EXPECT_FALSE(std::filesystem::exists(folder / "network.json.new"));
    EXPECT_THROW(write_private_file(folder / "no/such/folder", "x"), std::system_error);
}

TEST(TagTable, GivesAShortAddressToOneTagOnly) {
    TagTable tags;
    const auto a = TagId::eui64(1);
    const auto b = TagId::eui64(2);
    tags.put(a, 0x10);
    tags.put(b, 0x10);
    EXPECT_EQ(tags.at(0x10), b);
    tags.put(b, 0x20);
    EXPECT_EQ(tags.at(0x10), std::nullopt);
    EXPECT_EQ(tags.at(0x20), b);
    EXPECT_EQ(tags.find(a)->nwk, kNowhere);  // nothing for it may go to another tag
    tags.erase(a);
    EXPECT_EQ(tags.at(0x20), b);
    tags.erase(b);
    EXPECT_EQ(tags.at(0x20), std::nullopt);
}

TEST(TagTable, GoesThroughItsFileAndBack) {
    TagTable tags;
    tags.put(TagId::eui64(0x00124B0001020304), 0x1234)->panel = Panel{.endpoint = 2,
                                                                      .width = 296,
                                                                      .height = 128,
                                                                      .palette = image::Palette::bwr,
                                                                      .slots = 3,
                                                                      .formats = 2,
                                                                      .max_image = 9'472,
                                                                      .model = "SW-290R",
                                                                      .manufacturer = "Shelfwire",
                                                                      .firmware = "1.0"};
    tags.put(TagId::eui64(7), 0xFFFE);
    const auto read = TagTable::from_json(tags.to_json()).value();
    EXPECT_EQ(read.to_json(), tags.to_json());
    EXPECT_EQ(read.at(0x1234), TagId::eui64(0x00124B0001020304));
    EXPECT_EQ(read.find(TagId::eui64(0x00124B0001020304))->panel, tags.find(TagId::eui64(0x00124B0001020304))->panel);
    EXPECT_FALSE(read.find(TagId::eui64(7))->panel);
}

TEST(TagTable, SaysWhichTagOfAFileIsWrong) {
    const auto about = [](const char* text) {
        const auto read = TagTable::from_json(text);
        return read ? std::string("none") : read.error().about();
    };
    EXPECT_EQ(about("{"), "not an object with a list of tags");
    EXPECT_EQ(about(R"({"format":1,"tags":[{"tag":"00124B0001020304","nwk":65536}]})"), "tag 00124B0001020304: nwk");
    EXPECT_EQ(about(R"({"format":1,"tags":[{"tag":"FFFF92103A07","nwk":1}]})"),
              "tag FFFF92103A07: ");  // no ZigBee address
    EXPECT_EQ(about(R"({"format":1,"tags":[{"tag":"00124B0001020304","nwk":1,"panel":{"width":5}}]})"),
              "tag 00124B0001020304: endpoint");
    EXPECT_EQ(about(R"({"format":1,"tags":[]})"), "none");
}

TEST(Port, IsAPathOrTcpHostAndPort) {
    EXPECT_EQ(parse_tcp("tcp://127.0.0.1:6638")->host, "127.0.0.1");
    EXPECT_EQ(parse_tcp("tcp://[::1]:6638")->host, "::1");
    EXPECT_EQ(parse_tcp("tcp://stick.local:1")->port, "1");
    for (const auto* bad :
         {"tcp://", "tcp://host", "tcp://:1", "tcp://host:", "tcp://host:x", "tcp://host:65536", "udp://host:1"}) {
        EXPECT_FALSE(parse_tcp(bad)) << bad;
    }
    EXPECT_TRUE(check({.port = "/dev/ttyUSB0", .data_dir = {}}));
    EXPECT_FALSE(check({.port = "ttyUSB0", .data_dir = {}}));
    EXPECT_FALSE(check({.port = "/dev/ttyUSB0", .data_dir = {}, .channel = 27}));
    EXPECT_FALSE(check({.port = "tcp://x", .data_dir = {}}));
}

}  // namespace
}  // namespace esl::ap::znp
