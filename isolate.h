/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ISOLATE_H
#define ISOLATE_H

#include <stdbool.h>

struct conf;

/* For isolate_sandbox(), together */
#define ISOLATE_MAY_FORK	(1U << 0) /* isolate_background() follows */
#define ISOLATE_KEEP_IDS	(1U << 1) /* User and groups remain */
#define ISOLATE_KEEP_BIND	(1U << 2) /* So does CAP_NET_BIND_SERVICE */

/**
 * struct isolate - what is open for later stages
 * @pid_fd:	PID file, -1 if there is to be none
 * @null_fd:	/dev/null, -1 in the foreground
 * @ready_fd:	Pair of sockets to our parent, -1 in the foreground
 */
struct isolate {
	int pid_fd;
	int null_fd;
	int ready_fd;
};

void isolate_start(void);
void isolate_close_fds(int keep_fd);
bool isolate_can_change_ids(void);
bool isolate_may_bind(void);
void isolate_open_files(struct isolate *iso, const struct conf *conf);
void isolate_sandbox(const struct conf *conf, unsigned what);
void isolate_background(struct isolate *iso, const struct conf *conf);
void isolate_ready(struct isolate *iso, const struct conf *conf,
		   const char *const *lists);

#endif /* ISOLATE_H */
