// Products, tags, changes, jobs, audit and events over real sockets.
#include <atomic>
#include <mutex>

#include "mgmt-service/http/tests/rest_fixture.hpp"

namespace esl::mgmt::rest {
namespace {

const std::string kProducts = "/stores/zagreb-1/products";
Json eur(int minor) {
    return {{"minor", minor}, {"currency", "EUR"}};
}

TEST_F(RestTest, ASingleChangeReachesTheTagAndIsProven) {
    start_with_shelf();
    const auto bound = admin->call("PUT", "/tags/" + kTag + "/binding",
                                   {{"store", "zagreb-1"}, {"products", {"9008700124195"}}, {"position", "A3"}});
    ASSERT_EQ(bound.status, 200) << bound.raw;
    EXPECT_EQ(bound.body["products"][0]["name"], "Nektar Jabuka");
    ASSERT_TRUE(eventually([&] { return admin->get("/tags/" + kTag).body["state"] == "shown"; }));

    const auto made =
        admin->call("POST", "/stores/zagreb-1/changes",
                    {{"title", "Morning"}, {"items", {{{"product", "9008700124195"}, {"price", eur(229)}}}}});
    ASSERT_EQ(made.status, 201) << made.raw;
    const std::string id = made.body["id"];
    EXPECT_EQ(made.headers.get("Location"), "/api/v1/changes/" + id);
    ASSERT_TRUE(eventually([&] { return admin->get("/changes/" + id).body["state"] == "done"; }));
    const auto detail = admin->get("/changes/" + id).body;
    EXPECT_EQ(detail["counts"], (Json{{"displayed", 1}}));
    EXPECT_EQ(detail["items"][0]["before"]["price"], eur(249));
    EXPECT_EQ(detail["items"][0]["after"]["price"], eur(229));
    ASSERT_EQ(detail["steps"].size(), 2U) << detail["steps"];
    EXPECT_EQ(
        detail["steps"][0],
        (Json{{"state", "running"}, {"action", "create"}, {"at", detail["created_at"]}, {"actor", "user:admin"}}));
    EXPECT_EQ(detail["steps"][1]["state"], "done");
    EXPECT_EQ(detail["steps"][1]["at"], detail["finished_at"]);

    const auto tag = admin->get("/tags/" + kTag).body;
    EXPECT_EQ(tag["desired"]["image"], tag["reported"]["image"]);
    const auto wanted = admin->get("/tags/" + kTag + "/wanted.png"), shown = admin->get("/tags/" + kTag + "/shown.png");
    EXPECT_EQ(wanted.headers.get("Content-Type"), "image/png");
    EXPECT_TRUE(wanted.raw.starts_with("\x89PNG"));
    EXPECT_EQ(wanted.raw, shown.raw);
    const std::string etag(wanted.headers.get("ETag"));
    EXPECT_EQ(etag, '"' + tag["desired"]["image"].get<std::string>() + '"');
    EXPECT_EQ(admin->call("GET", "/tags/" + kTag + "/wanted.png", nullptr, {{"If-None-Match", etag}}).status, 304);

    const auto jobs = admin->get("/jobs?change=" + id).body["items"];
    ASSERT_EQ(jobs.size(), 1U);
    const auto job = admin->get("/jobs/" + jobs[0]["id"].get<std::string>()).body;
    EXPECT_EQ(job["state"], "displayed");
    EXPECT_EQ(job["steps"].front()["actor"], "user:admin");
    EXPECT_EQ(job["steps"].back()["actor"], "ap:" + kAp);

    const auto entries = admin->get("/audit/entries?tag=" + kTag + "&action=job.displayed&limit=1").body["items"];
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0]["change"], id);
    EXPECT_EQ(entries[0]["store"], "zagreb-1");
    const auto proof = admin->get("/audit/entries/" + std::to_string(entries[0]["index"].get<std::uint64_t>())).body;
    EXPECT_EQ(proof["entry"]["job"], job["id"]);
    EXPECT_EQ(proof["checkpoint"], admin->client.get("/api/v1/audit/checkpoint").value().body);
    EXPECT_GT(proof["tree_size"].get<std::uint64_t>(), entries[0]["index"].get<std::uint64_t>());
    const auto checked = log->prove(entries[0]["index"]).value();
    EXPECT_EQ(proof["canonical"], checked.record.json);
    EXPECT_EQ(proof["proof"].size(), checked.path.size());
}

