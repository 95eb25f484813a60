// SPDX-License-Identifier: BSD-3-Clause
/* conf_set.c - what single options do to struct conf
 *
 * The handlers of the rows in conf.c, each an opt_handler: they check one
 * argument and store what it says, and return what such handlers return. Most
 * options of the same kind share a handler, which then finds by the offset of
 * the row where the value goes.
 *
 * Rules between options are not for here, because those may come in any order;
 * but a handler refuses a second use if that can only be a mistake.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "conf.h"
#include "conf_set.h"
#include "fwd.h"
#include "fwd_spec.h"
#include "isolate.h"
#include "log.h"
#include "parse.h"

#define MTU_MIN		68	/* IPv4: RFC 791, 3.2 */
#define MTU_MAX		65521	/* Largest of a tun device: drivers/net/tun.c */
#define ID_MAX		4294967294UL	/* (uid_t)-1 means none: setreuid(2) */

/**
 * struct addr_rules - which addresses an option takes
 * @loopback:	Loopback addresses too
 * @none:	The word none, too
 */
struct addr_rules {
	bool loopback;
	bool none;
};

/**
 * arg_is() - Is an argument one given word?
 * @arg:	Argument
 * @word:	Word
 *
 * Return: true if it is
 */
static bool arg_is(const char *arg, const char *word)
{
	return !strcmp(arg, word);
}

/**
 * arg_addr() - Read an argument that is a unicast address
 * @arg:	Argument
 * @loopback:	Take loopback addresses too
 * @a:		Filled with the address
 *
 * Return: true if it is one
 */
static bool arg_addr(const char *arg, bool loopback, struct addr *a)
{
	return parse_addr(&arg, a) && parse_end(&arg) &&
	       (loopback ? addr_is_unicast(a) : addr_is_external(a));
}

/**
 * conf_set_verbose() - -d, --trace and -q: what to tell, the last one counts
 */
const char *conf_set_verbose(void *target, const struct opt *o, const char *arg)
{
	struct conf *conf = target;

	(void)arg;
	conf->quiet = o->letter == 'q';
	conf->debug = !conf->quiet;
	conf->trace = conf->debug && !o->letter;
	return NULL;
}

/**
 * conf_set_sandbox() - --sandbox: what to do about steps that fail
 */
const char *conf_set_sandbox(void *target, const struct opt *o, const char *arg)
{
	static const char *const modes[] = {
		[SANDBOX_STRICT] = "strict",
		[SANDBOX_AUTO] = "auto",
		[SANDBOX_NONE] = "none",
	};
	struct conf *conf = target;
	unsigned i;

	(void)o;
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		if (!strcmp(arg, modes[i])) {
			conf->sandbox = (enum conf_sandbox)i;
			return NULL;
		}
	}
	return opt_bad;
}

/**
 * conf_set_nothing() - Accept an option that has no effect
 */
const char *conf_set_nothing(void *target, const struct opt *o, const char *arg)
{
	(void)target;
	(void)o;
	(void)arg;
	return NULL;
}

/**
 * conf_runas_user() - Read the user part of --runas
 * @name:	Login name or UID
 * @uid:	Filled with the user
 * @gid:	Filled with the user's group
 *
 * Return: false if there is no such user
 */
bool conf_runas_user(const char *name, uid_t *uid, gid_t *gid)
{
	const struct passwd *pw;
	unsigned long id;

	if (parse_uint(&name, ID_MAX, &id) && parse_end(&name)) {
		pw = getpwuid(id);
		*uid = id;
		*gid = pw ? pw->pw_gid : (gid_t)id;
		return true;
	}

	pw = getpwnam(name);
	if (!pw)
		return false;
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return true;
}

/**
 * conf_set_runas() - --runas: user and group to change to
 */
const char *conf_set_runas(void *target, const struct opt *o, const char *arg)
{
	const char *colon = strchrnul(arg, ':'), *group = colon + 1;
	struct conf *conf = target;
	const struct group *gr;
	char name[CONF_NAME_MAX];
	unsigned long id;
	uid_t uid;
	gid_t gid;

	(void)o;
	if ((size_t)(colon - arg) >= sizeof(name))
		return opt_bad;
	memcpy(name, arg, colon - arg);
	name[colon - arg] = '\0';
	if (!conf_runas_user(name, &uid, &gid))
		return opt_bad;

	if (*colon && parse_uint(&group, ID_MAX, &id) && parse_end(&group)) {
		gid = id;
	} else if (*colon) {
		gr = getgrnam(group);
		if (!gr)
			return opt_bad;
		gid = gr->gr_gid;
	}

	if ((uid != geteuid() || gid != getegid()) && !isolate_can_change_ids())
		return "other users than oneself only with privileges, as of "
		       "root";

	conf->runas_uid = uid;
	conf->runas_gid = gid;
	return NULL;
}

