// SPDX-License-Identifier: BSD-3-Clause
/* neigh.c - MAC addresses of the host's neighbours, as the guest is to see them
 *
 * A table of a fixed size, allocated at start. neigh_watch.c fills it, by
 * neigh_learn() and neigh_gone(). neigh_mac() tells which MAC address stands
 * for an IP address towards the guest: that of the neighbour who has it, or
 * ours. It decides what ARP and neighbour discovery answer, and which source
 * the frames have that come from there. Without a table, the NULL in struct
 * tap, all of that is ours. Frames from the guest are taken if they are for a
 * MAC address in the table, neigh_has_mac(), whatever their IP destination is.
 *
 * Never learnt are addresses that mean something else to the guest than to the
 * host: these are ours. So is the gateway's as long as it stands for the host's
 * loopback, and our own link-local one, which routers are advertised from.
 *
 * Each entry is one MAC address of one IP address. If a neighbour gets another
 * one, the old one isn't shown any more, but still taken as a destination: the
 * guest may not have heard yet. Hence there are two entries for an IP address
 * at most, and one of them is shown.
 *
 * What isn't shown and what is gone may be replaced, in the order in which it
 * came to that, and is only once the table is full. What is gone is shown until
 * then: the kernel forgets those it hasn't heard of for a while, but they are
 * mostly still there. If nothing may be replaced, neighbours that are new
 * aren't shown.
 *
 * Entries are found by two hashes with chains, keyed as the network chooses the
 * addresses. They refer to each other by number; 0 is none, so that a zeroed
 * table is an empty one. Many IP addresses may have the same MAC address (proxy
 * ARP): then to take an entry out of the chain, or not to find another address
 * that is in it by chance, takes as long as the chain is.
 */

#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "guest_mac.h"
#include "log.h"
#include "neigh.h"
#include "siphash.h"
#include "tap.h"

#define BUCKETS		NEIGH_MAX

/**
 * enum chain - what entries are found by
 * @BY_ADDR:	IP address
 * @BY_MAC:	MAC address
 * @CHAINS:	Number of them
 */
enum chain { BY_ADDR, BY_MAC, CHAINS };

/**
 * struct entry - a MAC address of an IP address
 * @addr:	IP address
 * @mac:	MAC address
 * @shown:	The guest is told so
 * @spare:	May be replaced, is in the list of those
 * @next:	Next entry of the chain
 * @before:	In that list: the one that is replaced before
 * @after:	The one that is replaced after
 */
struct entry {
	struct addr addr;
	uint8_t mac[MAC_LEN];
	bool shown;
	bool spare;
	uint16_t next[CHAINS];
	uint16_t before;
	uint16_t after;
};

/**
 * struct neigh - the table
 * @conf:	Configuration: addresses that are never learnt
 * @key:	Key of the hashes
 * @used:	Entries in use, these are 1 to @used
 * @first:	First entry of each chain
 * @spare_first: Entry to be replaced first, 0 for none
 * @spare_last:	Entry to be replaced last
 * @entries:	Entries, that of index 0 is not used
 */
struct neigh {
	const struct conf *conf;
	struct siphash_key key;
	uint16_t used;
	uint16_t first[CHAINS][BUCKETS];
	uint16_t spare_first;
	uint16_t spare_last;
	struct entry entries[NEIGH_MAX + 1];
};

/**
 * neigh_new() - Make an empty table, at start-up
 * @conf:	Configuration, lives as long as the table
 *
 * Return: table; ends the program if there is no memory
 */
struct neigh *neigh_new(const struct conf *conf)
{
	struct neigh *n = calloc(1, sizeof(*n));

	if (!n)
		die("No memory for the table of neighbours");
	n->conf = conf;
	util_random(&n->key, sizeof(n->key));
	return n;
}

/**
 * number() - Number of an entry
 * @n:		Table
 * @e:		Entry
 *
 * Return: its index
 */
