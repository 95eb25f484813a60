// SPDX-License-Identifier: BSD-3-Clause
/* sandbox.c - steps that take from us what we don't need once we run
 *
 * Each is taken if --sandbox says so, in an order that isolate.c decides. With
 * "strict", one that fails ends the program with a message that names the step;
 * with "auto", the message is a warning, and what depends on the step is left
 * out; with "none" nothing is done. They are:
 *
 *  - a user namespace of our own, without any user in it: it gives the rights
 *    for the next step, and takes those that our user has elsewhere;
 *  - mount, IPC and UTS namespaces of our own, and a PID namespace for the
 *    process in the background. Network and time remain those of the host;
 *  - an empty, read-only root directory. What is mounted over the root can be
 *    reached by the name "/..", so no directory of any name is needed for it.
 *    Then pivot_root(2) turns it into the root, and the old one goes with all
 *    that is mounted below. This isn't possible if our root is the very first
 *    one, as with an initramfs, or no mount at all, as in a chroot: there, if
 *    told to, the root is changed by chroot(2) only, to a file system that is
 *    mounted nowhere. Nothing leads back as system calls that could are not
 *    allowed later on;
 *  - Landlock: no access to files by name whatever, no signals and no abstract
 *    sockets to outside. Not every kernel has it, so it's not missed there;
 *  - the filter of system calls, see seccomp.c. It is the last step, as it
 *    forbids all of these.
 *
 * Descriptors that are open remain, and what they were opened for: log and
 * capture files can be written, the directory of the namespace's name can be
 * looked into.
 */

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/landlock.h>
#include <linux/mount.h>

#include "conf.h"
#include "log.h"
#include "sandbox.h"
#include "seccomp.h"
#include "util.h"

/* The empty root: read-only, of one inode */
#define ROOT_FLAGS	(MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY)
#define ROOT_ATTRS	(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | \
			 MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY)

/* All of Linux 6.10 and 6.12, where Debian 12's headers lack them. What a
 * kernel doesn't have is left out. Source: landlock(7)
 */
#define FS_RIGHTS_MAX	16	/* LANDLOCK_ACCESS_FS_IOCTL_DEV is the last */
#define SCOPE_ABSTRACT	(1ULL << 0) /* LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET */
#define SCOPE_SIGNAL	(1ULL << 1) /* LANDLOCK_SCOPE_SIGNAL */
#define ABI_SCOPE	6

/* How many rights each version of Landlock's interface has, from 1 on */
static const uint8_t fs_rights[] = { 13, 14, 15, 15, FS_RIGHTS_MAX };

/**
 * struct sandbox_ruleset - struct landlock_ruleset_attr of Linux 6.12
 * @fs:		Rights on files that are taken
 * @net:	Rights on ports that are taken: none
 * @scoped:	What may only reach others in the same domain
 */
struct sandbox_ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

/**
 * sandbox_fail() - Tell that a step failed; ends the program with "strict"
 * @conf:	Configuration
 * @err:	Error number
 * @what:	What can't be done
 *
 * Return: false
 */
bool sandbox_fail(const struct conf *conf, int err, const char *what)
{
	if (conf->sandbox == SANDBOX_STRICT)
		log_die(err, "Sandbox: can't %s (--sandbox auto goes on with "
			"what is left)", what);
	log_errno(LOG_LEVEL_WARN, err, "Sandbox is incomplete: can't %s", what);
	return false;
}

/**
 * sandbox_new_user() - Move to a user namespace of our own
 * @conf:	Configuration
 * @needed:	Other steps take it; otherwise failure is all right
 *
 * No user is mapped into it: we keep ours where it counts, outside.
 *
 * Return: true if we are in one now
 */
bool sandbox_new_user(const struct conf *conf, bool needed)
{
	if (conf->sandbox == SANDBOX_NONE)
		return false;
	if (!unshare(CLONE_NEWUSER))
		return true;
	if (needed)
		return sandbox_fail(conf, errno, "create a user namespace, "
				    "see user_namespaces(7)");
	debug("No user namespace of our own: %s", log_strerror(errno));
	return false;
}

/**
 * sandbox_chroot() - Change to an empty root that is mounted nowhere
 * @conf:	Configuration
 *
 * Return: true on success
 *
 * Source: fsopen(2), fsmount(2), Linux 5.2
 */
static bool sandbox_chroot(const struct conf *conf)
{
	int fs, fd = -1, err;

	fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	if (fs >= 0 &&
	    !syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, ROOT_ATTRS);
	err = errno;
	if (fs >= 0)
		close(fs);
	if (fd < 0)
		return sandbox_fail(conf, err, "make an empty root directory");

	if (fchdir(fd) || chroot(".")) {
		sandbox_fail(conf, errno, "chroot() to an empty directory");
		close(fd);
		return false;
	}
	close(fd);
	return true;
}

