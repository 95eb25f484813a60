// SPDX-License-Identifier: BSD-3-Clause
/* sysname.c - names and numbers of system calls
 *
 * The table has the names of all architectures; a name that this one doesn't
 * have has no number. It gets by without an #ifdef for each of them: a macro of
 * the kernel's headers that isn't defined stays its own name once turned into a
 * string, and one that is defined becomes a number, or a sum such as
 * "(0 + 142)", whose parts are added up here.
 *
 * Nothing here allocates memory or calls the kernel, so that a signal handler
 * may ask.
 */

#include <stddef.h>
#include <string.h>
#include <asm/unistd.h>

#include "sysname.h"
#include "util.h"

#define STRING_OF(x)	#x
#define STRING(x)	STRING_OF(x)
#define N(name)		{ #name, STRING(__NR_##name) }

/**
 * struct sysname - one of them
 * @name:	Name
 * @number:	Text of its number, or of a sum; not digits if there is none
 */
static const struct sysname {
	const char *name;
	const char *number;
} sysnames[] = {
	N(_llseek), N(_newselect), N(accept), N(accept4), N(access), N(acct),
	N(add_key), N(adjtimex), N(alarm), N(arch_prctl), N(bind), N(bpf),
	N(brk), N(cachestat), N(capget), N(capset), N(chdir), N(chmod),
	N(chown), N(chown32), N(chroot), N(clock_adjtime), N(clock_adjtime64),
	N(clock_getres), N(clock_getres_time64), N(clock_gettime),
	N(clock_gettime64), N(clock_nanosleep), N(clock_nanosleep_time64),
	N(clock_settime), N(clock_settime64), N(clone), N(clone3), N(close),
	N(close_range), N(connect), N(copy_file_range), N(creat),
	N(delete_module), N(dup), N(dup2), N(dup3), N(epoll_create),
	N(epoll_create1), N(epoll_ctl), N(epoll_pwait), N(epoll_pwait2),
	N(epoll_wait), N(eventfd), N(eventfd2), N(execve), N(execveat), N(exit),
	N(exit_group), N(faccessat), N(faccessat2), N(fadvise64),
	N(fadvise64_64), N(fallocate), N(fanotify_init), N(fanotify_mark),
	N(fchdir), N(fchmod), N(fchmodat), N(fchmodat2), N(fchown), N(fchown32),
	N(fchownat), N(fcntl), N(fcntl64), N(fdatasync), N(fgetxattr),
	N(finit_module), N(flistxattr), N(flock), N(fork), N(fremovexattr),
	N(fsconfig), N(fsetxattr), N(fsmount), N(fsopen), N(fspick), N(fstat),
	N(fstat64), N(fstatat64), N(fstatfs), N(fstatfs64), N(fsync),
	N(ftruncate), N(ftruncate64), N(futex), N(futex_requeue),
	N(futex_time64), N(futex_wait), N(futex_waitv), N(futex_wake),
	N(futimesat), N(get_mempolicy), N(get_robust_list), N(get_thread_area),
	N(getcpu), N(getcwd), N(getdents), N(getdents64), N(getegid),
	N(getegid32), N(geteuid), N(geteuid32), N(getgid), N(getgid32),
	N(getgroups), N(getgroups32), N(getitimer), N(getpeername), N(getpgid),
	N(getpgrp), N(getpid), N(getppid), N(getpriority), N(getrandom),
	N(getresgid), N(getresgid32), N(getresuid), N(getresuid32),
	N(getrlimit), N(getrusage), N(getsid), N(getsockname), N(getsockopt),
	N(gettid), N(gettimeofday), N(getuid), N(getuid32), N(getxattr),
	N(getxattrat), N(init_module), N(inotify_add_watch), N(inotify_init),
	N(inotify_init1), N(inotify_rm_watch), N(io_cancel), N(io_destroy),
	N(io_getevents), N(io_pgetevents), N(io_pgetevents_time64), N(io_setup),
	N(io_submit), N(io_uring_enter), N(io_uring_register),
	N(io_uring_setup), N(ioctl), N(ioperm), N(iopl), N(ioprio_get),
	N(ioprio_set), N(ipc), N(kcmp), N(kexec_file_load), N(kexec_load),
	N(keyctl), N(kill), N(landlock_add_rule), N(landlock_create_ruleset),
	N(landlock_restrict_self), N(lchown), N(lchown32), N(lgetxattr),
	N(link), N(linkat), N(listen), N(listmount), N(listxattr),
	N(listxattrat), N(llistxattr), N(lremovexattr), N(lseek), N(lsetxattr),
	N(lsm_get_self_attr), N(lsm_list_modules), N(lsm_set_self_attr),
	N(lstat), N(lstat64), N(madvise), N(map_shadow_stack), N(mbind),
	N(membarrier), N(memfd_create), N(memfd_secret), N(migrate_pages),
	N(mincore), N(mkdir), N(mkdirat), N(mknod), N(mknodat), N(mlock),
	N(mlock2), N(mlockall), N(mmap), N(mmap2), N(modify_ldt), N(mount),
	N(mount_setattr), N(move_mount), N(move_pages), N(mprotect),
	N(mq_getsetattr), N(mq_notify), N(mq_open), N(mq_timedreceive),
	N(mq_timedreceive_time64), N(mq_timedsend), N(mq_timedsend_time64),
	N(mq_unlink), N(mremap), N(mseal), N(msgctl), N(msgget), N(msgrcv),
	N(msgsnd), N(msync), N(munlock), N(munlockall), N(munmap),
	N(name_to_handle_at), N(nanosleep), N(newfstatat), N(nice), N(open),
	N(open_by_handle_at), N(open_tree), N(open_tree_attr), N(openat),
	N(openat2), N(pause), N(perf_event_open), N(personality),
	N(pidfd_getfd), N(pidfd_open), N(pidfd_send_signal), N(pipe), N(pipe2),
	N(pivot_root), N(pkey_alloc), N(pkey_free), N(pkey_mprotect), N(poll),
	N(ppoll), N(ppoll_time64), N(prctl), N(pread64), N(preadv), N(preadv2),
	N(prlimit64), N(process_madvise), N(process_mrelease),
	N(process_vm_readv), N(process_vm_writev), N(pselect6),
	N(pselect6_time64), N(ptrace), N(pwrite64), N(pwritev), N(pwritev2),
	N(quotactl), N(quotactl_fd), N(read), N(readahead), N(readdir),
	N(readlink), N(readlinkat), N(readv), N(reboot), N(recv), N(recvfrom),
	N(recvmmsg), N(recvmmsg_time64), N(recvmsg), N(remap_file_pages),
	N(removexattr), N(removexattrat), N(rename), N(renameat), N(renameat2),
	N(request_key), N(restart_syscall), N(riscv_flush_icache),
	N(riscv_hwprobe), N(rmdir), N(rseq), N(rt_sigaction), N(rt_sigpending),
	N(rt_sigprocmask), N(rt_sigqueueinfo), N(rt_sigreturn),
	N(rt_sigsuspend), N(rt_sigtimedwait), N(rt_sigtimedwait_time64),
	N(rt_tgsigqueueinfo), N(sched_get_priority_max),
	N(sched_get_priority_min), N(sched_getaffinity), N(sched_getattr),
	N(sched_getparam), N(sched_getscheduler), N(sched_rr_get_interval),
	N(sched_rr_get_interval_time64), N(sched_setaffinity), N(sched_setattr),
	N(sched_setparam), N(sched_setscheduler), N(sched_yield), N(seccomp),
	N(select), N(semctl), N(semget), N(semop), N(semtimedop),
	N(semtimedop_time64), N(send), N(sendfile), N(sendfile64), N(sendmmsg),
	N(sendmsg), N(sendto), N(set_mempolicy), N(set_mempolicy_home_node),
	N(set_robust_list), N(set_thread_area), N(set_tid_address),
	N(setdomainname), N(setfsgid), N(setfsgid32), N(setfsuid),
	N(setfsuid32), N(setgid), N(setgid32), N(setgroups), N(setgroups32),
	N(sethostname), N(setitimer), N(setns), N(setpgid), N(setpriority),
	N(setregid), N(setregid32), N(setresgid), N(setresgid32), N(setresuid),
	N(setresuid32), N(setreuid), N(setreuid32), N(setrlimit), N(setsid),
	N(setsockopt), N(settimeofday), N(setuid), N(setuid32), N(setxattr),
	N(setxattrat), N(sgetmask), N(shmat), N(shmctl), N(shmdt), N(shmget),
	N(shutdown), N(sigaction), N(sigaltstack), N(signal), N(signalfd),
	N(signalfd4), N(sigpending), N(sigprocmask), N(sigreturn),
	N(sigsuspend), N(socket), N(socketcall), N(socketpair), N(splice),
	N(ssetmask), N(stat), N(stat64), N(statfs), N(statfs64), N(statmount),
	N(statx), N(stime), N(swapoff), N(swapon), N(symlink), N(symlinkat),
	N(sync), N(sync_file_range), N(sync_file_range2), N(syncfs), N(sysinfo),
	N(syslog), N(tee), N(tgkill), N(time), N(timer_create), N(timer_delete),
	N(timer_getoverrun), N(timer_gettime), N(timer_gettime64),
	N(timer_settime), N(timer_settime64), N(timerfd), N(timerfd_create),
	N(timerfd_gettime), N(timerfd_gettime64), N(timerfd_settime),
	N(timerfd_settime64), N(times), N(tkill), N(truncate), N(truncate64),
	N(ugetrlimit), N(umask), N(umount), N(umount2), N(uname), N(unlink),
	N(unlinkat), N(unshare), N(uretprobe), N(userfaultfd), N(utime),
	N(utimensat), N(utimensat_time64), N(utimes), N(vfork), N(vhangup),
	N(vm86), N(vm86old), N(vmsplice), N(wait4), N(waitid), N(waitpid),
	N(write), N(writev),
};

