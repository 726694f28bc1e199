#include "cli/ui/opened.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/hex.h"
#include "cli/ui/report.h"

static enum err_code show_json(const struct opened_frame *o, struct err *e)
{
    bool refused = o->status == FRAME_REFUSED;
    char serial[17], data[2 * FRAME_DATA_MAX + 1];

    (void)snprintf(serial, sizeof serial, "%016" PRIx64, o->serial);
    hex_encode(o->data, o->len, data);
    return report_object(
        json_pack("{s:s, s:s?, s:s?, s:o, s:s?, s:s?, s:s?, s:o}", "status", frame_status_name(o->status), "serial",
                  o->has_serial ? serial : NULL, "scheme", o->scheme[0] != '\0' ? o->scheme : NULL, "counter",
                  o->has_serial || !refused ? json_integer((json_int_t)o->counter) : json_null(), "data",
                  refused ? NULL : data, "reason", refused ? o->reason : NULL, "received",
                  o->received[0] != '\0' ? o->received : NULL, "signed", refused ? json_null() : json_boolean(o->is_signed)),
        e);
}

static void show_text(const struct opened_frame *o)
{
    char data[2 * FRAME_DATA_MAX + 1], serial[17] = "-";

    if (o->has_serial)
        (void)snprintf(serial, sizeof serial, "%016" PRIx64, o->serial);
    hex_encode(o->data, o->len, data);
    if (o->status == FRAME_REFUSED)
        printf("%-9s  %-16s  %s\n", frame_status_name(o->status), serial, o->reason);
    else
        printf("%-9s  %-16s  %s  %" PRIu64 "  %s  %s%s\n", frame_status_name(o->status), serial, o->scheme, o->counter,
               o->received, data, o->may_sign && !o->is_signed ? "  unsigned" : "");
}

enum err_code opened_show(const struct opened_frame *o, bool json, struct err *e)
{
    if (json)
        return show_json(o, e);
    show_text(o);
    return ferror(stdout) ? report_flush(e) : ERR_OK;
}
