/* The server's RSA key, n512 e4; S0 of the product's images digests it.  The build for users leaves the place blank, and the
 * station fills it with the key of the board's fleet when it writes the flash (station/firmware.c): a blank one digests to no
 * S0, and the device stays silent.  The builds for tests name a file, FL_RSA_KEY.
 * Assembly, because link-time optimisation loses what a C file says in it, and would take a constant for known. */
    .section .rodata.fl_rsa_key, "a"
    .balign 8 /* a unit of the flash */
    .global fl_rsa_key
    .type fl_rsa_key, %object
fl_rsa_key:
#ifdef FL_RSA_KEY
    .incbin FL_RSA_KEY
#else
    .fill 516, 1, 0xFF
#endif
    .size fl_rsa_key, . - fl_rsa_key
    .if . - fl_rsa_key - 516
    .error "FL_RSA_KEY: the file has other than the 516 bytes n512 e4"
    .endif