/**
 * conf_set_fd() - -F: a descriptor that was passed to us
 */
const char *conf_set_fd(void *target, const struct opt *o, const char *arg)
{
	struct conf *conf = target;
	unsigned long v;

	(void)o;
	if (!parse_uint(&arg, INT_MAX, &v) || !parse_end(&arg) ||
	    v <= STDERR_FILENO || fcntl((int)v, F_GETFD) < 0)
		return opt_bad;

	conf->fd = (int)v;
	return NULL;
}

/**
 * conf_set_repair() - --repair-path: none, there being nothing to migrate
 */
const char *conf_set_repair(void *target, const struct opt *o, const char *arg)
{
	(void)target;
	(void)o;
	return strcmp(arg, "none") ? opt_bad : NULL;
}

/**
 * conf_set_mtu() - -m: MTU, 0 for none
 */
const char *conf_set_mtu(void *target, const struct opt *o, const char *arg)
{
	struct conf *conf = target;
	unsigned long v;

	(void)o;
	if (!parse_uint(&arg, MTU_MAX, &v) || !parse_end(&arg) ||
	    (v && v < MTU_MIN))
		return opt_bad;

	conf->mtu = v;
	return NULL;
}

/**
 * conf_set_address() - -a: the guest's address, the last of each IP version
 */
const char *conf_set_address(void *target, const struct opt *o, const char *arg)
{
	struct conf *conf = target;
	struct conf_ip *ip;
	struct addr a;
	int bits;

	(void)o;
	if (!parse_addr_prefix(&arg, &a, &bits) || !parse_end(&arg) ||
	    !addr_is_external(&a) ||
	    (addr_version(&a) == V6 && addr_is_linklocal(&a)))
		return opt_bad;

	ip = &conf->ip[addr_version(&a)];
	ip->addr = a;
	ip->addr_given = true;
	ip->prefix_len = bits;
	return NULL;
}

/**
 * conf_set_netmask() - -n: IPv4 netmask
 */
const char *conf_set_netmask(void *target, const struct opt *o, const char *arg)
{
	struct conf *conf = target;
	int bits;

	(void)o;
	if (!parse_netmask(&arg, &bits) || !parse_end(&arg))
		return opt_bad;

	conf->netmask = bits;
	return NULL;
}

/**
 * conf_set_mac() - -M and --ns-mac-addr: MAC address at the offset
 */
const char *conf_set_mac(void *target, const struct opt *o, const char *arg)
{
	static const uint8_t zero[MAC_LEN];
	struct conf *conf = target;
	uint8_t mac[MAC_LEN];

	if (!parse_mac(&arg, mac) || !parse_end(&arg) || mac[0] & 1 ||
	    !memcmp(mac, zero, MAC_LEN))
		return opt_bad;

	memcpy((char *)target + o->offset, mac, MAC_LEN);
	if (o->offset == offsetof(struct conf, ns_mac))
		conf->ns_mac_given = true;
	else
		conf->our_mac_given = true;
	return NULL;
}

/**
 * set_ip_addr() - Store an address in the settings of its IP version
 * @target:	struct conf
 * @o:		Option, its offset is one in struct conf_ip
 * @arg:	Argument
 * @rules:	Which addresses are right
 *
 * Return: as handlers do
 */
static const char *set_ip_addr(void *target, const struct opt *o,
			       const char *arg, struct addr_rules rules)
{
	struct conf *conf = target;
	struct addr a = { 0 };
	enum ipver v;

	if (rules.none && arg_is(arg, "none")) {
		for (v = 0; v < IPVER_MAX; v++)
			memcpy((char *)&conf->ip[v] + o->offset, &a, sizeof(a));
		return NULL;
	}
	if (!arg_addr(arg, rules.loopback, &a))
		return opt_bad;

	v = addr_version(&a);
	memcpy((char *)&conf->ip[v] + o->offset, &a, sizeof(a));
	return NULL;
}

/**
 * conf_set_gateway() - -g: default gateway of one IP version
 */
const char *conf_set_gateway(void *target, const struct opt *o, const char *arg)
{
	struct conf *conf = target;
	struct addr a;

	if (!arg_addr(arg, false, &a))
		return opt_bad;

	conf->ip[addr_version(&a)].gw_given = true;
	return set_ip_addr(target, o, arg, (struct addr_rules){ 0 });
}

/**
 * conf_set_forward() - --dns-forward: address of one IP version
 */
const char *conf_set_forward(void *target, const struct opt *o, const char *arg)
{
	return set_ip_addr(target, o, arg, (struct addr_rules){ 0 });
}

