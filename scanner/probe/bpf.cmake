# SPDX-License-Identifier: GPL-2.0-or-later
# The probe's BPF programs: each bpf/NAME.bpf.c is compiled by clang and becomes program_NAME[] in the library.
if(NOT TARGET scanner_probe_objects)
  return()
endif()
find_program(POSTERN_CLANG NAMES clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14 REQUIRED)
find_program(POSTERN_LLVM_STRIP NAMES llvm-strip llvm-strip-19 llvm-strip-18 llvm-strip-17 llvm-strip-16 llvm-strip-15
  llvm-strip-14 REQUIRED)

# Headers of the kernel's interface lie in a folder of the machine's architecture on Debian.
set(BPF_INCLUDES)
if(CMAKE_LIBRARY_ARCHITECTURE)
  set(BPF_INCLUDES -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE})
endif()

file(GLOB BPF_HEADERS CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/bpf/*.h)
foreach(NAME hook egress frame)
  set(BPF_SOURCE ${CMAKE_CURRENT_LIST_DIR}/bpf/${NAME}.bpf.c)
  set(BPF_OBJECT ${CMAKE_BINARY_DIR}/bpf/${NAME}.bpf.o)
  set(BPF_BYTES ${CMAKE_BINARY_DIR}/bpf/${NAME}.c)
  # -g makes the BTF that field offsets are adjusted by at load time; the rest of it is stripped. Paths of the
  # building machine stay out of the object.
  add_custom_command(OUTPUT ${BPF_BYTES}
    COMMAND ${POSTERN_CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -fdebug-compilation-dir=.
      -ffile-prefix-map=${CMAKE_SOURCE_DIR}/= ${BPF_INCLUDES} -c ${BPF_SOURCE} -o ${BPF_OBJECT}
    COMMAND ${POSTERN_LLVM_STRIP} -g ${BPF_OBJECT}
    COMMAND ${CMAKE_COMMAND} -DNAME=${NAME} -DOBJECT=${BPF_OBJECT} -DBYTES=${BPF_BYTES}
      -P ${CMAKE_CURRENT_LIST_DIR}/embed.cmake
    DEPENDS ${BPF_SOURCE} ${BPF_HEADERS} ${CMAKE_CURRENT_LIST_DIR}/embed.cmake
    COMMENT "BPF program ${NAME}" VERBATIM)
  target_sources(scanner_probe_objects PRIVATE ${BPF_BYTES})
endforeach()
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/bpf)

# Runs a plan alone, for the probe's own lab (tests/lab/probe).
if(POSTERN_TESTS AND EXISTS ${CMAKE_SOURCE_DIR}/tests/lab/probe/drive.c)
  add_executable(probe-drive ${CMAKE_SOURCE_DIR}/tests/lab/probe/drive.c)
  target_link_libraries(probe-drive PRIVATE postern_flags scanner_probe)
  set_target_properties(probe-drive PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lab)
endif()
