// SPDX-License-Identifier: BSD-3-Clause
/* vu_ring.c - the rings of a vhost-user device: whether they run, and signals
 *
 * A ring runs once the front-end has said how large it is, where it is and how
 * the guest wakes us up, and as long as all of it is in memory that we have.
 * The protocol asks us to wait for the first time the guest wakes us up, too,
 * but that is of no use: what was offered is there to be taken.
 *
 * It stops when the front-end asks for its position, when the device is reset,
 * and when the front-end leaves. Nothing is held back then: frames are handed
 * on within a turn of the loop, and what was taken and not used is put back.
 * So the position tells everything, and the front-end needs to keep no record
 * of what is in flight.
 *
 * A ring that the guest has broken is left alone until it is started anew. That
 * is told once, here and to the front-end.
 *
 * The guest wakes us up, and we wake it up, by descriptors that came from the
 * front-end: event counters mostly, but any will do that eight bytes can be
 * read from or written to. They never block us. If there is none for a ring, a
 * timer has us look at it: often while there is something, seldom else.
 *
 * The timer also has us look once more after rings were in use, whether a
 * signal got lost on either side: then the ring would stand still for ever. It
 * can't if processors do as they are told. But QEMU before 8.1, if it emulates
 * a single one, leaves out the barriers between the guest's writes and reads.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "log.h"
#include "stats.h"
#include "tap.h"
#include "syscalls.h"
#include "util.h"
#include "vu.h"

/* What is called after start-up, see seccomp.c */
const char vu_ring_syscalls[] = "close fcntl read timerfd_settime write";

static const char *const ring_name[VU_RINGS] = {
	[VU_TO_GUEST]	= "for frames to it",
	[VU_FROM_GUEST]	= "for frames from it",
};

/**
 * vu_init() - Be ready for a front-end
 * @vu:		Device; there is no front-end, or this is the first time
 */
void vu_init(struct vu *vu)
{
	unsigned i;

	for (i = 0; i < VU_RINGS; i++) {
		vu->ring[i] = (struct vu_ring){
			.q.mem = &vu->mem,
			.kick_fd = -1, .call_fd = -1, .err_fd = -1,
		};
	}
	vu->mtu_told = UINT16_MAX;
}

/**
 * vu_fd_replace() - Keep a descriptor, in place of the one there was
 * @slot:	Where it is kept
 * @fd:		Descriptor, ours; -1 for none
 *
 * Return: 0, -errno if it can't be kept from blocking us
 */
int vu_fd_replace(int *slot, int fd)
{
	int flags, rc = 0;

	if (*slot >= 0)
		close(*slot);
	*slot = -1;
	if (fd < 0)
		return 0;

	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || (!(flags & O_NONBLOCK) &&
			  fcntl(fd, F_SETFL, flags | O_NONBLOCK))) {
		rc = -errno;
		close(fd);
		return rc;
	}
	*slot = fd;
	return 0;
}

/**
 * signal_fd() - Wake somebody up
 * @fd:		Descriptor, -1 for none
 *
 * If there is no room, a signal is pending already.
 *
 * Source: eventfd(2)
 */
static void signal_fd(int fd)
{
	static const uint64_t one = 1;

	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		warn_limited("Can't signal to the guest or its hypervisor: %s",
			     log_strerror(errno));
}

/**
 * vu_ring_runs() - Can frames be carried by a ring?
 * @r:		Ring
 *
 * Return: true if so
 */
bool vu_ring_runs(const struct vu_ring *r)
{
	return r->is_started && r->q.desc && !r->q.broken;
}

/**
 * vu_ring_call() - Wake up the guest
 * @r:		Ring
 */
void vu_ring_call(const struct vu_ring *r)
{
	signal_fd(r->call_fd);
}

/**
 * ring_check() - Tell if the guest broke a ring, once
 * @vu:		Device
 * @i:		Ring
 */
static void ring_check(struct vu *vu, unsigned i)
{
	struct vu_ring *r = &vu->ring[i];

	if (!r->q.broken || r->is_told)
		return;
	r->is_told = true;
	stats_add(vu->tap->stats, STAT_RING_BROKEN, 1);
	warn_limited("Guest broke its ring %s (%s): left alone until it is "
		     "reset", ring_name[i], r->q.broken);
	signal_fd(r->err_fd);
}

/**
 * vu_poll_set() - Have us look at rings after some time
 * @vu:		Device
 * @ms:		Milliseconds, 0 for never
 */
void vu_poll_set(struct vu *vu, unsigned ms)
{
	struct itimerspec when = { .it_value.tv_nsec = ms * 1000000L };

	if (ms == vu->poll_ms)
		return;
	if (timerfd_settime(vu->poll_fd, 0, &when, NULL))
		warn_limited("Can't set a timer for rings: %s",
			     log_strerror(errno));
	vu->poll_ms = ms;
}

/**
 * vu_poll_later() - Have us look at rings once more: they were in use
 * @vu:		Device
 */
void vu_poll_later(struct vu *vu)
{
	if (vu->poll_ms)
		vu->is_used = true;
	else
		vu_poll_set(vu, VU_POLL_MAX_MS);
}

/**
 * vu_ring_flush() - Publish what goes back to the guest, wake it up if wanted
 * @vu:		Device
 * @i:		Ring
 *
 * This is done in each turn of the loop, and it is where it is found out that
 * a ring is broken.
 */
void vu_ring_flush(struct vu *vu, unsigned i)
{
	struct vu_ring *r = &vu->ring[i];

	if (i == VU_TO_GUEST)
		vu->to_guest.bytes = 0;
	if (vu_ring_runs(r) && r->q.next_used != r->q.told_used) {
		if (virtq_flush(&r->q))
			vu_ring_call(r);
		vu_poll_later(vu);
	}
	ring_check(vu, i);
}

