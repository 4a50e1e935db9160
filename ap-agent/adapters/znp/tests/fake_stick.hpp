// A coordinator and its tags for the tests of the core: answers at once, in memory, and misbehaves as told.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/core/bytes.hpp"
#include "common/image/tag_image.hpp"
#include "common/tagwire/price_display.hpp"
#include "common/tagwire/zcl.hpp"
#include "common/tagwire/znp/message.hpp"

namespace esl::ap::znp::testing {

namespace wire = tagwire::znp;
namespace zcl = tagwire::zcl;
namespace pd = tagwire::price_display;

struct FakeTag {
    std::uint64_t ieee = 0;
    std::uint16_t nwk = 0;
    unsigned width = 32;
    unsigned height = 16;
    image::Palette palette = image::Palette::bwr;
    std::uint8_t formats = 2;
    bool price_tag = true;
    std::uint32_t shown = 0;

    // Faults.
    bool hears_nothing = false;   // data requests are confirmed F0
    bool ignores_notify = false;  // confirmed, then silence
    int loses_answers = 0;        // that many answers to reads
    int stops_after_blocks = -1;  // silence from then on, once
    bool asks_each_block_twice = false;
    std::optional<pd::BlockReq> asks_first;  // a strange request before the right ones, once; image 0: the right one
    int bad_loads = 0;                       // that many loads end with "invalid image"
    std::uint8_t refuses_show = 0;           // ZCL status
    bool refreshes_slowly = false;           // ShowRsp only by finish_refresh()

    // What it does now.
    pd::ImageNotify notified;
    Bytes loaded;
    int blocks = 0;
    int notifies = 0;
    int shows = 0;
};

class FakeStick {
public:
    FakeStick();

    // Bytes from the host; bytes for it. Replies may be cut anywhere by the caller.
    Bytes exchange(BytesView from_host);
    // As if it said this by itself.
    static Bytes say(const wire::Message& message) { return wire::encode(message); }

    FakeTag& add_tag(std::uint64_t ieee, std::uint16_t nwk);
    Bytes join(const FakeTag& tag);
    Bytes finish_refresh(FakeTag& tag);
    // Something a tag sends by itself.
    Bytes from_tag(const FakeTag& tag, std::uint16_t cluster, Bytes zcl_frame);

    std::map<std::uint16_t, Bytes> nv;
    std::set<std::uint8_t> endpoints;
    std::uint8_t state = 0;  // 9: coordinator
    std::uint8_t product = 1;
    bool dead = false;                  // says nothing
    std::string refuses;                // a request answered by rpc.error
    std::deque<std::uint8_t> confirms;  // statuses of the next data confirmations; then by the tag
    std::map<std::uint16_t, FakeTag> tags;
    std::map<std::string, int> seen;  // requests by name
    std::vector<std::uint8_t> joins_open;

private:
    using Replies = std::vector<wire::Message>;
    Replies answer(const wire::Message& request);
    Replies answer_nv(const wire::Message& request);
    Replies answer_zdo(const wire::Message& request);
    Replies data_request(const wire::Message& request);
    void zcl_to_tag(FakeTag& tag, std::uint16_t cluster, const Bytes& data, Replies& out);
    void display_command(FakeTag& tag, const pd::ToTag& command, std::uint8_t sequence, Replies& out);
    void ask_next(FakeTag& tag, Replies& out);
    wire::Message incoming(const FakeTag& tag, std::uint16_t cluster, Bytes frame);
    void write_nib();

    wire::Unframer unframer_;
    std::uint8_t sequence_ = 0;
};

}  // namespace esl::ap::znp::testing
