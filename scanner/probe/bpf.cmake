# SPDX-License-Identifier: GPL-2.0-or-later
# BPF programs: each FOLDER/bpf/NAME.bpf.c is compiled by clang and becomes program_NAME[] in the folder's library.
find_program(POSTERN_CLANG NAMES clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14 REQUIRED)
find_program(POSTERN_LLVM_STRIP NAMES llvm-strip llvm-strip-19 llvm-strip-18 llvm-strip-17 llvm-strip-16 llvm-strip-15
  llvm-strip-14)
set(BPF_EMBED ${CMAKE_CURRENT_LIST_DIR}/embed.cmake)

# Headers of the kernel's interface lie in a folder of the machine's architecture on Debian.
set(BPF_INCLUDES)
if(CMAKE_LIBRARY_ARCHITECTURE)
  set(BPF_INCLUDES -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE})
endif()
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/bpf)

function(bpf_programs FOLDER)
  string(REPLACE "/" "_" LIBRARY ${FOLDER})
  if(NOT TARGET ${LIBRARY}_objects)
    return()
  endif()
  file(GLOB HEADERS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${FOLDER}/bpf/*.h)
  foreach(NAME ${ARGN})
    set(SOURCE ${CMAKE_SOURCE_DIR}/${FOLDER}/bpf/${NAME}.bpf.c)
    set(OBJECT ${CMAKE_BINARY_DIR}/bpf/${NAME}.bpf.o)
    set(BYTES ${CMAKE_BINARY_DIR}/bpf/${NAME}.c)
    # -g makes the BTF that field offsets are adjusted by at load time; the rest of it is stripped where LLVM's strip is
    # there. Paths of the building machine stay out of the object.
    set(STRIP ${CMAKE_COMMAND} -E true)
    if(POSTERN_LLVM_STRIP)
      set(STRIP ${POSTERN_LLVM_STRIP} -g ${OBJECT})
    endif()
    add_custom_command(OUTPUT ${BYTES}
      COMMAND ${POSTERN_CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -fdebug-compilation-dir=.
        -ffile-prefix-map=${CMAKE_SOURCE_DIR}/= ${BPF_INCLUDES} -c ${SOURCE} -o ${OBJECT}
      COMMAND ${STRIP}
      COMMAND ${CMAKE_COMMAND} -DNAME=${NAME} -DOBJECT=${OBJECT} -DBYTES=${BYTES} -P ${BPF_EMBED}
      DEPENDS ${SOURCE} ${HEADERS} ${BPF_EMBED}
      COMMENT "BPF program ${NAME}" VERBATIM)
    target_sources(${LIBRARY}_objects PRIVATE ${BYTES})
  endforeach()
endfunction()

bpf_programs(netns/kernel links)
bpf_programs(scanner/probe hook egress frame)

# Runs a plan alone, for the probe's own lab (tests/lab/probe).
if(POSTERN_TESTS AND TARGET scanner_probe)
  add_executable(probe-drive ${CMAKE_SOURCE_DIR}/tests/lab/probe/drive.c)
  target_link_libraries(probe-drive PRIVATE postern_flags scanner_probe)
  set_target_properties(probe-drive PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lab)
endif()
