// SPDX-License-Identifier: BSD-3-Clause
/* isolate.c - give up what isn't needed any more, in stages
 *
 * Order of calls at start-up, for main(), with those of netns.c between:
 *
 *  1. isolate_start(): first thing of all. Then options are read, which tell
 *     the one descriptor that was passed to us on purpose, if any. By
 *     isolate_close_fds(), nothing but that and stdin, stdout and stderr
 *     remains open of what our parent had.
 *  2. The host's configuration is asked for.
 *  3. isolate_open_pidfile(), link_init(), which binds the socket for virtual
 *     machines, and whatever else names files: as the user that started us, who
 *     may be the only one allowed to.
 *  4. netns_open() or netns_spawn(), netns_setup_tun(), netns_watch(),
 *     nsock_start(): with all privileges, as joining namespaces takes them.
 *  5. listen_init() binds sockets: ports below 1024 take privileges.
 *  6. isolate_drop_ids(): user, groups and capabilities go, for good.
 *  7. isolate_background(): last of all, as our parent takes the end of its
 *     child for the sign that everything is ready.
 *  8. netns_start_command(): then the loop runs.
 *
 * From stage 6 on, we can't join namespaces, and can't open what only the user
 * that started us may open. There is no sandbox after stage 7 yet: file system
 * and system calls remain as they were.
 *
 * The command of netns_spawn() is not affected by stages after the 4th.
 */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/capability.h>

#include "conf.h"
#include "isolate.h"
#include "log.h"
#include "util.h"

#define PID_FILE_MODE	0644	/* Managers running as others read it */
#define FDS_MAX		65536	/* Closed one by one, without close_range(2) */

/**
 * isolate_close_range() - Close descriptors
 * @first:	First one
 * @last:	Last one
 *
 * Source: close_range(2), Linux 5.9
 */
static void isolate_close_range(unsigned first, unsigned last)
{
	unsigned fd;

	if (first > last)
		return;
#ifdef SYS_close_range
	if (!syscall(SYS_close_range, first, last, 0))
		return;
#endif
	for (fd = first; fd <= MIN(last, FDS_MAX); fd++)
		close((int)fd);
}

/**
 * isolate_close_fds() - Close all descriptors but stdin, stdout and stderr
 * @keep_fd:	One more to keep, -1 for none
 */
void isolate_close_fds(int keep_fd)
{
	unsigned first = STDERR_FILENO + 1;

	if (keep_fd >= (int)first) {
		isolate_close_range(first, (unsigned)keep_fd - 1);
		first = (unsigned)keep_fd + 1;
	}
	isolate_close_range(first, UINT_MAX);
}

/**
 * isolate_start() - Have stdin, stdout and stderr open, whoever starts us
 */
void isolate_start(void)
{
	int ret = util_open_std_fds();

	if (ret)
		log_die(-ret, "Can't open /dev/null");
}

/**
 * isolate_open_pidfile() - Open the PID file, to be written later
 * @path:	Path, "" for none
 *
 * A file that exists is used as it is: it may carry a label of its own. What it
 * tells remains until we are ready: if we fail before, it may well be about
 * another one of us, which runs.
 *
 * Return: descriptor, -1 if there is no such file; ends the program on failure
 */
int isolate_open_pidfile(const char *path)
{
	int fd;

	if (!*path)
		return -1;

	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOCTTY,
		  PID_FILE_MODE);
	if (fd < 0)
		die("option '--pid': can't open '%.80s' (%s), accepted: a "
		    "file to write to", path, log_strerror(errno));
	return fd;
}

/**
 * isolate_write_pidfile() - Write the PID file anew, and close it
 * @fd:		Descriptor, -1 for none
 * @pid:	PID to write
 */
static void isolate_write_pidfile(int fd, pid_t pid)
{
	char buf[sizeof("2147483647\n")];
	int len, ret;

	if (fd < 0)
		return;

	/* What can't be cut, such as a pipe, has nothing old in it */
	if (ftruncate(fd, 0) && errno != EINVAL)
		die_errno("option '--pid': can't write to the file");

	len = snprintf(buf, sizeof(buf), "%d\n", (int)pid);
	ret = (int)util_write_all(fd, buf, (size_t)len);
	if (ret < 0)
		log_die(-ret, "option '--pid': can't write to the file");
	close(fd);
}

/**
 * isolate_drop_bounds() - Give up to get capabilities by running programs
 *
 * This takes CAP_SETPCAP, hence it is done before ids change. Without that,
 * PR_SET_NO_NEW_PRIVS sees to it as well.
 *
 * Source: capabilities(7), prctl(2)
 */
static void isolate_drop_bounds(void)
{
	unsigned long cap;

	for (cap = 0; !prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); cap++)
		;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/**
 * isolate_drop_caps() - Give up all capabilities we have
 *
 * Source: capabilities(7), capset(2), prctl(2)
 */
void isolate_drop_caps(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capset, &header, data))
		die_errno("Can't drop capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die_errno("Can't set no_new_privs");
}

/**
 * isolate_can_change_ids() - Have we the capabilities to become another user?
 *
 * Return: true if so
 *
 * Source: capabilities(7), capget(2)
 */
bool isolate_can_change_ids(void)
{
	const uint32_t need = 1U << CAP_SETUID | 1U << CAP_SETGID;
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return !syscall(SYS_capget, &header, data) &&
	       (data[0].effective & need) == need;
}

/**
 * isolate_drop_ids() - Become the user to run as, without any privileges
 * @conf:	Configuration: user and group, our own ones for no change
 *
 * Supplementary groups go even if the user remains, where we are allowed to:
 * an ordinary user is not, and neither is root of most user namespaces.
 */
void isolate_drop_ids(const struct conf *conf)
{
	uid_t uid = conf->runas_uid;
	gid_t gid = conf->runas_gid;
	bool change = uid != geteuid() || gid != getegid();

	isolate_drop_bounds();

	if (setgroups(0, NULL) && (change || errno != EPERM))
		die_errno("Can't drop supplementary groups");

	if (setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		die_errno("option '--runas': can't change to UID %u, GID %u",
			  (unsigned)uid, (unsigned)gid);

	isolate_drop_caps();
	umask(S_IRWXG | S_IRWXO);
}

/**
 * isolate_background() - Tell that we are ready, and go to the background
 * @conf:	Configuration: whether to stay in the foreground
 * @pid_fd:	PID file from isolate_open_pidfile(), closed; -1 for none
 *
 * Returns in the process that goes on. The one we were started as ends with
 * status 0, after the PID file is written. Whoever reads our output until its
 * end is not to wait for the one that goes on.
 */
void isolate_background(const struct conf *conf, int pid_fd)
{
	int null_fd, fd;
	pid_t pid;

	if (conf->foreground || conf->command) {
		isolate_write_pidfile(pid_fd, getpid());
		return;
	}

	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0)
		die_errno("Can't open /dev/null");

	pid = fork();
	if (pid < 0)
		die_errno("Can't go to the background");
	if (pid) {
		isolate_write_pidfile(pid_fd, pid);
		_exit(EXIT_SUCCESS);
	}

	if (pid_fd >= 0)
		close(pid_fd);
	setsid();
	log_detach_stderr();
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(null_fd, fd);
	close(null_fd);
}