/**
 * conf_set_dns_host() - --dns-host: name server, a loopback one too
 */
const char *conf_set_dns_host(void *target, const struct opt *o,
			      const char *arg)
{
	return set_ip_addr(target, o, arg,
			   (struct addr_rules){ .loopback = true });
}

/**
 * conf_set_map() - --map-host-loopback and --map-guest-addr: address or none
 */
const char *conf_set_map(void *target, const struct opt *o, const char *arg)
{
	struct conf *conf = target;

	if (o->offset == offsetof(struct conf_ip, map_host_loopback) &&
	    arg_is(arg, "none"))
		conf->no_map_gw = true;
	return set_ip_addr(target, o, arg, (struct addr_rules){ .none = true });
}

/**
 * conf_set_ifname() - -I: name of an interface that need not exist
 *
 * Source: kernel, net/core/dev.c: to create an interface, a percent sign stands
 * for a number to be chosen; net/ipv4/devinet.c: directories below /proc/sys
 */
const char *conf_set_ifname(void *target, const struct opt *o, const char *arg)
{
	char name[IFNAMSIZ];

	if (!parse_ifname(&arg, name) || !parse_end(&arg) ||
	    strchr(name, '%') || arg_is(name, "all") ||
	    arg_is(name, "default"))
		return opt_bad;

	memcpy((char *)target + o->offset, name, sizeof(name));
	return NULL;
}

/**
 * conf_set_host_if() - -i, and what others of its kind begin with: interface
 *			of the host
 */
const char *conf_set_host_if(void *target, const struct opt *o, const char *arg)
{
	const char *why = conf_set_ifname(target, o, arg);

	if (why || !if_nametoindex((char *)target + o->offset))
		return opt_bad;

	return NULL;
}

/**
 * is_loopback_if() - Is this the host's loopback interface?
 * @name:	Name
 *
 * Return: true if it is
 *
 * Source: netdevice(7)
 */
static bool is_loopback_if(const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { 0 };
	bool ret;

	util_copy_str(ifr.ifr_name, name, sizeof(ifr.ifr_name));
	ret = !ioctl(fd, SIOCGIFFLAGS, &ifr) && ifr.ifr_flags & IFF_LOOPBACK;
	if (fd >= 0)
		close(fd);
	return ret;
}

/**
 * conf_set_outbound_if() - --outbound-if4 and -if6: where traffic leaves
 */
const char *conf_set_outbound_if(void *target, const struct opt *o,
				 const char *arg)
{
	const char *why = conf_set_host_if(target, o, arg);

	if (why)
		return why;
	return is_loopback_if(arg) ? "an interface that leads outside, not "
				     "the loopback interface" : NULL;
}

/**
 * conf_set_outbound() - -o: source address, once for each IP version
 */
const char *conf_set_outbound(void *target, const struct opt *o,
			      const char *arg)
{
	struct conf *conf = target;
	struct addr *outbound, a;
	enum ipver v;

	(void)o;
	if (!arg_addr(arg, false, &a))
		return opt_bad;
	v = addr_version(&a);
	if (v == V6 && addr_is_linklocal(&a))
		return opt_bad;

	outbound = &conf->ip[v].outbound;
	if (addr_is_set(outbound))
		return "one address of each IP version";
	*outbound = a;
	return NULL;
}

/**
 * conf_add_dns() - -D: one more name server, or none at all
 */
const char *conf_add_dns(void *target, const struct opt *o, const char *arg)
{
	struct conf *conf = target;
	bool none = arg_is(arg, "none");
	struct conf_ip *ip;
	struct addr a;
	enum ipver v;

	(void)o;
	if (!none && !arg_addr(arg, true, &a))
		return opt_bad;

	for (v = 0; v < IPVER_MAX; v++) {
		conf->ip[v].dns_given = true;
		if (none)
			conf->ip[v].dns_count = 0;
	}
	if (none)
		return NULL;

	ip = &conf->ip[addr_version(&a)];
	if (ip->dns_count == CONF_DNS_MAX)
		return "at most 8 name servers of each IP version";
	ip->dns[ip->dns_count++] = a;
	return NULL;
}
static_assert(CONF_DNS_MAX == 8, "the message above tells the limit");

/**
 * conf_set_search() - -S: search list, or none
 */
