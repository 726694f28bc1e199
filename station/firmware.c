#include <stdlib.h>
#include <string.h>

#include "flash/elf.h"
#include "flash/fault.h"
#include "station/task.h"

enum err_code firmware_step(struct task *t, struct err *e)
{
    const struct fw_segment *seg;
    const size_t n = fw_image_segments(t->s->firmware, &seg);
    enum err_code rc;

    if (t->flashed) /* for the chip's key */
        return ERR_OK;
    rc = chip_flash_write(t->s->chip, seg, n, e);
    t->flashed = rc == ERR_OK;
    return rc;
}

static enum err_code compare(struct chip *c, const struct fw_segment *seg, bool *same, struct err *e)
{
    uint8_t *now = malloc(seg->len);
    enum err_code rc;

    if (now == NULL)
        return err_set(e, &flash_fault[FLASH_READ_FAILED], "malloc", NULL, 0, "%u bytes", (unsigned)seg->len);
    if ((rc = chip_mem_read(c, seg->addr, now, seg->len, e)) == ERR_OK)
        *same = memcmp(now, seg->data, seg->len) == 0;
    free(now);
    return rc;
}

enum err_code firmware_is_there(struct task *t, bool *same, struct err *e)
{
    const struct fw_segment *seg;
    const size_t n = fw_image_segments(t->s->firmware, &seg);
    enum err_code rc = ERR_OK;

    *same = true;
    for (size_t i = 0; i < n && *same && rc == ERR_OK; i++)
        rc = compare(t->s->chip, &seg[i], same, e);
    return rc;
}
