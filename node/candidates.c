/* SPDX-License-Identifier: MIT */
/* Own addresses: what is advertised, else what is listened on, else what the interfaces have. */
#include "node/candidates.h"

#include <stdio.h>

#include "node/connection.h"

static bool is_link_local(const struct address *a)
{
	if (a->type == ADDRESS_IPV6)
		return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
	return a->bytes[0] == 169 && a->bytes[1] == 254;
}

static void list_add(struct setting_addresses *list, const struct address *a)
{
	if (list->count < SETTING_ADDRESSES_MAX)
		list->items[list->count++] = *a;
}

/* Interfaces' addresses of one family; those of the loopback only when there are no others. */
static void interfaces_add(struct setting_addresses *list, const struct address *wildcard, bool loopback)
{
	uv_interface_address_t *interfaces;
	int count;

	if (uv_interface_addresses(&interfaces, &count) != 0)
		return;
	for (int i = 0; i < count; i++) {
		struct address a;

		address_from_socket((const struct sockaddr *)(const void *)&interfaces[i].address, &a);
		a.port = wildcard->port;
		if (a.type == wildcard->type && !is_link_local(&a) && address_is_loopback(&a) == loopback)
			list_add(list, &a);
	}
	uv_free_interface_addresses(interfaces, count);
}

static struct setting_addresses own_addresses(const struct settings *s)
{
	struct setting_addresses list = { .count = 0 };

	if (s->advertise.count > 0)
		return s->advertise;
	for (int loopback = 0; loopback < 2 && list.count == 0; loopback++) {
		for (size_t i = 0; i < s->listen.count; i++) {
			const struct address *a = &s->listen.items[i];

			if (address_is_any(a))
				interfaces_add(&list, a, loopback != 0);
			else if (loopback == 0)
				list_add(&list, a);
		}
	}
	return list;
}

static void candidate_add(struct ice_candidate *candidates, size_t *count, const struct address *address,
			  enum overlay_link_type type)
{
	if (*count == CANDIDATES_MAX)
		return;
	/* RFC 5245 4.1.2.1: host candidates, component 1, the first one preferred. */
	candidates[*count] = (struct ice_candidate){
		.address = *address,
		.overlay_link = (uint8_t)type,
		.foundation = slice_text("1"),
		.priority = 126u << 24 | (uint32_t)(65535 - *count) << 8 | 255,
		.type = CANDIDATE_HOST,
	};
	*count += 1;
}

static void app_candidates_make(struct node *n, const struct setting_addresses *own)
{
	struct address a = n->settings.app_listen;
	enum overlay_link_type type = OVERLAY_LINK_TLS_TCP_FH_NO_ICE;

	if (a.type == ADDRESS_NONE)
		return;
	if (!address_is_any(&a)) {
		candidate_add(n->app_candidates, &n->app_candidate_count, &a, type);
		return;
	}
	for (size_t i = 0; i < own->count; i++) {
		struct address host = own->items[i];

		host.port = a.port;
		if (host.type == a.type)
			candidate_add(n->app_candidates, &n->app_candidate_count, &host, type);
	}
}

int candidates_make(struct node *n, char *detail, size_t detail_size)
{
	static const enum overlay_link_type types[] = {
		[LINK_PROTOCOL_TLS] = OVERLAY_LINK_TLS_TCP_FH_NO_ICE,
		[LINK_PROTOCOL_DTLS] = OVERLAY_LINK_DTLS_UDP_SR_NO_ICE,
	};
	const struct settings *s = &n->settings;
	struct setting_addresses own = own_addresses(s);

	if (own.count == 0) {
		(void)snprintf(detail, detail_size,
			       "this machine has no address that others could use; set advertise");
		return ERR_CONFIG;
	}
	for (size_t p = 0; p < s->link_protocols.count; p++)
		for (size_t i = 0; i < own.count; i++)
			candidate_add(n->candidates, &n->candidate_count, &own.items[i],
				      types[s->link_protocols.items[p]]);
	app_candidates_make(n, &own);
	return 0;
}

static bool candidates_equal(const struct ice_candidate *a, size_t a_count, const struct ice_candidate *b,
			     size_t b_count)
{
	for (size_t i = 0; i < a_count && i < b_count; i++)
		if (!address_equal(&a[i].address, &b[i].address) || a[i].overlay_link != b[i].overlay_link)
			return false;
	return a_count == b_count;
}

void candidates_renew(struct node *n)
{
	struct ice_candidate candidates[CANDIDATES_MAX], app[CANDIDATES_MAX];
	size_t count = n->candidate_count, app_count = n->app_candidate_count;
	char detail[200], text[ADDRESS_TEXT_SIZE];

	memcpy(candidates, n->candidates, sizeof(candidates));
	memcpy(app, n->app_candidates, sizeof(app));
	n->candidate_count = n->app_candidate_count = 0;
	if (candidates_make(n, detail, sizeof(detail)) != 0) {
		memcpy(n->candidates, candidates, sizeof(candidates));
		memcpy(n->app_candidates, app, sizeof(app));
		n->candidate_count = count;
		n->app_candidate_count = app_count;
		return;
	}
	if (candidates_equal(candidates, count, n->candidates, n->candidate_count) &&
	    candidates_equal(app, app_count, n->app_candidates, n->app_candidate_count))
		return;
	log_info(&n->log, "node.addresses_changed", "count=%zu first=%s", n->candidate_count,
		 address_text(&n->candidates[0].address, text));
	peer_set_candidates(n->peer, n->candidates, n->candidate_count, n->app_candidates, n->app_candidate_count);
}

bool candidates_have(const struct node *n, const struct address *address)
{
	for (size_t i = 0; i < n->candidate_count; i++)
		if (address_equal(&n->candidates[i].address, address))
			return true;
	return false;
}
