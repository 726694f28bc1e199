#include "flash/vchip/fault.h"

const struct fault vchip_fault[VCHIP_FAULTS] = {
    [VCHIP_STATE_OPEN] = { "state-open", ERR_IO, "the simulated part's state file cannot be opened",
                           "check the path and its permissions", FATE_BY_CODE },
    [VCHIP_STATE_CREATE] = { "state-create", ERR_CREATE, "the simulated part's state file cannot be created",
                             "check that the folder exists, is writable, and has 2 MB to spare", FATE_BY_CODE },
    [VCHIP_STATE_FORMAT] = { "state-format", ERR_INPUT,
                             "this is no state file of a simulated part, or one of another version; it was not changed",
                             "name another file, or remove this one to start with a blank part", FATE_BY_CODE },
    [VCHIP_STATE_CHIP] = { "state-chip", ERR_INPUT, "the state file holds another kind of chip; it was not changed",
                           "name the chip that the file was made for, or another file", FATE_BY_CODE },
    [VCHIP_STATE_IN_USE] = { "state-in-use", ERR_UNAVAILABLE, "the state file is in use: a part can be in one board only",
                             "stop the other simulated board, or name another file", FATE_BY_CODE },
    [VCHIP_NO_MEMORY] = { "no-memory", ERR_UNAVAILABLE, "not enough memory for a simulated part",
                          "close other programs and try again", FATE_BY_CODE },
};