/**
 * sysname_value() - Number that a text stands for
 * @text:	Text of a macro
 *
 * Return: sum of the numbers in it, -1 if it begins with something else
 */
static int sysname_value(const char *text)
{
	int sum = 0;

	if (*text == '_')
		return -1;

	while (*text) {
		int n = 0;

		while (*text >= '0' && *text <= '9')
			n = n * 10 + *text++ - '0';
		sum += n;
		if (*text)
			text++;
	}
	return sum;
}

/**
 * sysname_find() - Look up a name
 * @name:	Name, need not be terminated
 * @len:	Its length
 * @number:	Set to its number, -1 if this architecture has no such call
 *
 * Return: false if no architecture has it
 */
bool sysname_find(const char *name, size_t len, int *number)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sysnames); i++) {
		const struct sysname *s = &sysnames[i];

		if (strncmp(s->name, name, len) || s->name[len])
			continue;
		*number = sysname_value(s->number);
		return true;
	}
	return false;
}

/**
 * sysname_str() - Name of a system call
 * @number:	Its number
 *
 * Return: name, "unknown" if it has none here
 */
const char *sysname_str(int number)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sysnames); i++) {
		if (sysname_value(sysnames[i].number) == number)
			return sysnames[i].name;
	}
	return "unknown";
}
