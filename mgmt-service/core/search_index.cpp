#include "mgmt-service/core/search_index.hpp"

#include <algorithm>

namespace esl::mgmt {
namespace {

// Latin-1 and Latin Extended-A (U+00C0 to U+017F) by their base letter; '.' where there is none.
constexpr char kBase[] =
    "aaaaaaaceeeeiiiidnooooo.ouuuuy.s"   // 0C0
    "aaaaaaaceeeeiiiidnooooo.ouuuuy.y"   // 0E0
    "aaaaaaccccccccddddeeeeeeeeeegggg"   // 100
    "gggghhhhiiiiiiiiiiiijjkkklllllll"   // 120
    "lllnnnnnnnnnoooooooorrrrrrssssss"   // 140
    "ssttttttuuuuuuuuuuuuwwyyyzzzzzz.";  // 160
constexpr unsigned kFirst = 0xC0, kLast = 0x17F;
static_assert(sizeof(kBase) - 1 == kLast - kFirst + 1);

}  // namespace

std::string fold(std::string_view in) {
    std::string out;
    out.reserve(in.size());
    for (std::size_t i = 0; i < in.size(); ++i) {
        const auto c = static_cast<unsigned char>(in[i]);
        if (c >= 'A' && c <= 'Z') {
            out += static_cast<char>(c + 32);
        } else if (c >= 0xC3 && c <= 0xC5 && i + 1 < in.size()) {
            const unsigned point = (c & 0x1FU) << 6 | (static_cast<unsigned char>(in[i + 1]) & 0x3FU);
            const char base = point >= kFirst && point <= kLast ? kBase[point - kFirst] : '.';
            if (base != '.') {
                out += base;
            } else {
                out.append(in.substr(i, 2));
            }
            ++i;
        } else {
            out += static_cast<char>(c);
        }
    }
    return out;
}

std::vector<std::string> words_of(std::string_view utf8) {
    std::vector<std::string> words;
    std::string word;
    for (const char c : fold(utf8)) {
        const bool part = static_cast<unsigned char>(c) >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (part) {
            word += c;
        } else if (!word.empty()) {
            words.push_back(std::move(word));
            word.clear();
        }
    }
    if (!word.empty()) words.push_back(std::move(word));
    return words;
}

void SearchIndex::add(const std::string& id, std::string_view text) {
    for (auto& word : words_of(text)) words_.emplace(std::move(word), id);
}

void SearchIndex::remove(const std::string& id, std::string_view text) {
    for (auto& word : words_of(text)) words_.erase({std::move(word), id});
}

std::set<std::string> SearchIndex::with_prefix(const std::string& prefix, std::size_t limit) const {
    std::set<std::string> out;
    for (auto it = words_.lower_bound({prefix, {}}); it != words_.end() && it->first.starts_with(prefix); ++it) {
        out.insert(it->second);
        if (out.size() >= limit) break;
    }
    return out;
}

std::set<std::string> SearchIndex::find(std::string_view query, std::size_t limit) const {
    auto words = words_of(query);
    if (words.empty()) return {};
    // The longest word first: it leaves the fewest.
    std::ranges::sort(words, [](const auto& a, const auto& b) { return a.size() > b.size(); });
    auto found = with_prefix(words.front(), limit);
    for (std::size_t i = 1; i < words.size() && !found.empty(); ++i) {
        std::erase_if(found, [&](const std::string& id) {
            for (auto it = words_.lower_bound({words[i], {}}); it != words_.end() && it->first.starts_with(words[i]);
                 it = words_.upper_bound({it->first, std::string(1, '\x7f')})) {
                if (words_.contains({it->first, id})) return false;
            }
            return true;
        });
    }
    return found;
}

}  // namespace esl::mgmt
