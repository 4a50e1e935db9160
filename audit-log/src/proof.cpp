#include <nlohmann/json.hpp>

#include "audit-log/src/base64.hpp"
#include "audit_log/log.hpp"

namespace esl::audit {

using Json = nlohmann::json;

std::string proof_json(const Proof& proof) {
    auto path = Json::array();
    for (const auto& hash : proof.path) path.push_back(base64(hash));
    return Json{{"entry", proof.record.json},
                {"index", proof.record.index},
                {"path", std::move(path)},
                {"checkpoint", proof.checkpoint},
                {"verifier", proof.verifier}}
        .dump(2);
}

Result<Record> check_proof(std::string_view json, const Verifier& verifier) {
    try {
        const auto map = Json::parse(json);
        const auto entry = map.at("entry").get<std::string>();
        const auto index = map.at("index").get<std::uint64_t>();
        std::vector<Hash> path;
        for (const auto& text : map.at("path")) {
            const auto raw = from_base64(text.get<std::string>());
            if (!raw || raw->size() != 32) return fail(AuditError::damaged, "path is not a list of hashes");
            std::copy(raw->begin(), raw->end(), path.emplace_back().begin());
        }
        const auto head = open_note(map.at("checkpoint").get<std::string>(), verifier);
        if (!head) return fail(head.error());
        auto record = parse_record(entry);
        if (!record) return fail(AuditError::damaged, record.error().about());
        if (record->index != index ||
            !verify_inclusion(leaf_hash(as_bytes(entry)), index, head->size, path, head->root)) {
            return fail(AuditError::damaged, "entry " + std::to_string(index) + " is not in the tree that was signed");
        }
        return std::move(*record);
    } catch (const Json::exception& e) {
        return fail(AuditError::damaged, e.what());
    }
}

}  // namespace esl::audit
