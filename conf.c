// SPDX-License-Identifier: BSD-3-Clause
/* conf.c - the options, and what they make of struct conf
 *
 * This is the one list of options: what is known, accepted and shown by --help
 * stands in conf_rows, and passt.1 describes each row. conf_parse() sets the
 * defaults that depend on nothing, reads the command line in one pass, then
 * checks what concerns several options. It looks at the host only to tell that
 * an interface, user, process or namespace named by an option is not there.
 * What is left open is filled in from the host by conf_from_host(), elsewhere.
 *
 * The last use of an option wins, but for those that add up (-D, and port
 * specifications) and those that contradict each other (-o, once for each IP
 * version; -4 and -6 together). Callers repeat -a from their configuration.
 *
 * Settings of an IP version that is disabled are accepted and have no effect:
 * callers pass fixed lists of options besides the user's.
 *
 * All errors end the program with one line, before anything was started.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>

#include "conf.h"
#include "conf_set.h"
#include "fwd.h"
#include "fwd_spec.h"
#include "log.h"
#include "opt.h"
#include "parse.h"

#define LOG_SIZE_MIN	4096	/* Bytes: several lines */
#define LOG_SIZE_MAX	(1UL << 31)
#define LOG_SIZE_DEFAULT (1UL << 20)
#define STATS_MAX	86400	/* Seconds: a day */
#define PREFIX_LEN_V6	64	/* Of a prefix for SLAAC: RFC 4291, 2.5.1 */
#define ID_NOBODY	65534	/* If there is no such user */
#define PID_MAX		4194304	/* PID_MAX_LIMIT, include/linux/threads.h */

/* What arguments may be, for more than one option */
#define ACCEPT_PATH	"a path"
#define ACCEPT_IF	"name of an interface of this host"
#define ACCEPT_MAC	"unicast MAC address such as " CONF_MAC_DEFAULT
#define ACCEPT_UNICAST	"unicast address, IPv4 or IPv6, not a loopback one"
#define ACCEPT_PORTS	"none, or [[ADDRESS][%INTERFACE]/]PORTS as in passt(1)"
#define ACCEPT_SOCKET	"a path of at most 107 bytes"
#define ACCEPT_DOMAIN	"domain name: labels of at most 63 letters, digits, " \
			"dashes and underscores"
#define NOT_YET_MOVE	"isn't there yet: machines can't be migrated"
#define NOT_YET_CTL	"isn't there yet: ports remain as options say"

static opt_handler show_capabilities;
static opt_handler show_help;
static opt_handler show_version;

/* Shorthands of the rows, which stay one paragraph an option that way */
#define FLAG(member)	OPT_FLAG, .offset = offsetof(struct conf, member)
#define UNFLAG(member)	OPT_UNFLAG, .offset = offsetof(struct conf, member)
#define DO(fn)		OPT_ACTION, .handler = fn
#define TO(member, fn)	OPT_CALL, .handler = fn, \
			.offset = offsetof(struct conf, member)
#define TO_IP(member, fn) OPT_CALL, .handler = fn, \
			.offset = offsetof(struct conf_ip, member)
#define TO_PATH(member)	OPT_STRING, .min = 1, .max = PATH_MAX - 1, \
			.offset = offsetof(struct conf, member), \
			.accepts = ACCEPT_PATH
#define TO_SOCKET	OPT_STRING, .min = 1, .max = CONF_SOCKET_MAX - 1, \
			.offset = offsetof(struct conf, socket), \
			.accepts = ACCEPT_SOCKET
#define NOT_YET(what)	OPT_NOT_YET, .help = what