/**
 * poll_update() - Look at rings now and then if nobody wakes us up for them
 * @vu:		Device
 */
static void poll_update(struct vu *vu)
{
	bool need = false;
	unsigned i;

	for (i = 0; i < VU_RINGS; i++)
		need |= vu->ring[i].is_started && vu->ring[i].kick_fd < 0;
	vu_poll_set(vu, need ? VU_POLL_MIN_MS : 0);
}

/**
 * ready_update() - Tell whether the guest takes frames
 * @vu:		Device
 *
 * Also has us look at both rings, whatever the guest woke us up for.
 */
static void ready_update(struct vu *vu)
{
	const struct vu_ring *r = &vu->ring[VU_TO_GUEST];
	struct tap *tap = vu->tap;

	tap->ready = r->is_started && r->q.desc && r->is_enabled;
	tap->more |= vu_ring_runs(&vu->ring[VU_FROM_GUEST]);
	vu_to_guest_probe(vu);
	if (tap->ready)
		tap_has_room(tap);
}

/**
 * tell_unmapped() - Tell that a ring that is to run is not in memory
 * @vu:		Device
 * @i:		Ring
 *
 * QEMU doesn't mind if none of its memory can be shared, and says nothing.
 */
static void tell_unmapped(const struct vu *vu, unsigned i)
{
	if (!vu->mem.count && vu->ring[i].has_addrs)
		warn_limited("No memory of the machine is shared with us, such "
			     "as by share=on of QEMU: it can't be reached");
	else
		debug("Ring %s is not in memory", ring_name[i]);
}

/**
 * vu_ring_update() - See whether a ring runs, after something about it changed
 * @vu:		Device
 * @i:		Ring
 */
void vu_ring_update(struct vu *vu, unsigned i)
{
	struct vu_ring *r = &vu->ring[i];

	if (r->is_kicked && r->has_addrs && virtq_map(&r->q, &r->addrs)) {
		if (!r->is_started) {
			virtq_start(&r->q, r->base);
			r->is_started = true;
			r->is_told = false;
			debug("Ring %s runs, %u entries, from %u on",
			      ring_name[i], r->q.size, r->base);
		}
	} else {
		virtq_unmap(&r->q);
		if (r->is_kicked)
			tell_unmapped(vu, i);
	}
	poll_update(vu);
	ready_update(vu);
}

/**
 * vu_ring_stop() - Stop a ring
 * @vu:		Device
 * @i:		Ring; its @base is where to go on from
 */
void vu_ring_stop(struct vu *vu, unsigned i)
{
	struct vu_ring *r = &vu->ring[i];

	if (i == VU_TO_GUEST)
		vu_to_guest_stop(vu);
	if (r->is_started) {
		r->base = r->q.next_avail;
		debug("Ring %s stopped at %u", ring_name[i], r->base);
	}
	vu_ring_set_kick(vu, i, -1);
	virtq_unmap(&r->q);
	r->q.broken = NULL;
	r->is_kicked = false;
	r->is_started = false;
	poll_update(vu);
	ready_update(vu);
}

/**
 * vu_ring_set_kick() - Have the guest wake us up by a descriptor
 * @vu:		Device
 * @i:		Ring
 * @fd:		Descriptor, ours; -1 for none
 *
 * Return: 0, -errno if it can't be watched
 */
int vu_ring_set_kick(struct vu *vu, unsigned i, int fd)
{
	struct vu_ring *r = &vu->ring[i];
	int rc;

	if (r->kick_fd >= 0)
		tap_unwatch(vu->tap, r->kick_fd);
	rc = vu_fd_replace(&r->kick_fd, fd);
	if (rc || fd < 0)
		return rc;

	rc = tap_watch(vu->tap, fd, EPOLLIN);
	if (rc)
		vu_fd_replace(&r->kick_fd, -1);
	return rc;
}

/**
 * vu_ring_kicked() - The guest woke us up for a ring
 * @vu:		Device
 * @i:		Ring
 *
 * Return: 1 if there may be frames to take, 0 if not
 */
int vu_ring_kicked(struct vu *vu, unsigned i)
{
	struct vu_ring *r = &vu->ring[i];
	uint64_t count;
	ssize_t n;

	n = read(r->kick_fd, &count, sizeof(count));
	if (n <= 0 && !(n < 0 && (errno == EAGAIN || errno == EINTR))) {
		/* It would never end to be readable */
		warn_limited("Hypervisor closed what wakes us up: polling");
		vu_ring_set_kick(vu, i, -1);
		poll_update(vu);
	}
	if (i == VU_FROM_GUEST)
		return 1;
	vu_to_guest_probe(vu);
	if (vu_ring_runs(r) && r->is_enabled)
		tap_has_room(vu->tap);
	return 0;
}

/**
 * vu_reset() - Reset the device: as if its rings had never been set up
 * @vu:		Device
 *
 * Descriptors to wake up the guest remain, as does the memory: the front-end
 * sets these when it likes, and it goes on with the same connection.
 */
void vu_reset(struct vu *vu)
{
	unsigned i;

	for (i = 0; i < VU_RINGS; i++) {
		struct vu_ring *r = &vu->ring[i];

		vu_ring_stop(vu, i);
		r->q.size = 0;
		r->base = 0;
		r->has_addrs = false;
		r->is_enabled = false;
	}
	vu_set_features(vu, 0);
	ready_update(vu);
}
