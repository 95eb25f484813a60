# SPDX-License-Identifier: BSD-3-Clause
# SOURCES_name: what test_name.c is linked with, one line a test, sorted
SOURCES_addr := addr.c
SOURCES_log := log.c
SOURCES_util := util.c
SOURCES_view := view.c