static const struct opt conf_rows[] = {
	{ "debug", 'd', OPT_ANY, DO(conf_set_verbose),
	  .help = "Tell about flows and decisions",
	  .heading = "Messages and the process" },
	{ "trace", 0, OPT_ANY, DO(conf_set_verbose),
	  .help = "Tell about single packets too" },
	{ "quiet", 'q', OPT_ANY, DO(conf_set_verbose),
	  .help = "Tell only warnings and errors" },
	{ "foreground", 'f', OPT_ANY, FLAG(foreground),
	  .help = "Don't go to the background" },
	{ "stderr", 'e', OPT_ANY | OPT_DEPRECATED,
	  DO(conf_set_nothing),
	  .help = "Accepted without effect" },
	{ "log-file", 'l', OPT_ANY, TO_PATH(log_file), .arg = "PATH",
	  .help = "Log to a file, not to the system logger" },
	{ "log-size", 0, OPT_ANY, OPT_SIZE, offsetof(struct conf, log_size),
	  .min = LOG_SIZE_MIN, .max = LOG_SIZE_MAX, .arg = "BYTES",
	  .accepts = "4096 to 2147483648 bytes",
	  .help = "Greatest size of the log file, from 4096\n"
		  "default: 1048576" },
	{ "stats", 0, OPT_ANY, OPT_UINT, offsetof(struct conf, stats_s),
	  .min = 1, .max = STATS_MAX, .arg = "DELAY",
	  .accepts = "1 to 86400 seconds",
	  .help = "Log counters, at most every DELAY seconds,\n"
		  "1 to 86400" },
	{ "runas", 0, OPT_ANY,
	  OPT_CALL, .handler = conf_set_runas, .arg = "USER",
	  .accepts = "UID, UID:GID, LOGIN or LOGIN:GROUP",
	  .help = "UID, UID:GID, LOGIN or LOGIN:GROUP to run as\n"
		  "default: nobody, if started as root" },
	{ "sandbox", 0, OPT_ANY,
	  OPT_CALL, .handler = conf_set_sandbox, .arg = "MODE",
	  .accepts = "strict, auto or none",
	  .help = "strict: don't start without all of the sandbox\n"
		  "auto: go on with what is possible\n"
		  "none: no sandbox, for debugging\n"
		  "default: strict" },
	{ "chroot-fallback", 0, OPT_ANY, FLAG(chroot_fallback),
	  .help = "Let chroot() do if pivot_root() fails, as in an\n"
		  "initramfs" },
	{ "help", 'h', OPT_ANY, DO(show_help),
	  .help = "Show this and exit" },
	{ "version", 0, OPT_ANY, DO(show_version),
	  .help = "Show the version and exit" },
	{ "pcap", 'p', OPT_ANY, TO_PATH(pcap), .arg = "FILE",
	  .help = "Capture the guest's packets to a file" },
	{ "pid", 'P', OPT_ANY, TO_PATH(pid_file), .arg = "FILE",
	  .help = "Write own process ID to a file when ready" },
	{ "ipv4-only", '4', OPT_ANY, DO(conf_set_only), .help = "No IPv6",
	  .heading = "Addresses and names of the guest" },
	{ "ipv6-only", '6', OPT_ANY, DO(conf_set_only), .help = "No IPv4" },
	{ "mtu", 'm', OPT_ANY, OPT_CALL, .handler = conf_set_mtu, .arg = "MTU",
	  .accepts = "68 to 65521 bytes, or 0 to assign none",
	  .help = "MTU to assign, 0 for none\ndefault: 65520" },
	{ "address", 'a', OPT_ANY, OPT_CALL, .handler = conf_set_address,
	  .arg = "ADDR[/BITS]",
	  .accepts = "unicast address, neither loopback nor IPv6 link-local, "
		     "with or without length of the prefix: "
		     "IPv4 with /0 to /32, IPv6 with /0 to /128",
	  .help = "Address to assign, once for each IP version\n"
		  "default: those of the template interface" },
	{ "netmask", 'n', OPT_ANY, OPT_CALL, .handler = conf_set_netmask,
	  .arg = "MASK",
	  .accepts = "IPv4 netmask such as 255.255.255.0, or 0 to 32 bits",
	  .help = "IPv4 netmask to assign, as address or in bits\n"
		  "default: the host's, or by class with -a" },
	{ "mac-addr", 'M', OPT_ANY, TO(our_mac, conf_set_mac), .arg = "ADDR",
	  .accepts = ACCEPT_MAC,
	  .help = "Our MAC address towards the guest\n"
		  "default: " CONF_MAC_DEFAULT ",\n"
		  "and neighbours of the host have their own" },
	{ "gateway", 'g', OPT_ANY, TO_IP(gw, conf_set_gateway), .arg = "ADDR",
	  .accepts = ACCEPT_UNICAST,
	  .help = "Default gateway to assign, for each IP version\n"
		  "default: that of the template interface" },
	{ "interface", 'i', OPT_ANY,
	  TO(interface, conf_set_host_if), .arg = "NAME",
	  .accepts = ACCEPT_IF,
	  .help = "Template interface for addresses and routes\n"
		  "default: --outbound-if4, --outbound-if6, or the\n"
		  "one with the default route" },
	{ "dns", 'D', OPT_ANY | OPT_REPEAT, OPT_CALL, .handler = conf_add_dns,
	  .arg = "ADDR", .accepts = "unicast address, IPv4 or IPv6, or none",
	  .help = "Name server to tell the guest, or none\n"
		  "default: those of /etc/resolv.conf" },
	{ "dns-forward", 0, OPT_ANY, TO_IP(dns_forward, conf_set_forward),
	  .arg = "ADDR", .accepts = ACCEPT_UNICAST,
	  .help = "Address that means --dns-host to the guest" },
	{ "dns-host", 0, OPT_ANY, TO_IP(dns_host, conf_set_dns_host),
	  .arg = "ADDR", .accepts = "unicast address, IPv4 or IPv6",
	  .help = "Name server that --dns-forward leads to\n"
		  "default: the first one of /etc/resolv.conf" },
	{ "search", 'S', OPT_ANY, OPT_CALL, .handler = conf_set_search,
	  .arg = "LIST", .accepts = "domain names with spaces between, or none",
	  .help = "Search list to tell the guest, or none\n"
		  "default: that of /etc/resolv.conf" },
	{ "dhcp-dns", 0, OPT_ANY, FLAG(dhcp_dns),
	  .help = "Tell name servers by DHCP, DHCPv6 and NDP\n"
		  "default of passt" },
	{ "no-dhcp-dns", 0, OPT_ANY, UNFLAG(dhcp_dns),
	  .help = "Don't: default of pasta" },
	{ "dhcp-search", 0, OPT_ANY, FLAG(dhcp_search),
	  .help = "Tell the search list by DHCP, DHCPv6 and NDP\n"
		  "default of passt" },
	{ "no-dhcp-search", 0, OPT_ANY, UNFLAG(dhcp_search),
	  .help = "Don't: default of pasta" },
	{ "hostname", 'H', OPT_ANY,
	  TO(hostname, conf_set_domain), .arg = "NAME",
	  .accepts = ACCEPT_DOMAIN,
	  .help = "Host name to tell the guest by DHCP" },
	{ "fqdn", 0, OPT_ANY, TO(fqdn, conf_set_domain), .arg = "NAME",
	  .accepts = ACCEPT_DOMAIN,
	  .help = "Full name to tell the guest by DHCP and DHCPv6" },
	{ "outbound", 'o', OPT_ANY, OPT_CALL, .handler = conf_set_outbound,
	  .arg = "ADDR",
	  .accepts = "unicast address of this host, IPv4 or IPv6, "
		     "neither loopback nor IPv6 link-local",
	  .help = "Source address of outbound sockets,\n"
		  "once for each IP version\n"
		  "default: chosen by the host's routes",
	  .heading = "What is carried" },
	{ "outbound-if4", 0, OPT_ANY,
	  TO(ip[V4].outbound_if, conf_set_outbound_if),
	  .arg = "NAME", .accepts = ACCEPT_IF,
	  .help = "Interface of outbound IPv4 sockets\n"
		  "default: chosen by the host's routes" },
	{ "outbound-if6", 0, OPT_ANY,
	  TO(ip[V6].outbound_if, conf_set_outbound_if),
	  .arg = "NAME", .accepts = ACCEPT_IF,
	  .help = "Interface of outbound IPv6 sockets\n"
		  "default: chosen by the host's routes" },
	{ "no-tcp", 0, OPT_ANY, FLAG(no_tcp), .help = "No TCP" },
	{ "no-udp", 0, OPT_ANY, FLAG(no_udp), .help = "No UDP" },
	{ "no-icmp", 0, OPT_ANY, FLAG(no_icmp),
	  .help = "No ICMP and ICMPv6; implies --no-ndp" },
	{ "no-dhcp", 0, OPT_ANY, FLAG(no_dhcp), .help = "No DHCP server" },
	{ "no-ndp", 0, OPT_ANY, FLAG(no_ndp),
	  .help = "No answers by NDP, no router advertisements" },
	{ "no-dhcpv6", 0, OPT_ANY, FLAG(no_dhcpv6),
	  .help = "No DHCPv6 server" },
	{ "no-ra", 0, OPT_ANY,
	  FLAG(no_ra), .help = "No router advertisements" },
	{ "map-host-loopback", 0, OPT_ANY,
	  TO_IP(map_host_loopback, conf_set_map),
	  .arg = "ADDR", .accepts = ACCEPT_UNICAST ", or none",
	  .help = "Address that means the host's loopback, or none\n"
		  "default: the gateway" },
	{ "no-map-gw", 0, OPT_ANY, FLAG(no_map_gw),
	  .help = "The gateway doesn't mean the host's loopback" },
	{ "map-guest-addr", 0, OPT_ANY, TO_IP(map_guest_addr, conf_set_map),
	  .arg = "ADDR", .accepts = ACCEPT_UNICAST ", or none",
	  .help = "Address that means the guest's on the host,\n"
		  "or none" },
	{ "tcp-ports", 't', OPT_ANY | OPT_REPEAT,
	  TO(ports[PORTS_TCP], conf_add_ports),
	  .arg = "SPEC", .accepts = ACCEPT_PORTS,
	  .help = "TCP ports forwarded to the guest, with\n"
		  "[ADDRESS][%INTERFACE]/ before where to listen:\n"
		  "  none\n"
		  "  80,8000-8010      these ports\n"
		  "  2222:22           to another port\n"
		  "  80:192.0.2.6/8080 of that address\n"
		  "  2000-2099,~2042   but for some\n"
		  "  all[:ADDRESS]     all but ephemeral ones\n"
		  "  ~2000-2099        but for some\n"
		  "  auto              those bound there (pasta)\n"
		  "  8000-8010,auto    out of these\n"
		  "default: none (passt), auto (pasta)" },
	{ "udp-ports", 'u', OPT_ANY | OPT_REPEAT,
	  TO(ports[PORTS_UDP], conf_add_ports),
	  .arg = "SPEC", .accepts = ACCEPT_PORTS,
	  .help = "UDP ports likewise\n"
		  "default: those of TCP, and auto (pasta)" },
	{ "freebind", 0, OPT_ANY, FLAG(freebind),
	  .help = "Let -t and -u listen on addresses that this\n"
		  "host doesn't have yet" },
	{ "socket", 's', OPT_PASST, TO_SOCKET, .arg = "PATH",
	  .help = "UNIX socket that the virtual machine connects to\n"
		  "default: the first free one of\n"
		  "/tmp/passt_1.socket to /tmp/passt_64.socket",
	  .heading = "Virtual machines" },
	{ "socket-path", 0, OPT_PASST, TO_SOCKET, .arg = "PATH",
	  .help = "The same" },
	{ "fd", 'F', OPT_PASST, OPT_CALL, .handler = conf_set_fd, .arg = "FD",
	  .accepts = "descriptor of a stream socket that is connected, from 3 "
		     "on",
	  .help = "Descriptor of the virtual machine's socket,\n"
		  "connected already; implies --one-off" },
	{ "one-off", '1', OPT_PASST, FLAG(one_off),
	  .help = "End when the virtual machine disconnects" },
	{ "vhost-user", 0, OPT_PASST, FLAG(vhost_user),
	  .help = "The socket is for vhost-user: memory is shared\n"
		  "with the virtual machine" },
	{ "print-capabilities", 0, OPT_PASST, DO(show_capabilities),
	  .help = "Show what --vhost-user can do, as JSON, and exit" },
	{ "repair-path", 0, OPT_PASST, OPT_CALL, .handler = conf_set_repair,
	  .arg = "none", .accepts = "none, as machines can't be migrated yet",
	  .help = "No socket for passt-repair: there is none anyway" },
	{ "ns-ifname", 'I', OPT_PASTA,
	  TO(ns_ifname, conf_set_ifname), .arg = "NAME",
	  .accepts = "name of at most 15 characters, without slash, colon, "
		     "percent sign or space, neither all nor default",
	  .help = "Interface in the namespace\n"
		  "default: the template interface's name, or tap0",
	  .heading = "Namespaces and their ports" },
	{ "userns", 0, OPT_PASTA, OPT_CALL, .handler = conf_set_userns,
	  .arg = "PATH", .accepts = "path of a user namespace",
	  .help = "User namespace to join" },
	{ "netns", 0, OPT_PASTA, OPT_CALL, .handler = conf_set_netns,
	  .arg = "PATH|NAME",
	  .accepts = "path of a network namespace, "
		     "or name of one in " CONF_RUN_NETNS,
	  .help = "Network namespace to join" },
	{ "netns-only", 0, OPT_PASTA, FLAG(netns_only),
	  .help = "Neither join nor create a user namespace\n"
		  "implied by --netns without --userns" },
	{ "no-netns-quit", 0, OPT_PASTA, FLAG(no_netns_quit),
	  .help = "Stay when the namespace is removed" },
	{ "no-pidns", 0, OPT_PASTA, FLAG(no_pidns),
	  .help = "No PID namespace for the command" },
	{ "config-net", 0, OPT_PASTA, FLAG(config_net),
	  .help = "Set up addresses and routes in the namespace" },
	{ "no-copy-routes", 0, OPT_PASTA | OPT_DEPRECATED, FLAG(no_copy_routes),
	  .help = "With --config-net: only a default route;\n"
		  "implied by --gateway" },
	{ "no-copy-addrs", 0, OPT_PASTA | OPT_DEPRECATED, FLAG(no_copy_addrs),
	  .help = "With --config-net: only one address;\n"
		  "implied by --address" },
	{ "ns-mac-addr", 0, OPT_PASTA, TO(ns_mac, conf_set_mac), .arg = "ADDR",
	  .accepts = ACCEPT_MAC,
	  .help = "MAC address of the namespace's interface\n"
		  "default: random" },
	{ "tcp-ns", 'T', OPT_PASTA | OPT_REPEAT,
	  TO(ports[PORTS_TCP_NS], conf_add_ports),
	  .arg = "SPEC", .accepts = ACCEPT_PORTS,
	  .help = "TCP ports forwarded to the host, as for -t;\n"
		  "listening on the loopback interface, if not\n"
		  "told otherwise\n"
		  "default: auto" },
	{ "udp-ns", 'U', OPT_PASTA | OPT_REPEAT,
	  TO(ports[PORTS_UDP_NS], conf_add_ports),
	  .arg = "SPEC", .accepts = ACCEPT_PORTS,
	  .help = "UDP ports likewise\n"
		  "default: those of TCP, and auto" },
	{ "host-lo-to-ns-lo", 0, OPT_PASTA, FLAG(host_lo_to_ns_lo),
	  .help = "What comes to -t and -u by loopback goes to the\n"
		  "namespace's loopback" },
	{ "no-splice", 0, OPT_PASTA, UNFLAG(splice),
	  .help = "Pass it through the interface, instead" },
	{ "splice-only", 0, OPT_PASTA, FLAG(splice_only),
	  .help = "Forward loopback traffic only, without\n"
		  "an interface in the namespace" },
	/* Else they would be told to be none, as if misspelt */
	{ "migrate-exit", 0, OPT_PASST | NOT_YET(NOT_YET_MOVE) },
	{ "migrate-no-linger", 0, OPT_PASST | NOT_YET(NOT_YET_MOVE) },
	{ "conf-path", 'c', OPT_ANY | NOT_YET(NOT_YET_CTL) },
};

