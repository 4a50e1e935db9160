// Reading requests and writing answers of the credentials' routes.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/app/admin_routes.hpp"
#include "broker/auth/credential_book.hpp"
#include "common/http/message.hpp"

namespace esl::broker {

// The fields of a JSON object in a request's body. The first that is missing or wrong is remembered, and everything
// after it is empty: ask failed() once, at the end. It refuses a field, too, that nobody has asked for: a misspelt one
// would otherwise be taken for one that was left out.
class AdminBody {
public:
    explicit AdminBody(const http::Request& request);
    // Must be there.
    [[nodiscard]] std::string text(const char* name);
    [[nodiscard]] std::string text_or(const char* name, std::string otherwise);
    [[nodiscard]] std::int64_t number(const char* name);
    [[nodiscard]] std::int64_t number_or(const char* name, std::int64_t otherwise, std::int64_t least,
                                         std::int64_t most);
    [[nodiscard]] bool flag_or(const char* name, bool otherwise);
    // A list of texts, or one text of them with commas between.
    [[nodiscard]] std::vector<std::string> texts(const char* name);
    // One of the words that `parse` knows; `words` says which, for the refusal.
    template <class Parse>
    [[nodiscard]] auto word(const char* name, const char* words, Parse parse) {
        const auto given = text(name);
        const auto value = parse(given);
        if (!value) refuse(name, std::string("must be ") + words);
        return value.value_or(typename decltype(value)::value_type{});
    }
    [[nodiscard]] std::optional<http::Response> failed();

private:
    void refuse(std::string_view name, std::string_view what);
    [[nodiscard]] const nlohmann::json* find(const char* name);

    nlohmann::json body_;
    std::vector<std::string_view> asked_;
    std::string problem_;
};

[[nodiscard]] http::Response refusal(const Error& error);
// ?after=&limit=; nothing when limit is no number from 1 to 1,000.
[[nodiscard]] std::optional<PageQuery> page_query(const http::Request& request);
[[nodiscard]] http::Response bad_page();
[[nodiscard]] http::Response json_answer(int status, const nlohmann::json& body);

template <class T, class ToJson>
http::Response page_answer(const Page<T>& page, ToJson to_json) {
    auto items = nlohmann::json::array();
    for (const auto& item : page.items) items.push_back(to_json(item));
    return json_answer(200, {{"items", std::move(items)}, {"next", page.next}, {"total", page.total}});
}

}  // namespace esl::broker
