// SPDX-License-Identifier: BSD-3-Clause
/* pcap.c - capture file of the frames from and to the guest
 *
 * The classic format, microseconds, in the byte order of the machine, which
 * readers tell by the magic number. Each frame is one writev(2), so that the
 * file holds whole records at any time.
 *
 * A frame to the guest is captured while its memory is ours, before it is sent.
 * If it wasn't sent after all, pcap_undo() takes it back: nothing but what came
 * and went is in the file. A pipe can't be cut, there it stays.
 *
 * If a record can't be written in full, as the disk is full, the part is cut
 * off again and the frame is missing from the file. This is told once. If the
 * rest can't be cut off, as the file is a pipe, the capture ends there: records
 * behind a broken one can't be read.
 *
 * Source: draft-ietf-opsawg-pcap, 4 and 5
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>
#include <sys/uio.h>

#include "frame.h"
#include "log.h"
#include "pcap.h"
#include "syscalls.h"
#include "util.h"
#include "view.h"

/* What is called after start-up, see seccomp.c */
const char pcap_syscalls[] = "close ftruncate lseek writev";

#define PCAP_MAGIC		0xa1b2c3d4U	/* Microseconds */
#define PCAP_VERSION_MAJOR	2
#define PCAP_VERSION_MINOR	4
#define PCAP_SNAPLEN		65550U		/* At least FRAME_LEN_MAX */
#define PCAP_LINKTYPE_ETHERNET	1U

static_assert(PCAP_SNAPLEN >= FRAME_LEN_MAX, "Frames are captured in full");

/**
 * struct pcap_file_hdr - what the file begins with
 * @magic:		PCAP_MAGIC
 * @version_major:	PCAP_VERSION_MAJOR
 * @version_minor:	PCAP_VERSION_MINOR
 * @reserved:		0
 * @snaplen:		Longest capture of a frame
 * @linktype:		PCAP_LINKTYPE_ETHERNET
 */
struct pcap_file_hdr {
	uint32_t magic;
	uint16_t version_major;
	uint16_t version_minor;
	uint32_t reserved[2];
	uint32_t snaplen;
	uint32_t linktype;
};

/**
 * struct pcap_record_hdr - what each frame begins with
 * @sec:	Seconds since the epoch
 * @usec:	Microseconds of them
 * @caplen:	Bytes in the file
 * @len:	Bytes of the frame
 */
struct pcap_record_hdr {
	uint32_t sec;
	uint32_t usec;
	uint32_t caplen;
	uint32_t len;
};

/**
 * pcap_open() - Open a capture file, or create it
 * @path:	Path
 *
 * What a file holds remains until pcap_start(): if we can't start after all, it
 * may well be that of another one of us, which runs.
 *
 * Return: descriptor, or -errno from open(2)
 */
int pcap_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);

	return fd < 0 ? -errno : fd;
}

/**
 * pcap_start() - Empty a capture file, and begin it
 * @fd:		Capture file, as opened; -1 to do nothing
 *
 * Return: 0, -errno from ftruncate(2) or write(2), -EIO if not even the file's
 *	   header fits
 */
int pcap_start(int fd)
{
	const struct pcap_file_hdr hdr = {
		.magic = PCAP_MAGIC,
		.version_major = PCAP_VERSION_MAJOR,
		.version_minor = PCAP_VERSION_MINOR,
		.snaplen = PCAP_SNAPLEN,
		.linktype = PCAP_LINKTYPE_ETHERNET,
	};
	ssize_t n;

	if (fd < 0)
		return 0;
	/* What can't be cut, such as a pipe, has nothing old in it */
	if (ftruncate(fd, 0) && errno != EINVAL)
		return -errno;

	n = write(fd, &hdr, sizeof(hdr));
	if (n == (ssize_t)sizeof(hdr))
		return 0;
	return n < 0 ? -errno : -EIO;
}

/**
 * pcap_undo() - Remove what was written last
 * @fd:		Capture file, -1 to do nothing
 * @len:	Bytes of it, as from pcap_frame()
 *
 * Return: 0, -errno if that can't be done
 */
int pcap_undo(int fd, size_t len)
{
	off_t end;

	if (fd < 0 || !len)
		return 0;

	end = lseek(fd, -(off_t)len, SEEK_CUR);
	if (end < 0 || ftruncate(fd, end))
		return -errno;

	return 0;
}

/**
 * pcap_frame() - Add a frame to the capture file
 * @fd:		Capture file, -1 to do nothing
 * @iov:	Bytes of the frame, from the Ethernet header on
 * @cnt:	Number of elements
 * @len:	Bytes of the frame, what @iov holds beyond is left out
 *
 * Return: bytes that the file has grown by, 0 if the frame isn't in it
 */
size_t pcap_frame(int fd, const struct iovec *iov, size_t cnt, size_t len)
{
	struct iovec out[1 + FRAME_IOV_MAX];
	struct pcap_record_hdr hdr;
	static bool warned, broken;
	struct timespec ts;
	struct view v;
	ssize_t n;

	if (fd < 0 || broken)
		return 0;

	v = view_from_iov(iov, cnt, MIN(len, (size_t)PCAP_SNAPLEN));
	clock_gettime(CLOCK_REALTIME, &ts);
	hdr.sec = (uint32_t)ts.tv_sec;
	hdr.usec = (uint32_t)(ts.tv_nsec / 1000);
	hdr.caplen = (uint32_t)v.len;
	hdr.len = (uint32_t)len;

	out[0].iov_base = &hdr;
	out[0].iov_len = sizeof(hdr);
	cnt = view_to_iov(&v, out + 1, FRAME_IOV_MAX);
	do {
		n = writev(fd, out, (int)cnt + 1);
	} while (n < 0 && errno == EINTR);

	if (n == (ssize_t)(sizeof(hdr) + v.len))
		return (size_t)n;
	if (!warned)
		log_errno(LOG_LEVEL_WARN, n < 0 ? errno : ENOSPC,
			  "Can't write all frames to capture file");
	warned = true;
	broken = n > 0 && pcap_undo(fd, (size_t)n);
	return 0;
}
