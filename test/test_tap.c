// SPDX-License-Identifier: BSD-3-Clause
/* test_tap.c - the port to the guest: what is captured, and what is counted */

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "own_file.h"
#include "pcap.h"
#include "stats.h"
#include "tap.h"
#include "tap_mem.h"
#include "util.h"

#define FILE_HDR	24U
#define RECORD_HDR	16U
#define ROUNDS		24U

static struct stats stats;
static struct tap tap;

/**
 * make_frame() - A frame that is like no other
 * @buf:	Filled
 * @i:		Number of the frame
 *
 * Return: its length
 */
static size_t make_frame(uint8_t *buf, unsigned i)
{
	memset(buf, (int)i, ETH_ZLEN + i);
	return ETH_ZLEN + i;
}

/**
 * check_captured() - Check the next record of the capture
 * @p:		Where it begins, moved behind it
 * @i:		Number of the frame that it has to hold
 */
static void check_captured(const char **p, unsigned i)
{
	uint8_t frame[ETH_ZLEN + 2 * ROUNDS];
	size_t len = make_frame(frame, i);
	uint32_t len_there;

	memcpy(&len_there, *p + 8, sizeof(len_there));
	assert_int_equal(len_there, len);
	assert_memory_equal(*p + RECORD_HDR, frame, len);
	*p += RECORD_HDR + len;
}

/* Scenario 90: the capture has what was sent, in both directions, and nothing
 * of frames that the guest didn't take
 */
static void scenario_90_capture_has_only_what_was_sent(void **state)
{
	const struct tap_caps caps = { .len_max = FRAME_LEN_MAX };
	uint8_t buf[ETH_ZLEN + 2 * ROUNDS];
	struct frame received;
	static char file[65536];
	const char *p = file + FILE_HDR;
	ssize_t size;
	unsigned i;

	(void)state;
	tap.stats = &stats;
	tap.pcap_fd = pcap_open(path);
	assert_true(tap.pcap_fd >= 0);
	assert_int_equal(pcap_start(tap.pcap_fd), 0);
	tap_mem_open(&tap, &caps);

	for (i = 0; i < ROUNDS; i++) {
		tap_mem_lose(&tap, !(i % 3));
		assert_int_equal(tap_send_buf(&tap, buf, make_frame(buf, i)),
				 i % 3 ? 0 : -EIO);
		assert_true(tap_mem_push(&tap, NULL, buf,
					 make_frame(buf, ROUNDS + i)));
		assert_int_equal(tap_recv(&tap, &received, 1), 1);
		tap_release(&tap);
	}
	assert_int_equal(stats.count[STAT_TO_GUEST_LOST], ROUNDS / 3);
	assert_int_equal(stats.count[STAT_TO_GUEST_FRAMES], ROUNDS * 2 / 3);
	assert_int_equal(stats.count[STAT_FROM_GUEST_FRAMES], ROUNDS);
	tap_mem_close(&tap);
	close(tap.pcap_fd);

	size = util_read_file(path, file, sizeof(file));
	for (i = 0; i < ROUNDS; i++) {
		if (i % 3)
			check_captured(&p, i);
		check_captured(&p, ROUNDS + i);
	}
	assert_int_equal(p - file, size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scenario_90_capture_has_only_what_was_sent),
	};

	return cmocka_run_group_tests(tests, file_make, file_remove);
}
