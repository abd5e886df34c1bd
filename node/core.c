/* SPDX-License-Identifier: MIT */
/* Puts the parts together. A bootstrap peer forms a ring only when no other node answers: RFC 6940 wants that
 * to be an explicit choice (4.5.2), and a second ring would have to be merged later. */
#include "node/core.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/cached_peers.h"
#include "node/candidates.h"
#include "node/connection.h"
#include "node/control.h"
#include "node/driver.h"
#include "node/hip_core.h"
#include "node/sip_listener.h"
#include "node/sip_passwords.h"
#include "overlay/base/invariant.h"

#define BOOTSTRAP_SEARCH_MS 2000
#define BOOTSTRAP_TURNS_MS 8000 /* after the start: the first bootstrap node's turn to be the first peer */
#define BOOTSTRAP_TURN_MS 15000 /* enough to find the ring that the one before has formed */
#define KNOWN_MAX (SETTING_ADDRESSES_MAX + CACHED_PEERS_MAX)

static int sip_new(struct node *n, char *detail, size_t detail_size)
{
	struct sip_usage_options options = {
		.require_digest = n->settings.sip_digest,
		.password_of = n->settings.sip_digest ? sip_passwords_find : NULL,
		.password_ctx = n->settings.sip_password_file,
		.registrations_max = n->settings.sip_registrations_max,
	};
	int err = 0;

	if (n->settings.sip_listen.count == 0 || n->sip_listener == NULL)
		return 0;
	for (size_t i = 0; i < n->settings.sip_listen.count && i < 4; i++)
		options.listen[options.listen_count++] = n->settings.sip_listen.items[i];
	if (n->settings.sip_digest)
		err = sip_passwords_check(n->settings.sip_password_file, detail, detail_size);
	if (err == 0)
		err = sip_usage_new(&n->sip, n->peer, &options);
	if (err == 0)
		n->usages[n->usage_count++] = sip_usage_port(n->sip);
	else if (detail[0] == '\0')
		(void)snprintf(detail, detail_size, "the SIP usage did not start: %s", error_text(err));
	return err;
}

static int backend_open(struct node *n, char *detail, size_t detail_size)
{
	char *path;
	int err;

	if (n->settings.storage == STORAGE_MEMORY || n->settings.role == ROLE_CLIENT) {
		n->backend = backend_memory();
		return 0;
	}
	path = settings_path(&n->settings, "records.db");
	err = backend_sqlite(path, &n->backend, detail, detail_size);
	free(path);
	return err;
}

static void peer_make(struct node *n, bool first)
{
	struct peer_options *options = memory_alloc(sizeof(*options));
	const struct configuration_document *d = configuration_file_document(n->configuration);

	n->first_configuration = memory_alloc(sizeof(*n->first_configuration));
	*n->first_configuration = d->configuration;
	options->configuration = n->first_configuration;
	options->configuration_ops = &configuration_file_ops;
	options->configuration_ctx = n->configuration;
	options->security = provider_security(n->provider);
	options->log = &n->log;
	options->security.ops->random(options->security.ctx, &options->seed, sizeof(options->seed));
	options->client = n->settings.role == ROLE_CLIENT;
	options->first = first;
	memcpy(options->candidates, n->candidates, sizeof(n->candidates));
	options->candidate_count = n->candidate_count;
	memcpy(options->app_candidates, n->app_candidates, sizeof(n->app_candidates));
	options->app_candidate_count = n->app_candidate_count;
	options->links_max = n->settings.links_max;
	options->datagram_mtu = n->settings.datagram_mtu;
	n->peer = peer_new(options);
	free(options);
}

int core_new(struct node *n, bool first, char *detail, size_t detail_size)
{
	int err;

	detail[0] = '\0';
	peer_make(n, first);
	n->chord = chord_new(n->peer);
	err = backend_open(n, detail, detail_size);
	if (err == 0)
		err = storage_new(&n->storage, n->peer, &n->backend, node_now());
	if (err != 0) {
		if (detail[0] == '\0')
			(void)snprintf(detail, detail_size, "the record store did not start: %s",
				       error_text(err));
		return err;
	}
	n->certificates = certificate_usage_new(n->peer);
	n->usages[n->usage_count++] = certificate_usage_port(n->certificates);
	err = hip_core_new(n, detail, detail_size);
	if (err == 0)
		err = sip_new(n, detail, detail_size);
	if (err == 0)
		hip_core_media(n);
	return err;
}

void core_free(struct node *n)
{
	control_end_calls(n, ERR_NOT_JOINED);
	sip_listener_drop_streams(n);
	if (n->sip != NULL)
		sip_usage_free(n->sip);
	hip_core_free_media(n);
	hip_core_free(n);
	if (n->certificates != NULL)
		certificate_usage_free(n->certificates);
	if (n->storage != NULL)
		storage_free(n->storage);
	if (n->backend.ops != NULL)
		n->backend.ops->close(n->backend.ctx);
	if (n->chord != NULL)
		chord_free(n->chord);
	if (n->peer != NULL)
		peer_free(n->peer);
	free(n->first_configuration);
	n->first_configuration = NULL;
	control_forget_calls(n);
	n->sip = NULL;
	n->certificates = NULL;
	n->storage = NULL;
	n->backend = (struct backend){ 0 };
	n->chord = NULL;
	n->peer = NULL;
	n->usage_count = 0;
}

