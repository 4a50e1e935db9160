#include "common/mqtt/reader.hpp"

#include "common/mqtt/topic.hpp"
#include "common/mqtt/utf8.hpp"
#include "common/mqtt/varint.hpp"

namespace esl::mqtt {

void Reader::reject(DecodeError error, const char* field) {
    if (failed_) return;
    failed_ = true;
    reason_ = error;
    failed_field_ = field;
    failed_at_ = field_at_;
}

BytesView Reader::bytes(std::size_t count, const char* field) {
    field_at_ = at_;
    if (!failed_ && count > left()) reject(DecodeError::truncated, field);
    if (failed_) return {};
    const auto view = in_.subspan(at_, count);
    at_ += count;
    return view;
}

std::uint8_t Reader::u8(const char* field) {
    const auto raw = bytes(1, field);
    return raw.empty() ? std::uint8_t{0} : raw[0];
}

std::uint16_t Reader::u16(const char* field) {
    const auto raw = bytes(2, field);
    return raw.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>(raw[0] << 8 | raw[1]);
}

std::uint32_t Reader::u32(const char* field) {
    const auto raw = bytes(4, field);
    std::uint32_t value = 0;
    for (const auto b : raw) value = value << 8 | b;
    return value;
}

std::uint32_t Reader::varint(const char* field) {
    field_at_ = at_;
    if (failed_) return 0;
    const auto read = read_varint(in_.subspan(at_));
    switch (read.status) {
        case Varint::Status::complete:
            at_ += read.size;
            return read.value;
        case Varint::Status::need_more:
            reject(DecodeError::truncated, field);
            return 0;
        case Varint::Status::malformed:
            reject(DecodeError::malformed, field);
            return 0;
    }
    return 0;
}

BytesView Reader::binary(const char* field) {
    const auto start = at_;
    const auto size = u16(field);
    const auto view = bytes(size, field);
    field_at_ = start;
    return view;
}

std::string_view Reader::text(const char* field) {
    const auto view = as_text(binary(field));
    if (failed_) return {};
    if (!is_utf8(view)) {  // [MQTT-1.5.4-1] [MQTT-1.5.4-2]
        reject(DecodeError::bad_utf8, field);
        return {};
    }
    return view;
}

PropertiesView Reader::properties(PropertyPlaces place) {
    const auto size = varint("property length");
    if (failed_) return {};
    if (size > left()) {
        reject(DecodeError::truncated, "properties");
        return {};
    }
    const auto end = at_ + size;
    const auto block = in_.subspan(at_, size);
    const auto whole = in_;
    in_ = in_.first(end);  // a property may not reach past the block
    std::uint64_t seen = 0;
    while (!failed_ && at_ < end) {
        const auto* row = find_property(varint("property identifier"));
        if (row == nullptr) {
            reject(DecodeError::wrong_property, "property identifier");
        } else {
            check_property(*row, place, seen);
        }
    }
    in_ = whole;
    return failed_ ? PropertiesView{} : PropertiesView(block);
}

void Reader::check_property(const PropertyRow& row, PropertyPlaces place, std::uint64_t& seen) {
    const char* field = row.name.data();  // a string literal, so it ends with zero
    if ((row.places & place) == 0) return reject(DecodeError::wrong_property, field);
    const auto bit = std::uint64_t{1} << static_cast<unsigned>(row.id);
    if ((seen & bit) != 0 && (row.repeatable & place) == 0) return reject(DecodeError::duplicate_property, field);
    seen |= bit;
    std::uint32_t value = row.min;
    switch (row.type) {
        case PropertyType::u8:
            value = u8(field);
            break;
        case PropertyType::u16:
            value = u16(field);
            break;
        case PropertyType::u32:
            value = u32(field);
            break;
        case PropertyType::varint:
            value = varint(field);
            break;
        case PropertyType::binary:
            binary(field);
            break;
        case PropertyType::text_pair:
            text(field);
            text(field);
            break;
        case PropertyType::text:
            if (const auto read = text(field);
                row.id == PropertyId::response_topic && !failed_ && !is_topic_name_of_good_utf8(read)) {
                reject(DecodeError::protocol_violation, field);  // [MQTT-3.3.2-14]
            }
            break;
    }
    if (!failed_ && (value < row.min || value > row.max)) reject(DecodeError::protocol_violation, field);
}

void Reader::expect_end() {
    field_at_ = at_;
    if (!failed_ && left() != 0) reject(DecodeError::trailing_bytes, "end of packet");
}

std::unexpected<Error> Reader::error() const {
    std::string about{name(packet_)};
    about.append(": ").append(failed_field_).append(", at byte ").append(std::to_string(failed_at_));
    return fail(reason_, std::move(about));
}

}  // namespace esl::mqtt
