# SPDX-License-Identifier: BSD-3-Clause
# SOURCES_name: what test_name.c is linked with, one line a test, sorted
SOURCES_addr := addr.c
SOURCES_arp := addr.c arp.c guest_mac.c log.c neigh.c siphash.c util.c view.c
CONF := addr.c conf.c conf_host.c conf_set.c fwd_rule.c fwd_spec.c opt.c \
	parse.c sock.c util.c test/conf_fake.c
SOURCES_conf := $(CONF)
SOURCES_conf_host := $(CONF)
SOURCES_csum := addr.c csum.c view.c
SOURCES_dhcp := addr.c dhcp.c log.c util.c view.c wire.c
SOURCES_dhcpv6 := addr.c dhcpv6.c log.c util.c view.c wire.c
SOURCES_flow := addr.c flow.c log.c siphash.c timer.c util.c
SOURCES_frag := addr.c frag.c log.c view.c
LISTEN := addr.c fwd_rule.c listen.c listen_event.c listen_scan.c log.c \
	  portscan.c sock.c timer.c util.c test/listen_fake.c
SOURCES_listen := $(LISTEN)
SOURCES_listen_run := $(LISTEN)
SOURCES_fwd := addr.c fwd.c fwd_rule.c parse.c
SOURCES_fwd_spec := addr.c fwd_rule.c fwd_spec.c parse.c
SOURCES_log := log.c util.c
SOURCES_ndp := addr.c guest_mac.c log.c ndp.c neigh.c siphash.c timer.c util.c \
	       view.c wire.c
SOURCES_neigh := addr.c guest_mac.c log.c neigh.c siphash.c util.c
SOURCES_netlink := addr.c log.c netlink.c nlmsg.c util.c
SOURCES_nlmsg := addr.c log.c nlmsg.c util.c
SOURCES_nsock := addr.c isolate.c log.c nsock.c sandbox.c seccomp.c sysname.c \
		 util.c
SOURCES_opt := addr.c opt.c parse.c
SOURCES_parse := addr.c parse.c
SOURCES_pcap := pcap.c util.c view.c
SOURCES_portscan := addr.c portscan.c
SOURCES_resolv := addr.c parse.c resolv.c util.c
SOURCES_seccomp := log.c sandbox.c seccomp.c sysname.c util.c
SOURCES_siphash := siphash.c
SOURCES_stats := stats.c
SOURCES_tap := csum.c log.c pcap.c tap.c util.c view.c test/tap_mem.c
SOURCES_tap_stream := csum.c log.c pcap.c tap.c tap_stream.c util.c view.c
SOURCES_tcp_pool := log.c tcp_pool.c util.c view.c
SOURCES_timer := timer.c
SOURCES_util := util.c
SOURCES_view := view.c
SOURCES_virtq := virtq.c vu_mem.c test/vq_driver.c
SOURCES_vu_mem := vu_mem.c
SOURCES_wire := wire.c
