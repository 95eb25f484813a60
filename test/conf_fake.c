// SPDX-License-Identifier: BSD-3-Clause
/* conf_fake.c - a fake host for tests of the configuration */

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "conf_fake.h"
#include "isolate.h"
#include "log_fake.h"
#include "parse.h"
#include "resolv.h"

struct conf conf;
char message[1024];
char told[8192];
enum log_level log_level;

struct nl_template host[IPVER_MAX];
unsigned host_wanted[IPVER_MAX];
int host_error;
const char *host_dns, *host_search;
bool no_ipv6;
bool privileged;

/* die() ends here instead */
static jmp_buf died;

void log_die(int err, const char *fmt, ...)
{
	va_list ap;

	(void)err;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	longjmp(died, 1);
}

void log_print(enum log_level level, const char *fmt, ...)
{
	size_t len = strlen(told);
	va_list ap;

	len += snprintf(told + len, sizeof(told) - len, "%d ", level);
	va_start(ap, fmt);
	len += vsnprintf(told + len, sizeof(told) - len, fmt, ap);
	va_end(ap);
	snprintf(told + len, sizeof(told) - len, "\n");
}

void log_set_level(enum log_level level)
{
	log_level = level;
}

bool isolate_can_change_ids(void)
{
	return privileged;
}

/* lo, as everywhere, and what the templates of usual_host() stand for */
unsigned if_nametoindex(const char *name)
{
	return !strcmp(name, "lo") ? 1 : !strcmp(name, "out0") ? 7 : 0;
}

int nl_open(void)
{
	return dup(0);
}

int nl_template_find(int nl, enum ipver v, unsigned want_ifindex,
		     struct nl_template *t)
{
	(void)nl;
	host_wanted[v] = want_ifindex;
	*t = host[v];
	return host_error;
}

bool nl_addr_is_broadcast(int nl, const struct addr *a)
{
	static const uint8_t v4[] = { 192, 0, 2, 255 };

	(void)nl;
	return addr_version(a) == V4 && !memcmp(&a->a6.s6_addr[12], v4, 4);
}

int resolv_read(const char *path, struct resolv *r)
{
	const char *p = host_dns;

	assert_string_equal(path, "/etc/resolv.conf");
	memset(r, 0, sizeof(*r));
	if (!p)
		return -2;
	for (; parse_addr(&p, &r->servers[r->count]); parse_literal(&p, " "))
		r->count++;
	snprintf(r->search, sizeof(r->search), "%s", host_search);
	return 0;
}

int socket(int family, int type, int proto)
{
	if (family == AF_INET6 && no_ipv6) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return syscall(SYS_socket, family, type, proto);
}

static struct addr addr(const char *text)
{
	struct addr a = { 0 };

	if (*text && !parse_addr(&text, &a))
		fail_msg("bad address in test: %s", text);
	return a;
}

struct nl_template template(const char *name, const char *a, int bits,
			    const char *gw)
{
	struct nl_template t = { .ifindex = 7 };

	snprintf(t.ifname, sizeof(t.ifname), "%s", name);
	t.addr = addr(a);
	t.has_addr = *a;
	t.prefix_len = bits;
	t.gw = addr(gw);
	t.has_gw = *gw;
	return t;
}

/* A usual host: both versions, routers, a name server elsewhere */
int usual_host(void **state)
{
	(void)state;
	host[V4] = template("eth0", "192.0.2.2", 24, "192.0.2.1");
	host[V6] = template("eth6", "2001:db8::2", 64, "fe80::ff");
	host_dns = "198.51.100.53 2001:db8::53";
	host_search = "example.com example.org";
	host_error = 0;
	no_ipv6 = false;
	privileged = true;
	setenv("SHELL", "/bin/some-shell", 1);
	return 0;
}

/* Words of a line with spaces between, plus signs become spaces in them.
 * Return: true unless die() was called
 */
bool parse(const char *line)
{
	static char words[4096];
	static char *argv[600];
	char *word, *save = NULL;
	int argc = 0;

	message[0] = told[0] = '\0';
	snprintf(words, sizeof(words), "%s", line);
	for (word = strtok_r(words, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		char *p;

		for (p = word; *p; p++)
			*p = *p == '+' ? ' ' : *p;
		argv[argc++] = word;
	}
	argv[argc] = NULL;

	if (setjmp(died))
		return false;
	conf_parse(&conf, argc, argv);
	return true;
}

/* As above, and with what the host adds */
bool start(const char *line)
{
	if (!parse(line))
		return false;
	if (setjmp(died))
		return false;
	conf_from_host(&conf);
	return true;
}
