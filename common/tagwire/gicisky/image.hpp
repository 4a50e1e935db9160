// The canonical image as a Gicisky tag takes it, and back (docs/formats/gicisky.md). The way back is what a simulated
// tag shows, so it accepts every legal coding of an image and not only the one that encode_image() makes.
#pragma once

#include "common/core/bytes.hpp"
#include "common/core/result.hpp"
#include "common/image/tag_image.hpp"
#include "common/tagwire/error.hpp"
#include "common/tagwire/gicisky/model.hpp"

namespace esl::tagwire::gicisky {

// Whether chunked codings look for matches; off, every chunk is sent plain, which is legal too.
enum class Matches : bool { off, on };

// Errors: out_of_range when the image is not of the model's size or has a colour that the panel has not.
[[nodiscard]] Result<Bytes> encode_image(const Model& model, Coding coding, const image::TagImage& image,
                                         Matches matches = Matches::on);

// Errors: truncated, trailing, malformed. A pixel both white and red in the planes is shown red, as the panels do.
[[nodiscard]] Result<image::TagImage> decode_image(const Model& model, Coding coding, BytesView bytes);

// Upper bound of a coded image's length, for judging an Announce before any byte of it is stored.
[[nodiscard]] std::size_t longest_image(const Model& model, Coding coding);

}  // namespace esl::tagwire::gicisky
