#include "server/down.h"

#include <string.h>

#include "protocol/bytes.h"
#include "protocol/frame.h"

bool down_add(struct down_list *list, const uint8_t *frame, size_t len)
{
    if (len == 0 || len > FRAME_MAX || len + 2 > sizeof list->bytes - list->len)
        return false;
    put16(list->bytes + list->len, (uint16_t)len);
    memcpy(list->bytes + list->len + 2, frame, len);
    list->len += len + 2;
    list->n++;
    return true;
}

static enum err_code nothing(void *io, const struct opened_frame *opened, size_t n, struct down_list *list, struct err *e)
{
    (void)io;
    (void)opened;
    (void)n;
    (void)list;
    (void)e;
    return ERR_OK;
}

const struct down_source down_none = { .waiting = nothing, .io = NULL };
