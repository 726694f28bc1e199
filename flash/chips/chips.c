#include "flash/chips/chips.h"

#include <string.h>

extern const struct chip_desc chip_stm32l476, chip_stm32f407;

const struct chip_desc *const chip_descs[] = {
    &chip_stm32l476,
    &chip_stm32f407,
};
const size_t chip_descs_n = sizeof chip_descs / sizeof *chip_descs;

const struct chip_desc *chip_desc_find(const char *name)
{
    for (size_t i = 0; i < chip_descs_n; i++)
        if (strcmp(chip_descs[i]->name, name) == 0)
            return chip_descs[i];
    return NULL;
}
