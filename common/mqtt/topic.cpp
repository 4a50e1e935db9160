#include "common/mqtt/topic.hpp"

#include <algorithm>

#include "common/mqtt/utf8.hpp"

namespace esl::mqtt {

bool is_topic_name_of_good_utf8(std::string_view topic) {
    // Two searches, each many bytes at a time: find_first_of() takes four times the instructions.
    return !topic.empty() && topic.size() <= kTopicMaxBytes && !topic.contains('+') && !topic.contains('#');
}

bool is_topic_name(std::string_view topic) {
    return is_topic_name_of_good_utf8(topic) && is_utf8(topic);
}

std::size_t level_count(std::string_view topic_or_filter) {
    return 1 + static_cast<std::size_t>(std::ranges::count(topic_or_filter, '/'));
}

}  // namespace esl::mqtt
