# SPDX-License-Identifier: GPL-2.0-or-later
# The program as users script against it: options, exit statuses, reports, policies, on a snapshot from a file.
find_program(POSTERN_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
add_test(NAME scanner_command-contract
  COMMAND ${POSTERN_PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/contract_test.py $<TARGET_FILE:postern>)
