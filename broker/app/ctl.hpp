// `broker ctl`: administers a running broker over its REST interface.
#pragma once

namespace esl::broker {

// `argv` without the word ctl's program name: argv[0] is "ctl". Exit code: 0 done, 1 refused or unreachable, 2 usage.
int run_ctl(int argc, char** argv);

}  // namespace esl::broker
