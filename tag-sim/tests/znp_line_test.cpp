// The simulated coordinator over TCP and a pseudo-terminal, the shelf over HTTP, and what a state file brings back.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/http/client.hpp"
#include "common/http/server.hpp"
#include "common/testing/testing.hpp"
#include "tag-sim/adapters/asio_scheduler.hpp"
#include "tag-sim/adapters/http/shelf_api.hpp"
#include "tag-sim/adapters/state_file.hpp"
#include "tag-sim/adapters/znp/service.hpp"

namespace esl::sim {
namespace {

using nlohmann::json;
using testing::wait_until;

const Bytes kPing{0xFE, 0x00, 0x21, 0x01, 0x20};
const Bytes kPingAnswer{0xFE, 0x02, 0x61, 0x01, 0x79, 0x07, 0x1C};

// A simulator in this process: a shelf of two ZigBee tags on a thread of its own.
class Simulator {
public:
    explicit Simulator(const std::string& listen, const std::string& pty = {}, std::filesystem::path state = {})
        : state_(std::move(state)) {
        state_.load();
        znp::ZnpOptions options;
        options.listen = listen;
        options.pty = pty;
        options.tags = 2;
        options.panels = {znp::Panel{40, 24, image::Palette::bwr}};
        service_ = std::make_unique<znp::ZnpService>(io_, options, shelf_, state_.coordinator());
        state_.restore(shelf_);
        thread_ = std::thread([this] {
            const auto guard = boost::asio::make_work_guard(io_);
            io_.run();
        });
    }
    ~Simulator() {
        io_.stop();
        thread_.join();
    }
    template <class F>
    auto ask(F question) {
        std::packaged_task<decltype(question())()> task{std::move(question)};
        auto answer = task.get_future();
        boost::asio::post(io_, [&task] { task(); });
        return answer.get();
    }
    void save() {
        ask([this] {
            state_.save(shelf_, &service_->coordinator());
            return 0;
        });
    }

