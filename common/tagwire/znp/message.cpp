#include "common/tagwire/znp/message.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace esl::tagwire::znp {
namespace {

[[noreturn]] void misuse(std::string_view command, std::string_view field) {
    throw std::logic_error("znp message " + std::string{command} + ": field " + std::string{field});
}

Value empty_value(FieldType type) {
    switch (type) {
        case FieldType::bytes8:
        case FieldType::bytes16:
        case FieldType::rest:
            return Bytes{};
        case FieldType::words8:
            return Words{};
        case FieldType::none:
        case FieldType::u8:
        case FieldType::u16:
        case FieldType::u32:
        case FieldType::u64:
            break;
    }
    return std::uint64_t{0};
}

void write_field(ByteWriter& out, FieldType type, const Value& value) {
    const auto number = [&] { return std::get<std::uint64_t>(value); };
    const auto bytes = [&]() -> const Bytes& { return std::get<Bytes>(value); };
    switch (type) {
        case FieldType::u8:
            out.u8(static_cast<std::uint8_t>(number()));
            break;
        case FieldType::u16:
            out.u16le(static_cast<std::uint16_t>(number()));
            break;
        case FieldType::u32:
            out.u32le(static_cast<std::uint32_t>(number()));
            break;
        case FieldType::u64:
            out.u64le(number());
            break;
        case FieldType::bytes8:
            out.u8(static_cast<std::uint8_t>(bytes().size())).bytes(bytes());
            break;
        case FieldType::bytes16:
            out.u16le(static_cast<std::uint16_t>(bytes().size())).bytes(bytes());
            break;
        case FieldType::rest:
            out.bytes(bytes());
            break;
        case FieldType::words8: {
            const auto& words = std::get<Words>(value);
            out.u8(static_cast<std::uint8_t>(words.size()));
            for (const auto word : words) out.u16le(word);
            break;
        }
        case FieldType::none:
            break;
    }
}

Bytes copy(BytesView view) {
    return {view.begin(), view.end()};
}

Value read_field(ByteReader& in, FieldType type) {
    switch (type) {
        case FieldType::u8:
            return std::uint64_t{in.u8()};
        case FieldType::u16:
            return std::uint64_t{in.u16le()};
        case FieldType::u32:
            return std::uint64_t{in.u32le()};
        case FieldType::u64:
            return in.u64le();
        case FieldType::bytes8:
            return copy(in.bytes(in.u8()));
        case FieldType::bytes16:
            return copy(in.bytes(in.u16le()));
        case FieldType::rest:
            return copy(in.rest());
        case FieldType::words8: {
            Words words;
            for (auto left = in.u8(); left > 0 && !in.failed(); --left) words.push_back(in.u16le());
            return words;
        }
        case FieldType::none:
            break;
    }
    return std::uint64_t{0};
}

}  // namespace

Message::Message(const Definition& definition) : definition_(&definition) {
    for (const auto& field : definition.used()) values_.push_back(empty_value(field.type));
}

Message::Message(Kind kind, std::string_view name, std::initializer_list<std::pair<std::string_view, Value>> fields)
    : definition_(find_definition(kind, name)) {
    if (definition_ == nullptr) misuse(name, "(no such command)");
    for (const auto& field : definition_->used()) values_.push_back(empty_value(field.type));
    for (const auto& [field, value] : fields) set(field, value);
}

std::size_t Message::index(std::string_view field) const {
    const auto fields = definition_->used();
    const auto at = std::ranges::find(fields, field, &Field::name);
    if (at == fields.end()) misuse(name(), field);
    return static_cast<std::size_t>(at - fields.begin());
}

std::uint64_t Message::number(std::string_view field) const {
    const auto* value = std::get_if<std::uint64_t>(&values_[index(field)]);
    if (value == nullptr) misuse(name(), field);
    return *value;
}

const Bytes& Message::bytes(std::string_view field) const {
    const auto* value = std::get_if<Bytes>(&values_[index(field)]);
    if (value == nullptr) misuse(name(), field);
    return *value;
}

const Words& Message::words(std::string_view field) const {
    const auto* value = std::get_if<Words>(&values_[index(field)]);
    if (value == nullptr) misuse(name(), field);
    return *value;
}

void Message::set(std::string_view field, Value value) {
    auto& place = values_[index(field)];
    if (place.index() != value.index()) misuse(name(), field);
    place = std::move(value);
}

Frame to_frame(const Message& message) {
    Frame out{message.definition().cmd0(), message.definition().id, {}};
    ByteWriter w{out.data};
    for (const auto& field : message.definition().used()) {
        switch (field.type) {
            case FieldType::bytes8:
            case FieldType::bytes16:
            case FieldType::rest:
                write_field(w, field.type, message.bytes(field.name));
                break;
            case FieldType::words8:
                write_field(w, field.type, message.words(field.name));
                break;
            case FieldType::none:
            case FieldType::u8:
            case FieldType::u16:
            case FieldType::u32:
            case FieldType::u64:
                write_field(w, field.type, message.number(field.name));
                break;
        }
    }
    if (out.data.size() > kMaxData)
        throw std::length_error("znp frame of " + std::to_string(out.data.size()) + " bytes");
    return out;
}

Result<Message> decode(const Frame& frame) {
    const auto* definition = find_definition(frame.cmd0, frame.cmd1);
    const auto code = [&] {
        const std::uint8_t both[] = {frame.cmd0, frame.cmd1};
        return to_hex(both);
    };
    if (definition == nullptr) return fail(WireError::unknown_command, "znp command " + code());
    Message out{*definition};
    ByteReader in{frame.data};
    for (std::size_t i = 0; const auto& field : definition->used()) out.values_[i++] = read_field(in, field.type);
    if (in.failed()) return fail(WireError::truncated, std::string{definition->name} + " (" + code() + ")");
    if (in.left() > 0) return fail(WireError::trailing, std::string{definition->name} + " (" + code() + ")");
    return out;
}

}  // namespace esl::tagwire::znp
