# SPDX-License-Identifier: GPL-2.0-or-later
# The first judge (tests/judge/run): a program of its own, for it needs a lab.
if(TARGET scanner_path AND TARGET netns_collect)
  file(GLOB JUDGE_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/judge/*.c)
  add_executable(judge ${JUDGE_SOURCES})
  target_link_libraries(judge PRIVATE postern_flags scanner_path netns_collect reports_model netns_snapshot netns_base
    PkgConfig::CJSON PkgConfig::MNL PkgConfig::NFTNL PkgConfig::BPF)
endif()
