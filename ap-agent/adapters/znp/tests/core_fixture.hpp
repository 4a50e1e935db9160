// A core with a fake stick, and time that moves when told.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ap-agent/adapters/znp/core.hpp"
#include "ap-agent/adapters/znp/tests/fake_stick.hpp"
#include "common/testing/testing.hpp"

namespace esl::ap::znp::testing {
using namespace std::chrono_literals;
using wire::Kind;
using wire::Message;

inline constexpr std::uint64_t kIeee = 0x00124B0001020304;
inline constexpr std::uint16_t kNwk = 0x1234;

// The core, a stick, time that moves when told, and what the core has said.
class CoreTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() { spdlog::set_level(spdlog::level::err); }
    void make_core() {
        CoreEvents events{.up = [this] { ++ups_; },
                          .failed = [this](const std::string& why) { failures_.push_back(why); },
                          .sighting = [this](const TagSighting& s) { sightings_.push_back(s); },
                          .tags_changed = [this] { ++changes_; }};
        NetworkStore store{.load = [this]() -> Result<std::optional<Network>> { return kept_; },
                           .save = [this](const Network& network) { kept_ = network; }};
        core_.emplace(clock_, tags_, std::move(store), options_, std::move(events));
    }
    void start() {
        make_core();
        core_->start();
        talk();
    }
    // Until neither side has more to say.
    void talk() {
        for (int turns = 0; turns < 20'000; ++turns) {
            const auto out = core_->take_output();
            if (out.empty()) return;
            hear(stick_.exchange(out));
        }
        FAIL() << "they never stop talking";
    }
    void hear(const Bytes& bytes) {
        for (const auto b : bytes) core_->receive(Bytes{b});  // byte by byte
    }
    void say(const Bytes& bytes) {
        hear(bytes);
        talk();
    }
    // Lets time pass from deadline to deadline.
    void pass(std::chrono::milliseconds time) {
        const auto end = clock_.steady() + time;
        for (int steps = 0; steps < 10'000; ++steps) {
            const auto next = core_->next_deadline();
            if (!next || *next > end) break;
            if (*next > clock_.steady()) {
                clock_.advance(std::chrono::duration_cast<std::chrono::milliseconds>(*next - clock_.steady()));
            }
            core_->tick();
            talk();
        }
        if (end > clock_.steady()) {
            clock_.advance(std::chrono::duration_cast<std::chrono::milliseconds>(end - clock_.steady()));
        }
        core_->tick();
        talk();
    }
    FakeTag& joined_tag(std::uint64_t ieee = kIeee, std::uint16_t nwk = kNwk) {
        auto& tag = stick_.add_tag(ieee, nwk);
        say(stick_.join(tag));
        return tag;
    }
    // An image that does not compress to one block.
    static std::shared_ptr<const image::TagImage> picture(unsigned seed = 1, unsigned width = 32,
                                                          unsigned height = 16) {
        image::TagImage out(width, height);
        for (unsigned y = 0; y < height; ++y) {
            for (unsigned x = 0; x < width; ++x) {
                seed = seed * 1'103'515'245 + 12'345;
                out.set(x, y, (seed >> 16 & 1) != 0 ? image::Colour::black : image::Colour::white);
            }
        }
        return std::make_shared<image::TagImage>(std::move(out));
    }
    void update(std::shared_ptr<const image::TagImage> image, std::uint64_t ieee = kIeee, std::uint8_t priority = 5) {
        UpdateRequest request;
        request.tag = TagId::eui64(ieee);
        request.image_id = image->crc();
        request.image = std::move(image);
        request.priority = priority;
        request.started = [this] { ++started_; };
        core_->update(std::move(request), [this](UpdateOutcome outcome) { outcomes_.push_back(std::move(outcome)); });
        talk();
    }
    void expect_failure(RadioError error) {
        ASSERT_EQ(outcomes_.size(), 1U);
        ASSERT_TRUE(outcomes_[0].failure);
        EXPECT_EQ(outcomes_[0].failure->error, error) << outcomes_[0].failure->detail;
    }

    esl::testing::ManualClock clock_;
    FakeStick stick_;
    TagTable tags_;
    CoreOptions options_;
    std::optional<Network> kept_;
    std::vector<std::string> failures_;
    std::vector<TagSighting> sightings_;
    std::vector<UpdateOutcome> outcomes_;
    int ups_ = 0;
    int changes_ = 0;
    int started_ = 0;
    std::optional<Core> core_;
};

}  // namespace esl::ap::znp::testing
