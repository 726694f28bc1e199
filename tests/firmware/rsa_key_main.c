/* The public half of the RSA TEST key, n512 e4, on the standard output: for firmware that is tested.  Run at the root. */
#include <stdint.h>
#include <stdio.h>

#include "tests/protocol/rsa_key.h"

int main(void)
{
    uint8_t key[RSA_LEN + 4];
    rsa_key_public(key);
    return fwrite(key, 1, sizeof key, stdout) == sizeof key ? 0 : 1;
}
