// `broker ctl` beside broker/openapi.yaml: what the one describes the other can do.
#include <gtest/gtest.h>

#include <fstream>
#include <mutex>
#include <set>

#include "broker/tests/running_broker.hpp"
#include "common/http/server.hpp"
#include "common/testing/testing.hpp"

namespace esl::broker::testing {
namespace {

using Operations = std::set<std::string>;

// Answers every described operation with what all commands can print, and notes it.
class DescribedApi {
public:
    explicit DescribedApi(const Operations& operations) {
        for (const auto& operation : operations) {
            const auto blank = operation.find(' ');
            router_->add(operation.substr(0, blank), operation.substr(blank + 1),
                         [this, operation](const http::Request&) {
                             const std::lock_guard guard(lock_);
                             asked_.insert(operation);
                             return http::json_response(200, R"({"items": [], "next": "", "total": 0})");
                         });
        }
        server_ = std::make_unique<http::Server>(http::ServerOptions{}, router_);
        server_->start();
    }
    ~DescribedApi() { server_->stop(); }
    [[nodiscard]] const std::string& address() const { return server_->address(); }
    Operations asked() {
        const std::lock_guard guard(lock_);
        return std::exchange(asked_, {});
    }

private:
    std::mutex lock_;
    Operations asked_;
    std::shared_ptr<http::Router> router_ = std::make_shared<http::Router>();
    std::unique_ptr<http::Server> server_;
};

struct Command {
    const char* line;
    const char* operation;  // under /api/v1
};
constexpr Command kCommands[] = {
    {"group list", "GET /groups"},
    {"group add GID_a", "POST /groups"},
    {"group rm GID_a", "DELETE /groups/{name}"},
    {"topic list", "GET /topics"},
    {"topic add a", "POST /topics"},
    {"topic rm a", "DELETE /topics/{name}"},
    {"client list", "GET /clients"},
    {"session list GID", "GET /sessions"},
    {"kick GID_a@@@1", "DELETE /clients/{id}"},
    {"publish a/b text", "POST /publish"},
    {"listeners", "GET /listeners"},
    {"stats", "GET /stats"},
    {"trace client GID_a@@@1", "GET /traces/devices"},
    {"trace message 0", "GET /traces/messages"},
    {"token apply --actions R --resources a --seconds 60", "POST /tokens"},
    {"token query", "POST /tokens/query"},
    {"token revoke", "POST /tokens/revoke"},
    {"token revoked", "GET /tokens/revoked"},
    {"device list", "GET /device-credentials"},
    {"device register GID_a@@@1", "POST /device-credentials"},
    {"device refresh GID_a@@@1", "POST /device-credentials/{client}/refresh"},
    {"device get GID_a@@@1", "GET /device-credentials/{client}"},
    {"device rm GID_a@@@1", "DELETE /device-credentials/{client}"},
    {"identity list", "GET /identities"},
    {"identity add --type USER --user u --sign-mode ORIGIN", "POST /identities"},
    {"identity update --type USER --user u --sign-mode ORIGIN", "PUT /identities"},
    {"identity rm --type USER --user u", "DELETE /identities"},
    {"permission list", "GET /permissions"},
    {"permission add --type USER --identity u --topic a --action PUB --effect ALLOW", "POST /permissions"},
    {"permission update --type USER --identity u --topic a --action PUB --effect DENY", "PUT /permissions"},
    {"permission rm --type USER --identity u --topic a", "DELETE /permissions"},
    {"blacklist list", "GET /blacklist"},
    {"blacklist add GID_a@@@1", "POST /blacklist"},
    {"blacklist rm GID_a@@@1", "DELETE /blacklist/{client}"},
    {"ca code", "GET /ca-registration-code"},
    {"ca list", "GET /cas"},
    {"ca register name FILE FILE", "POST /cas"},
    {"ca get 0A", "GET /cas/{sn}"},
    {"ca rm 0A", "DELETE /cas/{sn}"},
    {"ca activate 0A", "POST /cas/{sn}/activate"},
    {"ca inactivate 0A", "POST /cas/{sn}/inactivate"},
    {"certificate list", "GET /device-certificates"},
    {"certificate get 0A 0B", "GET /device-certificates/{ca}/{sn}"},
    {"certificate rm 0A 0B", "DELETE /device-certificates/{ca}/{sn}"},
    {"certificate activate 0A 0B", "POST /device-certificates/{ca}/{sn}/activate"},
    {"certificate inactivate 0A 0B", "POST /device-certificates/{ca}/{sn}/inactivate"},
    {"rule list", "GET /rules"},
    {"rule show r", "GET /rules/{id}"},
    {"rule add '{\"id\": \"r\"}'", "POST /rules"},
    {"rule set '{\"id\": \"r\"}'", "PUT /rules/{id}"},
    {"rule rm r", "DELETE /rules/{id}"},
    {"rule post r text", "POST /inbound/{rule}"},
    {"key list", "GET /keys"},
    {"key add desk read", "POST /keys"},
    {"key rm desk", "DELETE /keys/{name}"},
    {"openapi", "GET /openapi.yaml"},
};

TEST(Ctl, HasACommandForEveryOperationThatIsDescribed) {
    const esl::testing::TempDir folder;
    const auto input = (folder / "input").string();
    std::ofstream(input) << "a-secret-of-more-than-thirty-two-letters\n";
    const auto described = esl::testing::operations_of_openapi(esl::testing::read_file("broker/openapi.yaml"));
    DescribedApi api(described);
    Operations reached;
    for (const auto& [line, operation] : kCommands) {
        std::string words = line;
        for (auto at = words.find("FILE"); at != std::string::npos; at = words.find("FILE"))
            words.replace(at, 4, input);
        const auto said = run_executable("ctl " + words + " --json --admin " + api.address() + " --key-file " + input +
                                         " < " + input);
        EXPECT_EQ(said.code, 0) << line << ": " << said.text;
        const std::string full = std::string(operation).insert(std::string(operation).find('/'), "/api/v1");
        EXPECT_EQ(api.asked(), Operations{full}) << line;
        reached.insert(full);
    }
    EXPECT_EQ(reached, described);
}

TEST(Ctl, SaysWhatIsWrongWithItsWordsAndEndsWithTwo) {
    EXPECT_EQ(run_executable("ctl").code, 2);
    EXPECT_EQ(run_executable("ctl dance").code, 2);
    EXPECT_NE(run_executable("ctl group add").text.find("name is required"), std::string::npos);
    EXPECT_NE(run_executable("ctl publish a b --qos 3").text.find("--qos: Value 3 not in range 0 to 2"),
              std::string::npos);
    EXPECT_EQ(run_executable("ctl --help").code, 0);
    const auto nowhere = run_executable("ctl group list");
    EXPECT_EQ(nowhere.code, 1);
    EXPECT_NE(nowhere.text.find("no --admin ADDR:PORT"), std::string::npos) << nowhere.text;
}

}  // namespace
}  // namespace esl::broker::testing
