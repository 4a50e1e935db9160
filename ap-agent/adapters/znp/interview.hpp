// Asks a tag that has joined what it is. Sleeping tags answer when they poll, so each question has time and tries.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "ap-agent/adapters/znp/af_sender.hpp"
#include "ap-agent/adapters/znp/dialog.hpp"
#include "ap-agent/adapters/znp/tag_table.hpp"
#include "ap-agent/adapters/znp/task.hpp"
#include "common/tagwire/zcl.hpp"

namespace esl::ap::znp {

// Reads attributes of one tag, asking again when an answer is lost; answers with those that it has. Errors:
// RadioError::unreachable with the ZNP status,
// ::timeout.
class AttributeReader {
public:
    AttributeReader(Dialog& dialog, TagTable& tags, AfSender& sender) : dialog_(dialog), tags_(tags), sender_(sender) {}

    Task<Result<std::vector<tagwire::zcl::Attribute>>> read(TagId tag, std::uint16_t cluster,
                                                            std::optional<std::uint16_t> manufacturer,
                                                            std::vector<std::uint16_t> attributes);

private:
    Task<Result<wire::Message>> ask(TagId tag, std::uint16_t cluster, std::optional<std::uint16_t> manufacturer,
                                    Bytes payload);

    Dialog& dialog_;
    TagTable& tags_;
    AfSender& sender_;
    std::uint8_t sequence_ = 0;
};

struct Interview {
    Panel panel;
    std::optional<std::uint32_t> battery_mv;
    std::optional<std::uint8_t> battery_percent;
    std::optional<std::uint32_t> shown;
};

// Node descriptor, endpoints, their descriptors, then Basic, Power Configuration and Price Display. Errors: those of
// the reader; RadioError::unsupported for a device without a Price Display cluster or with an impossible panel.
[[nodiscard]] Task<Result<Interview>> interview(Dialog& dialog, TagTable& tags, AttributeReader& reader, TagId tag);

}  // namespace esl::ap::znp
