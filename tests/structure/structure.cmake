# SPDX-License-Identifier: GPL-2.0-or-later
# Tests of the tree itself: include directions, linkage, lengths, licences, format, the released program.
find_program(POSTERN_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
find_program(POSTERN_CLANG_FORMAT NAMES clang-format-14 clang-format)
set(STRUCTURE ${CMAKE_CURRENT_LIST_DIR})

function(structure_test NAME)
  add_test(NAME structure-${NAME} COMMAND ${POSTERN_PYTHON} -B ${STRUCTURE}/${NAME}_test.py ${ARGN})
endfunction()

structure_test(include ${CMAKE_SOURCE_DIR})
structure_test(length ${CMAKE_SOURCE_DIR})
structure_test(content ${CMAKE_SOURCE_DIR})
structure_test(format ${CMAKE_SOURCE_DIR} ${POSTERN_CLANG_FORMAT})
structure_test(code)
structure_test(self ${CMAKE_C_COMPILER})

# Each library as a shared object linked with -z defs: it calls nothing that it may not include. A sanitizer's build
# has none (its runtime is undefined there), so that a plain one is made inside of it.
if(POSTERN_SANITIZE STREQUAL "none" AND NOT POSTERN_COVERAGE)
  add_custom_target(alone)
  foreach(LIBRARY ${LIBRARIES})
    add_dependencies(alone ${LIBRARY}_alone)
  endforeach()
  add_test(NAME structure-alone COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR} --target alone)
else()
  add_test(NAME structure-alone-configure COMMAND ${CMAKE_COMMAND} -S ${CMAKE_SOURCE_DIR} -B ${CMAKE_BINARY_DIR}/alone
    -DCMAKE_BUILD_TYPE=Release -DPOSTERN_SANITIZE=none -DPOSTERN_COVERAGE=OFF -DPOSTERN_WERROR=${POSTERN_WERROR})
  add_test(NAME structure-alone COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR}/alone --target alone)
  set_tests_properties(structure-alone-configure PROPERTIES FIXTURES_SETUP alone)
  set_tests_properties(structure-alone PROPERTIES FIXTURES_REQUIRED alone)
endif()
set_tests_properties(structure-alone PROPERTIES TIMEOUT 1500)

if(TARGET postern AND POSTERN_SANITIZE STREQUAL "none" AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  structure_test(hardened $<TARGET_FILE:postern> ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
endif()