static const struct opt_table conf_table = {
	conf_rows, ARRAY_SIZE(conf_rows),
};

/**
 * mode_name() - Name of the program in a mode
 * @mode:	Mode
 *
 * Return: name
 */
static const char *mode_name(enum conf_mode mode)
{
	return mode == MODE_PASTA ? "pasta" : "passt";
}

/**
 * finish_stdout() - End successfully, if all output got where it should
 *
 * Those who didn't want all of it, such as head(1), aren't told.
 */
static void finish_stdout(void)
{
	if (fflush(stdout) || ferror(stdout)) {
		if (errno != EPIPE)
			die_errno("Can't write to standard output");
		exit(EXIT_FAILURE);
	}
	exit(EXIT_SUCCESS);
}

/**
 * show_version() - --version: tell it and end
 */
static const char *show_version(void *target, const struct opt *o,
				const char *arg)
{
	const struct conf *conf = target;

	(void)o;
	(void)arg;
	printf("%s %s\n", mode_name(conf->mode), VERSION);
	finish_stdout();
	return NULL;
}

/**
 * show_capabilities() - --print-capabilities: tell them and end
 *
 * Source: QEMU, docs/interop/vhost-user.rst, backend program conventions, and
 *	   docs/interop/vhost-user.json, which has no features for this type
 */
