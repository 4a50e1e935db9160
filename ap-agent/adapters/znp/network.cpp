#include "ap-agent/adapters/znp/network.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>

#include "common/core/ids.hpp"

namespace esl::ap::znp {
namespace {

template <class T>
T random_number() {
    T out = 0;
    for (const auto b : random_bytes(sizeof(T))) out = static_cast<T>(static_cast<std::uint64_t>(out) << 8 | b);
    return out;
}

std::string hex(std::uint64_t value, int digits) {
    Bytes bytes;
    for (int i = digits / 2; i-- > 0;) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    return to_hex(bytes);
}

Result<std::uint64_t> number(std::string_view text, std::size_t digits, const char* field) {
    const auto bytes = from_hex(text);
    if (!bytes || text.size() != digits) return fail(ParseError::malformed, field);
    std::uint64_t value = 0;
    for (const auto b : *bytes) value = value << 8 | b;
    return value;
}

[[noreturn]] void fail_with_errno(const std::filesystem::path& path) {
    throw std::system_error(errno, std::generic_category(), path.string());
}

class File {
public:
    File(const std::filesystem::path& path, int flags)
        : path_(path), fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {
        if (fd_ < 0) fail_with_errno(path_);
    }
    ~File() { ::close(fd_); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    void write(std::string_view text) {
        while (!text.empty()) {
            const auto n = ::write(fd_, text.data(), text.size());
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) fail_with_errno(path_);
            text.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    void sync() {
        if (::fsync(fd_) != 0) fail_with_errno(path_);
    }

private:
    std::filesystem::path path_;
    int fd_;
};

}  // namespace

Network random_network(std::uint8_t channel) {
    Network out;
    out.channel = channel;
    do {
        out.pan = random_number<std::uint16_t>();
    } while (out.pan == 0 || out.pan >= 0xFFF0);
    do {
        out.ext_pan = random_number<std::uint64_t>();
    } while (out.ext_pan == 0 || out.ext_pan == ~std::uint64_t{0});
    fill_random(out.key);
    return out;
}

std::string to_json(const Network& network) {
    const nlohmann::ordered_json out{{"format", 1},
                                     {"pan", hex(network.pan, 4)},
                                     {"ext_pan", hex(network.ext_pan, 16)},
                                     {"channel", network.channel},
                                     {"key", to_hex(network.key)}};
    return out.dump(2) + "\n";
}

Result<Network> network_from_json(std::string_view text) {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) return fail(ParseError::malformed, "not a JSON object");
    const auto text_of = [&](const char* field) {
        return json.contains(field) && json[field].is_string() ? json[field].get<std::string>() : std::string{};
    };
    if (!json.contains("format") || json["format"] != 1) return fail(ParseError::unknown, "format");
    Network out;
    const auto pan = number(text_of("pan"), 4, "pan");
    if (!pan) return fail(pan.error());
    const auto ext_pan = number(text_of("ext_pan"), 16, "ext_pan");
    if (!ext_pan) return fail(ext_pan.error());
    const auto key = from_hex(text_of("key"));
    if (!key || key->size() != out.key.size()) return fail(ParseError::malformed, "key");
    if (!json.contains("channel") || !json["channel"].is_number_unsigned())
        return fail(ParseError::malformed, "channel");
    const auto channel = json["channel"].get<std::uint64_t>();
    if (channel < 11 || channel > 26) return fail(ParseError::out_of_range, "channel");
    out.pan = static_cast<std::uint16_t>(*pan);
    out.ext_pan = *ext_pan;
    out.channel = static_cast<std::uint8_t>(channel);
    std::ranges::copy(*key, out.key.begin());
    return out;
}

void write_private_file(const std::filesystem::path& path, std::string_view text) {
    auto temporary = path;
    temporary += ".new";
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);  // of a crash in the middle
    {
        File file(temporary, O_WRONLY | O_CREAT | O_EXCL);
        file.write(text);
        file.sync();
    }
    std::filesystem::rename(temporary, path);
    File folder(path.parent_path(), O_RDONLY | O_DIRECTORY);
    folder.sync();
}

std::optional<std::string> read_private_file(const std::filesystem::path& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) {
        if (errno == ENOENT) return std::nullopt;
        fail_with_errno(path);
    }
    if ((status.st_mode & 0077) != 0 && ::chmod(path.c_str(), 0600) != 0) fail_with_errno(path);
    std::ifstream in(path, std::ios::binary);
    if (!in) fail_with_errno(path);
    return std::string{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace esl::ap::znp
