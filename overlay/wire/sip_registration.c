/* SPDX-License-Identifier: MIT */
/* SipRegistration, the value of Kind SIP-REGISTRATION. */
#include "overlay/wire/sip_registration.h"

/* struct { SipRegistrationType type; uint16 length; SipRegistrationData data; } SipRegistration;
 * sip_registration_uri: opaque uri<0..2^16-1>
 * sip_registration_route: opaque contact_prefs<0..2^16-1>; Destination destination_list<3..2^16-1> */
int sip_registration_get(struct reader *r, struct arena *a, struct sip_registration *x)
{
	struct reader data;

	*x = (struct sip_registration){ .type = reader_u8(r) };
	data = reader_sub16(r);
	switch (x->type) {
	case SIP_REGISTRATION_URI:
		x->uri = reader_opaque16(&data);
		break;
	case SIP_REGISTRATION_ROUTE: {
		struct slice list;
		int err;

		x->contact_prefs = reader_opaque16(&data);
		list = reader_opaque16(&data);
		err = destination_list_get(list, a, &x->destinations);
		if (err == 0 && x->destinations.count == 0)
			err = ERR_MALFORMED;
		if (err != 0)
			reader_fail(&data, err);
		break;
	}
	default:
		x->unknown = reader_bytes(&data, reader_left(&data));
		break;
	}
	reader_join(r, &data);
	return r->err;
}

void sip_registration_put(struct writer *w, const struct sip_registration *x)
{
	size_t data, list;

	writer_u8(w, x->type);
	data = writer_begin16(w);
	switch (x->type) {
	case SIP_REGISTRATION_URI:
		writer_opaque16(w, x->uri);
		break;
	case SIP_REGISTRATION_ROUTE:
		if (x->destinations.count == 0)
			writer_fail(w, ERR_MALFORMED);
		writer_opaque16(w, x->contact_prefs);
		list = writer_begin16(w);
		destination_list_put(w, &x->destinations);
		writer_end16(w, list);
		break;
	default:
		writer_bytes(w, x->unknown);
		break;
	}
	writer_end16(w, data);
}
