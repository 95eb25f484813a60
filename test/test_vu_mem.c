// SPDX-License-Identifier: BSD-3-Clause
/* test_vu_mem.c - memory of a guest that its hypervisor shares with us */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "util.h"
#include "vu_mem.h"

#define PAGE	4096U
#define GUEST	0x100000000ULL
#define USER	0x7f0000000000ULL

static struct vu_mem mem;
static int fd;

/* A file of four pages: each byte tells its page, the first one is 1 */
static int setup(void **state)
{
	unsigned i;

	(void)state;
	fd = memfd_create("test", MFD_CLOEXEC);
	for (i = 1; i <= 4; i++) {
		char page[PAGE];

		memset(page, (int)i, sizeof(page));
		assert_int_equal(write(fd, page, sizeof(page)), sizeof(page));
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vu_mem_clear(&mem);
	assert_int_equal(mem.count, 0);
	close(fd);
	return 0;
}

static int add(uint64_t guest, uint64_t size, uint64_t user, uint64_t offset)
{
	struct vu_mem_desc d = { guest, size, user, offset };

	return vu_mem_add(&mem, &d, fd);
}

static void test_translate(void **state)
{
	struct iovec iov[4];
	uint8_t buf[4];

	(void)state;
	/* In the wrong order, next to each other in the guest */
	assert_int_equal(add(GUEST + PAGE, PAGE, USER, 0), 0);
	assert_int_equal(add(GUEST, PAGE, USER + 8 * PAGE, 2 * PAGE), 0);

	assert_int_equal(vu_mem_iov(&mem, GUEST, PAGE, iov, 4), 1);
	assert_int_equal(*(uint8_t *)iov[0].iov_base, 3);
	assert_int_equal(vu_mem_iov(&mem, GUEST + PAGE - 2, 5, iov, 4), 2);
	assert_int_equal(iov[0].iov_len, 2);
	assert_int_equal(iov[1].iov_len, 3);
	assert_int_equal(vu_mem_iov(&mem, GUEST + PAGE - 2, 5, iov, 1), -E2BIG);
	assert_int_equal(vu_mem_iov(&mem, GUEST, 0, iov, 4), 0);

	assert_true(vu_mem_read(&mem, GUEST + PAGE - 2, buf, 4));
	assert_memory_equal(buf, "\3\3\1\1", 4);

	assert_null(vu_mem_user(&mem, GUEST, 1));
	assert_int_equal(*(uint8_t *)vu_mem_user(&mem, USER, PAGE), 1);
	assert_int_equal(*(uint8_t *)vu_mem_user(&mem, USER + 8 * PAGE, 1), 3);
}

static void test_outside(void **state)
{
	struct iovec iov[4];
	uint8_t buf[16];

	(void)state;
	assert_int_equal(vu_mem_iov(&mem, 0, 1, iov, 4), -EFAULT);
	assert_int_equal(add(GUEST, PAGE, USER, 0), 0);
	assert_int_equal(add(GUEST + 2 * PAGE, PAGE, USER + PAGE, 0), 0);

	assert_int_equal(vu_mem_iov(&mem, GUEST - 1, 1, iov, 4), -EFAULT);
	assert_int_equal(vu_mem_iov(&mem, GUEST - 1, 2, iov, 4), -EFAULT);
	assert_int_equal(vu_mem_iov(&mem, GUEST + PAGE, 1, iov, 4), -EFAULT);
	assert_int_equal(vu_mem_iov(&mem, GUEST + PAGE - 1, 2, iov, 4),
			 -EFAULT);
	assert_int_equal(vu_mem_iov(&mem, GUEST, 3 * PAGE, iov, 4), -EFAULT);
	assert_int_equal(vu_mem_iov(&mem, UINT64_MAX, 2, iov, 4), -EFAULT);
	assert_int_equal(vu_mem_iov(&mem, GUEST, SIZE_MAX, iov, 4), -EFAULT);
	assert_int_equal(vu_mem_iov(&mem, GUEST, SIZE_MAX - GUEST + 1, iov, 4),
			 -EFAULT);
	assert_false(vu_mem_read(&mem, GUEST + PAGE - 8, buf, sizeof(buf)));
	assert_false(vu_mem_read(&mem, UINT64_MAX - 7, buf, sizeof(buf)));

	/* A ring has to be in one piece, though these are neighbours there */
	assert_null(vu_mem_user(&mem, USER + PAGE - 1, 2));
	assert_null(vu_mem_user(&mem, USER, PAGE + 1));
	assert_null(vu_mem_user(&mem, USER - 1, 1));
	assert_null(vu_mem_user(&mem, UINT64_MAX, 2));
	assert_null(vu_mem_user(&mem, USER, SIZE_MAX));
}

static void test_offset_in_block(void **state)
{
	struct iovec iov;

	(void)state;
	assert_int_equal(add(GUEST, PAGE, USER, PAGE + 16), 0);
	assert_int_equal(vu_mem_iov(&mem, GUEST, 1, &iov, 1), 1);
	assert_int_equal(*(uint8_t *)iov.iov_base, 2);
	assert_int_equal(vu_mem_iov(&mem, GUEST + PAGE - 16, 1, &iov, 1), 1);
	assert_int_equal(*(uint8_t *)iov.iov_base, 3);
}

static void test_refused(void **state)
{
	struct vu_mem_desc d = { GUEST, PAGE, USER, 0 };
	int pipes[2];

	(void)state;
	assert_int_equal(add(GUEST, 0, USER, 0), -EINVAL);
	assert_int_equal(add(UINT64_MAX - PAGE + 2, PAGE, USER, 0), -EINVAL);
	assert_int_equal(add(GUEST, PAGE, UINT64_MAX - PAGE + 2, 0), -EINVAL);
	assert_int_equal(add(GUEST, PAGE, USER, UINT64_MAX), -EINVAL);
	assert_int_equal(add(GUEST, UINT64_MAX, 0, 0), -EINVAL);
	/* Behind the end of the file */
	assert_int_equal(add(GUEST, 4 * PAGE + 1, USER, 0), -EINVAL);
	assert_int_equal(add(GUEST, PAGE, USER, 3 * PAGE + 1), -EINVAL);
	assert_int_equal(add(GUEST, 1, USER, 1ULL << 40), -EINVAL);

	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(vu_mem_add(&mem, &d, pipes[0]), -EBADF);
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(vu_mem_add(&mem, &d, pipes[0]), -EBADF);
	assert_int_equal(mem.count, 0);

	/* Overlaps, of guest's and front-end's addresses */
	assert_int_equal(add(GUEST, 2 * PAGE, USER, 0), 0);
	assert_int_equal(add(GUEST, PAGE, 0, 0), -EINVAL);
	assert_int_equal(add(GUEST + PAGE, PAGE, 0, 0), -EINVAL);
	assert_int_equal(add(GUEST - PAGE, PAGE + 1, 0, 0), -EINVAL);
	assert_int_equal(add(GUEST - PAGE, 4 * PAGE, 0, 0), -EINVAL);
	assert_int_equal(add(0, PAGE, USER + PAGE, 0), -EINVAL);
	assert_int_equal(add(0, PAGE, USER - 1, 0), -EINVAL);
	assert_int_equal(mem.count, 1);
	assert_int_equal(add(GUEST - PAGE, PAGE, USER - PAGE, 0), 0);
}

static void test_remove(void **state)
{
	struct vu_mem_desc d = { GUEST, PAGE, USER, 1234 };
	struct iovec iov;

	(void)state;
	assert_int_equal(vu_mem_remove(&mem, &d), -ENOENT);
	assert_int_equal(add(GUEST, PAGE, USER, 0), 0);
	assert_int_equal(add(GUEST + PAGE, PAGE, USER + PAGE, PAGE), 0);

	d.size++;
	assert_int_equal(vu_mem_remove(&mem, &d), -ENOENT);
	d.size--;
	d.user_addr++;
	assert_int_equal(vu_mem_remove(&mem, &d), -ENOENT);
	d.user_addr--;
	assert_int_equal(vu_mem_remove(&mem, &d), 0);
	assert_int_equal(vu_mem_iov(&mem, GUEST, 1, &iov, 1), -EFAULT);
	assert_int_equal(vu_mem_iov(&mem, GUEST + PAGE, 1, &iov, 1), 1);
	assert_int_equal(*(uint8_t *)iov.iov_base, 2);
	assert_int_equal(add(GUEST, PAGE, USER, 0), 0);
}

static void test_as_many_as_possible(void **state)
{
	struct iovec iov;
	unsigned i;

	(void)state;
	/* From the last to the first, so that each is sorted in */
	for (i = VU_MEM_REGIONS_MAX; i; i--)
		assert_int_equal(add(GUEST + i * 2 * PAGE, PAGE,
				     USER + i * PAGE, i % 4 * PAGE), 0);
	assert_int_equal(add(0, PAGE, 0, 0), -ENOSPC);

	for (i = 1; i <= VU_MEM_REGIONS_MAX; i++) {
		uint64_t at = GUEST + i * 2 * PAGE;

		assert_int_equal(vu_mem_iov(&mem, at, 1, &iov, 1), 1);
		assert_int_equal(*(uint8_t *)iov.iov_base, i % 4 + 1);
		assert_int_equal(vu_mem_iov(&mem, at - 1, 1, &iov, 1),
				 -EFAULT);
		assert_int_equal(vu_mem_iov(&mem, at + PAGE, 1, &iov, 1),
				 -EFAULT);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_translate),
		TEST(test_outside),
		TEST(test_offset_in_block),
		TEST(test_refused),
		TEST(test_remove),
		TEST(test_as_many_as_possible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
