// The simulated org.bluez as a client on the bus sees it.
#include <gtest/gtest.h>
#include <sdbus-c++/sdbus-c++.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <mutex>
#include <thread>

#include "common/tagwire/gicisky.hpp"
#include "tag-sim/adapters/asio_scheduler.hpp"
#include "tag-sim/adapters/bluez/service.hpp"
#include "tag-sim/tests/private_bus.hpp"

namespace esl::sim::bluez {
namespace {

using namespace tagwire::gicisky;
using testing::wait_until;

constexpr double kSpeed = 200;
const std::string kTagPath = "/org/bluez/hci0/dev_FF_FF_92_10_00_01";
using Properties = std::map<std::string, sdbus::Variant>;
using Objects = std::map<sdbus::ObjectPath, std::map<std::string, Properties>>;

class BluezServiceTest : public ::testing::Test {
protected:
    void start(unsigned tags, const Rates& rates = {}, unsigned max_links = 7) {
        plan_.set_all(rates);
        shelf_ = std::make_unique<Shelf>(scheduler_, plan_, Speed{kSpeed});
        BluezOptions options;
        options.bus = bus_.address();
        options.tags = tags;
        options.models = {0x0033};
        options.max_links = max_links;
        service_ = std::make_unique<BluezService>(io_, options, *shelf_, [] {});
        thread_ = std::thread([this] { io_.run(); });
        client_ = sdbus::createSessionBusConnectionWithAddress(bus_.address());
        client_->enterEventLoopAsync();
    }
    void TearDown() override {
        io_.stop();
        if (thread_.joinable()) thread_.join();
        if (client_) client_->leaveEventLoop();
    }

    std::unique_ptr<sdbus::IProxy> proxy(const std::string& path) {
        return sdbus::createProxy(*client_, "org.bluez", path);
    }
    Objects objects() {
        Objects out;
        proxy("/")
            ->callMethod("GetManagedObjects")
            .onInterface("org.freedesktop.DBus.ObjectManager")
            .storeResultsTo(out);
        return out;
    }
    void discover() { proxy("/org/bluez/hci0")->callMethod("StartDiscovery").onInterface("org.bluez.Adapter1"); }
    bool heard(const std::string& path = kTagPath) {
        return wait_until([&] { return objects().contains(sdbus::ObjectPath{path}); });
    }
    template <class T>
    T property(const std::string& path, const std::string& interface, const std::string& name) {
        return proxy(path)->getProperty(name).onInterface(interface).get<T>();
    }
    bool connected() { return property<bool>(kTagPath, "org.bluez.Device1", "Connected"); }
    void connect() {
        proxy(kTagPath)->callMethod("Connect").onInterface("org.bluez.Device1");
        ASSERT_TRUE(wait_until([&] { return property<bool>(kTagPath, "org.bluez.Device1", "ServicesResolved"); }));
    }
    void write(const std::string& characteristic, const Bytes& value, const std::string& type) {
        const Properties options{{"type", sdbus::Variant{type}}};
        proxy(kTagPath + "/service0010/" + characteristic)
            ->callMethod("WriteValue")
            .onInterface("org.bluez.GattCharacteristic1")
            .withArguments(value, options);
    }
    // On the shelf's own thread.
    template <class F>
    auto ask(F question) {
        std::promise<decltype(question(std::declval<VirtualTag&>()))> answer;
        boost::asio::post(io_, [&] { answer.set_value(question(*shelf_->tags().front())); });
        return answer.get_future().get();
    }
    std::string error_of(const std::function<void()>& call) {
        try {
            call();
        } catch (const sdbus::Error& error) {
            return error.getName() + ": " + error.getMessage();
        }
        return "";
    }

