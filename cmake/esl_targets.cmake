# esl_library(), esl_executable(), esl_test(), esl_fuzz(), esl_benchmark(): lists and nothing clever.

add_library(esl_flags INTERFACE)
add_library(esl::flags ALIAS esl_flags)
target_compile_options(esl_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Werror
    -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
target_include_directories(esl_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(esl_flags INTERFACE ESL_VERSION="${PROJECT_VERSION}")
target_link_options(esl_flags INTERFACE -fuse-ld=lld-19)
if(ESL_SANITIZE)
    target_compile_options(esl_flags INTERFACE
        -fsanitize=${ESL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(esl_flags INTERFACE -fsanitize=${ESL_SANITIZE})
endif()
if(ESL_FUZZ)
    target_compile_options(esl_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# esl_library(mqtt SOURCES a.cpp b.cpp LINKS esl::core): target esl_mqtt, alias esl::mqtt.
function(esl_library name)
    cmake_parse_arguments(A "" "" "SOURCES;LINKS" ${ARGN})
    add_library(esl_${name} STATIC ${A_SOURCES})
    add_library(esl::${name} ALIAS esl_${name})
    target_link_libraries(esl_${name} PUBLIC esl::flags ${A_LINKS})
endfunction()

# esl_executable(ap-agent SOURCES main.cpp LINKS esl::ap): build/bin/ap-agent.
function(esl_executable name)
    cmake_parse_arguments(A "" "" "SOURCES;LINKS" ${ARGN})
    add_executable(${name} ${A_SOURCES})
    target_link_libraries(${name} PRIVATE esl::flags ${A_LINKS})
endfunction()

# esl_test(mqtt LABEL unit SOURCES a_test.cpp LINKS esl::mqtt): target esl_mqtt_tests. Each TEST is a ctest of its own.
# LABEL is unit, integration or e2e. Tests run in the source root. With THREADS the label gets "-threads" behind it (a list
# of labels does not survive gtest_discover_tests), and every whole run of tests/run has these tests under the thread
# sanitizer, too; target esl_threads_tests builds all of them.
add_custom_target(esl_threads_tests)
function(esl_test name)
    cmake_parse_arguments(A "THREADS" "LABEL;TIMEOUT" "SOURCES;LINKS" ${ARGN})
    if(A_THREADS)
        string(APPEND A_LABEL -threads)
        add_dependencies(esl_threads_tests esl_${name}_tests)
    endif()
    if(NOT A_TIMEOUT)
        set(A_TIMEOUT 120)
    endif()
    add_executable(esl_${name}_tests ${A_SOURCES})
    target_link_libraries(esl_${name}_tests PRIVATE esl::flags ${A_LINKS} GTest::gmock GTest::gtest_main)
    gtest_discover_tests(esl_${name}_tests
        WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
        DISCOVERY_MODE PRE_TEST
        DISCOVERY_TIMEOUT 120
        PROPERTIES LABELS ${A_LABEL} TIMEOUT ${A_TIMEOUT})
endfunction()

# esl_fuzz(mqtt_packets SOURCES x.cpp LINKS esl::mqtt): with ESL_FUZZ a libFuzzer program; otherwise a unit test that
# replays tests/fuzz/corpus/<name>/ through the same LLVMFuzzerTestOneInput.
function(esl_fuzz name)
    cmake_parse_arguments(A "" "" "SOURCES;LINKS" ${ARGN})
    add_executable(fuzz_${name} ${A_SOURCES})
    target_link_libraries(fuzz_${name} PRIVATE esl::flags ${A_LINKS})
    if(ESL_FUZZ)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    else()
        target_sources(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.cpp)
    endif()
    add_test(NAME fuzz_corpus.${name}
        COMMAND fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name}
        WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(fuzz_corpus.${name} PROPERTIES LABELS unit TIMEOUT 120)
    if(ESL_FUZZ)
        set_tests_properties(fuzz_corpus.${name} PROPERTIES ENVIRONMENT "ASAN_OPTIONS=detect_leaks=1")
    endif()
endfunction()

# esl_benchmark(render SOURCES x.cpp LINKS ...): build/bin/bench-render, Google Benchmark's main.
function(esl_benchmark name)
    cmake_parse_arguments(A "" "" "SOURCES;LINKS" ${ARGN})
    add_executable(bench-${name} ${A_SOURCES})
    target_link_libraries(bench-${name} PRIVATE esl::flags ${A_LINKS} benchmark::benchmark_main)
endfunction()

include(GoogleTest)
