// The very bytes that the agent understands and says, as docs/formats/contract.md has them.
#include <gtest/gtest.h>

#include "ap-agent/tests/fakes.hpp"
#include "common/contract/tests/golden_messages.hpp"
#include "common/core/bytes.hpp"

namespace esl::ap::testing {
namespace {

Bytes cbor(const std::vector<std::string>& hex) {
    std::string all;
    for (const auto& line : hex) all += line;
    return from_hex(all).value();
}

// Keeps the last payload as it went out.
class RawUplink final : public Uplink {
public:
    void publish(contract::ReportKind kind, Bytes payload, Done) override {
        sent.emplace_back(kind, std::move(payload));
    }
    void set_store(const std::string&) override {}
    std::vector<std::pair<contract::ReportKind, Bytes>> sent;
};

struct ContractBytes : ::testing::Test {
    esl::testing::ManualClock clock{1'767'225'600'000};
    esl::testing::TempDir dir;
    boost::asio::io_context io;
    SqliteStore store{boost::asio::any_io_executor(io.get_executor()), dir.path()};
    RawUplink uplink;
    Agent agent{clock, store, uplink, options(), {}};

    static AgentOptions options() {
        AgentOptions out;
        out.client_id = "GID_a@@@1";
        out.boot = "b";
        return out;
    }
};

TEST_F(ContractBytes, AnswersAnUnsupportedCommandByteForByte) {
    agent.start();
    agent.on_connected();
    uplink.sent.clear();
    agent.on_message(cbor({"A5",                                            // map of 5
                           "6176", "01",                                    // v: 1
                           "646B696E64", "67636F6D6D616E64",                // kind: "command"
                           "626964", "6131",                                // id: "1"
                           "67636F6D6D616E64", "6B7065726D69745F6A6F696E",  // command: "permit_join"
                           "677365636F6E6473", "183C"}));                   // seconds: 60
    ASSERT_EQ(uplink.sent.size(), 1u);
    EXPECT_EQ(uplink.sent[0].first, contract::ReportKind::ap);
    EXPECT_EQ(to_hex(uplink.sent[0].second),
              to_hex(cbor({"A6",                              // map of 6
                           "626170", "694749445F6140404031",  // ap: "GID_a@@@1"
                           "6664657461696C", "7823",          // detail: 35 characters
                           to_hex(as_bytes("this AP has no radio that tags join")), "626964", "6131",  // id: "1"
                           "646B696E64", "66616E73776572",                                             // kind: "answer"
                           "626F6B", "F4",                                                             // ok: false
                           "6176", "01"})));                                                           // v: 1
}

TEST_F(ContractBytes, SaysHelloByteForByte) {
    agent.start();
    agent.on_connected();
    ASSERT_GE(uplink.sent.size(), 1u);
    const std::string software = "ap-agent " ESL_VERSION;
    EXPECT_EQ(to_hex(uplink.sent[0].second),
              to_hex(cbor({"A8",                              // map of 8
                           "626170", "694749445F6140404031",  // ap: "GID_a@@@1"
                           "626174", "1B0000019B76DAA800",    // at: 1767225600000
                           "64626F6F74", "6162",              // boot: "b"
                           "646B696E64", "6568656C6C6F",      // kind: "hello"
                           "66717565756564", "00",            // queued: 0
                           "66726164696F73", "80",            // radios: none
                           "68736F667477617265", "6E", to_hex(as_bytes(software)), "6176", "01"})));  // v: 1
    ASSERT_EQ(software.size(), 14u);
}

// The files of tests/golden/contract, which the service is held to as well.
TEST_F(ContractBytes, UnderstandsTheGoldenMessagesOfTheService) {
    agent.start();
    agent.on_connected();
    uplink.sent.clear();
    for (const auto* name : {"lease", "config"}) agent.on_message(contract::golden::bytes_of(name));
    EXPECT_TRUE(uplink.sent.empty()) << "not understood is answered";
    agent.on_message(contract::golden::bytes_of("command"));
    ASSERT_EQ(uplink.sent.size(), 1u);
    const auto said = contract::decode_uplink(uplink.sent[0].second).value();
    EXPECT_EQ(
        said,
        (contract::Uplink{contract::CommandAnswer{"GID_a@@@1", "1", false, "this AP has no radio for such a tag"}}));
}

// The picture of docs/formats/tag-image.md as one stored zlib block.
TEST_F(ContractBytes, TakesATaskByteForByteAndSaysAccepted) {
    agent.start();
    agent.on_connected();
    uplink.sent.clear();
    agent.on_message(cbor({"A3",  // map of 3
                           "6176",
                           "01",  // v: 1
                           "646B696E64",
                           "657461736B73",  // kind: "tasks"
                           "657461736B73",
                           "81",
                           "A9",  // tasks: one map of 9
                           "63746167",
                           "6C464646463932313033413037",  // tag: "FFFF92103A07"
                           "6776657273696F6E",
                           "02",  // version: 2
                           "636A6F62",
                           "616A",  // job: "j"
                           "68696D6167655F6964",
                           "1A8106CA04",  // image_id
                           "657769647468",
                           "05",  // width: 5
                           "66686569676874",
                           "02",  // height: 2
                           "6770616C65747465",
                           "6462777279",  // palette: "bwry"
                           "65696D616765",
                           "4F",  // image: 15 bytes
                           "7801",
                           "01",
                           "0400",
                           "FBFF",  // zlib; last block, stored, 4 bytes
                           "35805500",
                           "0302010B",  // pixels, Adler-32
                           "6565706F6368",
                           "01"}));  // epoch: 1
    ASSERT_TRUE(esl::testing::wait_until([this] {
        io.restart();
        io.poll();
        return !uplink.sent.empty();
    }));
    EXPECT_EQ(uplink.sent[0].first, contract::ReportKind::result);
    EXPECT_EQ(to_hex(uplink.sent[0].second),
              to_hex(cbor({"A4",  // map of 4
                           "626170",
                           "694749445F6140404031",  // ap: "GID_a@@@1"
                           "646B696E64",
                           "66726573756C74",  // kind: "result"
                           "67726573756C7473",
                           "81",
                           "A8",  // results: one map of 8
                           "626174",
                           "1B0000019B76DAA800",  // at
                           "68617474656D707473",
                           "00",  // attempts: 0
                           "6565706F6368",
                           "01",  // epoch: 1
                           "68696D6167655F6964",
                           "1A8106CA04",  // image_id
                           "636A6F62",
                           "616A",  // job: "j"
                           "657374617465",
                           "686163636570746564",  // state: "accepted"
                           "63746167",
                           "6C464646463932313033413037",  // tag
                           "6776657273696F6E",
                           "02",  // version: 2
                           "6176",
                           "01"})));  // v: 1
}

}  // namespace
}  // namespace esl::ap::testing
