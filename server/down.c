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

static enum err_code nothing(void *io, struct verifier *v, const struct opened_frame *opened, size_t n,
                             struct down_list *list, struct err *e)
{
    (void)io;
    (void)v;
    (void)opened;
    (void)n;
    (void)list;
    (void)e;
    return ERR_OK;
}

/* A fleet's ROTATE serves all its devices of one request. */
static bool is_listed(const struct down_list *list, const uint8_t *frame, size_t len)
{
    for (size_t at = 0; at < list->len;) {
        const size_t n = (size_t)list->bytes[at] << 8 | list->bytes[at + 1];
        if (n == len && memcmp(list->bytes + at + 2, frame, len) == 0)
            return true;
        at += 2 + n;
    }
    return false;
}

static void add_once(void *io, const uint8_t *frame, size_t len)
{
    struct down_list *list = io;

    if (!is_listed(list, frame, len))
        (void)down_add(list, frame, len); /* no room: it waits for the sender's next request */
}

static enum err_code of_verifier(void *io, struct verifier *v, const struct opened_frame *opened, size_t n,
                                 struct down_list *list, struct err *e)
{
    const struct frame_sink sink = { add_once, list };
    struct err own;
    enum err_code rc;

    (void)io;
    const enum err_code messages = verifier_messages(v, opened, n, &sink, &own);
    for (size_t i = 0; i < n; i++) /* behind the messages, whose session ends when a device obeys one of these */
        if ((rc = verifier_down(v, &opened[i], &sink, e)) != ERR_OK)
            return rc;
    if (messages != ERR_OK)
        *e = own;
    return messages;
}

const struct down_source down_verifier = { .waiting = of_verifier, .io = NULL };
const struct down_source down_none = { .waiting = nothing, .io = NULL };