    boost::asio::io_context io_{1};
    FaultPlan plan_{1};
    AsioScheduler scheduler_{io_};
    Shelf shelf_{scheduler_, plan_, Speed{200}};
    StateFile state_;
    std::unique_ptr<znp::ZnpService> service_;
    std::thread thread_;
};

class TcpHost {
public:
    explicit TcpHost(const std::string& address) : socket_(io_) {
        const auto colon = address.rfind(':');
        socket_.connect({boost::asio::ip::make_address(address.substr(0, colon)),
                         static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1)))});
    }
    void write(const Bytes& bytes) { boost::asio::write(socket_, boost::asio::buffer(bytes)); }
    // Up to `count` bytes, fewer when the other side closes or is silent for ten seconds.
    Bytes read(std::size_t count) {
        Bytes out;
        while (out.size() < count) {
            pollfd waiting{socket_.native_handle(), POLLIN, 0};
            std::uint8_t byte = 0;
            boost::system::error_code error;
            if (poll(&waiting, 1, 10'000) != 1) break;
            if (socket_.read_some(boost::asio::buffer(&byte, 1), error) != 1) break;
            out.push_back(byte);
        }
        return out;
    }

private:
    boost::asio::io_context io_;
    boost::asio::ip::tcp::socket socket_;
};

TEST(ZnpLine, AnswersOverTcpAfterTheJunkThatHostsBeginWith) {
    Simulator sim{"127.0.0.1:0"};
    TcpHost host{sim.service_->address()};
    host.write({0xEF});
    host.write(kPing);
    EXPECT_EQ(to_hex(host.read(kPingAnswer.size())), to_hex(kPingAnswer));
}

TEST(ZnpLine, ANewHostTakesThePlaceOfTheOneBefore) {
    Simulator sim{"127.0.0.1:0"};
    TcpHost first{sim.service_->address()};
    first.write({0xFE, 0x10, 0x21});  // half a frame, which the second must not inherit
    TcpHost second{sim.service_->address()};
    second.write(kPing);
    EXPECT_EQ(second.read(kPingAnswer.size()), kPingAnswer);
    EXPECT_TRUE(first.read(1).empty());
}

TEST(ZnpLine, AnswersOnAPseudoTerminalByItsLink) {
    const testing::TempDir folder;
    const auto link = (folder / "ttyZ0").string();
    {
        Simulator sim{"", link};
        const int line = open(link.c_str(), O_RDWR | O_NOCTTY);
        ASSERT_GE(line, 0);
        ASSERT_EQ(write(line, kPing.data(), kPing.size()), static_cast<ssize_t>(kPing.size()));
        Bytes answer;
        pollfd waiting{line, POLLIN, 0};
        while (answer.size() < kPingAnswer.size() && poll(&waiting, 1, 10'000) == 1) {
            std::uint8_t byte = 0;
            if (read(line, &byte, 1) != 1) break;
            answer.push_back(byte);
        }
        close(line);
        EXPECT_EQ(to_hex(answer), to_hex(kPingAnswer));
    }
    EXPECT_FALSE(std::filesystem::is_symlink(link));
}

TEST(ZnpLine, NamesTheAddressOrPathThatItCannotOpen) {
    const auto error = [](const std::string& listen, const std::string& pty) -> std::string {
        try {
            const Simulator sim{listen, pty};
        } catch (const std::runtime_error& e) {
            return e.what();
        }
        return "";
    };
    EXPECT_EQ(error("nonsense", ""), "--listen nonsense: expected ADDRESS:PORT");
    EXPECT_EQ(error("127.0.0.1:70000", ""), "--listen 127.0.0.1:70000: expected ADDRESS:PORT");
    const Simulator sim{"127.0.0.1:0"};
    EXPECT_EQ(error(sim.service_->address(), ""), "--listen " + sim.service_->address() + ": Address already in use");
    const testing::TempDir folder;
    std::ofstream{folder / "file"} << "mine";
    EXPECT_EQ(error("", (folder / "file").string()), "--pty " + (folder / "file").string() + ": File exists");
}

TEST(StateFile, BringsBackScreensNetworkAndWhoHasJoined) {
    const testing::TempDir folder;
    image::TagImage image{40, 24};
    image.set(1, 1, image::Colour::red);
    TagId first;
    {
        Simulator sim{"127.0.0.1:0", "", folder / "state"};
        std::promise<void> shown;
        first = sim.ask([&] {
            auto& coordinator = sim.service_->coordinator();
            CoordinatorMemory memory;
            memory.nv.items[0x0060] = {0x55};
            memory.joined[sim.shelf_.tags().front()->id()] = 0x1234;
            coordinator.restore(memory);
            coordinator.frame({0x21, 0x07, {0x01, 0x0F, 0x01, 0x00, 0x01, 0x77}});  // an NV item of the host's
            EXPECT_TRUE(sim.shelf_.tags().front()->refresh(image, [&] { shown.set_value(); }));
            return sim.shelf_.tags().front()->id();
        });
        shown.get_future().wait();
        sim.save();
    }
    Simulator again{"127.0.0.1:0", "", folder / "state"};
    again.ask([&] {
        EXPECT_EQ(again.shelf_.find(first)->shown(), image);
        EXPECT_EQ(again.shelf_.find(first)->shown_id(), image.crc());
        const auto memory = again.service_->coordinator().memory();
        EXPECT_EQ(memory.joined.at(first), 0x1234);
        EXPECT_EQ(memory.nv.items.at(0x0060), Bytes{0x55});
        EXPECT_EQ(memory.nv.items.at(0x0F01), Bytes{0x77});
        EXPECT_EQ(again.service_->coordinator().figures().joined_now, 1U);
        return 0;
    });
}

TEST(StateFile, DamagedIsRefusedByName) {
    const testing::TempDir folder;
    const auto path = folder / "state";
    for (const std::string content : {"", "not cbor", "\xA1\x67version\x02"}) {
        std::ofstream{path, std::ios::binary | std::ios::trunc} << content;
        StateFile file{path};
        try {
            file.load();
            ADD_FAILURE() << "taken: " << content;
        } catch (const std::runtime_error& error) {
            EXPECT_NE(std::string{error.what()}.find(path.string()), std::string::npos);
        }
    }
}

class ShelfApiTest : public ::testing::Test {
protected:
    ShelfApiTest() {
        http::ServerOptions options;
        server_ = std::make_unique<http::Server>(
            options, web::make_router(sim_.io_, sim_.shelf_, [this] { return sim_.service_->figures(); }));
        server_->start();
        client_ = std::make_unique<http::Client>(server_->address());
        id_ = sim_.ask([this] { return sim_.shelf_.tags().front()->id().text(); });
    }
    http::Response get(const std::string& path) { return client_->get(path).value(); }
    json state() { return json::parse(get("/tags/" + id_).body); }

    Simulator sim_{"127.0.0.1:0"};
    std::unique_ptr<http::Server> server_;
    std::unique_ptr<http::Client> client_;
    std::string id_;
};

TEST_F(ShelfApiTest, TellsWhatEachTagReallyShows) {
    const auto all = json::parse(get("/tags").body).at("tags");
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].at("id"), id_);
    EXPECT_EQ(all[0].at("shown_image"), nullptr);
    image::TagImage image{40, 24};
    image.set(5, 5, image::Colour::black);
    sim_.ask([&] { return sim_.shelf_.tags().front()->refresh(image, [] {}); });
    ASSERT_TRUE(wait_until([&] { return !state().at("shown_image").is_null(); }));
    const auto raw = get("/tags/" + id_ + ".raw");
    EXPECT_EQ(to_hex(as_bytes(raw.body)), to_hex(image.bytes()));
    const auto png = get("/tags/" + id_ + ".png");
    EXPECT_EQ(png.headers.get("Content-Type"), "image/png");
    EXPECT_EQ(to_hex(as_bytes(png.body)), to_hex(image::to_png(image)));
    EXPECT_NE(get("/").body.find("Simulated shelf"), std::string::npos);
    EXPECT_EQ(get("/healthz").status, 200);
    const auto history = state().at("history");
    ASSERT_EQ(history.at("shown").size(), 1U);
    EXPECT_EQ(history.at("shown")[0].at("image"), state().at("shown_image"));
    EXPECT_EQ(history.at("shown")[0].at("at"), state().at("shown_at"));
    EXPECT_GE(history.at("shown")[0].at("simulated_ms"), 0);
    EXPECT_EQ(history.at("fallen_off"), 0);
}

