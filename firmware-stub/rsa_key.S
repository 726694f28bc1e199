/* The place of the server's RSA key, n512 e4, whose digest is S0 of the product's images.  Blank: the station fills it with the key of
 * the board's fleet when it writes the flash (station/firmware.c).  A device whose place is blank is silent: no S0 is its digest.
 * Assembly, because link-time optimisation loses what a C file says of a section, and would take the constant for known. */
    .section .rodata.fl_rsa_key, "a"
    .balign 8 /* a unit of the flash */
    .global fl_rsa_key
    .type fl_rsa_key, %object
fl_rsa_key:
    .fill 512 + 4, 1, 0xFF
    .size fl_rsa_key, . - fl_rsa_key
