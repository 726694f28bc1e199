/* pack [--few] OUT FILE.json...: the blob of those vectors, for a chip's firmware (tests/vectors/walk.h). */
#include <stdio.h>
#include <string.h>

#include "tests/vectors/pack.h"

int main(int argc, char *argv[])
{
    struct pack p = { 0 };
    char why[200];
    if (argc > 1 && strcmp(argv[1], "--few") == 0) {
        p.few = true;
        argc--, argv++;
    }
    if (argc < 3) {
        fprintf(stderr, "usage: pack [--few] OUT FILE.json...\n");
        return 64;
    }
    for (int i = 2; i < argc; i++) {
        if (!pack_file(&p, argv[i], why)) {
            fprintf(stderr, "pack: %s\n", why);
            return 65;
        }
    }
    FILE *f = fopen(argv[1], "wb");
    bool ok = f && fwrite(p.bytes, 1, p.len, f) == p.len;
    if (f && fclose(f) != 0)
        ok = false;
    pack_free(&p);
    if (!ok)
        perror(argv[1]);
    return ok ? 0 : 73;
}