TEST_F(ShelfApiTest, SwitchesPowerAndFaultsAndCountsThem) {
    const auto off = client_->send("PUT", "/tags/" + id_ + "/power", R"({"on":false})").value();
    EXPECT_EQ(json::parse(off.body).at("state"), "dead");
    EXPECT_EQ(json::parse(client_->send("PUT", "/tags/" + id_ + "/power", R"({"on":true})").value().body).at("dead"),
              false);
    EXPECT_EQ(client_->post_json("/faults", R"({"all":{"dead":100}})").value().status, 200);
    EXPECT_EQ(state().at("dead"), true);
    EXPECT_NE(get("/metrics").body.find("tag_sim_tags{state=\"dead\"} 2"), std::string::npos);
    EXPECT_EQ(client_->send("PUT", "/faults", R"({"dead_percent":0})").value().status, 200);
    EXPECT_EQ(state().at("dead"), false);
    EXPECT_NE(get("/metrics").body.find("tag_sim_znp_joined_now 0"), std::string::npos);
    EXPECT_NE(get("/metrics").body.find("shelfwire_build_info{program=\"tag-sim\",version="), std::string::npos);
}

TEST_F(ShelfApiTest, SaysWhatIsWrongWithARequest) {
    EXPECT_EQ(get("/tags/FFFF92100001").status, 404);
    EXPECT_EQ(get("/tags/nonsense.png").status, 404);
    EXPECT_EQ(client_->send("PUT", "/tags/" + id_ + "/power", "{}").value().status, 400);
    const auto answer = client_->post_json("/faults", R"({"all":{"dead":101}})").value();
    EXPECT_EQ(answer.status, 400);
    EXPECT_NE(answer.body.find("out of range: all.dead"), std::string::npos);
}

}  // namespace
}  // namespace esl::sim