static const char *show_capabilities(void *target, const struct opt *o,
				     const char *arg)
{
	(void)target;
	(void)o;
	(void)arg;
	puts("{\n  \"type\": \"net\",\n  \"features\": []\n}");
	finish_stdout();
	return NULL;
}

/**
 * show_help() - -h: tell usage and options, and end
 */
static const char *show_help(void *target, const struct opt *o,
			     const char *arg)
{
	const struct conf *conf = target;

	(void)o;
	(void)arg;
	if (conf->mode == MODE_PASTA) {
		puts("Usage: pasta [OPTION]... [COMMAND [ARG]...]\n"
		     "       pasta [OPTION]... PID\n"
		     "       pasta [OPTION]... --netns PATH|NAME\n\n"
		     "Connect a network namespace: a new one that runs COMMAND "
		     "or a shell,\nthat of process PID, or one with a name.\n");
	} else {
		puts("Usage: passt [OPTION]...\n\n"
		     "Connect a virtual machine.\n");
	}
	opt_print_help(&conf_table,
		       conf->mode == MODE_PASTA ? OPT_PASTA : OPT_PASST,
		       stdout);
	finish_stdout();
	return NULL;
}

/**
 * started_as_root() - Are we root, and not just in a user namespace?
 *
 * Return: true if so
 *
 * Source: user_namespaces(7), the map of the initial namespace
 */
