/* The server's RSA key, n512 e4, from the file that the build of the product names; S0 of the product's images digests it.
 * Assembly, because link-time optimisation loses what a C file says in it. */
    .section .rodata.fl_rsa_key, "a"
    .global fl_rsa_key
    .type fl_rsa_key, %object
fl_rsa_key:
    .incbin FL_RSA_KEY
    .size fl_rsa_key, . - fl_rsa_key
    .if . - fl_rsa_key - 516
    .error "FL_RSA_KEY: the file has other than the 516 bytes n512 e4"
    .endif
