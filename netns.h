/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETNS_H
#define NETNS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct conf;
struct signalfd_siginfo;
struct tap_caps;

#define EXIT_BY_SIGNAL	128	/* And the signal: the shell's exit status */

/**
 * struct netns - the namespace that pasta connects
 * @net_fd:	Network namespace, -1 if none
 * @user_fd:	User namespace to join first, -1 if none
 * @child:	Process that keeps the spawned command, 0 if a namespace was
 *		joined
 * @terminal_group: Process group that had the terminal which it got, 0 for none
 * @child_ctl:	Socket to that process, -1 if none
 * @child_pidfd: Descriptor that becomes readable when the command ends, -1
 * @watch_fd:	inotify descriptor on the name of the namespace, -1 if none
 * @watch_pidfd: pidfd of the process whose namespace was joined, -1 if none
 * @watch_dir:	Directory that holds the name of the namespace, -1 if none
 * @watch_mnt:	Mount namespace where that directory is, -1 if not known
 * @watch_name:	Name in that directory
 * @dev:	Device of the namespace's inode
 * @ino:	Number of its inode
 *
 * The watch_ ones are -1 if nothing is to be watched.
 */
struct netns {
	int net_fd;
	int user_fd;
	pid_t child;
	pid_t terminal_group;
	int child_ctl;
	int child_pidfd;
	int watch_fd;
	int watch_pidfd;
	int watch_dir;
	int watch_mnt;
	char watch_name[NAME_MAX + 1];
	dev_t dev;
	ino_t ino;
};

typedef int netns_fn(void *arg);

void netns_open(struct netns *ns, const struct conf *conf);
void netns_spawn(struct netns *ns, const struct conf *conf);
int netns_call(const struct netns *ns, netns_fn *fn, void *arg);
int netns_setup_tun(const struct netns *ns, const struct conf *conf,
		    struct tap_caps *caps, uint8_t *mac);
void netns_start_command(struct netns *ns);
void netns_signal(const struct netns *ns, const struct signalfd_siginfo *si);
int netns_wait_command(struct netns *ns, int *status);
void netns_take_terminal(const struct netns *ns);
void netns_watch(struct netns *ns, const struct conf *conf);
bool netns_is_gone(const struct netns *ns);

#endif /* NETNS_H */
