#include "protocol/profile.h"

#include <string.h>

struct profile profile_make(uint8_t scheme, uint8_t suite, uint16_t fleet, uint16_t policy, uint8_t sid_len, uint8_t ctr_len)
{
    return (struct profile){ .suite = suite,
                             .scheme = scheme,
                             .fleet = fleet,
                             .psk = (policy & POLICY_PSK) != 0,
                             .compact = (policy & POLICY_TAG16) == 0,
                             .sign_all = (policy & POLICY_SIGN_ALL) != 0,
                             .sid_len = sid_len,
                             .ctr_len = ctr_len };
}

struct profile profile_from_image(const struct otp_image *image, uint8_t sid_len, uint8_t ctr_len)
{
    return profile_make(image->scheme, image->suite, image->fleet, image->policy, sid_len, ctr_len);
}

void profile_proof(const uint8_t challenge[CHALLENGE_LEN], const uint8_t image_digest[SHA256_LEN], uint8_t out[PROOF_LEN])
{
    memcpy(out, "fl1 proof", PROOF_LABEL_LEN);
    memcpy(out + PROOF_LABEL_LEN, challenge, CHALLENGE_LEN);
    memcpy(out + PROOF_LABEL_LEN + CHALLENGE_LEN, image_digest, SHA256_LEN);
}
