// The AP's Bluetooth radio beside an org.bluez that says nonsense on a real private bus. One good tag of the simulator
// hangs on the same bus name and has to be served all the while.
#include <gtest/gtest.h>
#include <sdbus-c++/sdbus-c++.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <fstream>

#include "ap-agent/adapters/bluez/bluez_radio.hpp"
#include "common/tagwire/gicisky/advert.hpp"
#include "common/tagwire/gicisky/message.hpp"
#include "common/tagwire/gicisky/model.hpp"
#include "tag-sim/adapters/asio_scheduler.hpp"
#include "tag-sim/adapters/bluez/adapter.hpp"
#include "tag-sim/adapters/bluez/bus_loop.hpp"
#include "tag-sim/adapters/bluez/device.hpp"
#include "tag-sim/core/shelf.hpp"
#include "tag-sim/tests/private_bus.hpp"

namespace esl {
namespace {

using namespace std::chrono_literals;
using Variants = std::map<std::string, sdbus::Variant>;
using Interfaces = std::map<std::string, Variants>;

constexpr const char* kDevice = "org.bluez.Device1";
constexpr const char* kCharacteristic = "org.bluez.GattCharacteristic1";
constexpr const char* kProperties = "org.freedesktop.DBus.Properties";
constexpr const char* kObjectManager = "org.freedesktop.DBus.ObjectManager";
constexpr const char* kAdapterPath = "/org/bluez/hci0";
constexpr std::uint64_t kGood = 0xFFFF'9210'0001;

std::size_t resident_bytes() {
    std::size_t size = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> size >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// org.bluez put together from the simulator's parts, with a door for messages that it would never send.
class HostileBluez {
public:
    HostileBluez(boost::asio::io_context& io, const std::string& bus, sim::Shelf& shelf)
        : bus_(sdbus::createSessionBusConnectionWithAddress(bus)),
          radio_{.connection = *bus_, .adapter_path = kAdapterPath, .heard = {}} {
        bus_->addObjectManager("/", sdbus::floating_slot);
        radio_.advert_period = 100ms;
        adapter_ = std::make_unique<sim::bluez::Adapter>(
            *bus_, kAdapterPath, "00:1A:7D:DA:71:13",
            sim::bluez::Adapter::Callbacks{[](const std::string&) { return false; }, [](bool) {}});
        radio_.heard = [this](std::int16_t rssi, const auto& uuids) { return adapter_->wants(rssi, uuids); };
        const auto& model = *tagwire::gicisky::find_model(0x33);
        auto& tag = shelf.add({TagId::eui48(kGood), tagwire::gicisky::model_name(model.id), model.width, model.height,
                               model.palette, model.refresh, model.battery_max_mv});
        device_ = std::make_unique<sim::bluez::Device>(radio_, tag, model, std::uint16_t{0x8101});
        bus_->requestName("org.bluez");
        loop_ = std::make_unique<sim::bluez::BusLoop>(io, *bus_, [] {});
    }

    [[nodiscard]] const std::string& good_path() const { return device_->path(); }

    // An object whose properties stand in GetManagedObjects.
    template <class T>
    void stand(const std::string& path, const char* interface, const char* property, T value) {
        auto& object = standing_.emplace_back(sdbus::createObject(*bus_, path));
        object->registerProperty(property).onInterface(interface).withGetter([value] { return value; });
        object->finishRegistration();
    }

    // Signals with any arguments.
    template <class... Args>
    void signal(const std::string& path, const char* interface, const char* name, const Args&... args) {
        const auto object = sdbus::createObject(*bus_, path);
        auto message = object->createSignal(interface, name);
        (void)(message << ... << args);
        object->emitSignal(message);
    }
    void changed(const std::string& path, const char* interface, const Variants& properties) {
        signal(path, kProperties, "PropertiesChanged", std::string(interface), properties, std::vector<std::string>{});
    }
    void added(const std::string& path, const Interfaces& interfaces) {
        signal("/", kObjectManager, "InterfacesAdded", sdbus::ObjectPath(path), interfaces);
    }

private:
    std::unique_ptr<sdbus::IConnection> bus_;
    sim::bluez::Radio radio_;
    std::unique_ptr<sim::bluez::Adapter> adapter_;
    std::unique_ptr<sim::bluez::Device> device_;
    std::vector<std::unique_ptr<sdbus::IObject>> standing_;
    std::unique_ptr<sim::bluez::BusLoop> loop_;
};

class HostileBluezTest : public ::testing::Test, public ap::RadioListener {
protected:
    HostileBluezTest() { ::setenv("DBUS_SYSTEM_BUS_ADDRESS", bus_.address().c_str(), 1); }
    ~HostileBluezTest() override {
        if (!radio_) return;
        bool stopped = false;
        radio_->stop([&] { stopped = true; });
        EXPECT_TRUE(until([&] { return stopped; }));
    }
    void on_sighting(ap::TagRadio&, const ap::TagSighting& sighting) override { heard_[sighting.tag] = sighting; }
    void on_radio_state(ap::TagRadio&, ap::RadioState state, const std::string& why) override {
        states_.emplace_back(state, why);
    }
    bool until(const std::function<bool()>& condition) {
        return testing::wait_until(
            [&] {
                io_.restart();
                io_.run_for(2ms);
                return condition();
            },
            60s);
    }
    void start() {
        ap::bluez::BluezOptions options;
        options.max_devices = 50;
        radio_ =
            std::make_unique<ap::bluez::BluezRadio>(boost::asio::any_io_executor(io_.get_executor()), clock_, options);
        radio_->start(*this);
        ASSERT_TRUE(until([&] { return heard_.contains(TagId::eui48(kGood)); }));
    }
    [[nodiscard]] bool was_gone() const {
        return std::ranges::any_of(states_, [](const auto& told) { return told.first == ap::RadioState::gone; });
    }
    // What was said until now has been judged.
    bool counted(std::uint64_t more) {
        const auto wanted = counted_ + more;
        const bool reached = until([&] { return radio_->refused() >= wanted; });
        EXPECT_EQ(radio_->refused(), wanted);
        counted_ = radio_->refused();
        return reached;
    }
    void serve_the_good_tag(unsigned seed) {
        const auto tag = TagId::eui48(kGood);
        const auto& s = heard_.at(tag);
        auto image = std::make_shared<image::TagImage>(s.width, s.height);
        for (unsigned i = 0; i < s.width; ++i) image->set(i, (i * 7 + seed) % s.height, image::Colour::black);
        ap::UpdateRequest request;
        request.tag = tag;
        request.image_id = image->crc();
        request.image = image;
        bool displayed = false;
        std::string why = "no answer";
        radio_->update(std::move(request), [&](const ap::UpdateOutcome& outcome) {
            displayed = outcome.displayed();
            why = displayed ? "" : outcome.failure->detail;
        });
        ASSERT_TRUE(until([&] { return displayed || why != "no answer"; }));
        ASSERT_TRUE(displayed) << why;
        EXPECT_EQ(shelf_.find(tag)->shown_id(), image->crc());
    }

    testing::PrivateBus bus_;
    SystemClock clock_;
    boost::asio::io_context io_;
    sim::AsioScheduler scheduler_{io_};
    sim::FaultPlan plan_{1};
    sim::Shelf shelf_{scheduler_, plan_, sim::Speed{100}};
    HostileBluez bluez_{io_, bus_.address(), shelf_};
    std::unique_ptr<ap::bluez::BluezRadio> radio_;
    std::map<TagId, ap::TagSighting> heard_;
    std::vector<std::pair<ap::RadioState, std::string>> states_;
    std::uint64_t counted_ = 0;
};

std::string path_of(unsigned number) {
    return sim::bluez::device_path(kAdapterPath, TagId::eui48(0xAAAA'0000'0000 + number));
}
std::string address_of(unsigned number) {
    return sim::bluez::colon_address(TagId::eui48(0xAAAA'0000'0000 + number));
}
Variants good_device(unsigned number) {
    const auto advert = tagwire::gicisky::encode_advert({.model = 0x33, .battery_decivolts = 29, .firmware = 0x8101});
    return {{"Address", address_of(number)},
            {"RSSI", std::int16_t{-70}},
            {"ManufacturerData", std::map<std::uint16_t, sdbus::Variant>{{0x5053, sdbus::Variant(advert)}}}};
}

TEST_F(HostileBluezTest, PropertiesOfOtherTypesAreDroppedAndCountedOneByOne) {
    start();
    const Variants wrong{{"Address", std::uint32_t{7}},
                         {"RSSI", std::string("loud")},
                         {"Connected", std::vector<std::string>{"yes"}},
                         {"ServicesResolved", std::uint8_t{1}},
                         {"ManufacturerData", std::map<std::string, std::string>{{"a", "b"}}}};
    bluez_.changed(bluez_.good_path(), kDevice, wrong);
    ASSERT_TRUE(counted(5));
    bluez_.changed(bluez_.good_path(), kDevice,
                   {{"ManufacturerData", std::map<std::uint16_t, sdbus::Variant>{{0x5053, std::string("text")}}}});
    ASSERT_TRUE(counted(1));
    bluez_.changed(kAdapterPath, "org.bluez.Adapter1", {{"Powered", std::string("no")}, {"Discovering", 0.5}});
    ASSERT_TRUE(counted(2));
    bluez_.changed(bluez_.good_path() + "/service0010/char0011", kCharacteristic,
                   {{"Value", std::string("text")}, {"UUID", std::int64_t{1}}});
    ASSERT_TRUE(counted(2));
    serve_the_good_tag(1);
    EXPECT_FALSE(was_gone());
}

TEST_F(HostileBluezTest, ValuesThatCannotBeAreDroppedAndCounted) {
    start();
    bluez_.changed(bluez_.good_path(), kDevice, {{"RSSI", std::int16_t{-32'768}}});
    bluez_.changed(bluez_.good_path(), kDevice, {{"Address", std::string("nobody")}});
    bluez_.changed(bluez_.good_path(), kDevice,
                   {{"ManufacturerData", std::map<std::uint16_t, sdbus::Variant>{{0x5053, Bytes(2'000'000)}}}});
    bluez_.changed(bluez_.good_path() + "/service0010/char0011", kCharacteristic,
                   {{"Value", Bytes(4'000'000)}, {"UUID", std::string(1'000, 'f')}});
    ASSERT_TRUE(counted(5));
    // Another's tag under a path of one's own.
    auto thief = good_device(1);
    thief["Address"] = sim::bluez::colon_address(TagId::eui48(kGood));
    bluez_.added(path_of(1), {{kDevice, thief}});
    ASSERT_TRUE(counted(1));
    serve_the_good_tag(2);
}

TEST_F(HostileBluezTest, SignalsOfOtherArgumentsAndObjectsThatLackThingsAreDropped) {
    start();
    bluez_.signal(bluez_.good_path(), kProperties, "PropertiesChanged");
    bluez_.signal(bluez_.good_path(), kProperties, "PropertiesChanged", std::uint32_t{1});
    bluez_.signal(bluez_.good_path(), kProperties, "PropertiesChanged", std::string(kDevice), std::string("x"));
    bluez_.signal("/", kObjectManager, "InterfacesAdded", std::string("not a path"));
    bluez_.signal("/", kObjectManager, "InterfacesRemoved", sdbus::ObjectPath(path_of(1)), std::uint64_t{1});
    ASSERT_TRUE(counted(5));
    // Objects that lack what all have: nothing of them is kept.
    bluez_.added(path_of(1), {{kDevice, {{"RSSI", std::int16_t{-50}}}}});
    bluez_.added(path_of(1) + "/service0001/char0001", {{kCharacteristic, {{"Flags", std::string("none")}}}});
    bluez_.added(path_of(1) + "/service0001", {});
    bluez_.added("/elsewhere", {{kDevice, good_device(2)}});
    bluez_.added("/org/bluez/hci0/" + std::string(5'000, 'x'), {{kDevice, good_device(2)}});
    ASSERT_TRUE(counted(1));
    EXPECT_EQ(heard_.size(), 1u);
    serve_the_good_tag(3);
}

TEST_F(HostileBluezTest, NonsenseInTheObjectTreeDoesNotHideTheGoodTag) {
    bluez_.stand(path_of(1), kDevice, "Address", std::uint64_t{1});
    bluez_.stand(path_of(2), kDevice, "RSSI", std::string("no address here"));
    bluez_.stand(path_of(3) + "/service0001/char0001", kCharacteristic, "Value", Bytes{1, 2});
    start();
    ASSERT_TRUE(counted(2));
    serve_the_good_tag(4);
}

// Each stays bounded, whatever is said: tags kept, characteristics kept, lines logged, memory.
TEST_F(HostileBluezTest, AnEndlessStreamOfNonsenseNeitherStopsNorSwellsTheAgent) {
    start();
    unsigned said = 0;
    const auto say = [&](unsigned count) {
        for (unsigned i = 0; i < count; ++i, ++said) {
            bluez_.added(path_of(said), {{kDevice, good_device(said)}});
            bluez_.added(path_of(said) + "/service0001/char0001",
                         {{kCharacteristic, {{"UUID", std::string(tagwire::gicisky::kCommandUuid)}}}});
            bluez_.changed(bluez_.good_path(), kDevice,
                           {{"RSSI", std::string(10'000, 'x')}, {"Name", std::string(10'000, 'y')}});
            io_.restart();
            io_.poll();
        }
    };
    say(2'000);
    // Of n devices 49 find room beside the good tag, of n characteristics 200; no strength is ever one.
    const auto dropped_of = [](std::uint64_t n) { return (n - 49) + (n - 200) + n; };
    ASSERT_TRUE(counted(dropped_of(2'000)));
    [[maybe_unused]] const auto before = resident_bytes();
    for (unsigned round = 0; round < 4; ++round) {
        say(1'000);
        serve_the_good_tag(round);
    }
    ASSERT_TRUE(counted(dropped_of(6'000) - dropped_of(2'000)));
    EXPECT_EQ(radio_->tags_heard(), 50u);
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
    EXPECT_LT(resident_bytes(), before + 32'000'000);  // sanitizers keep what was freed
#endif
    EXPECT_FALSE(was_gone());
}

}  // namespace
}  // namespace esl
