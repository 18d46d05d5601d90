# SPDX-License-Identifier: GPL-2.0-or-later
# Writes an object file as a C array: cmake -DNAME=... -DOBJECT=... -DBYTES=... -P embed.cmake
file(READ ${OBJECT} HEX HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," HEX "${HEX}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" HEX "${HEX}")
file(WRITE ${BYTES}.new "#include <stddef.h>
extern const unsigned char program_${NAME}[];
extern const size_t program_${NAME}_length;
/* libbpf reads an ELF file in place: it has to be aligned. */
_Alignas(8) const unsigned char program_${NAME}[] = {
${HEX}
};
const size_t program_${NAME}_length = sizeof(program_${NAME});
")
file(RENAME ${BYTES}.new ${BYTES})
