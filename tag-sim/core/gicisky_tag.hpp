// A Gicisky tag's firmware: what it advertises, and how it answers on FEF1 and FEF2 (docs/formats/gicisky.md).
#pragma once

#include <optional>
#include <vector>

#include "common/core/bytes.hpp"
#include "common/tagwire/gicisky.hpp"
#include "tag-sim/core/virtual_tag.hpp"

namespace esl::sim {

// What the tag's radio does for it; called on the tag's thread, never from inside a call into the tag.
class GiciskyLink {
public:
    virtual ~GiciskyLink() = default;
    // A notification on FEF1.
    virtual void notify(const Bytes& value) = 0;
    // The tag ends the connection; GiciskyTag::disconnected() is not called for it.
    virtual void drop() = 0;
};

class GiciskyTag {
public:
    // All outlive this object. `firmware` decides the coding of some models.
    GiciskyTag(VirtualTag& tag, const tagwire::gicisky::Model& model, std::uint16_t firmware, GiciskyLink& link);

    [[nodiscard]] VirtualTag& tag() { return tag_; }
    [[nodiscard]] const VirtualTag& tag() const { return tag_; }
    [[nodiscard]] const tagwire::gicisky::Model& model() const { return model_; }
    // The five bytes of manufacturer data, as of now.
    [[nodiscard]] Bytes advert() const;
    // A tag that refreshes, is connected or has no power is silent.
    [[nodiscard]] bool advertising() const { return tag_.powered() && !connected_ && !tag_.refreshing(); }

    // The central's side of the link.
    void connected();
    void disconnected();
    void command(BytesView value);  // written to FEF1
    void data(BytesView value);     // written to FEF2

private:
    struct Transfer {
        std::uint32_t length = 0;
        Bytes bytes;
        std::vector<bool> have;
        bool begun = false;
    };

    void answer(const tagwire::gicisky::Notice& notice);
    void announce(const tagwire::gicisky::Announce& announce);
    void begin();
    void ask_next();
    void end(std::uint8_t code);  // failed with a code
    void complete();
    void drop_link();
    [[nodiscard]] bool cut_by_plan(std::uint32_t part);

    VirtualTag& tag_;
    const tagwire::gicisky::Model& model_;
    std::uint16_t firmware_;
    tagwire::gicisky::Coding coding_;
    GiciskyLink& link_;
    bool connected_ = false;
    std::uint64_t epoch_ = 0;  // of the connection; answers of an older one are not sent
    bool cut_done_ = false;    // disconnect_at_part has struck since the last power-up
    std::optional<Transfer> transfer_;
    Timer idle_timer_;
};

}  // namespace esl::sim
