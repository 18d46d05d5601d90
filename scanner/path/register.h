/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers of nf_tables as bytes (nft_parse_register of the kernel): 80 bytes, the first 16 the
 * verdict's. Pure knowledge that both evaluators share.
 */
#ifndef POSTERN_SCANNER_PATH_REGISTER_H
#define POSTERN_SCANNER_PATH_REGISTER_H

#include <stdbool.h>
#include <stdint.h>

#define REGISTER_BYTES 80u /* NFT_REG32_NUM words of 4 */
#define REGISTER_FIRST 16u /* the first byte that is not the verdict's */

/* Byte offset of a register number: 0 the verdict, 1 to 4 of 16 bytes, 8 to 23 of 4. False for any other. */
static inline bool register_offset(uint32_t number, uint32_t *ret_offset)
{
    if (number <= 4)
        *ret_offset = number * 16;
    else if (number >= 8 && number <= 23)
        *ret_offset = REGISTER_FIRST + (number - 8) * 4;
    else
        return false;
    return true;
}

/* The same where `length` bytes from there on must fit and the verdict may not be touched
 * (nft_validate_register_*). */
static inline bool register_range(uint32_t number, uint32_t length, uint32_t *ret_offset)
{
    return register_offset(number, ret_offset) && *ret_offset >= REGISTER_FIRST && length > 0 &&
           length <= REGISTER_BYTES - *ret_offset;
}

#endif
