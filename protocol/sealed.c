#include "protocol/sealed.h"

const char *sealed_result_name(enum sealed_result r)
{
    static const char *const name[SEALED_RESULTS] = {
        "sealed-ok",    "sealed-form",   "sealed-serial", "sealed-point",     "sealed-auth",
        "sealed-range", "sealed-random", "sealed-crypto", "sealed-signature", "sealed-counter",
    };
    return (unsigned)r < SEALED_RESULTS ? name[r] : "sealed-unknown";
}
