/* SPDX-License-Identifier: MIT */
/* Sockets, device and capture live as long as the node; the usages are made anew with the core. */
#include "node/hip_core.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/host_provider.h"
#include "node/hip_address_watch.h"
#include "node/hip_capture.h"
#include "node/hip_raw.h"
#include "node/hip_socket.h"
#include "node/hip_tun.h"
#include "node/known_identities.h"
#include "node/media_port.h"
#include "overlay/base/invariant.h"
#include "usage/hip/hip_registrant.h"
#include "usage/hip/hip_transparent.h"

#define REGISTRATION_S 600 /* asked for; renewed when half is over */
#define SERVICE_RENDEZVOUS 1 /* RFC 8004 */
#define SERVICE_RELAY 2      /* RFC 9028 */

static bool is_wanted(const struct node *n) { return n->settings.hip && n->settings.hip_listen.count > 0; }

int hip_core_open(struct node *n, char *detail, size_t detail_size)
{
	int err = 0;

	if (!is_wanted(n))
		return 0;
	err = hip_socket_open(n, detail, detail_size);
	if (err == 0 && n->settings.hip_raw)
		err = hip_raw_open(n, detail, detail_size);
	if (err == 0 && n->settings.hip_capture[0] != '\0')
		err = hip_capture_open(&n->hip_capture, n->settings.hip_capture, detail, detail_size);
	return err;
}

static void groups_set(const struct settings *s, struct hip_host_options *o)
{
	static const uint8_t groups[] = {
		[DH_GROUP_P256] = HOST_DH_P256,           [DH_GROUP_P384] = HOST_DH_P384,
		[DH_GROUP_P521] = HOST_DH_P521,           [DH_GROUP_MODP_3072] = HOST_DH_MODP_3072,
		[DH_GROUP_MODP_1536] = HOST_DH_MODP_1536, [DH_GROUP_SECP160R1] = HOST_DH_SECP160R1,
	};

	for (size_t i = 0; i < s->hip_dh_groups.count && i < sizeof(o->dh_groups); i++)
		o->dh_groups[i] = groups[s->hip_dh_groups.items[i]];
}

static struct hip_host_options options_of(struct node *n)
{
	static const enum hip_unknown_policy policies[] = {
		[HIP_UNKNOWN_IS_HARDER] = HIP_UNKNOWN_HARDER,
		[HIP_UNKNOWN_IS_REFUSED] = HIP_UNKNOWN_REFUSE,
		[HIP_UNKNOWN_IS_ADMITTED] = HIP_UNKNOWN_ADMIT,
	};
	const struct settings *s = &n->settings;
	struct hip_host_options o = {
		.security = host_provider_port(n->host_keys),
		.log = &n->log,
		.peer = n->peer,
		.raw = s->hip_raw,
		.tun = s->hip_tun[0] != '\0',
		.publish = true,
		.edge = s->hip_edge,
		.edge_lenient = s->hip_edge_lenient,
		.edge_transparent = s->hip_transparent.type != ADDRESS_NONE,
		.transparent_first = s->hip_transparent,
		.unknown = policies[s->hip_unknown],
	};

	for (size_t i = 0; i < s->hip_listen.count && i < HIP_LISTEN_MAX; i++)
		o.listen[o.listen_count++] = s->hip_listen.items[i];
	o.locator_count = hip_address_locators(n, o.locators);
	groups_set(s, &o);
	o.security.ops->random(o.security.ctx, &o.seed, sizeof(o.seed));
	return o;
}

static int known_read(struct node *n, char *detail, size_t detail_size)
{
	char *path = settings_path(&n->settings, KNOWN_IDENTITIES_FILE);
	int err = known_identities_read(path, hip_host_pool(n->hip), detail, detail_size);

	free(path);
	n->known_version = hip_pool_version(hip_host_pool(n->hip));
	return err;
}

/* Only a key that can be no Host Identity leaves HIP off: anything else is a fault to be mended. */
static bool is_off(struct node *n, int err)
{
	if (err != ERR_UNSUPPORTED && err != ERR_KEY)
		return false;
	log_warning(&n->log, "hip.off", "error=%s why=\"the node's key makes no Host Identity: P-256 and RSA do\" "
		    "action=\"enroll with another key, or set hip = false\"", error_name(err));
	return true;
}

