#include "verifier/fault.h"

const struct fault verifier_fault[VERIFIER_FAULTS] = {
    [VERIFIER_MEMORY] = { "verifier-memory", ERR_RETRY, "no memory; the frame was not recorded",
                          "end other programs, then offer the frame again", FATE_BY_CODE },
    [VERIFIER_CRYPTO] = { "verifier-crypto", ERR_INTERNAL, "the verifier's own crypto failed; the frame was not recorded",
                          "please report it, with this line", FATE_BY_CODE },
    [VERIFIER_KEY_ROWS] = { "server-keys", ERR_CONFIG, "the registry does not hold the keys of this device's scheme",
                            "restore the registry's last backup", FATE_BY_CODE },
    [VERIFIER_OTHER_KEK] = { "server-kek-other", ERR_CONFIG, "this token's KEK is not the one that wrapped the device's key",
                             "open the token that the registry names", FATE_BY_CODE },
    [VERIFIER_PROOF_REFUSED] = { "server-proof-refused", ERR_NO, "the proof does not open with the device's key",
                                 "take the board to the bench, and do not lock it", FATE_BY_CODE },
    [VERIFIER_FLEET_KEY] = { "server-fleet-key", ERR_CONFIG,
                             "the server's token does not hold a key that the registry names",
                             "open the token that holds it, or retire the key", FATE_BY_CODE },
    [VERIFIER_MESSAGE] = { "message-damaged", ERR_CONFIG,
                           "a message that waits is not what this token wrapped for its device",
                           "take it back with `fuseline down cancel`, and send it again", FATE_BY_CODE },
};
