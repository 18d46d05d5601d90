/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reports/format/format.h"
#include "netns/base/text.h"
#include "reports/model/file.h"

static const struct format formats[] = {
    {"table", format_table},
    {"json", format_json},
};

const struct format *format_find(const char *name)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
        if (text_equal(formats[i].name, name))
            return &formats[i];
    return NULL;
}

const char *format_names(void)
{
    return "table, json";
}

int format_json(const struct report *report, const struct format_options *options, FILE *file,
                struct error *error)
{
    (void)options;
    return report_write(report, file, error);
}
