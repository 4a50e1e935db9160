#include "mgmt-service/adapters/render/scene_fields.hpp"

#include <gtest/gtest.h>

namespace esl::mgmt {
namespace {

constexpr UnixMillis kMidnight = from_millis(1'764'547'200'000);  // 2025-12-01 00:00 UTC

Scene a_scene(std::string locale) {
    Scene scene;
    scene.panel = {296, 128, image::Palette::bwr};
    scene.tag = "FFFF92000001";
    scene.currency = "EUR";
    scene.locale = std::move(locale);
    Scene::Item item;
    item.code = "09008700124195";
    item.name = "Nektar Jabuka";
    item.quantity = "0.75";
    item.unit = "L";
    item.price = 249;
    scene.items = {item};
    return scene;
}

TEST(SceneFields, SayQuantityAndUnitPriceInTheFormOfTheLocale) {
    const auto fields = fields_of(a_scene("hr-HR"), "");
    EXPECT_EQ(fields.quantity, "0,75 l");
    ASSERT_TRUE(fields.unit_price);
    EXPECT_EQ(fields.unit_price->price.minor, 332);
    EXPECT_EQ(fields_of(a_scene("en"), "").quantity, "0.75 l");
    EXPECT_FALSE(fields.prior_price);
    EXPECT_TRUE(fields.promo_until.empty());
}

TEST(SceneFields, APromotionNamesItsLastDayAndThePriorPrice) {
    auto scene = a_scene("de-AT");
    scene.items[0].promotion = true;
    scene.items[0].prior_price = 299;
    scene.items[0].promotion_to = kMidnight;
    const auto fields = fields_of(scene, "");
    EXPECT_EQ(fields.prior_price->minor, 299);
    EXPECT_EQ(fields.promo_until, "bis 30.11.");
    EXPECT_EQ(until_text(kMidnight, "en"), "until 30 Nov");
    EXPECT_EQ(until_text(kMidnight, "zh-CN"), "至11月30日");
    EXPECT_EQ(until_text(kMidnight + std::chrono::milliseconds(1), "hr"), "do 1.12.");
}

TEST(SceneFields, AUnitThatGivesNoUnitPriceIsOnlyShown) {
    auto scene = a_scene("en");
    scene.items[0].unit = "par";
    const auto fields = fields_of(scene, "");
    EXPECT_EQ(fields.quantity, "0.75 par");
    EXPECT_FALSE(fields.unit_price);
}

TEST(SceneFields, TheQrCodeIsTheProductsOwnAddressOrADigitalLink) {
    auto scene = a_scene("en");
    EXPECT_EQ(fields_of(scene, "").url, "");
    EXPECT_EQ(fields_of(scene, "https://id.example.shop").url, "HTTPS://ID.EXAMPLE.SHOP/01/09008700124195");
    scene.items[0].url = "https://shop.example/1";
    EXPECT_EQ(fields_of(scene, "https://id.example.shop").url, "https://shop.example/1");
}

TEST(SceneFields, AnUnboundTagNamesItself) {
    auto scene = a_scene("en");
    scene.items.clear();
    const auto fields = fields_of(scene, "");
    EXPECT_EQ(fields.name, "FFFF92000001");
    EXPECT_FALSE(fields.price);
}

TEST(SceneFields, FurtherProductsGoIntoNumberedFields) {
    auto scene = a_scene("de");
    scene.items.push_back(scene.items[0]);
    scene.items[1].name = "Second";
    const auto fields = fields_of(scene, "");
    EXPECT_EQ(fields.extra.at("name2"), "Second");
    EXPECT_NE(fields.extra.at("price2").find("2,49"), std::string::npos);
}

}  // namespace
}  // namespace esl::mgmt
