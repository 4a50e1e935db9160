// Files of products over real sockets.
#include <algorithm>
#include <array>
#include <sstream>

#include "mgmt-service/domain/gtin.hpp"
#include "mgmt-service/http/tests/rest_fixture.hpp"

namespace esl::mgmt::rest {
namespace {

const std::string kImport = "/stores/zagreb-1/products:import";

std::vector<Json> lines_of(const std::string& text) {
    std::vector<Json> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) out.push_back(Json::parse(line));
    return out;
}

class ImportTest : public RestTest {
protected:
    std::vector<Json> import(const std::string& file, const std::string& query = "", std::string type = "text/csv") {
        const auto answer = admin->call("POST", kImport + query, file, {{"Content-Type", std::move(type)}});
        EXPECT_EQ(answer.status, 200) << answer.raw;
        return lines_of(answer.raw);
    }
};

TEST_F(ImportTest, GivesEachRowItsVerdictAndASummary) {
    start_with_shelf();
    const auto lines = import(
        "barcode;name;price\n"
        "9008700124195;;2,29\n"       // updated, keeps its name
        "4005900136350;Krema;3,99\n"  // created
        "9008700124196;Wrong;1,00\n"  // check digit
        "12;PLU;1,00\n"               // short
        "4005900136350;Krema;3,99\n"  // the same again
        "4005900136350;Krema;4,99\n"  // other values
        "KAVA-9;;1,00\n"              // new and nameless
        "KAVA-8;Kava;1,005\n");       // too many decimals
    ASSERT_EQ(lines.size(), 9U);
    std::vector<std::string> said;
    for (std::size_t i = 0; i < 8; ++i) {
        EXPECT_EQ(lines[i]["row"], i + 1);
        said.push_back(lines[i].value("reason", lines[i]["verdict"].get<std::string>()));
    }
    EXPECT_EQ(said, (std::vector<std::string>{"updated", "created", "bad_check_digit", "short_code", "unchanged",
                                              "duplicate", "no_name", "price_exponent"}));
    EXPECT_EQ(lines[1]["product"], "04005900136350");
    EXPECT_NE(lines[2]["detail"].get<std::string>().find("check digit is 6, should be 5"), std::string::npos);
    const auto& summary = lines[8]["summary"];
    EXPECT_EQ(summary["rows"], 8);
    EXPECT_EQ(summary["rejected"], 5);
    EXPECT_EQ(summary["reasons"]["duplicate"], 1);
    EXPECT_EQ(admin->get("/stores/zagreb-1/products/9008700124195").body["name"], "Nektar Jabuka");
}

TEST_F(ImportTest, OneChangeCarriesWhatLooksDifferentToTheTags) {
    start_with_shelf();
    ASSERT_EQ(
        admin->call("PUT", "/tags/" + kTag + "/binding", {{"store", "zagreb-1"}, {"products", {kProduct}}}).status,
        200);
    const auto summary =
        import("barcode,name,price\n9008700124195,Nektar,1.99\n", "?title=prices.csv").back()["summary"];
    ASSERT_TRUE(summary["change"].is_string()) << summary;
    const std::string path = "/changes/" + summary["change"].get<std::string>();
    ASSERT_TRUE(eventually([&] { return admin->get(path).body["state"] == "done"; }));
    EXPECT_EQ(admin->get(path).body["title"], "prices.csv");
    EXPECT_EQ(admin->get(path).body["kind"], "import");
    EXPECT_EQ(import("barcode,name,price\n9008700124195,Nektar,1.99\n").back()["summary"]["unchanged"], 1);
}

TEST_F(ImportTest, ADryRunSaysTheSameAndKeepsNothing) {
    start_with_shelf();
    const std::string file = "barcode,name\nKAVA-1,Kava\nKAVA-1,Kava\nKAVA-1,Caj\nx y,z\n";
    auto dry = import(file, "?dry_run=true"), real = import(file);
    EXPECT_EQ(dry.back()["summary"]["dry_run"], true);
    dry.pop_back();
    real.pop_back();
    EXPECT_EQ(dry, real);
    EXPECT_EQ(import(file).front()["verdict"], "unchanged");
}

TEST_F(ImportTest, ReadsJsonLines) {
    start_with_shelf();
    const auto lines =
        import("{\"barcode\":\"KAVA-1\",\"name\":\"Kava\",\"price\":\"1.99\"}\nnonsense\n", "", "application/x-ndjson");
    EXPECT_EQ(lines.at(0)["verdict"], "created");
    EXPECT_EQ(lines.at(1)["reason"], "bad_row");
    EXPECT_EQ(lines.at(2)["summary"]["rows"], 2);
}

TEST_F(ImportTest, AFileThatCannotBeReadIsRefusedAndSaysWhere) {
    start_with_shelf();
    const auto refuse = [&](const std::string& file, std::string type, const std::string& path = kImport) {
        return admin->call("POST", path, file, {{"Content-Type", std::move(type)}});
    };
    const auto header = refuse("ean,price\n1,2\n", "text/csv");
    EXPECT_EQ(header.status, 422) << header.raw;
    EXPECT_EQ(header.body["errors"][0]["where"], "header");
    EXPECT_NE(header.body["detail"].get<std::string>().find("name"), std::string::npos);
    EXPECT_EQ(refuse("", "text/csv").status, 422);
    EXPECT_EQ(refuse("x", "application/pdf").status, 415);
    EXPECT_EQ(refuse("barcode,name\n", "text/csv", "/stores/nowhere/products:import").status, 404);
    EXPECT_EQ(refuse("barcode,name\n", "text/csv", kImport + "?dry_run=perhaps").status, 400);
    auto auditor = user("vera", "auditor");
    EXPECT_EQ(auditor.call("POST", kImport, "barcode,name\n", {{"Content-Type", "text/csv"}}).status, 403);
}

TEST_F(ImportTest, ALargeFileIsTakenByAClientThatReadsOnlyAtItsEnd) {
    start_with_shelf();
    std::string file = "barcode,name,price\n";
    constexpr int kRows = 5'000;
    for (int i = 0; i < kRows; ++i) {
        std::array<char, 16> code{};
        std::snprintf(code.data(), code.size(), "950120%06d", i);
        file += std::string(code.data()) + check_digit(code.data()) + ",Proizvod broj " + std::to_string(i) + ",1.99\n";
    }
    const auto lines = import(file);
    ASSERT_EQ(lines.size(), kRows + 1U);
    EXPECT_EQ(lines.back()["summary"]["created"], kRows);
    EXPECT_EQ(admin->get("/stores/zagreb-1").body["products"], kRows + 1);
}

}  // namespace
}  // namespace esl::mgmt::rest
