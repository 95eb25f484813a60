// SPDX-License-Identifier: BSD-3-Clause
/* test_util.c - helpers around files, descriptors and text */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "own_file.h"
#include "util.h"


static void test_files(void **state)
{
	char buf[8];

	(void)state;
	assert_int_equal(util_write_file(path, "0123456789"), 0);
	assert_int_equal(util_read_file(path, buf, sizeof(buf)), 7);
	assert_string_equal(buf, "0123456");
	assert_int_equal(util_read_file(path, buf, 1), 0);
	assert_string_equal(buf, "");
	assert_int_equal(util_read_file("/proc/sys/net/nonexistent", buf, 8),
			 -ENOENT);
	assert_int_equal(util_read_file("/", buf, 8), -EISDIR);
	assert_int_equal(util_write_file("/proc/nonexistent/x", "1"), -ENOENT);
	assert_int_equal(util_write_file("/dev/full", "1"), -ENOSPC);
}

/* A pipe takes part of it at a time, from a reader that comes late */
static void test_write_all(void **state)
{
	static char big[200000];
	size_t got = 0, i;
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	(void)state;
	for (i = 0; i < sizeof(big); i++)
		big[i] = (char)(i / 251);
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(fds[0]);
		_exit(util_write_all(fds[1], big, sizeof(big)) !=
		      (ssize_t)sizeof(big));
	}
	close(fds[1]);
	while ((n = read(fds[0], big + got, sizeof(big) - got)) > 0)
		got += (size_t)n;
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(got, sizeof(big));
	for (i = 0; i < sizeof(big); i++)
		assert_int_equal(big[i], (char)(i / 251));

	assert_int_equal(util_write_all(-1, "x", 1), -EBADF);
	assert_int_equal(util_write_all(-1, "x", 0), 0);
}

/* A file that takes only part of it: the rest must be tried, and fail */
static void test_write_all_fails_late(void **state)
{
	struct rlimit old, small;
	char buf[200] = "";
	int fd = open(path, O_WRONLY | O_TRUNC);

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 100;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(util_write_all(fd, buf, sizeof(buf)), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 100);
	close(fd);
}

static void test_text(void **state)
{
	const uint8_t mac[] = { 0x9a, 0, 1, 0xff, 0x0a, 0xb0 };
	char buf[MAC_STRLEN], str[5] = "zzzz";

	(void)state;
	assert_string_equal(util_mac_str(mac, buf), "9a:00:01:ff:0a:b0");
	assert_true(util_mac_is_one(mac));
	assert_false(util_mac_is_one((const uint8_t[6]){ 0 }));
	assert_false(util_mac_is_one((const uint8_t[6]){ 0x9b, 2, 3 }));
	util_copy_str(str, "abcdef", 4);
	assert_string_equal(str, "abc");
	assert_int_equal(str[4], '\0');
	util_copy_str(str, "ab", 5);
	assert_string_equal(str, "ab");
	util_copy_str(str, "ab", 1);
	assert_string_equal(str, "");
}

static void test_random_and_clock(void **state)
{
	uint8_t a[300] = { 0 }, b[300] = { 0 };
	uint64_t now_ms = util_now_ms();

	(void)state;
	util_random(a, sizeof(a) - 1);
	util_random(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a + 270, b + 270, 29);
	assert_int_equal(a[299], 0);
	assert_true(util_now_ms() >= now_ms);
}

/* In a child: close those of @mask, then look where the next file lands */
static int open_in_child(unsigned mask)
{
	struct stat st;
	int fd;

	for (fd = 0; fd <= 2; fd++) {
		if (mask & 1U << fd)
			close(fd);
	}
	if (util_open_std_fds())
		return 1;
	for (fd = 0; fd <= 2; fd++) {
		if (fstat(fd, &st) || fcntl(fd, F_GETFD))
			return 2;
		if (mask & 1U << fd && (!S_ISCHR(st.st_mode) ||
					st.st_rdev != makedev(1, 3)))
			return 3;
	}
	return open(path, O_RDONLY) <= 2 ? 4 : 0;
}

/* scenario 76: starts with stdin, stdout and stderr closed */
static void test_closed_std_fds(void **state)
{
	unsigned mask;
	int status;
	pid_t pid;

	(void)state;
	for (mask = 0; mask < 8; mask++) {
		pid = fork();
		assert_true(pid >= 0);
		if (!pid)
			_exit(open_in_child(mask));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

static void test_rate(void **state)
{
	struct rate r = { 0 };
	unsigned i;

	(void)state;
	for (i = 0; i < 10; i++)
		assert_true(util_rate_allow(&r, 100000, 2, 10));
	assert_false(util_rate_allow(&r, 100000, 2, 10));

	/* Asked often, what comes in thousandths isn't lost */
	for (i = 1; i < 500; i++)
		assert_false(util_rate_allow(&r, 100000 + i, 2, 10));
	assert_true(util_rate_allow(&r, 100500, 2, 10));
	assert_false(util_rate_allow(&r, 100500, 2, 10));

	/* It never holds more than it can */
	for (i = 0; i < 10; i++)
		assert_true(util_rate_allow(&r, UINT64_MAX, 2, 10));
	assert_false(util_rate_allow(&r, UINT64_MAX, 2, 10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_write_all),
		cmocka_unit_test(test_write_all_fails_late),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_random_and_clock),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_closed_std_fds),
	};

	return cmocka_run_group_tests(tests, file_make, file_remove);
}