static bool started_as_root(void)
{
	unsigned long inside, outside, count;
	char map[128];

	if (geteuid())
		return false;
	if (util_read_file("/proc/self/uid_map", map, sizeof(map)) <= 0 ||
	    sscanf(map, "%lu %lu %lu", &inside, &outside, &count) != 3)
		return true;

	return !inside && !outside && count == UINT32_MAX;
}

/**
 * conf_default() - Set what options are measured against
 * @conf:	Configuration
 * @mode:	Mode
 */
static void conf_default(struct conf *conf, enum conf_mode mode)
{
	const char *mac = CONF_MAC_DEFAULT;
	enum ipver v;

	memset(conf, 0, sizeof(*conf));
	conf->mode = mode;
	conf->netmask = -1;
	conf->fd = -1;
	conf->mtu = CONF_MTU_DEFAULT;
	conf->dhcp_dns = conf->dhcp_search = mode == MODE_PASST;
	conf->splice = mode == MODE_PASTA;
	parse_mac(&mac, conf->our_mac);
	for (v = 0; v < IPVER_MAX; v++) {
		conf->ip[v].enabled = true;
		conf->ip[v].prefix_len = -1;
	}

	conf->runas_uid = geteuid();
	conf->runas_gid = getegid();
	if (started_as_root() &&
	    !conf_runas_user("nobody", &conf->runas_uid, &conf->runas_gid))
		conf->runas_uid = conf->runas_gid = ID_NOBODY;
}

