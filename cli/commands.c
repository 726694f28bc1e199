#include "cli/cmd.h"

extern const struct cmd cmd_init, cmd_doctor, cmd_explain;
extern const struct cmd cmd_product_add, cmd_product_list, cmd_product_show;
extern const struct cmd cmd_provision, cmd_device_list, cmd_device_show;
extern const struct cmd cmd_recover, cmd_reconcile, cmd_status;
extern const struct cmd cmd_open, cmd_serve, cmd_frame_expand, cmd_audit_list;
extern const struct cmd cmd_key_list, cmd_key_show, cmd_key_new, cmd_key_certify, cmd_key_retire;
extern const struct cmd cmd_rotate_status, cmd_rotate, cmd_key_rotate, cmd_rekey;
extern const struct cmd cmd_relay;
extern const struct cmd cmd_down_send, cmd_down_list, cmd_down_cancel;
extern const struct cmd cmd_chip_list, cmd_chip_show;
extern const struct cmd cmd_otp_show, cmd_otp_read, cmd_otp_plan, cmd_otp_burn;

const struct cmd *const cmds[] = {
    &cmd_init,          &cmd_doctor,       &cmd_explain,                       /* the line */
    &cmd_product_add,   &cmd_product_list, &cmd_product_show,                  /* what is made */
    &cmd_provision,     &cmd_device_list,  &cmd_device_show,                   /* making it */
    &cmd_status,        &cmd_recover,      &cmd_reconcile,                     /* after a cut */
    &cmd_open,          &cmd_serve,        &cmd_frame_expand, &cmd_audit_list, /* what comes back */
    &cmd_down_send,     &cmd_down_list,    &cmd_down_cancel,                   /* what goes there */
    &cmd_relay,                                                                /* the way there */
    &cmd_key_list,      &cmd_key_show,     &cmd_key_new,      &cmd_key_retire, /* the tokens */
    &cmd_key_rotate,    &cmd_key_certify,                                      /* and what `serve` shows */
    &cmd_rotate_status, &cmd_rotate,       &cmd_rekey, /* keys over a lifetime; two words before their first alone */
    &cmd_chip_list,     &cmd_chip_show,                /* the bench */
    &cmd_otp_show,      &cmd_otp_read,     &cmd_otp_plan,     &cmd_otp_burn,
};
const size_t cmds_n = sizeof cmds / sizeof *cmds;

const struct cmd_opt common_opts[] = {
    { "directory", "DIR", OPT_DIR, 'C', false, "the directory of fuseline.conf (default: the current one)", false },
    { "json", NULL, OPT_JSON, 0, false, "one JSON object per line on stdout, errors too", false },
    { "help", NULL, OPT_HELP, 'h', false, "print this, and exit", false },
    { 0 },
};
