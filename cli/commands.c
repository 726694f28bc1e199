#include "cli/cmd.h"

extern const struct cmd cmd_doctor, cmd_chip_list, cmd_chip_show, cmd_otp_read, cmd_otp_plan, cmd_otp_burn;

const struct cmd *const cmds[] = {
    &cmd_doctor, &cmd_chip_list, &cmd_chip_show, &cmd_otp_read, &cmd_otp_plan, &cmd_otp_burn,
};
const size_t cmds_n = sizeof cmds / sizeof *cmds;

const struct cmd_opt common_opts[] = {
    { "directory", "DIR", OPT_DIR, 'C', false, "the directory of fuseline.conf (default: the current one)" },
    { "json", NULL, OPT_JSON, 0, false, "one JSON object per line on stdout, errors too" },
    { "help", NULL, OPT_HELP, 'h', false, "print this, and exit" },
    { 0 },
};
