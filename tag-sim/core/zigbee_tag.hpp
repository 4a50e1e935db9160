// The firmware of a sleeping ZigBee price tag: ZCL in, ZCL out (docs/formats/price-display-cluster.md).
#pragma once

#include <map>
#include <optional>
#include <string>

#include "common/core/bytes.hpp"
#include "common/tagwire/price_display.hpp"
#include "tag-sim/core/virtual_tag.hpp"

namespace esl::sim {

class ZigbeeTag;

// The air as a tag has it; outlives the tags.
class ZigbeeAir {
public:
    virtual ~ZigbeeAir() = default;
    // A ZCL frame to the coordinator's endpoint.
    virtual void from_tag(ZigbeeTag& tag, std::uint16_t cluster, Bytes frame) = 0;
};

class ZigbeeTag {
public:
    ZigbeeTag(VirtualTag& tag, ZigbeeAir& air, std::chrono::milliseconds shortest_check_in);
    ~ZigbeeTag();

    [[nodiscard]] VirtualTag& tag() { return tag_; }
    [[nodiscard]] const VirtualTag& tag() const { return tag_; }
    [[nodiscard]] bool joined() const { return nwk_.has_value(); }
    [[nodiscard]] std::uint16_t nwk() const { return *nwk_; }
    void join(std::uint16_t nwk);
    void leave();

    // How long a message waits at the parent until this tag polls: short while it pulls an image.
    [[nodiscard]] std::chrono::milliseconds next_poll();
    // A ZCL frame for endpoint 1. Frames that it does not know are answered or dropped as ZCL says.
    void receive(std::uint16_t cluster, BytesView frame);

    static constexpr std::uint8_t kSlots = 4;
    static constexpr std::uint32_t kMaxImage = 200'000;
    // Is it an input cluster of endpoint 1?
    [[nodiscard]] static bool serves(std::uint16_t cluster);
    // ZDO payloads: after the network address.
    [[nodiscard]] static Bytes node_descriptor();
    [[nodiscard]] static Bytes simple_descriptor();

private:
    struct Pull {
        tagwire::price_display::ImageNotify wanted;
        Bytes bytes;
        std::uint32_t asked = 0;  // offset of the request on the air
        int tries = 0;
    };

    void send(std::uint16_t cluster, Bytes frame);
    void tell(const tagwire::price_display::FromTag& command);
    // What ends a step is said again when nothing follows it: nobody acknowledges it above the network.
    void tell_again_unless_answered(const tagwire::price_display::FromTag& command, int times);
    void respond(const tagwire::zcl::Header& to, std::uint16_t cluster, std::uint8_t status);
    void read_attributes(const tagwire::zcl::FrameView& frame, std::uint16_t cluster);
    [[nodiscard]] std::optional<tagwire::zcl::Attribute> attribute(std::uint16_t cluster, bool ours,
                                                                   std::uint16_t id) const;
    [[nodiscard]] std::optional<tagwire::zcl::Attribute> basic(std::uint16_t id) const;
    [[nodiscard]] std::optional<tagwire::zcl::Attribute> display(std::uint16_t id) const;
    void foundation(const tagwire::zcl::FrameView& frame, std::uint16_t cluster);
    void identify(const tagwire::zcl::FrameView& frame);
    void command(const tagwire::price_display::ToTag& command, const tagwire::zcl::Header& header);
    void on(const tagwire::price_display::ImageNotify& notify, const tagwire::zcl::Header& header);
    void on(const tagwire::price_display::BlockRsp& block);
    void on(const tagwire::price_display::Show& show);
    void already_there(const tagwire::price_display::ImageNotify& notify);
    void ask_block();
    void request_at(std::uint32_t offset);
    void end_pull(std::uint8_t status);
    void loaded();
    void show(std::uint8_t slot);
    void shown(std::uint8_t status);
    void check_in();
    void power(bool on);

    VirtualTag& tag_;
    ZigbeeAir& air_;
    std::optional<std::uint16_t> nwk_;
    std::chrono::milliseconds check_in_period_;
    std::uint8_t sequence_ = 0;
    std::uint8_t shown_slot_ = 0;
    std::uint8_t last_error_ = 0;
    std::optional<Pull> pull_;
    std::map<std::uint8_t, image::TagImage> slots_;
    Timer pace_timer_;
    Timer retry_timer_;
    Timer show_timer_;
    Timer repeat_timer_;
    Timer check_in_timer_;
};

}  // namespace esl::sim
