/* SPDX-License-Identifier: MIT */
/* Opens all parts of a node in order, runs the loop, and takes them down again. */
#include "node/node.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crypto/host_provider.h"
#include "crypto/issuer_rule.h"
#include "node/candidates.h"
#include "node/connection.h"
#include "node/control.h"
#include "node/core.h"
#include "node/driver.h"
#include "node/hip_capture.h"
#include "node/hip_core.h"
#include "node/link_tcp.h"
#include "node/link_udp.h"
#include "node/log_file.h"
#include "node/service_notify.h"
#include "node/sip_listener.h"
#include "overlay/base/invariant.h"

#define STOP_MS 20000       /* leaving takes at most this long */
#define CACHE_EVERY_MS 1000 /* peers are cached anew when the Connection Table has changed */

struct now node_now(void)
{
	struct timespec wall;

	(void)clock_gettime(CLOCK_REALTIME, &wall);
	return (struct now){ { uv_hrtime() / 1000 },
			     { (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000 } };
}

static int folder_check(const struct settings *s, char *detail, size_t detail_size)
{
	struct stat status;

	if (stat(s->state_folder, &status) != 0) {
		(void)snprintf(detail, detail_size,
			       "state-folder %s: %s; \"pealctl identity enroll --folder %s\" makes it",
			       s->state_folder, strerror(errno), s->state_folder);
		return ERR_IO;
	}
	if (!S_ISDIR(status.st_mode) || (status.st_mode & 077) != 0 || status.st_uid != geteuid()) {
		(void)snprintf(detail, detail_size,
			       "state-folder %s: must be a folder of this account, closed to others; chmod 700 "
			       "and chown it", s->state_folder);
		return ERR_PERMISSION;
	}
	return 0;
}

static int configuration_open(struct node *n, char *detail, size_t detail_size)
{
	char *path = settings_configuration_path(&n->settings);
	const char *overlay = n->settings.overlay[0] == '\0' ? NULL : n->settings.overlay;
	const struct configuration *c;
	char why[400];
	int err;

	err = configuration_file_open(&n->configuration, path, overlay, n->started.wall, why, sizeof(why));
	free(path);
	if (err != 0) {
		(void)snprintf(detail, detail_size, "%s; \"pealctl identity enroll\" fetches the overlay's "
			       "configuration document", why);
		return err;
	}
	c = &configuration_file_document(n->configuration)->configuration;
	if (c->no_ice)
		return 0;
	(void)snprintf(detail, detail_size, "overlay %s uses ICE (no-ice is false), which Peal does not have",
		       c->overlay_name);
	return ERR_UNSUPPORTED;
}

/* Whose certificates count here: the overlay's document says, and for which names the settings do. */
static struct provider_trust trust_of(const struct node *n)
{
	struct provider_trust trust = configuration_document_trust(configuration_file_document(n->configuration));