const char *conf_set_search(void *target, const struct opt *o, const char *arg)
{
	char list[CONF_SEARCH_MAX], name[CONF_NAME_MAX];
	struct conf *conf = target;
	size_t len = 0;

	(void)o;
	if (arg_is(arg, "none"))
		arg = "";
	else if (!arg[strspn(arg, " ")])
		return opt_bad;

	for (arg += strspn(arg, " "); *arg; arg += strspn(arg, " ")) {
		if (!parse_domain(&arg, name, sizeof(name)) ||
		    (*arg && *arg != ' '))
			return opt_bad;
		if (len + strlen(name) + 2 > sizeof(list))
			return "at most 1023 characters";
		len += snprintf(list + len, sizeof(list) - len, "%s%s",
				len ? " " : "", name);
	}
	list[len] = '\0';

	memcpy(conf->search, list, len + 1);
	conf->search_given = true;
	return NULL;
}
static_assert(CONF_SEARCH_MAX == 1024, "the message above tells the limit");

/**
 * conf_set_domain() - -H and --fqdn: domain name at the offset
 */
const char *conf_set_domain(void *target, const struct opt *o, const char *arg)
{
	char name[CONF_NAME_MAX];

	if (!parse_domain(&arg, name, sizeof(name)) || !parse_end(&arg))
		return opt_bad;

	memcpy((char *)target + o->offset, name, sizeof(name));
	return NULL;
}

/**
 * conf_set_only() - -4 and -6: disable the other IP version
 */
const char *conf_set_only(void *target, const struct opt *o, const char *arg)
{
	struct conf *conf = target;
	enum ipver only = o->letter == '4' ? V4 : V6;

	(void)arg;
	if (!conf->ip[only].enabled)
		return only == V4 ? "accepted only without -6, --ipv6-only" :
				    "accepted only without -4, --ipv4-only";

	conf->ip[only == V4 ? V6 : V4].enabled = false;
	return NULL;
}

/**
 * port_spec_error() - Is a port specification right?
 * @conf:	Configuration
 * @spec:	Specification
 *
 * Return: NULL, or what would be right
 */
static const char *port_spec_error(const struct conf *conf, const char *spec)
{
	static struct fwd_rule rules[FWD_RULES_MAX];
	const struct fwd_rule base = { .proto = IPPROTO_TCP };
	const char *why = NULL;
	int i, n;

	n = fwd_spec_parse(spec, &base, rules, FWD_RULES_MAX, &why);
	for (i = 0; i < n; i++) {
		if (conf->mode == MODE_PASST && rules[i].flags & FWD_SCAN)
			return "ports to forward whatever is bound: "
			       "auto is for pasta only";
	}
	return why;
}

/**
 * conf_add_ports() - -t, -u, -T and -U: record a port specification
 *
 * "none" is recorded like all else: it yields no rules, so that it has no
 * effect besides others, and keeps away the default where it is alone.
 */
const char *conf_add_ports(void *target, const struct opt *o, const char *arg)
{
	size_t base = offsetof(struct conf, ports);
	struct conf *conf = target;
	unsigned kind = (o->offset - base) / sizeof(conf->ports[0]);
	const char **ports = conf->ports[kind];
	unsigned *count = &conf->ports_count[kind];
	const char *why = port_spec_error(conf, arg);

	if (why)
		return why;

	if (*count == CONF_PORTS_MAX)
		return "at most 512 uses of the option";

	ports[(*count)++] = arg;
	return NULL;
}
static_assert(CONF_PORTS_MAX == 512, "the message above tells the limit");

/**
 * check_namespace() - End with a message if a namespace isn't there
 * @o:		Option, without a letter
 * @arg:	Argument as given
 * @path:	Path of the namespace
 */
static void check_namespace(const struct opt *o, const char *arg,
			    const char *path)
{
	if (access(path, F_OK))
		die("option '--%s': invalid value '%.80s' (%s), accepted: %s",
		    o->name, arg, log_strerror(errno), o->accepts);
}

/**
 * conf_set_userns() - --userns: path of a user namespace
 */
const char *conf_set_userns(void *target, const struct opt *o, const char *arg)
{
	struct conf *conf = target;

	if (strlen(arg) >= sizeof(conf->userns))
		return opt_bad;

	check_namespace(o, arg, arg);
	util_copy_str(conf->userns, arg, sizeof(conf->userns));
	return NULL;
}

/**
 * conf_set_netns() - --netns: path of a network namespace, or its name
 */
const char *conf_set_netns(void *target, const struct opt *o, const char *arg)
{
	struct conf *conf = target;
	char path[PATH_MAX];
	int len;

	if (!*arg || arg_is(arg, ".") || arg_is(arg, ".."))
		return opt_bad;

	len = snprintf(path, sizeof(path), "%s%s",
		       strchr(arg, '/') ? "" : CONF_RUN_NETNS, arg);
	if ((size_t)len >= sizeof(path))
		return opt_bad;

	check_namespace(o, arg, path);
	memcpy(conf->netns, path, len + 1);
	conf->netns_name = arg;
	return NULL;
}
