/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PCAP_H
#define PCAP_H

#include <stddef.h>

struct iovec;

int pcap_open(const char *path);
int pcap_start(int fd);
size_t pcap_frame(int fd, const struct iovec *iov, size_t cnt, size_t len);
int pcap_undo(int fd, size_t len);

#endif /* PCAP_H */
