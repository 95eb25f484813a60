// SPDX-License-Identifier: BSD-3-Clause
/* netns_quit.c - see the end of the namespace that was joined
 *
 * We hold the namespace open, so it does not end by itself while we run. What
 * counts is the name it was given by: that of a process, or a path, usually of
 * a mount on a file. There are three ways to see the end of those, and we leave
 * if any tells:
 *
 *  - a pidfd becomes readable as the process ends, also if the path leads
 *    through its directory in /proc;
 *  - inotify tells of a name removed from its directory, or of that directory
 *    itself. It is silent about a mount that is only taken away, doesn't work
 *    for /proc, and may be used up: then we do without;
 *  - the name leads to another inode, or to none. Nothing tells of that, so it
 *    takes a look now and then: netns_is_gone() is to be called twice a second,
 *    besides when one of the descriptors is readable.
 *
 * The name means something in our mount namespace only, which we leave for the
 * sandbox. If nobody else is in there, as with `unshare -m pasta`, the kernel
 * would take all its mounts away then, the name's one, too: so we hold on to
 * it, as we would by being in there.
 *
 * Everything is opened at start-up. If we are not allowed to look there later,
 * being another user by then, the first two remain.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "netns.h"
#include "syscalls.h"
#include "util.h"

/* What is called after start-up, see seccomp.c */
const char netns_quit_syscalls[] = "fstatat poll read";

#define PROC_DIR	"/proc/"
#define WATCH_SELF	(IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)
#define WATCH_NAME	(IN_DELETE | IN_MOVED_FROM)

/**
 * watch_process() - Watch the process that a path refers to, if any
 * @ns:		Namespace: sets @ns->watch_pidfd
 * @path:	Path of the namespace
 */
static void watch_process(struct netns *ns, const char *path)
{
	unsigned long pid;
	char *end;

	if (strncmp(path, PROC_DIR, strlen(PROC_DIR)) != 0)
		return;

	pid = strtoul(path + strlen(PROC_DIR), &end, 10);
	if (*end != '/' || !pid || pid > INT_MAX)
		return;

	ns->watch_pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (ns->watch_pidfd < 0)
		debug("No pidfd of process %lu: %s", pid, log_strerror(errno));
}

/**
 * watch_name() - Watch a name in its directory
 * @ns:		Namespace: sets @ns->watch_dir, @ns->watch_name, @ns->watch_mnt,
 *		@ns->watch_fd
 * @path:	Path of the namespace, changed
 */
static void watch_name(struct netns *ns, char *path)
{
	char *slash = strrchr(path, '/');
	const char *dir = ".";

	if (slash) {
		util_copy_str(ns->watch_name, slash + 1,
			      sizeof(ns->watch_name));
		slash[slash == path] = '\0';
		dir = path;
	} else {
		util_copy_str(ns->watch_name, path, sizeof(ns->watch_name));
	}

	ns->watch_dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (ns->watch_dir < 0) {
		warn("Can't watch directory %s for the namespace's end: %s",
		     dir, log_strerror(errno));
		return;
	}

	ns->watch_mnt = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (ns->watch_mnt < 0)
		debug("Can't hold on to the mount namespace: %s",
		      log_strerror(errno));

	ns->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (ns->watch_fd >= 0 &&
	    inotify_add_watch(ns->watch_fd, dir, WATCH_SELF | WATCH_NAME) < 0) {
		close(ns->watch_fd);
		ns->watch_fd = -1;
	}
	if (ns->watch_fd < 0)
		debug("No inotify for the namespace's end, just looking now "
		      "and then: %s", log_strerror(errno));
}

/**
 * netns_watch() - Start to watch for the end of the namespace that was joined
 * @ns:		Namespace, of netns_open()
 * @conf:	Configuration: how it was given
 */
void netns_watch(struct netns *ns, const struct conf *conf)
{
	char path[sizeof(conf->netns)];
	struct stat st;

	if (conf->no_netns_quit || conf->command)
		return;

	if (fstat(ns->net_fd, &st)) {
		warn("Can't watch for the namespace's end: %s",
		     log_strerror(errno));
		return;
	}
	ns->dev = st.st_dev;
	ns->ino = st.st_ino;

	util_copy_str(path, conf->netns, sizeof(path));
	watch_process(ns, path);
	watch_name(ns, path);
}

/**
 * watch_has_event() - Take what inotify tells
 * @ns:		Namespace
 *
 * Return: true if the name, or its directory, was removed
 */
static bool watch_has_event(const struct netns *ns)
{
	char buf[4096] __attribute__((aligned(8)));
	bool gone = false;
	ssize_t n;

	if (ns->watch_fd < 0)
		return false;

	while ((n = read(ns->watch_fd, buf, sizeof(buf))) > 0) {
		const char *p = buf;

		while (p < buf + n) {
			const struct inotify_event *ev = (const void *)p;

			if (ev->mask & WATCH_SELF)
				gone = true;
			if ((ev->mask & WATCH_NAME) && ev->len &&
			    !strcmp(ev->name, ns->watch_name))
				gone = true;
			p += sizeof(*ev) + ev->len;
		}
	}
	return gone;
}

/**
 * netns_is_gone() - Has the namespace that was joined ended?
 * @ns:		Namespace
 *
 * Return: true if its process or name is gone; false also if nothing is watched
 */
bool netns_is_gone(const struct netns *ns)
{
	struct pollfd pfd = { .fd = ns->watch_pidfd, .events = POLLIN };
	struct stat st;

	if (ns->watch_pidfd >= 0 && poll(&pfd, 1, 0) > 0)
		return true;
	if (watch_has_event(ns))
		return true;
	if (ns->watch_dir < 0)
		return false;

	if (!fstatat(ns->watch_dir, ns->watch_name, &st, 0))
		return st.st_dev != ns->dev || st.st_ino != ns->ino;

	return errno == ENOENT || errno == ENOTDIR || errno == ESRCH ||
	       errno == ESTALE;
}
