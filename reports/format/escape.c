/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reports/format/escape.h"
#include "netns/base/text.h"

/* Code points that move the cursor, change direction, or do not show at all (Unicode categories Cc, Cf, Zl,
 * Zp, Co in part). */
static bool dangerous(uint32_t point)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x00, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},        {0x600, 0x605},   {0x61c, 0x61c},
        {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x180e, 0x180e},    {0x200b, 0x200f}, {0x2028, 0x202e},
        {0x2060, 0x206f},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},    {0xfff0, 0xfffb}, {0x110bd, 0x110bd},
        {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}, {0xf0000, 0x10ffff}, {0xe000, 0xf8ff},
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
        if (point >= ranges[i].first && point <= ranges[i].last)
            return true;
    return false;
}

void escape_terminal(struct buffer *buffer, const char *text)
{
    while (text && *text) {
        const char *start = text;
        uint32_t point = text_next(&text);
        if (point == 0xfffd)
            buffer_append(buffer, "\xef\xbf\xbd");
        else if (!dangerous(point))
            buffer_append_bytes(buffer, start, (size_t)(text - start));
        else if (point < 0x100)
            buffer_printf(buffer, "\\x%02x", point);
        else
            buffer_printf(buffer, "\\u{%x}", point);
    }
}
