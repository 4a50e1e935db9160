// Finds products by the beginnings of words.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace esl::mgmt {

// Lower case without the accents of Latin letters: "Naranča" and "NARANCA" are one. Other scripts stay as they are.
[[nodiscard]] std::string fold(std::string_view utf8);
// Words of letters and digits, folded.
[[nodiscard]] std::vector<std::string> words_of(std::string_view utf8);

// Words of each product, sorted. One thread.
class SearchIndex {
public:
    void add(const std::string& id, std::string_view text);
    // With the text it was added with.
    void remove(const std::string& id, std::string_view text);
    // Ids of products in which each word of `query` begins some word, at most `limit`, in order of id.
    [[nodiscard]] std::set<std::string> find(std::string_view query, std::size_t limit) const;

private:
    [[nodiscard]] std::set<std::string> with_prefix(const std::string& prefix, std::size_t limit) const;
    std::set<std::pair<std::string, std::string>> words_;  // word, id
};

}  // namespace esl::mgmt