	trust.issuer_rules = n->issuer_rules;
	trust.issuer_rule_count = n->settings.issuer_names.count;
	return trust;
}

static int identity_open(struct node *n, bool keylog, char *detail, size_t detail_size)
{
	const char *keylog_path = keylog ? getenv("SSLKEYLOGFILE") : NULL;
	struct provider_trust trust;
	struct tls_context_options options = { .keylog_path = keylog_path,
					       .datagram_mtu = n->settings.datagram_mtu };
	struct identity own;
	char why[300] = "";
	int err;

	n->issuer_rules = memory_alloc(SETTING_TEXTS_MAX * sizeof(*n->issuer_rules));
	err = settings_issuer_rules(&n->settings, n->issuer_rules, detail, detail_size);
	if (err != 0)
		return err;
	trust = trust_of(n);
	err = keystore_open(&n->keys, n->settings.state_folder, why, sizeof(why));
	if (err == 0)
		err = provider_new(&n->provider, n->keys, &trust, why, sizeof(why));
	if (err == 0)
		err = provider_identify(n->provider, n->started.wall, keystore_certificate(n->keys), &own, why,
					sizeof(why));
	if (err == ERR_PERMISSION) {
		(void)snprintf(detail, detail_size, "%s", why);
		return err;
	}
	if (err != 0) {
		(void)snprintf(detail, detail_size, "%s; \"pealctl identity enroll --folder %s\" gets a "
			       "certificate", why[0] != '\0' ? why : error_text(err), n->settings.state_folder);
		return err;
	}
	options.keys = n->keys;
	options.provider = n->provider;
	err = tls_context_new(&n->tls, &options);
	if (err != 0)
		(void)snprintf(detail, detail_size, "TLS could not be set up: %s", error_text(err));
	else if (keylog_path != NULL)
		log_warning(&n->log, "node.insecure_keylog", "file=\"%s\"", keylog_path);
	return err;
}

static int sockets_open(struct node *n, char *detail, size_t detail_size)
{
	const struct settings *s = &n->settings;
	int err = 0;

	for (size_t p = 0; p < s->link_protocols.count; p++) {
		for (size_t i = 0; err == 0 && i < s->listen.count; i++) {
			if (s->link_protocols.items[p] == LINK_PROTOCOL_TLS)
				err = link_tcp_listen(n, &s->listen.items[i], LINK_OVERLAY, detail,
						      detail_size);
			else
				err = link_udp_listen(n, &s->listen.items[i], detail, detail_size);
		}
	}
	if (err == 0 && s->app_listen.type != ADDRESS_NONE)
		err = link_tcp_listen(n, &s->app_listen, LINK_APPLICATION, detail, detail_size);
	if (err == 0 && s->sip_listen.count > 0)
		err = sip_listener_open(n, detail, detail_size);
	return err == 0 ? hip_core_open(n, detail, detail_size) : err;
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct node *n = handle->data;

	if (number == SIGHUP)
		log_file_reopen(n->log_file);
	else
		node_leave(n, false);
}

static void handles_init(struct node *n)
{
	static const int numbers[3] = { SIGTERM, SIGINT, SIGHUP };

	for (size_t i = 0; i < 3; i++) {
		(void)uv_signal_init(&n->loop, &n->signals[i]);
		n->signals[i].data = n;
		(void)uv_signal_start(&n->signals[i], on_signal, numbers[i]);
	}
	(void)uv_timer_init(&n->loop, &n->bootstrap_timer);
	(void)uv_timer_init(&n->loop, &n->cache_timer);
	(void)uv_timer_init(&n->loop, &n->stop_timer);
	n->bootstrap_timer.data = n->cache_timer.data = n->stop_timer.data = n;
}

static int node_open(struct node *n, bool keylog, char *detail, size_t detail_size)
{
	int err;

	err = folder_check(&n->settings, detail, detail_size);
	if (err == 0)
		err = log_file_open(&n->log_file, n->settings.log_file, n->settings.log_format,
				    n->settings.log_level, &n->log, detail, detail_size);
	if (err == 0)
		err = configuration_open(n, detail, detail_size);
	if (err == 0)
		err = identity_open(n, keylog, detail, detail_size);
	if (err != 0)
		return err;
	connections_init(n);
	err = candidates_make(n, detail, detail_size);
	if (err == 0)
		err = sockets_open(n, detail, detail_size);
	if (err == 0)
		err = control_open(n, detail, detail_size);
	return err == 0 ? core_start(n, detail, detail_size) : err;
}

int node_new(struct node **out, const struct settings *settings, bool keylog, char *detail, size_t detail_size)
{
	struct node *n = memory_alloc(sizeof(*n));
	int err;

	n->settings = *settings;
	n->started = node_now();
	(void)uv_loop_init(&n->loop);
	n->loop.data = n;
	handles_init(n);
	driver_init(n);
	err = node_open(n, keylog, detail, detail_size);
	if (err != 0) {
		node_shutdown(n);
		(void)uv_run(&n->loop, UV_RUN_DEFAULT);
		node_free(n);
		return err;
	}
	*out = n;
	return 0;
}

int node_run(struct node *n)
{
	char text[NODE_ID_TEXT_SIZE], address[ADDRESS_TEXT_SIZE];

	log_info(&n->log, "node.started", "version=%s node=%s overlay=%s address=%s pid=%d", PEAL_VERSION,
		 node_id_text(peer_node_id(n->peer), text),
		 peer_configuration(n->peer)->overlay_name, address_text(&n->candidates[0].address, address),
		 (int)getpid());
	service_notify("READY=1");
	(void)uv_run(&n->loop, UV_RUN_DEFAULT);
	log_info(&n->log, "node.stopped", "uptime_s=%llu",
		 (unsigned long long)(instant_since(node_now().mono, n->started.mono).us / 1000000));
	return n->exit_code;
}

void node_free(struct node *n)
{
	core_free(n);
	control_free(n);
	connections_free(n);
	hip_capture_close(n->hip_capture);
	if (n->host_keys != NULL)
		host_provider_free(n->host_keys);
	if (n->tls != NULL)
		tls_context_free(n->tls);
	if (n->provider != NULL)
		provider_free(n->provider);
	if (n->keys != NULL)
		keystore_free(n->keys);
	configuration_file_free(n->configuration);
	free(n->issuer_rules);
	log_file_close(n->log_file);
	invariant(uv_loop_close(&n->loop) == 0);
	free(n);
}

static void cache_write(struct node *n)
{
	char *path = settings_path(&n->settings, CACHED_PEERS_FILE);

	cached_peers_write(path, n->peer, n->cached_peers);
	free(path);
}

static void on_cache_timer(uv_timer_t *timer)
{
	cache_write(timer->data);
	(void)hip_core_remember(timer->data);
}

void node_on_state(struct node *n, struct now now, enum peer_state state)
{
	if (state == PEER_JOINED) {
		core_joined(n, now);
		(void)uv_timer_start(&n->cache_timer, on_cache_timer, CACHE_EVERY_MS, CACHE_EVERY_MS);
		service_notify("STATUS=joined");
	} else if (state == PEER_LEFT) {
		n->left = true;
	}
}

/* The overlay has moved on to what this build does not have (11.1). It stays up outside the ring: ended, a service
 * manager would only start it again, and it would be told the same. */
static void node_outdated(struct node *n, const char *what)
{
	if (n->phase != NODE_RUNNING || n->leave_wanted)
		return;
	log_error(&n->log, "configuration.unsupported", "what=\"%s\" action=\"leaving; upgrade Peal, then restart\"",
		  what);
	n->leave_wanted = n->stay = true;
}

void node_on_configuration(struct node *n, struct now now, int reason)
{
	const struct configuration_document *d = configuration_file_document(n->configuration);
	struct provider_trust trust = trust_of(n);
	struct identity own;
	int err;

	if (reason == ERR_UNSUPPORTED) {
		node_outdated(n, configuration_file_unsupported(n->configuration));
		return;
	}
	err = provider_set_trust(n->provider, &trust);
	if (err == 0)
		err = provider_identify(n->provider, now.wall, keystore_certificate(n->keys), &own, NULL, 0);
	log_event(&n->log, err == 0 ? LOG_INFO : LOG_ERROR, "configuration.changed", "sequence=%u error=%s",
		  d->configuration.sequence, error_name(err));
	if (err != 0) /* the document no longer takes our certificate */
		n->leave_wanted = true;
	else if (!d->configuration.no_ice)
		node_outdated(n, "ICE: no-ice is false");
}

static void on_usage_stopped(void *ctx, struct now now)
{
	struct node *n = ctx;

	(void)now;
	n->usages_stopping--;
}

static void on_stop_timer(uv_timer_t *timer)
{
	struct node *n = timer->data;

	log_warning(&n->log, "node.stop_timeout", "after_ms=%d", STOP_MS);
	if (n->stay && n->phase == NODE_STOPPING_USAGES) {
		n->usages_stopping = 0;
		driver_drain(n);
		return;
	}
	node_shutdown(n);
}

void node_leave(struct node *n, bool stay)
{
	struct now now = node_now();

	n->stay = stay;
	if (n->phase == NODE_LEFT && !stay)
		node_shutdown(n);
	if (n->phase != NODE_RUNNING)
		return;
	log_info(&n->log, "node.stopping", "state=%d", (int)peer_state(n->peer));
	service_notify("STOPPING=1");
	n->phase = NODE_STOPPING_USAGES;
	(void)uv_timer_start(&n->stop_timer, on_stop_timer, STOP_MS, 0);
	if (peer_state(n->peer) == PEER_JOINED) {
		cache_write(n);
		n->usages_stopping = n->usage_count;
		for (size_t i = 0; i < n->usage_count; i++)
			n->usages[i].ops->stop(n->usages[i].ctx, now, on_usage_stopped, n);
	}
	driver_drain(n);
}

bool node_advance(struct node *n, struct now now)
{
	if (n->leave_wanted && (n->phase == NODE_RUNNING || n->phase == NODE_LEFT)) {
		n->leave_wanted = false;
		node_leave(n, n->stay);
		return true;
	}
	if (n->phase == NODE_STOPPING_USAGES && n->usages_stopping == 0) {
		n->phase = NODE_LEAVING;
		if (peer_state(n->peer) == PEER_JOINED)
			peer_leave(n->peer, now);
		else
			n->left = true;
		return true;
	}
	if (n->phase == NODE_LEAVING && n->left) {
		(void)uv_timer_stop(&n->stop_timer);
		if (n->stay)
			n->phase = NODE_LEFT;
		else
			node_shutdown(n);
		return true;
	}
	return false;
}

void node_shutdown(struct node *n)
{
	if (n->phase == NODE_CLOSING)
		return;
	n->phase = NODE_CLOSING;
	if (n->peer != NULL)
		driver_end_turn(n);
	link_tcp_close_listeners(n);
	link_udp_close_listeners(n);
	connections_close(n);
	sip_listener_close(n);
	hip_core_close(n);
	control_close(n);
	for (size_t i = 0; i < 3; i++)
		uv_close((uv_handle_t *)&n->signals[i], NULL);
	uv_close((uv_handle_t *)&n->bootstrap_timer, NULL);
	uv_close((uv_handle_t *)&n->cache_timer, NULL);
	uv_close((uv_handle_t *)&n->stop_timer, NULL);
	driver_close(n);
}