static uint16_t number(const struct neigh *n, const struct entry *e)
{
	return (uint16_t)(e - n->entries);
}

/**
 * bucket() - Chain that an address belongs to
 * @n:		Table
 * @data:	Address
 * @len:	Its length, bytes
 *
 * Return: index
 */
static unsigned bucket(const struct neigh *n, const void *data, size_t len)
{
	return (unsigned)(siphash(&n->key, data, len) % BUCKETS);
}

/**
 * find() - Find an entry by its IP address
 * @n:		Table
 * @a:		IP address
 * @shown:	The one that is shown, or the one that isn't
 *
 * Return: entry, NULL if there is none
 */
static struct entry *find(const struct neigh *n, const struct addr *a,
			  bool shown)
{
	uint16_t i = n->first[BY_ADDR][bucket(n, a, sizeof(*a))];

	for (; i; i = n->entries[i].next[BY_ADDR]) {
		const struct entry *e = &n->entries[i];

		if (e->shown == shown && addr_is_equal(&e->addr, a))
			return (struct entry *)e;
	}
	return NULL;
}

/**
 * spare() - Have an entry replaced after all that may be replaced already
 * @n:		Table
 * @e:		Entry, keeps its place if it has one
 */
static void spare(struct neigh *n, struct entry *e)
{
	if (e->spare)
		return;

	e->spare = true;
	e->before = n->spare_last;
	e->after = 0;
	if (n->spare_last)
		n->entries[n->spare_last].after = number(n, e);
	else
		n->spare_first = number(n, e);
	n->spare_last = number(n, e);
}

/**
 * keep() - Undo spare()
 * @n:		Table
 * @e:		Entry
 */
static void keep(struct neigh *n, struct entry *e)
{
	if (!e->spare)
		return;

	e->spare = false;
	if (e->before)
		n->entries[e->before].after = e->after;
	else
		n->spare_first = e->after;
	if (e->after)
		n->entries[e->after].before = e->before;
	else
		n->spare_last = e->before;
}

/**
 * chain_add() - Put an entry into a chain
 * @n:		Table
 * @e:		Entry
 * @chain:	Kind of chain
 * @at:		Which of them, from bucket()
 */
static void chain_add(struct neigh *n, struct entry *e, enum chain chain,
		      unsigned at)
{
	e->next[chain] = n->first[chain][at];
	n->first[chain][at] = number(n, e);
}

/**
 * chain_remove() - Take an entry out of a chain
 * @n:		Table
 * @e:		Entry, is in there
 * @chain:	Kind of chain
 * @at:		Which of them, from bucket()
 */
static void chain_remove(struct neigh *n, const struct entry *e,
			 enum chain chain, unsigned at)
{
	uint16_t *link = &n->first[chain][at];

	while (*link != number(n, e))
		link = &n->entries[*link].next[chain];
	*link = e->next[chain];
}

/**
 * fill() - Have an entry tell something
 * @n:		Table
 * @e:		Entry, in no chain
 * @a:		IP address
 * @mac:	Its MAC address
 */
static void fill(struct neigh *n, struct entry *e, const struct addr *a,
		 const uint8_t *mac)
{
	e->addr = *a;
	memcpy(e->mac, mac, MAC_LEN);
	e->shown = true;
	chain_add(n, e, BY_ADDR, bucket(n, a, sizeof(*a)));
	chain_add(n, e, BY_MAC, bucket(n, mac, MAC_LEN));
}

/**
 * empty() - Undo fill()
 * @n:		Table
 * @e:		Entry
 */
static void empty(struct neigh *n, struct entry *e)
{
	keep(n, e);
	chain_remove(n, e, BY_ADDR, bucket(n, &e->addr, sizeof(e->addr)));
	chain_remove(n, e, BY_MAC, bucket(n, e->mac, MAC_LEN));
}

