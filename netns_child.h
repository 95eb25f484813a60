/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETNS_CHILD_H
#define NETNS_CHILD_H

#include <stdbool.h>

#define CHILD_GO	0	/* Over the socket: start the command */

/**
 * struct netns_child - what the process that keeps the command has to know
 * @ctl:	Socket to the one that started it
 * @pidns:	It is the first process of a PID namespace
 * @terminal:	The command is to have the terminal for itself, that is, for a
 *		process group of its own
 * @command:	Command and arguments, NULL-terminated
 */
struct netns_child {
	int ctl;
	bool pidns;
	bool terminal;
	char *const *command;
};

int netns_child(void *arg);

#endif /* NETNS_CHILD_H */