TEST_F(RestTest, AProductIsReplacedOnlyByWhoKnowsItsVersion) {
    start_with_shelf();
    const auto got = admin->get(kProducts + "/9008700124195");
    ASSERT_EQ(got.status, 200);
    EXPECT_EQ(got.body["id"], kProduct);
    EXPECT_EQ(got.body["unit_price"], (Json{{"minor", 125}, {"currency", "EUR"}, {"per", "1 l"}}));
    const std::string etag(got.headers.get("ETag"));
    const Json write{{"name", "Nektar Kruška"}, {"price", eur(259)}};
    EXPECT_EQ(admin->call("PUT", kProducts + "/" + kProduct, write, {{"If-Match", "\"999\""}}).status, 412);
    const auto done = admin->call("PUT", kProducts + "/" + kProduct, write, {{"If-Match", etag}});
    EXPECT_EQ(done.status, 200) << done.raw;
    EXPECT_EQ(done.body["product"]["name"], "Nektar Kruška");
    EXPECT_EQ(admin->call("PUT", kProducts + "/" + kProduct, write, {{"If-Match", etag}}).status, 412);
}

TEST_F(RestTest, ProductFaultsAreNamedWhereTheyAre) {
    start_with_shelf();
    const auto where = [&](const std::string& path, const Json& body) {
        const auto answer = admin->call("PUT", kProducts + path, body);
        EXPECT_EQ(answer.status, 422) << answer.raw;
        return answer.body["errors"][0]["where"].get<std::string>() + ": " +
               answer.body["errors"][0]["detail"].get<std::string>();
    };
    EXPECT_EQ(where("/9008700124196", {{"name", "x"}}), "product: '9008700124196': check digit is 6, should be 5");
    EXPECT_EQ(where("/KAVA-1", {{"name", ""}}), "/name: is empty");
    EXPECT_EQ(where("/KAVA-1", {{"name", "x"}, {"price", {{"minor", 1}, {"currency", "USD"}}}}),
              "/price/currency: the store prices in EUR, not USD");
    EXPECT_EQ(where("/KAVA-1", {{"name", "x"}, {"price", 2.49}}), "/price: is a fraction, not an object");
    EXPECT_EQ(where("/KAVA-1", {{"name", "x"}, {"quantity", "two"}}).substr(0, 11), "/quantity: ");
    EXPECT_EQ(where("/KAVA-1", {{"name", "x"}, {"promotion", {{"price", eur(1)}, {"from", 5}, {"to", 5}}}}),
              "/promotion/to: is not after `from`");
    EXPECT_EQ(admin->call("PUT", "/stores/nowhere/products/KAVA-1", {{"name", "x"}}).status, 404);
}

TEST_F(RestTest, ListsGoOnFromTheirCursorAndFindByWords) {
    start_with_shelf();
    for (int i = 0; i < 7; ++i) {
        ASSERT_EQ(
            admin->call("PUT", kProducts + "/KAVA-" + std::to_string(i), {{"name", "Kava br. " + std::to_string(i)}})
                .status,
            201);
    }
    std::vector<std::string> seen;
    std::string cursor;
    for (int page = 0; page < 10; ++page) {
        const auto answer = admin->get(kProducts + "?limit=3" + (cursor.empty() ? "" : "&cursor=" + cursor));
        ASSERT_EQ(answer.status, 200) << answer.raw;
        EXPECT_EQ(answer.body["total"], 8);
        for (const auto& item : answer.body["items"]) seen.push_back(item["id"]);
        if (answer.body["next"].is_null()) break;
        cursor = answer.body["next"];
    }
    EXPECT_EQ(seen.size(), 8U);
    EXPECT_TRUE(std::ranges::is_sorted(seen));
    EXPECT_EQ(admin->get(kProducts + "?q=jabuka").body["items"][0]["id"], kProduct);
    EXPECT_EQ(admin->get(kProducts + "?limit=0").status, 400);
    EXPECT_EQ(admin->get("/tags?state=sleepy").body["errors"][0]["where"], "state");
}

