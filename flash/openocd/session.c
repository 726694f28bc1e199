#include "flash/openocd/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "flash/openocd/classify.h"
#include "flash/openocd/scripts.h"

enum { GRACE_MS = 500, CLOSE_MS = 500, WORDS_SHOWN = 160, COMMAND_MAX = RPC_WORDS_MAX * 11 + 64 };

static bool promises_nothing_burned(enum flash_fault_id id)
{
    switch (id) {
    case FLASH_OPENOCD_DIED:
    case FLASH_OPENOCD_HUNG:
    case FLASH_OPENOCD_GARBAGE:
    case FLASH_NO_CHIP:
    case FLASH_READ_FAILED:
    case FLASH_WRITE_FAILED:
        return true;
    default:
        return false;
    }
}

static enum err_code slot_fault(struct openocd *o, enum flash_fault_id id, const char *op, struct err *e, const char *words)
{
    const char *colon = words[0] != '\0' ? ": " : "";

    if (o->burned && promises_nothing_burned(id))
        return err_set(e, &flash_fault[FLASH_CONTACT_LOST], op, "openocd", o->rpc.code, "slot '%s': %s%s%s", o->slot.name,
                       flash_fault[id].name, colon, words);
    return err_set(e, &flash_fault[id], op, "openocd", o->rpc.code, "slot '%s'%s%s", o->slot.name, colon, words);
}

enum err_code session_fault(struct openocd *o, enum flash_fault_id id, const char *op, struct err *e, const char *fmt, ...)
{
    char words[WORDS_SHOWN];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    return slot_fault(o, id, op, e, words);
}

/* With OpenOCD's own complaint for a subject. */
static enum err_code said(struct openocd *o, enum flash_fault_id id, const char *op, struct err *e)
{
    char words[WORDS_SHOWN];

    rpc_complaint(&o->rpc, words, sizeof words);
    return slot_fault(o, id, op, e, words);
}

void session_end(struct openocd *o)
{
    /* The controller must not stay unlocked behind us.  A part that is gone has locked itself: failing is fine. */
    if (rpc_running(&o->rpc) && o->burned && rpc_call(&o->rpc, "fl_close", CLOSE_MS) != RPC_OK)
        o->rpc.code = 0;
    o->probed = false;
    rpc_stop(&o->rpc);
}

static enum err_code rpc_fault(struct openocd *o, enum rpc_status status, const char *op, struct err *e)
{
    static const enum flash_fault_id id[] = {
        [RPC_DIED] = FLASH_OPENOCD_DIED,
        [RPC_HUNG] = FLASH_OPENOCD_HUNG,
        [RPC_GARBAGE] = FLASH_OPENOCD_GARBAGE,
    };
    o->probed = false;
    o->rpc.code = 0;
    return said(o, id[status], op, e);
}

static enum err_code spawn(struct openocd *o, struct err *e)
{
    const char *const argv[] = { "openocd",
                                 "-f",
                                 o->slot.adapter,
                                 "-f",
                                 o->slot.desc->openocd.target_cfg,
                                 "-c",
                                 "tcl_port pipe; telnet_port disabled; gdb_port disabled; noinit",
                                 NULL };
    const struct subprocess_spec spec = { .path = o->slot.openocd, .argv = argv, .keep = &o->image_fd, .n_keep = 1 };
    int why = rpc_start(&o->rpc, &spec, GRACE_MS);

    if (why == 0)
        return ERR_OK;
    return err_set(e, &flash_fault[FLASH_OPENOCD_MISSING], "execve", "errno", why, "slot '%s': %s: %s", o->slot.name,
                   o->slot.openocd, strerror(why));
}

/* Send our Tcl and apply the settings: nothing has touched the programmer yet. */
static enum err_code configure(struct openocd *o, uint32_t *transport, struct err *e)
{
    const struct chip_desc *d = o->slot.desc;
    char command[128];
    enum rpc_status rc;

    (void)snprintf(command, sizeof command, "fl_setup %s %u", d->openocd.cpu, d->flash_regs);
    if ((rc = rpc_define(&o->rpc, openocd_common_tcl, o->slot.start_ms)) == RPC_OK &&
        (rc = rpc_define(&o->rpc, openocd_controller_tcl(d->controller), o->slot.start_ms)) == RPC_OK)
        rc = rpc_call(&o->rpc, command, o->slot.start_ms);
    if (rc == RPC_DIED)
        return said(o, FLASH_OPENOCD_START, "start", e);
    if (rc != RPC_OK)
        return rpc_fault(o, rc, "start", e);
    if (o->rpc.code != 0)
        return session_fault(o, FLASH_OPENOCD_START, "start", e, "%s", o->rpc.result);
    if (!rpc_numbers(&o->rpc, transport, 1) || *transport > 2)
        return slot_fault(o, FLASH_OPENOCD_GARBAGE, "start", e, "");
    if (*transport == 2)
        return slot_fault(
            o, FLASH_UNSUPPORTED, "transport select", e,
            "the adapter file selects an HLA transport, which hides the debug port: use interface/stlink-dap.cfg");
    return ERR_OK;
}

static enum err_code attach(struct openocd *o, struct err *e)
{
    enum rpc_status rc = rpc_call(&o->rpc, "fl_attach", o->slot.start_ms);

    if (rc != RPC_OK)
        return rpc_fault(o, rc, "init", e);
    const char *line = "";
    bool failed = o->rpc.code != 0;
    enum flash_fault_id id = classify_attach(o->rpc.log, failed, &line);
    if (id != FLASH_FAULTS)
        return session_fault(o, id, "init", e, "%.*s", (int)strcspn(line, "\n"), line);
    return failed ? said(o, FLASH_OPENOCD_START, "init", e) : ERR_OK;
}

enum err_code session_start(struct openocd *o, bool *swd, struct err *e)
{
    uint32_t transport = 0;
    enum err_code rc;

    session_end(o);
    o->burned = false;
    if ((rc = spawn(o, e)) == ERR_OK && (rc = configure(o, &transport, e)) == ERR_OK)
        rc = attach(o, e);
    if (rc != ERR_OK)
        session_end(o);
    *swd = transport == 1;
    return rc;
}

enum err_code session_ask(struct openocd *o, const struct ask *a, uint32_t *out, size_t n, struct err *e, const char *fmt,
                          ...)
{
    char command[COMMAND_MAX];
    va_list ap;

    if (!rpc_running(&o->rpc))
        return slot_fault(o, a->refused, a->op, e, "contact was lost before: probe again");
    va_start(ap, fmt);
    int len = vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    enum rpc_status status = RPC_GARBAGE;
    if (len > 0 && (size_t)len < sizeof command)
        status = rpc_call(&o->rpc, command, a->limit_ms);
    explicit_bzero(command, sizeof command);

    enum err_code rc;
    if (status != RPC_OK)
        rc = rpc_fault(o, status, a->op, e);
    else if (o->rpc.code != 0)
        rc = said(o, a->refused, a->op, e);
    else if (!rpc_numbers(&o->rpc, out, n))
        rc = slot_fault(o, FLASH_OPENOCD_GARBAGE, a->op, e, "");
    else
        return ERR_OK;
    session_end(o);
    return rc;
}

enum err_code session_ready(struct openocd *o, const char *op, struct err *e)
{
    if (!o->probed)
        return slot_fault(o, FLASH_READ_FAILED, op, e, "contact was lost before: probe again");
    if (o->id.rdp != 0)
        return slot_fault(o, FLASH_READ_PROTECTED, op, e, "");
    return ERR_OK;
}
