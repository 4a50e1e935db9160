#include <openssl/sha.h>

#include "common/core/bytes.hpp"
#include "mgmt-service/render/renderer.hpp"

namespace esl::mgmt::render {
namespace {

// Lengths before texts, so that no two inputs have the same bytes.
class Key {
public:
    void add(std::string_view text) { writer_.u32le(static_cast<std::uint32_t>(text.size())).bytes(as_bytes(text)); }
    void add(const std::optional<Money>& money) {
        writer_.u8(money ? 1 : 0);
        if (!money) return;
        writer_.u64le(static_cast<std::uint64_t>(money->minor));
        add(money->currency.code());
    }
    void add(const std::optional<UnitPrice>& price) {
        add(price ? std::optional(price->price) : std::nullopt);
        add(price ? std::string_view(price->per) : std::string_view{});
    }
    void add(const Panel& panel) {
        writer_.u32le(panel.width).u32le(panel.height).u8(static_cast<std::uint8_t>(panel.palette));
    }
    [[nodiscard]] Digest digest() const {
        Digest out{};
        SHA256(bytes_.data(), bytes_.size(), out.data());
        return out;
    }

private:
    Bytes bytes_;
    ByteWriter writer_{bytes_};
};

}  // namespace

Digest input_hash(const Template& t, const Panel& panel, const Fields& fields) {
    Key key;
    key.add(t.id());
    key.add(t.version());
    key.add(panel);
    for (const auto* text : {&fields.name, &fields.brand, &fields.quantity, &fields.code, &fields.url,
                             &fields.promo_text, &fields.promo_until, &fields.locale}) {
        key.add(*text);
    }
    key.add(fields.price);
    key.add(fields.unit_price);
    key.add(fields.prior_price);
    for (const auto& [name, value] : fields.extra) {
        key.add(name);
        key.add(value);
    }
    return key.digest();
}

}  // namespace esl::mgmt::render
