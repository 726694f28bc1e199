/* Scheme 5: the line's master -> K_root, which stays in the token and only makes MACs -> K_gen, in this process, so that a
 * breach of it is healed by the next generation. */
#include <stdio.h>
#include <string.h>

#include "protocol/bytes.h"
#include "protocol/derive.h"
#include "verifier/cache.h"

enum err_code load_derived(struct verifier *v, struct peer *p, const struct product *product, const struct fleet_key *k,
                           struct err *e)
{
    uint8_t input[DERIVE_ROOT_INPUT_LEN];
    char label[REG_NAME + 8];
    struct token_key *master = NULL;
    enum err_code rc;

    (void)k;
    (void)snprintf(label, sizeof label, "master/%s", product->master);
    if ((rc = token_key_find(v, HSM_MASTER, label, &master, e)) != ERR_OK)
        return rc;
    derive_root_input(p->side.serial, input);
    return hsm_derive_key(master->key, input, &p->mac, e);
}

enum err_code peer_gen_key(struct verifier *v, struct peer *p, const struct peer_gen *gen, const uint8_t **K_gen,
                           struct err *e)
{
    uint8_t input[DERIVE_GEN_INPUT_LEN];
    struct gen_key *at = NULL;
    enum err_code rc;

    (void)v;
    for (size_t i = 0; i < PEER_GENS_MAX; i++) {
        struct gen_key *k = &p->gen[i];
        if (k->used && k->gen.gen == gen->gen && memcmp(k->gen.salt, gen->salt, sizeof gen->salt) == 0) {
            *K_gen = k->K_gen;
            return ERR_OK;
        }
        if (at == NULL || !k->used || (at->used && k->gen.gen < at->gen.gen))
            at = k; /* a free one, or the lowest: no generation comes back but the initial one */
    }
    derive_gen_input(gen->gen, gen->salt, input);
    bytes_wipe(at, sizeof *at);
    if ((rc = hsm_hmac(p->mac, input, sizeof input, at->K_gen, e)) != ERR_OK) {
        bytes_wipe(at, sizeof *at);
        return rc;
    }
    at->used = true;
    at->gen = *gen;
    *K_gen = at->K_gen;
    return ERR_OK;
}
