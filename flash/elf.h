/* flash/elf.h - firmware from an ELF file, as segments for chip_flash_write.
 * Boundary: the file above the bytes; which segments go where is the linker's word, that they fit the part is ours.
 * Source: System V ABI, ch. 5 (program header), ARM ELF supplement (IHI 0044): EM_ARM, 32-bit little-endian. */
#ifndef FLASH_ELF_H
#define FLASH_ELF_H

#include "flash/chip.h"

enum { FW_SEGMENTS_MAX = 16 };

struct fw_image;

/* Read the file whole and keep what has to be in flash: each PT_LOAD with bytes in the file, at its physical address,
 * widened to 8-byte bounds with FF; segments that then meet in one 8-byte unit are joined. ERR_NOINPUT  no such file, or it
 * can't be read ERR_INPUT    not a 32-bit little-endian ARM ELF executable, cut short, overlapping, or outside desc->flash
 */
enum err_code fw_image_open(struct fw_image **out, const char *path, const struct chip_desc *desc, struct err *e)
    __attribute__((warn_unused_result));
void fw_image_close(struct fw_image *f); /* NULL is fine */

/* Sorted by address, valid until close. */
size_t fw_image_segments(const struct fw_image *f, const struct fw_segment **seg);

/* The address of a symbol (a function's without the Thumb bit). ERR_INPUT: no such symbol. */
enum err_code fw_image_symbol(const struct fw_image *f, const char *name, uint32_t *addr, struct err *e)
    __attribute__((warn_unused_result));

/* Fill a place that the firmware keeps free: exactly `len` bytes under that symbol, each FF, in flash.  Only this image of
 * it changes, not the file: what is written to a part and compared with it has the bytes then.  Filled with the same bytes
 * before: nothing is done.  ERR_INPUT firmware-bad: no such symbol, another size, or no bytes of flash; ERR_INPUT
 * firmware-filled: the place holds something else. */
enum err_code fw_image_fill(struct fw_image *f, const char *name, const uint8_t *bytes, size_t len, struct err *e)
    __attribute__((warn_unused_result));

#endif
