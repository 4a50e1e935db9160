// How the disk of broker-on-fragile-disk behaves: the byte at the front of the file SHELFWIRE_FRAGILE_DISK names.
#pragma once

namespace esl::crash {

enum class Mode : char {
    loses = 'l',  // what was not flushed is lost with the process
    keeps = 'k',  // what was written is kept: only the process dies
    full = 'f',   // most writes find no space
    fails = 'e',  // no flush succeeds
    lies = 'y',   // a flush says that it has been made, and has not
};

}  // namespace esl::crash
