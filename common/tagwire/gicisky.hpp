// Gicisky / PICKSMART price tags over Bluetooth (docs/formats/gicisky.md): everything at once.
#pragma once

#include "common/tagwire/gicisky/advert.hpp"
#include "common/tagwire/gicisky/image.hpp"
#include "common/tagwire/gicisky/message.hpp"
#include "common/tagwire/gicisky/model.hpp"