TEST_F(RestTest, AChangeIsMadeOnceForOneKey) {
    start_with_shelf();
    const Json body{{"items", {{{"product", kProduct}, {"price", eur(199)}}}}};
    const auto first = admin->call("POST", "/stores/zagreb-1/changes", body, {{"Idempotency-Key", "abc-1"}});
    ASSERT_EQ(first.status, 201) << first.raw;
    EXPECT_FALSE(first.headers.has("Idempotent-Replay"));
    const auto again = admin->call("POST", "/stores/zagreb-1/changes", body, {{"Idempotency-Key", "abc-1"}});
    EXPECT_EQ(again.status, 201);
    EXPECT_EQ(again.headers.get("Idempotent-Replay"), "true");
    EXPECT_EQ(again.body["id"], first.body["id"]);
    auto other = body;
    other["title"] = "other";
    const auto reused = admin->call("POST", "/stores/zagreb-1/changes", other, {{"Idempotency-Key", "abc-1"}});
    EXPECT_EQ(reused.status, 422);
    EXPECT_EQ(reused.body["type"], "urn:shelfwire:problem:idempotency-key-reused");
    EXPECT_EQ(admin->call("POST", "/stores/zagreb-1/changes", body, {{"Idempotency-Key", "a b"}}).status, 400);
}

TEST_F(RestTest, AChangeWithOneBadItemChangesNothingAndNamesIt) {
    start_with_shelf();
    const auto answer = admin->call("POST", "/stores/zagreb-1/changes",
                                    {{"items",
                                      {{{"product", kProduct}, {"price", eur(199)}},
                                       {{"product", "UNKNOWN-1"}, {"price", eur(199)}},
                                       {{"product", kProduct}}}}});
    EXPECT_EQ(answer.status, 422) << answer.raw;
    EXPECT_EQ(answer.body["errors"][0]["where"], "/items/2");
    const auto unknown =
        admin->call("POST", "/stores/zagreb-1/changes", {{"items", {{{"product", "UNKNOWN-1"}, {"price", eur(199)}}}}});
    EXPECT_EQ(unknown.status, 422) << unknown.raw;
    EXPECT_EQ(unknown.body["errors"][0]["where"], "/items/0/product");
    EXPECT_EQ(admin->get(kProducts + "/" + kProduct).body["price"], eur(249));
    EXPECT_EQ(admin->call("POST", "/stores/zagreb-1/changes", {{"items", Json::array()}}).status, 422);
}

TEST_F(RestTest, AScheduledChangeCanBeCancelledOnce) {
    start_with_shelf();
    const auto at = to_millis(clock.wall()) + 3'600'000;
    const auto made = admin->call("POST", "/stores/zagreb-1/changes",
                                  {{"at", at}, {"items", {{{"product", kProduct}, {"price", eur(199)}}}}});
    ASSERT_EQ(made.status, 201) << made.raw;
    EXPECT_EQ(made.body["state"], "scheduled");
    const std::string path = "/changes/" + made.body["id"].get<std::string>();
    EXPECT_EQ(admin->call("POST", path + "/cancel").body["state"], "cancelled");
    EXPECT_EQ(admin->call("POST", path + "/cancel").status, 409);
    EXPECT_EQ(admin->get("/changes?state=cancelled").body["total"], 1);
}

TEST_F(RestTest, TheTestClockMovesForwardOnlyAndIsOtherwiseNotThere) {
    start_as_admin();
    EXPECT_EQ(admin->get("/test/clock").status, 404);
    rest->stop();
    set_clock = [this](UnixMillis now) -> Result<> {
        if (now < clock.wall()) return fail(ServiceError::invalid, "/now: is before the present time");
        clock.advance(std::chrono::milliseconds(to_millis(now) - to_millis(clock.wall())));
        return {};
    };
    start();
    admin = log_in("admin", kPassword);
    const auto now = admin->get("/test/clock").body["now"].get<std::int64_t>();
    EXPECT_EQ(admin->call("PUT", "/test/clock", {{"now", now + 1000}}).body["now"], now + 1000);
    EXPECT_EQ(admin->call("PUT", "/test/clock", {{"now", now}}).status, 422);
}