/**
 * class_bits() - Length of the netmask of an address by its class
 * @a:		IPv4 address
 *
 * Return: bits
 *
 * Source: RFC 791, 3.2
 */
static int class_bits(const struct addr *a)
{
	uint8_t first = a->a6.s6_addr[12];

	if (first < 128)
		return 8;
	if (first < 192)
		return 16;
	if (first < 224)
		return 24;
	return 32;
}

/**
 * conf_own_mapped() - Is the guest's own address to mean something else, too?
 * @ip:		Settings of an IP version, its address known
 *
 * Return: name of the option that says so, NULL if none does
 */
const char *conf_own_mapped(const struct conf_ip *ip)
{
	const struct {
		const char *name;
		const struct addr *a;
	} mapped[] = {
		{ "--dns-forward", &ip->dns_forward },
		{ "--map-host-loopback", &ip->map_host_loopback },
		{ "--map-guest-addr", &ip->map_guest_addr },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mapped); i++) {
		if (addr_is_set(mapped[i].a) &&
		    addr_is_equal(mapped[i].a, &ip->addr))
			return mapped[i].name;
	}
	return NULL;
}

/**
 * conf_check_mapped() - Rules on addresses that mean something else
 * @ip:		Settings of an IP version
 *
 * DNS is told apart from all else by its port, hence --dns-forward may have an
 * address that another one of these options has, too.
 */