    testing::PrivateBus bus_;
    FaultPlan plan_{7};
    boost::asio::io_context io_{1};
    AsioScheduler scheduler_{io_};
    std::unique_ptr<Shelf> shelf_;
    std::unique_ptr<BluezService> service_;
    std::unique_ptr<sdbus::IConnection> client_;
    std::thread thread_;
};

TEST_F(BluezServiceTest, ATagAppearsWithItsAdvertisementOnceDiscoveryRuns) {
    start(3);
    EXPECT_FALSE(objects().contains(sdbus::ObjectPath{kTagPath}));
    discover();
    ASSERT_TRUE(heard());
    const auto data =
        property<std::map<std::uint16_t, sdbus::Variant>>(kTagPath, "org.bluez.Device1", "ManufacturerData");
    const auto advert = decode_advert(data.at(kManufacturerId).get<Bytes>());
    ASSERT_TRUE(advert);
    EXPECT_EQ(advert->model, 0x0033);
    EXPECT_FALSE(connected());
    EXPECT_EQ(error_of([&] { discover(); }), "org.bluez.Error.InProgress: Operation already in progress");
}

TEST_F(BluezServiceTest, ATagThatGotAnImageDropsTheLinkAndIsHeardAgainOnlyWhenItShowsIt) {
    start(1);
    discover();
    ASSERT_TRUE(heard());
    connect();
    std::mutex lock;
    std::vector<Bytes> notes;
    auto command = proxy(kTagPath + "/service0010/char0011");
    std::uint32_t adverts_after_drop_with_old_image = 0;
    std::atomic<bool> dropped = false, reappeared = false;
    command->uponSignal("PropertiesChanged")
        .onInterface("org.freedesktop.DBus.Properties")
        .call([&](const std::string&, const Properties& changed, const std::vector<std::string>&) {
            const std::lock_guard guard{lock};
            if (const auto value = changed.find("Value"); value != changed.end())
                notes.push_back(value->second.get<Bytes>());
        });
    command->finishRegistration();
    command->callMethod("StartNotify").onInterface("org.bluez.GattCharacteristic1");

    image::TagImage image{296, 128};
    image.set(10, 20, image::Colour::red);
    const auto& model = *find_model(0x0033);
    const auto bytes = encode_image(model, model.coding, image).value();
    const auto next_note = [&](std::size_t n) {
        EXPECT_TRUE(wait_until([&] {
            const std::lock_guard guard{lock};
            return notes.size() > n;
        })) << "note "
            << n;
        const std::lock_guard guard{lock};
        return n < notes.size() ? notes[n] : Bytes{};
    };
    auto device = proxy(kTagPath);
    device->uponSignal("PropertiesChanged")
        .onInterface("org.freedesktop.DBus.Properties")
        .call([&](const std::string&, const Properties& changed, const std::vector<std::string>&) {
            if (const auto c = changed.find("Connected"); c != changed.end() && !c->second.get<bool>()) dropped = true;
            if (!dropped || !changed.contains("ManufacturerData")) return;
            if (ask([](VirtualTag& tag) { return tag.shown_id(); }) != image.crc()) ++adverts_after_drop_with_old_image;
            reappeared = true;
        });
    device->finishRegistration();

    write("char0011", encode(Command{AskBlockSize{}}), "request");
    EXPECT_EQ(to_hex(next_note(0)), "01F400");
    write("char0011", encode(Command{Announce{static_cast<std::uint32_t>(bytes.size()), false}}), "request");
    EXPECT_EQ(next_note(1).at(0), 0x02);
    write("char0011", encode(Command{Begin{}}), "request");
    std::size_t n = 2;
    for (;; ++n) {
        const auto note = decode_notice(next_note(n));
        ASSERT_TRUE(note);
        if (std::holds_alternative<AllReceived>(*note)) break;
        ASSERT_TRUE(std::holds_alternative<PartWanted>(*note));
        EXPECT_EQ(ask([](VirtualTag& tag) { return tag.shown_id(); }), 0U);
        write("char0014", encode_part(bytes, std::get<PartWanted>(*note).part), "command");
    }
    EXPECT_EQ(n, 2U + part_count(bytes.size()));
    ASSERT_TRUE(wait_until([&] { return dropped.load(); }));
    ASSERT_TRUE(wait_until([&] { return reappeared.load(); }));
    EXPECT_EQ(adverts_after_drop_with_old_image, 0U);
    EXPECT_TRUE(ask([&](VirtualTag& tag) { return tag.shown() == image; }));
}

TEST_F(BluezServiceTest, ErrorsCarryBlueZsNames) {
    start(2, {}, 1);
    discover();
    ASSERT_TRUE(heard());
    ASSERT_TRUE(heard("/org/bluez/hci0/dev_FF_FF_92_10_00_02"));
    EXPECT_EQ(error_of([&] { proxy(kTagPath)->callMethod("Disconnect").onInterface("org.bluez.Device1"); }),
              "org.bluez.Error.NotConnected: Not Connected");
    connect();
    EXPECT_EQ(
        error_of([&] {
            proxy("/org/bluez/hci0/dev_FF_FF_92_10_00_02")->callMethod("Connect").onInterface("org.bluez.Device1");
        }),
        "org.bluez.Error.Failed: le-connection-concurrent-connection-limit");
    EXPECT_EQ(error_of([&] { write("char0014", Bytes(245), "command"); }),
              "org.bluez.Error.InvalidValueLength: Invalid value length");
    EXPECT_EQ(error_of([&] { write("char0014", Bytes(4), "request"); }),
              "org.bluez.Error.NotSupported: Operation is not supported");
    EXPECT_EQ(error_of([&] {
                  const Properties filter{{"Transport", sdbus::Variant{std::uint32_t{1}}}};
                  proxy("/org/bluez/hci0")
                      ->callMethod("SetDiscoveryFilter")
                      .onInterface("org.bluez.Adapter1")
                      .withArguments(filter);
              }),
              "org.bluez.Error.InvalidArguments: Invalid arguments in method call");
    proxy(kTagPath)->callMethod("Disconnect").onInterface("org.bluez.Device1");
    EXPECT_FALSE(connected());
    EXPECT_EQ(error_of([&] { write("char0011", Bytes{1}, "request"); }), "org.bluez.Error.Failed: Not connected");
}

TEST_F(BluezServiceTest, ATagWhosePowerGoesLosesItsLinkAndComesBackWithThePower) {
    start(1);
    discover();
    ASSERT_TRUE(heard());
    connect();
    boost::asio::post(io_, [this] { shelf_->tags().front()->cut_power(); });
    ASSERT_TRUE(wait_until([&] { return !connected(); }));
    EXPECT_EQ(error_of([&] { proxy(kTagPath)->callMethod("Connect").onInterface("org.bluez.Device1"); }),
              "org.bluez.Error.Failed: le-connection-abort-by-local");
    boost::asio::post(io_, [this] { shelf_->tags().front()->restore_power(); });
    connect();
    EXPECT_TRUE(connected());
}

TEST_F(BluezServiceTest, DiscoveryEndsWithTheClientThatAskedForIt) {
    start(1);
    {
        auto other = sdbus::createSessionBusConnectionWithAddress(bus_.address());
        sdbus::createProxy(*other, "org.bluez", "/org/bluez/hci0")
            ->callMethod("StartDiscovery")
            .onInterface("org.bluez.Adapter1");
        ASSERT_TRUE(property<bool>("/org/bluez/hci0", "org.bluez.Adapter1", "Discovering"));
    }
    EXPECT_TRUE(wait_until([&] { return !property<bool>("/org/bluez/hci0", "org.bluez.Adapter1", "Discovering"); }));
}

TEST_F(BluezServiceTest, ARemovedDeviceIsGoneUntilItIsHeardAgain) {
    start(1);
    discover();
    std::atomic<bool> gone = false;
    auto manager = proxy("/");
    manager->uponSignal("InterfacesRemoved")
        .onInterface("org.freedesktop.DBus.ObjectManager")
        .call([&](const sdbus::ObjectPath& path, const std::vector<std::string>&) { gone = gone || path == kTagPath; });
    manager->finishRegistration();
    const auto remove = [&] {
        proxy("/org/bluez/hci0")
            ->callMethod("RemoveDevice")
            .onInterface("org.bluez.Adapter1")
            .withArguments(sdbus::ObjectPath{kTagPath});
    };
    // On a slow machine the tag may be forgotten for its silence between being heard and being removed.
    EXPECT_TRUE(wait_until([&] { return heard() && error_of(remove).empty(); }));
    EXPECT_TRUE(wait_until([&] { return gone.load(); }));
    EXPECT_TRUE(heard());
    EXPECT_EQ(error_of([&] {
                  proxy("/org/bluez/hci0")
                      ->callMethod("RemoveDevice")
                      .onInterface("org.bluez.Adapter1")
                      .withArguments(sdbus::ObjectPath{"/org/bluez/hci0/dev_00"});
              }),
              "org.bluez.Error.DoesNotExist: Does Not Exist");
}

}  // namespace
}  // namespace esl::sim::bluez
