/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONF_H
#define CONF_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/if.h>

#include "conf_ip.h"
#include "util.h"

#define CONF_SEARCH_MAX		1024	/* Bytes of the search list */
#define CONF_NAME_MAX		256	/* A domain name, terminated */
#define CONF_PORTS_MAX		512	/* Uses of -t, -u, -T and -U, each */
#define CONF_SOCKET_MAX		108	/* sun_path, unix(7), terminated */
#define CONF_MTU_DEFAULT	65520
#define CONF_MAC_DEFAULT	"9a:55:9a:55:9a:55"
enum conf_mode { MODE_PASST, MODE_PASTA };

/**
 * enum conf_sandbox - what happens if a step of the sandbox fails
 * @SANDBOX_STRICT:	The program ends
 * @SANDBOX_AUTO:	A warning, and the steps that are left are taken
 * @SANDBOX_NONE:	No step is taken at all
 */
enum conf_sandbox { SANDBOX_STRICT, SANDBOX_AUTO, SANDBOX_NONE };

/**
 * enum conf_ports - which of the port options a specification came from
 * @PORTS_TCP:		-t, --tcp-ports
 * @PORTS_UDP:		-u, --udp-ports
 * @PORTS_TCP_NS:	-T, --tcp-ns
 * @PORTS_UDP_NS:	-U, --udp-ns
 * @PORTS_KINDS:	Number of them
 */
enum conf_ports {
	PORTS_TCP, PORTS_UDP, PORTS_TCP_NS, PORTS_UDP_NS, PORTS_KINDS,
};

/**
 * struct conf - what was asked for, completed from the host's configuration
 * @mode:		passt or pasta
 * @ip:			Per IP version
 * @interface:		Template interface asked for, "" for none
 * @netmask:		Length of the IPv4 netmask asked for, -1 for none
 * @no_map_gw:		The gateway doesn't mean the host unless asked for
 * @mtu:		MTU for the guest, 0 to assign none
 * @our_mac:		Our MAC address towards the guest
 * @our_mac_given:	@our_mac was an option
 * @ns_mac:		MAC address of the namespace's interface
 * @ns_mac_given:	@ns_mac was an option
 * @search:		Search list, separated by spaces, "" for none
 * @search_given:	@search was an option
 * @hostname:		Host name for the guest, "" for none
 * @fqdn:		Fully qualified name for the guest, "" for none
 * @dhcp_dns:		Tell the guest about name servers
 * @dhcp_search:	Tell the guest about the search list
 * @no_tcp:		No TCP
 * @no_udp:		No UDP
 * @no_icmp:		No echo
 * @no_dhcp:		No DHCP server
 * @no_dhcpv6:		No DHCPv6 server
 * @no_ndp:		No neighbour discovery
 * @no_ra:		No router advertisements
 * @foreground:		Don't go to the background; always so with @command
 * @quiet:		No informational messages
 * @debug:		Tell decisions
 * @trace:		Tell single frames
 * @stats_s:		Least seconds between two tables of counters, 0: none
 * @log_file:		Log file, "" for the system log
 * @log_size:		Its greatest size, bytes
 * @pcap:		Capture file, "" for none
 * @pid_file:		PID file, "" for none
 * @runas_uid:		User to change to if started as root
 * @runas_gid:		Group likewise
 * @socket:		UNIX socket that guests connect to, "" for a default
 * @fd:			Socket of the guest that was passed to us, -1 for none
 * @one_off:		End when the guest does
 * @vhost_user:		Guests are attached by vhost-user, not as streams
 * @sandbox:		How strict the sandbox is
 * @chroot_fallback:	Without pivot_root(2), chroot(2) will do
 * @ns_ifname:		Interface in the namespace
 * @netns:		Path of the network namespace, "" to create one
 * @userns:		Path of the user namespace, "" if none is to be joined
 * @netns_name:		What the user calls it: name, path, or "of process PID"
 * @netns_only:		Join or create no user namespace
 * @no_netns_quit:	Stay when the namespace goes
 * @no_pidns:		No PID namespace for the command
 * @config_net:		Configure the interface in the namespace
 * @no_copy_routes:	@copy_routes is false for both IP versions
 * @no_copy_addrs:	@copy_addrs likewise
 * @command:		Words to run in a new namespace, NULL if one is joined
 * @is_shell:		That is a shell, as no command was given
 * @freebind:		-t and -u take addresses the host doesn't have yet
 * @splice:		Local flows of the host go to sockets in the namespace
 * @splice_only:	No other ones, and no interface in the namespace
 * @host_lo_to_ns_lo:	They go to the loopback address they came by
 * @ports:		Port specifications in the order given, "none", too
 * @ports_count:	How many of each kind, 0 for the default
 */
struct conf {
	enum conf_mode mode;
	struct conf_ip ip[IPVER_MAX];
	char interface[IFNAMSIZ];
	int netmask;
	bool no_map_gw;
	unsigned mtu;
	uint8_t our_mac[MAC_LEN];
	bool our_mac_given;
	uint8_t ns_mac[MAC_LEN];
	bool ns_mac_given;
	char search[CONF_SEARCH_MAX];
	bool search_given;
	char hostname[CONF_NAME_MAX];
	char fqdn[CONF_NAME_MAX];
	bool dhcp_dns;
	bool dhcp_search;
	bool no_tcp;
	bool no_udp;
	bool no_icmp;
	bool no_dhcp;
	bool no_dhcpv6;
	bool no_ndp;
	bool no_ra;
	bool foreground;
	bool quiet;
	bool debug;
	bool trace;
	unsigned stats_s;
	char log_file[PATH_MAX];
	size_t log_size;
	char pcap[PATH_MAX];
	char pid_file[PATH_MAX];
	uid_t runas_uid;
	gid_t runas_gid;
	char socket[CONF_SOCKET_MAX];
	int fd;
	bool one_off;
	bool vhost_user;
	enum conf_sandbox sandbox;
	bool chroot_fallback;
	char ns_ifname[IFNAMSIZ];
	char netns[PATH_MAX];
	char userns[PATH_MAX];
	const char *netns_name;
	bool netns_only;
	bool no_netns_quit;
	bool no_pidns;
	bool config_net;
	bool no_copy_routes;
	bool no_copy_addrs;
	char *const *command;
	bool is_shell;
	bool freebind;
	bool splice;
	bool splice_only;
	bool host_lo_to_ns_lo;
	const char *ports[PORTS_KINDS][CONF_PORTS_MAX];
	unsigned ports_count[PORTS_KINDS];
};

/**
 * conf_ip_is_mapped() - Does an address mean another one to the guest?
 * @ip:		Configuration of an IP version
 * @a:		Address of that version
 *
 * Return: true if we stand for it, whoever has it on the host's links
 */
static inline bool conf_ip_is_mapped(const struct conf_ip *ip,
				     const struct addr *a)
{
	return addr_is_equal(a, &ip->dns_forward) ||
	       addr_is_equal(a, &ip->map_host_loopback) ||
	       addr_is_equal(a, &ip->map_guest_addr);
}

void conf_parse(struct conf *conf, int argc, char *argv[]);
const char *conf_own_mapped(const struct conf_ip *ip);
void conf_from_host(struct conf *conf);
void conf_print(const struct conf *conf);

#endif /* CONF_H */
