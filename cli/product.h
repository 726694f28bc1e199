/* cli/product.h - how a product looks: for the commands that show one. */
#ifndef CLI_PRODUCT_H
#define CLI_PRODUCT_H

#include "cli/cmd.h"
#include "db/registry.h"

void product_text(const struct product *p);

/* One object on stdout; result ("added", "kept") and lock_text may be NULL: then these keys are left out. */
enum err_code product_json(const struct product *p, const char *result, const char *lock_text, struct err *e)
    __attribute__((warn_unused_result));

#endif