/**
 * take() - Get an entry to fill
 * @n:		Table
 *
 * Return: entry, one that may be replaced if the table is full; NULL if none
 *	   may
 */
static struct entry *take(struct neigh *n)
{
	struct entry *e;

	if (n->used < NEIGH_MAX)
		return &n->entries[++n->used];
	if (!n->spare_first)
		return NULL;

	e = &n->entries[n->spare_first];
	empty(n, e);
	return e;
}

/**
 * is_neighbour() - Is it the same machine to the guest as to the host?
 * @conf:	Configuration
 * @a:		Address of a neighbour of the host
 *
 * Return: false for addresses with a special meaning, and the guest's own
 */
static bool is_neighbour(const struct conf *conf, const struct addr *a)
{
	const struct conf_ip *ip = &conf->ip[addr_version(a)];

	return addr_is_external(a) && !addr_is_equal(a, &ip->addr) &&
	       !addr_is_equal(a, &ip->our_ll) &&
	       !conf_ip_is_mapped(ip, a);
}

/**
 * neigh_learn() - Note the MAC address of a neighbour
 * @n:		Table
 * @a:		IP address of the neighbour
 * @mac:	Its MAC address
 *
 * Return: true if the guest is shown another one from now on than before;
 *	   false too if none is to be shown, or there is no room
 */
bool neigh_learn(struct neigh *n, const struct addr *a,
		 const uint8_t mac[static MAC_LEN])
{
	struct entry *e, *old, *new;

	if (!util_mac_is_one(mac) || !is_neighbour(n->conf, a))
		return false;

	e = find(n, a, true);
	if (e && !memcmp(e->mac, mac, MAC_LEN)) {
		keep(n, e);
		return false;
	}

	/* No third one; and no two with the same MAC address */
	old = find(n, a, false);
	if (old && (e || !memcmp(old->mac, mac, MAC_LEN))) {
		empty(n, old);
		new = old;
	} else {
		new = take(n);
	}
	if (!new) {
		debug("Too many neighbours, one isn't shown");
		return false;
	}

	if (e && e != new) {
		e->shown = false;
		spare(n, e);
	}
	fill(n, new, a, mac);
	return true;
}

/**
 * neigh_gone() - Note that the host doesn't know of a neighbour any more
 * @n:		Table
 * @a:		IP address, of a neighbour or anything else
 */
void neigh_gone(struct neigh *n, const struct addr *a)
{
	struct entry *e = find(n, a, true);

	if (e)
		spare(n, e);
}

/**
 * neigh_mac() - MAC address that stands for an IP address towards the guest
 * @tap:	Port to the guest, its table of neighbours may be NULL
 * @a:		IP address of anybody but the guest
 *
 * A neighbour whose MAC address is the guest's own, or that of a machine behind
 * it, would be taken for that one there. Ours does no harm if that has gone.
 *
 * Return: MAC address of the neighbour, ours if it is none
 */
const uint8_t *neigh_mac(const struct tap *tap, const struct addr *a)
{
	const struct neigh *n = tap->neigh;
	const struct entry *e;

	if (!n || !n->used)
		return tap->our_mac;

	e = find(n, a, true);
	if (!e || !memcmp(e->mac, tap->guest_mac, MAC_LEN) ||
	    guest_macs_have(tap->macs, e->mac))
		return tap->our_mac;
	return e->mac;
}

/**
 * neigh_has_mac() - Is it the MAC address of some neighbour?
 * @n:		Table, may be NULL
 * @mac:	MAC address
 *
 * Return: true if it is or, not long ago, was
 */
bool neigh_has_mac(const struct neigh *n, const uint8_t mac[static MAC_LEN])
{
	uint16_t i;

	if (!n)
		return false;

	i = n->first[BY_MAC][bucket(n, mac, MAC_LEN)];
	while (i && memcmp(n->entries[i].mac, mac, MAC_LEN) != 0)
		i = n->entries[i].next[BY_MAC];
	return i != 0;
}
