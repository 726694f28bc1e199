/* tests/vectors/pack.h - turn vector files (JSON) into the blob that tests/vectors/walk.c runs.
 * What can't be put through the crypto table (another key, nonce or tag length, another curve) is left out, and counted. */
#ifndef TESTS_VECTORS_PACK_H
#define TESTS_VECTORS_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pack {
    uint8_t *bytes; /* "FLV1" and records; from malloc, freed by pack_free */
    size_t len, max;
    bool few; /* of Wycheproof's ECDSA only the cases that a verifier's own code can get wrong: half a second each on a chip
               */
    unsigned left_out;
};

/* Append the file's vectors.  False: it can't be read, or is not one of the files that tests/vectors/README.md lists;
 * why[200] says so. */
bool pack_file(struct pack *p, const char *path, char why[200]);
void pack_free(struct pack *p);

#endif