static void conf_check_mapped(const struct conf_ip *ip)
{
	const char *name = ip->addr_given ? conf_own_mapped(ip) : NULL;
	char str[ADDR_STRLEN];

	if (name)
		die("option '%s': invalid value '%s', the guest's own by "
		    "--address, accepted: another address", name,
		    addr_str(&ip->addr, str));
	if (addr_is_set(&ip->map_guest_addr) &&
	    addr_is_equal(&ip->map_guest_addr, &ip->map_host_loopback))
		die("option '--map-guest-addr': invalid value '%s', the host's "
		    "loopback by --map-host-loopback, accepted: another "
		    "address", addr_str(&ip->map_guest_addr, str));
}

/**
 * conf_check_ip() - Rules on addresses and interfaces
 * @conf:	Configuration
 */
static void conf_check_ip(struct conf *conf)
{
	struct conf_ip *ip4 = &conf->ip[V4], *ip6 = &conf->ip[V6], *ip;

	if (conf->netmask >= 0 && ip4->prefix_len >= 0)
		die("option '--netmask': invalid value '%d' besides /%d with "
		    "--address, accepted: one of both", conf->netmask,
		    ip4->prefix_len);
	if (conf->netmask >= 0)
		ip4->prefix_len = conf->netmask;
	else if (ip4->addr_given && ip4->prefix_len < 0)
		ip4->prefix_len = class_bits(&ip4->addr);

	for (ip = conf->ip; ip < conf->ip + IPVER_MAX; ip++) {
		const char *name = ip->outbound_if;

		if (*name)
			ip->outbound_index = if_nametoindex(name);
		if (*conf->interface)
			name = conf->interface;
		if (*name)
			ip->template_index = if_nametoindex(name);

		ip->copy_routes = !conf->no_copy_routes && !ip->gw_given;
		ip->copy_addrs = !conf->no_copy_addrs && !ip->addr_given;
		if (ip->enabled)
			conf_check_mapped(ip);
	}
	if (conf->netmask >= 0)
		ip4->copy_addrs = false;

	if (conf->no_icmp)
		conf->no_ndp = true;

	if (ip6->addr_given) {
		if (ip6->enabled && ip6->prefix_len >= 0 &&
		    ip6->prefix_len != PREFIX_LEN_V6)
			warn("option '--address': IPv6 prefix of %d bits, "
			     "taking %d", ip6->prefix_len, PREFIX_LEN_V6);
		ip6->prefix_len = PREFIX_LEN_V6;
	}
}

/**
 * conf_check_log() - Rules on messages
 * @conf:	Configuration
 */
static void conf_check_log(struct conf *conf)
{
	if (conf->log_size && !*conf->log_file)
		warn("--log-size has no effect: there is no file, see "
		     "--log-file");
	if (!conf->log_size)
		conf->log_size = LOG_SIZE_DEFAULT;
	if (conf->stats_s && conf->quiet)
		warn("--stats has no effect: counters are not told with "
		     "--quiet");
}

/**
 * conf_join_pid() - Take a process as what is to be joined
 * @conf:	Configuration
 * @arg:	Argument: PID as decimal number
 */
static void conf_join_pid(struct conf *conf, const char *arg)
{
	static char name[sizeof("of process 18446744073709551615")];
	const char *p = arg;
	unsigned long pid;

	errno = ENOENT;
	if (parse_uint(&p, PID_MAX, &pid) && pid)
		snprintf(conf->netns, sizeof(conf->netns), "/proc/%lu/ns/net",
			 pid);
	if (!*conf->netns || access(conf->netns, F_OK))
		die("PID: invalid value '%.80s' (%s), accepted: PID of a "
		    "running process of the same user", arg,
		    log_strerror(errno));

	snprintf(name, sizeof(name), "of process %lu", pid);
	conf->netns_name = name;
	if (!conf->netns_only && !*conf->userns)
		snprintf(conf->userns, sizeof(conf->userns),
			 "/proc/%lu/ns/user", pid);
}

/**
 * conf_check_target() - Find what pasta is to connect: PID, name, or command
 * @conf:	Configuration
 * @words:	Words behind the options, NULL-terminated
 */