/**
 * sandbox_pivot_failed() - What to do without pivot_root(2)
 * @conf:	Configuration
 * @err:	Error number
 *
 * Return: true if there is an empty root all the same
 */
static bool sandbox_pivot_failed(const struct conf *conf, int err)
{
	if (conf->chroot_fallback || conf->sandbox == SANDBOX_AUTO)
		return sandbox_chroot(conf);
	return sandbox_fail(conf, err, "pivot_root() to an empty directory, "
			    "consider --chroot-fallback");
}

/**
 * sandbox_empty_root() - Have an empty root directory
 * @conf:	Configuration
 *
 * Mounts must not show outside. In a chroot, they can't be kept from it by
 * these means, as there is no mount that we could name.
 *
 * Return: true on success
 *
 * Source: pivot_root(2), "pivot_root(".", ".")"
 */
static bool sandbox_empty_root(const struct conf *conf)
{
	if (mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL)) {
		if (errno == EINVAL)
			return sandbox_pivot_failed(conf, errno);
		return sandbox_fail(conf, errno, "make mounts private");
	}
	if (mount("tmpfs", "/", "tmpfs", ROOT_FLAGS, "nr_inodes=1") ||
	    chdir("/.."))
		return sandbox_fail(conf, errno, "mount an empty directory");
	if (syscall(SYS_pivot_root, ".", "."))
		return sandbox_pivot_failed(conf, errno);
	if (umount2(".", MNT_DETACH) || chdir("/"))
		return sandbox_fail(conf, errno, "unmount the old root");
	return true;
}

/**
 * sandbox_detach() - Move to namespaces of our own, with an empty root
 * @conf:	Configuration
 * @new_pid:	Also to a PID namespace: from the next fork(2) on, which has to
 *		come
 *
 * This takes CAP_SYS_ADMIN in our user namespace.
 */
void sandbox_detach(const struct conf *conf, bool new_pid)
{
	static const struct {
		int flag;
		const char *what;
	} spaces[] = {
		{ CLONE_NEWIPC, "create an IPC namespace" },
		{ CLONE_NEWUTS, "create a UTS namespace" },
		{ CLONE_NEWPID, "create a PID namespace" },
	};
	size_t i;

	if (conf->sandbox == SANDBOX_NONE)
		return;
	for (i = 0; i < ARRAY_SIZE(spaces); i++) {
		if (spaces[i].flag == CLONE_NEWPID && !new_pid)
			continue;
		if (unshare(spaces[i].flag))
			sandbox_fail(conf, errno, spaces[i].what);
	}
	if (unshare(CLONE_NEWNS))
		sandbox_fail(conf, errno, "create a mount namespace");
	else
		sandbox_empty_root(conf);
}

/**
 * sandbox_deny_files() - Deny access to files by Landlock
 * @conf:	Configuration
 * @needed:	There's nothing else that does
 *
 * This takes no_new_privs.
 */
void sandbox_deny_files(const struct conf *conf, bool needed)
{
	struct sandbox_ruleset rules = { .net = 0 };
	int fd, err = 0;
	long abi;

	if (conf->sandbox == SANDBOX_NONE)
		return;
	abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
		      LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1) {
		if (needed)
			sandbox_fail(conf, errno, "deny access to files by "
				     "Landlock");
		debug("No Landlock in this kernel: %s", log_strerror(errno));
		return;
	}

	rules.fs = (1ULL << fs_rights[MIN((size_t)abi,
					  ARRAY_SIZE(fs_rights)) - 1]) - 1;
	if (abi >= ABI_SCOPE)
		rules.scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL;
	fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules),
			  0);
	if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0))
		err = errno;
	if (fd >= 0)
		close(fd);
	if (err)
		sandbox_fail(conf, err, "deny access to files by Landlock");
}

/**
 * sandbox_filter() - Allow the system calls of some lists from now on, no other
 * @conf:	Configuration
 * @lists:	Lists, NULL behind the last one, see seccomp.c
 * @tell:	A message of ours tells of those not allowed
 *
 * This takes no_new_privs. Failure is for the caller to tell.
 *
 * Return: 0, -errno
 */
int sandbox_filter(const struct conf *conf, const char *const *lists,
		   bool tell)
{
	struct seccomp_prog prog;

	if (conf->sandbox == SANDBOX_NONE)
		return 0;
	seccomp_build(&prog, lists, tell);
	return seccomp_load(&prog);
}
