// The table of known tags against what a bus that is not BlueZ's might claim.
#include "ap-agent/adapters/bluez/device_table.hpp"

#include <gtest/gtest.h>

#include "common/tagwire/gicisky/message.hpp"
#include "common/testing/testing.hpp"

namespace esl::ap::bluez {
namespace {

const std::string kAdapterPath = "/org/bluez/hci0";

struct DeviceTableTest : ::testing::Test {
    esl::testing::ManualClock clock;
    Misfits misfits{clock};
    DeviceTable table{clock, kAdapterPath, 3, misfits};

    // A 2.9" tag's advertisement: model 0x0033, 3.0 V (docs/formats/gicisky.md).
    static Properties advert(const std::string& address) {
        Properties p;
        p.address = address;
        p.gicisky = tagwire::gicisky::encode_advert({.model = 0x0033, .battery_decivolts = 30, .firmware = 0x0105});
        p.rssi = -60;
        return p;
    }
    static std::string path(unsigned n) { return kAdapterPath + "/dev_" + std::to_string(n); }
    static std::string address(unsigned n) { return "FF:FF:92:10:00:0" + std::to_string(n); }
};

TEST_F(DeviceTableTest, CountsAnAdvertisementThatIsNotOneAndKeepsNoDeviceOfIt) {
    auto odd = advert(address(1));
    odd.gicisky = Bytes{0x0B};
    EXPECT_EQ(table.changed(path(1), odd, false).device, nullptr);
    EXPECT_EQ(misfits.count(), 1U);
    EXPECT_EQ(table.at(path(1)), nullptr);
}

TEST_F(DeviceTableTest, ADamagedAdvertisementOfAKnownTagChangesNothing) {
    ASSERT_NE(table.changed(path(1), advert(address(1)), false).device, nullptr);
    const auto before = table.at(path(1))->advert;
    Properties odd;
    odd.gicisky = Bytes(300, 0xFF);
    EXPECT_FALSE(table.changed(path(1), odd, false).advert);
    EXPECT_EQ(table.at(path(1))->advert, before);
    EXPECT_EQ(misfits.count(), 1U);
}

TEST_F(DeviceTableTest, TakesNoDeviceWithoutAddressOfAnotherAdapterOrBeyondItsBound) {
    auto nameless = advert(address(1));
    nameless.address.reset();
    EXPECT_EQ(table.changed(path(1), nameless, false).device, nullptr);
    EXPECT_EQ(table.changed("/org/bluez/hci1/dev_1", advert(address(1)), false).device, nullptr);
    EXPECT_EQ(table.changed("/org/bluez/hci0", advert(address(1)), false).device, nullptr);
    for (unsigned n = 1; n <= 3; ++n) EXPECT_NE(table.changed(path(n), advert(address(n)), false).device, nullptr);
    EXPECT_EQ(table.changed(path(4), advert(address(4)), false).device, nullptr);
}

TEST_F(DeviceTableTest, AnObjectCannotTakeAnotherObjectsTag) {
    ASSERT_NE(table.changed(path(1), advert(address(1)), false).device, nullptr);
    EXPECT_EQ(table.changed(path(2), advert(address(1)), false).device, nullptr);
    EXPECT_NE(table.at(path(1)), nullptr);
    EXPECT_EQ(misfits.count(), 1U);
    table.removed(ObjectKind::device, path(1));  // gone from the bus: another object may be it now
    EXPECT_NE(table.changed(path(2), advert(address(1)), false).device, nullptr);
}

TEST_F(DeviceTableTest, KeepsTheCharacteristicsOfTagsOnlyAndFewOfEach) {
    Properties p;
    p.uuid = "00002a00-0000-1000-8000-00805f9b34fb";
    table.characteristic(path(1) + "/service0001/char0001", p);
    EXPECT_FALSE(table.characteristic(path(1), *p.uuid).has_value());
    p.uuid = tagwire::gicisky::kCommandUuid;
    for (int i = 0; i < 10; ++i) table.characteristic(path(1) + "/service0001/char" + std::to_string(i), p);
    EXPECT_TRUE(table.characteristic(path(1), tagwire::gicisky::kCommandUuid).has_value());
    EXPECT_EQ(misfits.count(), 10 - DeviceTable::kMostCharacteristics);
}

TEST_F(DeviceTableTest, CharacteristicsOfATagPushOutThoseOfStrangers) {
    ASSERT_NE(table.changed(path(1), advert(address(1)), false).device, nullptr);
    Properties p;
    p.uuid = tagwire::gicisky::kDataUuid;
    for (unsigned i = 100; i < 120; ++i) table.characteristic(path(i) + "/service0001/char0001", p);
    EXPECT_EQ(misfits.count(), 8U);  // three tags, four each
    table.characteristic(path(1) + "/service0001/char0001", p);
    EXPECT_TRUE(table.characteristic(path(1), tagwire::gicisky::kDataUuid).has_value());
    EXPECT_EQ(misfits.count(), 8U);
}

TEST(Misfits, LogsOneLineAMinuteOfEachKindAndCountsAll) {
    esl::testing::ManualClock clock;
    Misfits misfits(clock);
    for (int i = 0; i < 10'000; ++i) misfits.report("/a", "org.bluez.Device1", "RSSI", "got " + std::to_string(i));
    EXPECT_EQ(misfits.count(), 10'000U);
}

}  // namespace
}  // namespace esl::ap::bluez