TEST_F(RestTest, EventsTellOfTheTagTheJobAndTheAuditEntryAndAreResumed) {
    start_with_shelf();
    std::mutex mutex;
    std::string got;
    std::atomic<bool> enough{false};
    const auto seen = [&](std::string_view text) {
        const std::lock_guard lock(mutex);
        return got.find(text) != std::string::npos;
    };
    auto listener = log_in("admin", kPassword);
    std::jthread reader([&] {
        (void)listener.client.stream("GET", "/api/v1/events?store=zagreb-1", "", {}, [&](std::string_view bytes) {
            const std::lock_guard lock(mutex);
            got.append(bytes);
            return !enough;
        });
    });
    ASSERT_TRUE(eventually([&] { return seen(":\n\n"); }));
    ASSERT_EQ(
        admin->call("PUT", "/tags/" + kTag + "/binding", {{"store", "zagreb-1"}, {"products", {kProduct}}}).status,
        200);
    ASSERT_TRUE(eventually([&] {
        return seen("event: tag") && seen("\"state\":\"shown\"") && seen("event: job") && seen("event: change") &&
               seen("\"action\":\"job.displayed\"");
    }));
    EXPECT_TRUE(seen("\"index\":"));
    enough = true;
    see_tag("FFFF92103A08");  // wakes the reader
    std::string id;
    {
        const std::lock_guard lock(mutex);
        id = got.substr(got.find("id: ") + 4);
        id = id.substr(0, id.find('\n'));
    }
    auto again = log_in("admin", kPassword);
    std::string resumed;
    (void)again.client.stream("GET", "/api/v1/events", "", {{"Last-Event-ID", id}}, [&](std::string_view bytes) {
        resumed.append(bytes);
        return resumed.find("job.displayed") == std::string::npos;
    });
    EXPECT_EQ(resumed.find("event: reset"), std::string::npos);
    EXPECT_NE(resumed.find("job.displayed"), std::string::npos);
    std::string reset;
    (void)again.client.stream("GET", "/api/v1/events", "", {{"Last-Event-ID", "5"}}, [&](std::string_view bytes) {
        reset.append(bytes);
        return reset.find("event: reset") == std::string::npos;
    });
    EXPECT_NE(reset.find("event: reset"), std::string::npos);
}

TEST_F(RestTest, ApsAndLedsAnswerWhatTheyCannotDo) {
    start_with_shelf();
    EXPECT_EQ(admin->get("/aps").body["items"][0]["radios"], Json({"bluez"}));
    EXPECT_EQ(admin->call("POST", "/tags/" + kTag + "/led", {{"seconds", 20}}).status, 202);
    EXPECT_EQ(admin->call("POST", "/tags/" + kTag + "/led", {{"seconds", 0}}).status, 422);
    EXPECT_EQ(admin->call("POST", "/tags/" + kTag + "/led", {{"seconds", 1}, {"colour", "mauve"}}).status, 422);
    EXPECT_EQ(admin->call("POST", "/tags/0011223344556677/led", {{"seconds", 1}}).status, 404);
    EXPECT_EQ(admin->call("POST", "/tags/xyz/led", {{"seconds", 1}}).status, 404);
    EXPECT_EQ(admin->call("POST", "/aps/" + kAp + "/permit-join", {{"seconds", 255}}).status, 422);
}

TEST_F(RestTest, PreviewsDrawWhatIsTriedWithoutKeepingIt) {
    start_with_shelf();
    const std::string preview = kProducts + "/" + kProduct + "/preview.png?panel=296x128-bwr";
    const auto plain = admin->get(preview), cheap = admin->get(preview + "&price=99");
    EXPECT_TRUE(plain.raw.starts_with("\x89PNG"));
    EXPECT_NE(plain.raw, cheap.raw);
    EXPECT_EQ(admin->get(kProducts + "/" + kProduct + "/preview.png").status, 400);
    EXPECT_EQ(admin->get(kProducts + "/" + kProduct + "/preview.png?panel=big").status, 400);
    EXPECT_EQ(admin->get("/templates").body["items"][0]["id"], "stripes");
}

TEST_F(RestTest, StatsCountTheShelf) {
    start_with_shelf();
    ASSERT_EQ(
        admin->call("PUT", "/tags/" + kTag + "/binding", {{"store", "zagreb-1"}, {"products", {kProduct}}}).status,
        200);
    ASSERT_TRUE(eventually([&] { return admin->get("/stats").body["tags"]["shown"] == 1; }));
    const auto stats = admin->get("/stats?store=zagreb-1").body;
    EXPECT_EQ(stats["tags"]["bound"], 1);
    EXPECT_EQ(stats["shown_percent"], 100.0);
    EXPECT_EQ(stats["minutes"].size(), 60U);
    EXPECT_EQ(admin->get("/stats?store=nowhere").status, 404);
}

}  // namespace
}  // namespace esl::mgmt::rest
