/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SYSCALLS_H
#define SYSCALLS_H

/* What each file calls of the kernel after start-up, defined there: names of
 * functions in section 2 of the manual, with a space between each two, of which
 * seccomp.c makes filters.
 */
extern const char demux_syscalls[];
extern const char dgram_syscalls[];
extern const char flow_syscalls[];
extern const char icmp_syscalls[];
extern const char link_syscalls[];
extern const char listen_syscalls[];
extern const char listen_event_syscalls[];
extern const char log_syscalls[];
extern const char neigh_watch_syscalls[];
extern const char netns_syscalls[];
extern const char netns_quit_syscalls[];
extern const char nsock_syscalls[];
extern const char pcap_syscalls[];
extern const char portscan_syscalls[];
extern const char sock_syscalls[];
extern const char splice_syscalls[];
extern const char tap_syscalls[];
extern const char tap_stream_syscalls[];
extern const char tap_tun_syscalls[];
extern const char tap_vu_syscalls[];
extern const char tcp_syscalls[];
extern const char tcp_batch_syscalls[];
extern const char tcp_out_syscalls[];
extern const char tcp_peek_syscalls[];
extern const char udp_batch_syscalls[];
extern const char udp_relay_syscalls[];
extern const char udp_splice_syscalls[];
extern const char util_syscalls[];
extern const char vu_mem_syscalls[];
extern const char vu_msg_syscalls[];
extern const char vu_ring_syscalls[];

#endif /* SYSCALLS_H */
