/* tests/fuzz/fuzz.h - what the fuzz targets share: libFuzzer's entry, and a requirement that stops it. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static inline void require(int claim)
{
    if (!claim)
        abort();
}

#endif
