# SPDX-License-Identifier: GPL-2.0-or-later
# Reads the ruleset of the namespace that it runs in, for the readers' own lab tests (tests/lab/ruleset/run).
if(TARGET netns_read)
  add_executable(ruleset-drive ${CMAKE_SOURCE_DIR}/tests/lab/ruleset/drive.c)
  target_link_libraries(ruleset-drive PRIVATE postern_flags netns_read)
  set_target_properties(ruleset-drive PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lab)
endif()
