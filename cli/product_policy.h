/* cli/product_policy.h - from the options of `product add` to the policy bits of its devices' images. */
#ifndef CLI_PRODUCT_POLICY_H
#define CLI_PRODUCT_POLICY_H

#include "cli/cmd.h"
#include "db/registry.h"
#include "protocol/scheme.h"

/* p->policy.  ERR_USAGE: an option that the scheme does not take. */
enum err_code product_policy(const struct app *app, const struct scheme *s, struct product *p, struct err *e)
    __attribute__((warn_unused_result));

#endif