/* Addresses to try besides the configuration document's: from the settings, and cached ones (11.4). */
static size_t known_addresses(struct node *n, struct address known[KNOWN_MAX])
{
	char *path = settings_path(&n->settings, CACHED_PEERS_FILE);
	struct address cached[CACHED_PEERS_MAX];
	size_t cached_count = cached_peers_read(path, cached);
	size_t count = 0;

	free(path);
	for (size_t i = 0; i < n->settings.bootstrap.count; i++)
		if (!candidates_have(n, &n->settings.bootstrap.items[i]))
			known[count++] = n->settings.bootstrap.items[i];
	for (size_t i = 0; i < cached_count; i++)
		if (!candidates_have(n, &cached[i]))
			known[count++] = cached[i];
	return count;
}

static bool knows_others(const struct node *n, size_t known_count)
{
	const struct configuration *c = &configuration_file_document(n->configuration)->configuration;

	for (size_t i = 0; i < c->bootstrap_node_count; i++)
		if (!candidates_have(n, &c->bootstrap_nodes[i]))
			return true;
	return known_count > 0;
}

static void start(struct node *n, const struct address *known, size_t count)
{
	enum overlay_link_type type = n->settings.link_protocols.items[0] == LINK_PROTOCOL_TLS
					      ? OVERLAY_LINK_TLS_TCP_FH_NO_ICE
					      : OVERLAY_LINK_DTLS_UDP_SR_NO_ICE;

	peer_start(n->peer, node_now(), known, count, type);
	driver_drain(n);
}

/* A member has told us of its neighbourhood: there is a ring, however long it takes to join it. */
static bool ring_is_known(const struct node *n)
{
	const struct topology *t = peer_topology(n->peer);
	struct topology_view view;

	t->ops->view(t->ctx, &view);
	return view.successor_count > 0;
}

/* Milliseconds from the start to our turn: bootstrap nodes take turns in the configuration document's order. */
static uint64_t own_turn_ms(const struct node *n)
{
	const struct configuration *c = &configuration_file_document(n->configuration)->configuration;
	size_t place = 0;

	while (place < c->bootstrap_node_count && !candidates_have(n, &c->bootstrap_nodes[place]))
		place++;
	return BOOTSTRAP_TURNS_MS + place * BOOTSTRAP_TURN_MS;
}

/* Nobody answers at all: there is no ring. When others answer and none of them is a member, bootstrap peers
 * have started together and each waits for another to be the first: then the one whose turn it is becomes it,
 * and the others, which lose their links to it by that, come back and join. */
static bool ring_is_missing(const struct node *n, uint64_t waited_ms)
{
	if (ring_is_known(n))
		return false;
	if (waited_ms < BOOTSTRAP_TURNS_MS)
		return peer_state(n->peer) != PEER_JOINING;
	return waited_ms >= own_turn_ms(n);
}

/* No ring: begin again as the first peer. */
static void on_search_end(uv_timer_t *timer)
{
	struct node *n = timer->data;
	enum peer_state state = n->phase == NODE_RUNNING ? peer_state(n->peer) : PEER_LEFT;
	uint64_t waited_ms = instant_since(node_now().mono, n->started.mono).us / 1000;
	uint64_t turn_ms = own_turn_ms(n);
	char detail[300];

	if (state != PEER_IDLE && state != PEER_CONNECTING && state != PEER_JOINING)
		return;
	if (!ring_is_missing(n, waited_ms)) {
		(void)uv_timer_start(timer, on_search_end,
				     turn_ms > waited_ms ? turn_ms - waited_ms + 1 : BOOTSTRAP_TURN_MS, 0);
		return;
	}
	log_info(&n->log, "bootstrap.alone", "waited_ms=%llu", (unsigned long long)waited_ms);
	connections_close(n);
	core_free(n);
	if (core_new(n, true, detail, sizeof(detail)) != 0) {
		log_error(&n->log, "node.failed", "why=\"%s\"", detail);
		n->exit_code = 1;
		node_shutdown(n);
		return;
	}
	start(n, NULL, 0);
}

int core_start(struct node *n, char *detail, size_t detail_size)
{
	struct address known[KNOWN_MAX];
	size_t count = known_addresses(n, known);
	bool bootstrap = n->settings.role == ROLE_BOOTSTRAP;
	bool others = knows_others(n, count);
	int err = core_new(n, bootstrap && !others, detail, detail_size);

	if (err != 0)
		return err;
	if (!bootstrap && !others) {
		(void)snprintf(detail, detail_size,
			       "no bootstrap node is known: the configuration document names none but this "
			       "node; set bootstrap, or start one peer of the overlay with --bootstrap");
		return ERR_CONFIG;
	}
	if (bootstrap && others)
		(void)uv_timer_start(&n->bootstrap_timer, on_search_end, BOOTSTRAP_SEARCH_MS, 0);
	start(n, known, count);
	return 0;
}

void core_joined(struct node *n, struct now now)
{
	for (size_t i = 0; i < n->usage_count; i++)
		n->usages[i].ops->joined(n->usages[i].ctx, now);
}
