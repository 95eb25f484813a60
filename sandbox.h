/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>

struct conf;

/* For sandbox_fail(), if sandbox_filter() failed */
#define SANDBOX_FILTER	"filter system calls"

bool sandbox_fail(const struct conf *conf, int err, const char *what);
bool sandbox_new_user(const struct conf *conf, bool needed);
void sandbox_detach(const struct conf *conf, bool new_pid);
void sandbox_deny_files(const struct conf *conf, bool needed);
int sandbox_filter(const struct conf *conf, const char *const *lists,
		   bool tell);

#endif /* SANDBOX_H */