static void conf_check_target(struct conf *conf, char *words[])
{
	static char shell[PATH_MAX], *shell_words[] = { shell, NULL };
	const char *p = words[0], *env = getenv("SHELL");

	if (*conf->netns && p)
		die("option '--netns': invalid value '%.80s' besides '%.80s', "
		    "accepted: either --netns, or a PID or command",
		    conf->netns_name, p);
	if (*conf->userns && conf->netns_only)
		die("option '--userns': invalid value '%.80s' with "
		    "--netns-only, accepted: one of both", conf->userns);

	if (p && *p && !words[1] && !p[strspn(p, "0123456789")])
		conf_join_pid(conf, p);
	else if (*conf->netns)
		conf->netns_only |= !*conf->userns;

	if (*conf->netns && conf->no_pidns)
		die("option '--no-pidns': not with the namespace %.80s, "
		    "accepted: with a command", conf->netns_name);
	if (*conf->netns)
		return;

	if (*conf->userns)
		die("option '--userns': invalid value '%.80s' with a command, "
		    "accepted: with --netns or a PID", conf->userns);
	util_copy_str(shell, env && *env ? env : "/bin/sh", sizeof(shell));
	conf->is_shell = !words[0];
	conf->command = conf->is_shell ? shell_words : words;
	conf->foreground = true;
}

/**
 * conf_check_ports() - Rules on port forwarding
 * @conf:	Configuration
 */
static void conf_check_ports(struct conf *conf)
{
	static struct fwd_rule rules[FWD_RULES_MAX];

	if (conf->host_lo_to_ns_lo && !conf->splice)
		die("option '--host-lo-to-ns-lo': accepted only without "
		    "--no-splice");
	if (conf->splice_only && !conf->splice)
		die("option '--splice-only': accepted only without "
		    "--no-splice");

	/* What we set up nothing for has just its loopback */
	conf->host_lo_to_ns_lo |= conf->splice_only;
	conf->no_ndp |= conf->splice_only;
	fwd_spec_rules(conf, rules, FWD_RULES_MAX);
}

/**
 * conf_check_pasta() - Rules on options of pasta, and what it is to connect
 * @conf:	Configuration
 * @words:	Words behind the options, NULL-terminated
 */
static void conf_check_pasta(struct conf *conf, char *words[])
{
	char mac[MAC_STRLEN];

	conf_check_target(conf, words);

	/* Frames from our own address would be dropped, see demux.c */
	if (conf->ns_mac_given && !memcmp(conf->ns_mac, conf->our_mac, MAC_LEN))
		die("option '--ns-mac-addr': invalid value '%s', our own, see "
		    "--mac-addr, accepted: another address",
		    util_mac_str(conf->ns_mac, mac));
	if (conf->no_copy_routes && !conf->config_net)
		die("option '--no-copy-routes': accepted only with "
		    "--config-net");
	if (conf->no_copy_addrs && !conf->config_net)
		die("option '--no-copy-addrs': accepted only with "
		    "--config-net");
}

/**
 * conf_check_passt() - Rules on options of passt
 * @conf:	Configuration
 * @words:	Words behind the options, NULL-terminated
 */
static void conf_check_passt(const struct conf *conf, char *words[])
{
	if (words[0])
		die("invalid argument '%.80s', accepted: options, see --help",
		    words[0]);
	if (conf->fd >= 0 && *conf->socket)
		die("option '--fd': invalid value '%d' with --socket, "
		    "accepted: one of both", conf->fd);
}

/**
 * conf_parse() - Read the command line
 * @conf:	Filled with the configuration, complete but for what
 *		conf_from_host() adds
 * @argc:	Number of words in @argv
 * @argv:	Words, NULL-terminated, kept as the command and ports refer to
 *		them; the name of the program selects the mode
 *
 * Ends with a message and status 1 at any mistake, with status 0 for --help
 * and --version. Sets the level of messages.
 */
void conf_parse(struct conf *conf, int argc, char *argv[])
{
	const char *name = argc ? argv[0] : "", *slash = strrchr(name, '/');
	bool pasta = !strncmp(slash ? slash + 1 : name, "pasta", 5);
	int next;

	conf_default(conf, pasta ? MODE_PASTA : MODE_PASST);
	next = opt_parse(&conf_table, pasta ? OPT_PASTA : OPT_PASST, conf,
			 argc, argv);

	/* Those that warn come last: an error stands alone */
	conf_check_ports(conf);
	if (pasta)
		conf_check_pasta(conf, argv + next);
	else
		conf_check_passt(conf, argv + next);
	conf_check_ip(conf);
	conf_check_log(conf);

	log_set_level(conf->trace ? LOG_LEVEL_TRACE :
		      conf->debug ? LOG_LEVEL_DEBUG :
		      conf->quiet ? LOG_LEVEL_WARN : LOG_LEVEL_INFO);
}
