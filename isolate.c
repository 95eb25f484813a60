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
 *  3. isolate_open_files(), link_init(), which binds the socket for virtual
 *     machines, and whatever else names files: as the user that started us, who
 *     may be the only one allowed to.
 *  4. netns_open() or netns_spawn(), netns_setup_tun(), netns_watch(),
 *     nsock_start(): with all privileges, as joining namespaces takes them.
 *  5. listen_init() binds sockets: ports below 1024 take privileges.
 *  6. isolate_sandbox(): user, groups and capabilities go, for good, and so
 *     does the file system, see sandbox.c.
 *  7. isolate_background(): our parent is told only after stage 8. Signals are
 *     watched from then on: they belong to the process.
 *  8. isolate_ready(): from here on, system calls that aren't on the lists end
 *     the process. Our parent takes the end of its child for the sign that
 *     everything is ready.
 *  9. netns_start_command(): then the loop runs.
 *
 * The processes of nsock.c go through stage 6 and the filter by themselves. The
 * command of netns_spawn() is not affected by stages after the 4th.
 *
 * With CAP_SYS_ADMIN, the namespaces of stage 6 are made first, while we may.
 * Without, it's the user namespace made last that allows for them, and ids
 * have to be changed before: nobody but us is mapped there.
 *
 * CAP_NET_BIND_SERVICE is of use after start-up if ports are bound then, and it
 * counts only in the user namespace that the network namespace belongs to. So
 * it's for another process, see nsock.c, to keep it, stay there, and bind
 * sockets for us. For those of the host, it has to be granted, by setcap(8) or
 * as an ambient capability. Root has it anyway: that is no grant.
 */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/capability.h>

#include "conf.h"
#include "isolate.h"
#include "log.h"
#include "sandbox.h"
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
 * isolate_on_signal() - Handler of SIGPIPE, SIGXFSZ: nothing is left to do
 * @signo:	Signal
 *
 * Whoever writes where nobody reads any more gets EPIPE besides, and whoever
 * writes more to a file than may be in it EFBIG.
 */
static void isolate_on_signal(int signo)
{
	(void)signo;
}

/**
 * isolate_start() - Have stdin, stdout and stderr open, whoever starts us, and
 *		     go on if nobody reads what we write, or there is no room
 *
 * Signals are handled, not ignored, as execve(2) then puts them back: the
 * command gets them as we did, ignored or not.
 *
 * Source: signal(7), execve(2), setrlimit(2)
 */
void isolate_start(void)
{
	static const int signals[] = { SIGPIPE, SIGXFSZ };
	int ret = util_open_std_fds();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		if (signal(signals[i], isolate_on_signal) == SIG_IGN)
			signal(signals[i], SIG_IGN);
	}
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
static int isolate_open_pidfile(const char *path)
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
 * isolate_open_files() - Open what later stages need
 * @iso:	Set
 * @conf:	Configuration
 */
void isolate_open_files(struct isolate *iso, const struct conf *conf)
{
	*iso = (struct isolate) { .null_fd = -1, .ready_fd = -1 };
	iso->pid_fd = isolate_open_pidfile(conf->pid_file);
	if (conf->foreground || conf->command)
		return;

	iso->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (iso->null_fd < 0)
		die_errno("Can't open /dev/null");
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
 * isolate_has_caps() - Are these capabilities in effect?
 * @need:	Bits by number of the capability, below 32
 *
 * Return: true if all of them are
 *
 * Source: capabilities(7), capget(2)
 */
static bool isolate_has_caps(uint32_t need)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return !syscall(SYS_capget, &header, data) &&
	       (data[0].effective & need) == need;
}

/**
 * isolate_can_change_ids() - Have we the capabilities to become another user?
 *
 * Return: true if so
 */
bool isolate_can_change_ids(void)
{
	return isolate_has_caps(1U << CAP_SETUID | 1U << CAP_SETGID);
}

/**
 * isolate_may_bind() - Was it granted to us to bind low ports of the host?
 *
 * Return: true if we have the capability, and not just because we are root
 */
bool isolate_may_bind(void)
{
	return geteuid() && !isolate_has_caps(1U << CAP_SYS_ADMIN) &&
	       isolate_has_caps(1U << CAP_NET_BIND_SERVICE);
}

/**
 * isolate_drop_caps() - Give up all capabilities we have
 * @keep:	But for these, bits by number of the capability, below 32
 *
 * Source: capabilities(7), capset(2), prctl(2)
 */
static void isolate_drop_caps(uint32_t keep)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
		{ .effective = keep, .permitted = keep },
	};

	if (syscall(SYS_capset, &header, data))
		die_errno("Can't drop capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die_errno("Can't set no_new_privs");
}

/**
 * isolate_drop_ids() - Become the user to run as
 * @conf:	Configuration: user and group, our own ones for no change
 *
 * Supplementary groups go even if the user remains, where we are allowed to:
 * an ordinary user is not, and neither is root of most user namespaces.
 */
