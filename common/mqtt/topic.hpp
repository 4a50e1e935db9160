// Topic names (MQTT 5 section 4.7).
#pragma once

#include <cstddef>
#include <string_view>

namespace esl::mqtt {

constexpr std::size_t kTopicMaxBytes = 65'535;

// At least one character, at most 65,535 bytes, good UTF-8 without U+0000, no wildcard
// [MQTT-3.3.2-2] [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-4.7.3-3].
[[nodiscard]] bool is_topic_name(std::string_view topic);
// The same for text that is already known to be good UTF-8, as what the decoders hand out is.
[[nodiscard]] bool is_topic_name_of_good_utf8(std::string_view topic);

// Levels are what lies between slashes: "a/b" has two, "/" too, "a" one.
[[nodiscard]] std::size_t level_count(std::string_view topic_or_filter);

// Topics that begin with '$' belong to the server [MQTT-4.7.2-1].
[[nodiscard]] constexpr bool is_server_topic(std::string_view topic) {
    return topic.starts_with('$');
}

// Walks the levels front to back without recursion or allocation; level views point into the text.
class Levels {
public:
    explicit Levels(std::string_view text) : left_(text) {}
    // False when there is no further level.
    bool next(std::string_view& level) {
        if (done_) return false;
        const auto slash = left_.find('/');
        level = left_.substr(0, slash);
        done_ = slash == std::string_view::npos;
        if (!done_) left_.remove_prefix(slash + 1);
        return true;
    }

private:
    std::string_view left_;
    bool done_ = false;
};

}  // namespace esl::mqtt
