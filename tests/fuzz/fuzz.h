/* fuzz.h: one entry point, two drivers: libFuzzer, or run_corpus.c in `make test`. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)	do { if (!(x)) abort(); } while (0)

#endif