static void isolate_drop_ids(const struct conf *conf)
{
	uid_t uid = conf->runas_uid;
	gid_t gid = conf->runas_gid;
	bool change = uid != geteuid() || gid != getegid();

	if (setgroups(0, NULL) && (change || errno != EPERM))
		die_errno("option '--runas': can't drop supplementary groups "
			  "to become UID %u, GID %u", (unsigned)uid,
			  (unsigned)gid);

	if (setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		die_errno("option '--runas': can't change to UID %u, GID %u",
			  (unsigned)uid, (unsigned)gid);
}

/**
 * isolate_sandbox() - Give up privileges, and access to all that has a name
 * @conf:	Configuration
 * @what:	ISOLATE_* bits
 *
 * Capability bounds are dropped twice: a user namespace begins with all again.
 */
void isolate_sandbox(const struct conf *conf, unsigned what)
{
	bool admin = isolate_has_caps(1U << CAP_SYS_ADMIN);
	bool new_pid = what & ISOLATE_MAY_FORK && !conf->foreground &&
		       !conf->command;
	uint32_t keep = 0;

	if (what & ISOLATE_KEEP_BIND)
		keep = 1U << CAP_NET_BIND_SERVICE;
	if (admin)
		sandbox_detach(conf, new_pid);
	isolate_drop_bounds();
	if (!(what & ISOLATE_KEEP_IDS))
		isolate_drop_ids(conf);
	if (!keep && sandbox_new_user(conf, !admin)) {
		if (!admin)
			sandbox_detach(conf, new_pid);
		isolate_drop_bounds();
	}

	isolate_drop_caps(keep);
	if (conf->sandbox != SANDBOX_NONE && prctl(PR_SET_DUMPABLE, 0))
		die_errno("Can't keep others from tracing us");
	sandbox_deny_files(conf, keep && !admin);
	umask(S_IRWXG | S_IRWXO);
}

/**
 * isolate_wait_ready() - Wait in the parent until the child is ready, and end
 * @iso:	What stages have open
 * @conf:	Configuration
 * @fd:		Our end of the pair to the child
 * @pid:	The child
 *
 * A child that ends before has told why.
 */
static _Noreturn void isolate_wait_ready(const struct isolate *iso,
					 const struct conf *conf, int fd,
					 pid_t pid)
{
	int err;

	send(fd, &pid, sizeof(pid), MSG_NOSIGNAL);
	if (recv(fd, &err, sizeof(err), 0) != sizeof(err))
		_exit(EXIT_FAILURE);
	if (err)
		sandbox_fail(conf, err, SANDBOX_FILTER);
	isolate_write_pidfile(iso->pid_fd, pid);
	_exit(EXIT_SUCCESS);
}

/**
 * isolate_background() - Go to the background, unless told not to
 * @iso:	What stages have open
 * @conf:	Configuration: whether to stay in the foreground
 *
 * Returns in the process that goes on. The one we were started as waits for
 * isolate_ready() there.
 */
void isolate_background(struct isolate *iso, const struct conf *conf)
{
	int pair[2];
	pid_t pid;

	if (conf->foreground || conf->command)
		return;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		die_errno("Can't create a pair of sockets");
	pid = fork();
	if (pid < 0)
		die_errno("Can't go to the background");
	if (pid) {
		close(pair[1]);
		isolate_wait_ready(iso, conf, pair[0], pid);
	}

	close(pair[0]);
	iso->ready_fd = pair[1];
	/* In a PID namespace of our own, nothing but our parent can tell */
	if (recv(iso->ready_fd, &pid, sizeof(pid), 0) != sizeof(pid))
		_exit(EXIT_FAILURE);
	log_set_pid(pid);
	if (iso->pid_fd >= 0)
		close(iso->pid_fd);
	setsid();
}

/**
 * isolate_ready() - Restrict system calls, then tell that we are ready
 * @iso:	What stages have open, closed
 * @conf:	Configuration
 * @lists:	System calls needed from now on, see seccomp.c
 *
 * Whoever reads our output until its end is not to wait for the process in the
 * background: it lets go of stdin, stdout and stderr here.
 */
void isolate_ready(struct isolate *iso, const struct conf *conf,
		   const char *const *lists)
{
	int fd, err;

	if (iso->ready_fd < 0) {
		isolate_write_pidfile(iso->pid_fd, getpid());
		err = -sandbox_filter(conf, lists, true);
		if (err)
			sandbox_fail(conf, err, SANDBOX_FILTER);
		return;
	}

	log_detach_stderr();
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(iso->null_fd, fd);
	close(iso->null_fd);

	err = -sandbox_filter(conf, lists, true);
	if (send(iso->ready_fd, &err, sizeof(err), MSG_NOSIGNAL) < 0)
		_exit(EXIT_FAILURE);
	close(iso->ready_fd);
	if (err)
		sandbox_fail(conf, err, SANDBOX_FILTER);
}