/* Hosts that the settings name: where this one registers, and whom it serves unasked. */
static int hosts_begin(struct node *n, struct setting_hip_host *hosts, char *detail, size_t detail_size)
{
	const struct settings *s = &n->settings;
	int err = settings_hip_register(s, hosts, detail, detail_size);

	for (size_t i = 0; err == 0 && i < s->hip_register.count; i++) {
		err = hip_host_register(n->hip, node_now(), &hosts[i].hit, &hosts[i].address,
					hosts[i].is_relay ? SERVICE_RELAY : SERVICE_RENDEZVOUS, REGISTRATION_S);
		if (err != 0)
			(void)snprintf(detail, detail_size, "hip-register: \"%.100s\": %s", s->hip_register.items[i],
				       err == ERR_MALFORMED ? "is this node's own HIT" : error_text(err));
	}
	if (err == 0)
		err = settings_hip_serve(s, hosts, detail, detail_size);
	for (size_t i = 0; err == 0 && i < s->hip_serve.count; i++) {
		struct hip_path path = { .channel = HIP_CHANNEL_UDP, .remote = hosts[i].address };

		err = hip_host_serve(n->hip, node_now(), &hosts[i].hit, &path);
		if (err != 0)
			(void)snprintf(detail, detail_size, "hip-serve: \"%.100s\": %s", s->hip_serve.items[i],
				       error_text(err));
	}
	return err;
}

static int hosts_read(struct node *n, char *detail, size_t detail_size)
{
	struct setting_hip_host *hosts = memory_alloc(SETTING_TEXTS_MAX * sizeof(*hosts));
	int err = hosts_begin(n, hosts, detail, detail_size);

	free(hosts);
	return err;
}

int hip_core_new(struct node *n, char *detail, size_t detail_size)
{
	struct hip_host_options options;
	char text[HIT_TEXT_SIZE], address[ADDRESS_TEXT_SIZE];
	int err = 0;

	if (!is_wanted(n))
		return 0;
	if (n->host_keys == NULL)
		err = host_provider_new(&n->host_keys, n->keys);
	if (err == 0) {
		options = options_of(n);
		err = hip_host_new(&n->hip, &options);
	}
	if (err != 0) {
		if (is_off(n, err))
			return 0;
		(void)snprintf(detail, detail_size, "the HIP usage did not start: %s", error_text(err));
		return err;
	}
	n->usages[n->usage_count++] = hip_host_port(n->hip);
	if (n->hip_capture != NULL)
		hip_host_capture(n->hip, hip_capture_packet, n->hip_capture);
	err = known_read(n, detail, detail_size);
	if (err == 0 && n->settings.hip_tun[0] != '\0')
		err = hip_tun_open(n, detail, detail_size);
	if (err == 0)
		err = hosts_read(n, detail, detail_size);
	if (err != 0)
		return err;
	hip_address_watch(n);
	log_info(&n->log, "hip.started", "hit=%s locators=%zu first=%s", hit_text(hip_host_hit(n->hip), text),
		 options.locator_count,
		 options.locator_count > 0 ? address_text(&options.locators[0], address) : "none");
	return 0;
}

void hip_core_media(struct node *n)
{
	static const enum media_policy policies[] = {
		[HIP_MEDIA_PREFER] = MEDIA_HIP_PREFER,
		[HIP_MEDIA_REQUIRE] = MEDIA_HIP_REQUIRE,
		[HIP_MEDIA_OFF] = MEDIA_HIP_OFF,
	};
	struct media_relay_options options = { .log = &n->log, .policy = policies[n->settings.hip_media] };
	struct sip_media port;

	if (n->hip == NULL || n->sip == NULL || options.policy == MEDIA_HIP_OFF)
		return;
	if (n->media_ports == NULL)
		media_port_init(n);
	n->media = media_relay_new(n->hip, peer_counters(n->peer), &options);
	n->usages[n->usage_count++] = media_relay_port(n->media);
	port = media_relay_sip(n->media);
	sip_usage_set_media(n->sip, &port);
}

void hip_core_free_media(struct node *n)
{
	media_port_close_all(n);
	if (n->media != NULL)
		media_relay_free(n->media);
	n->media = NULL;
}

void hip_core_free(struct node *n)
{
	if (n->hip == NULL)
		return;
	(void)hip_core_remember(n);
	hip_host_free(n->hip);
	n->hip = NULL;
}

void hip_core_close(struct node *n)
{
	hip_address_unwatch(n);
	hip_socket_close(n);
	media_port_close(n);
	hip_tun_close(n);
}

int hip_core_remember(struct node *n)
{
	const struct hip_pool *pool = n->hip == NULL ? NULL : hip_host_pool(n->hip);
	char detail[300] = "";
	char *path;
	int err;

	if (pool == NULL || hip_pool_version(pool) == n->known_version)
		return 0;
	path = settings_path(&n->settings, KNOWN_IDENTITIES_FILE);
	err = known_identities_write(path, pool, detail, sizeof(detail));
	free(path);
	/* Not tried again until there is something new to write. */
	n->known_version = hip_pool_version(pool);
	if (err != 0)
		log_error(&n->log, "identity.not_kept", "error=%s why=\"%s\"", error_name(err), detail);
	return err;
}
