/* SPDX-License-Identifier: MIT */
/* The defaults of RFC 6940 11.1, and the order of configuration sequences. */
#include "overlay/configuration.h"

#include "overlay/base/invariant.h"

#define SEQUENCES 65535u /* 0 to 65534; 65535 is not used (6.3.2.1) */

void configuration_init(struct configuration *c)
{
	static const uint32_t registered[] = {
		KIND_SIP_REGISTRATION,
		KIND_TURN_SERVICE,
		KIND_CERTIFICATE_BY_NODE,
		KIND_CERTIFICATE_BY_USER,
	};

	memset(c, 0, sizeof(*c));
	c->clients_permitted = true;
	c->chord_update_interval_s = 600;
	c->chord_ping_interval_s = 3600;
	c->chord_reactive = true;
	c->max_message_size = 5000;
	c->initial_ttl = 100;
	c->overlay_reliability_timer_ms = 3000;
	c->turn_density = 1;
	for (size_t i = 0; i < sizeof(registered) / sizeof(registered[0]); i++) {
		int err = kind_add(&c->kinds, kind_registered(registered[i]));

		invariant(err == 0);
	}
}

bool configuration_sequence_newer(uint16_t a, uint16_t b)
{
	uint32_t ahead = (a + SEQUENCES - b % SEQUENCES) % SEQUENCES;

	return ahead != 0 && ahead < SEQUENCES / 2 + 1;
}
