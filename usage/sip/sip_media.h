/* SPDX-License-Identifier: MIT */
/* The port through which the proxy lets somebody else take over a call's media (usage/media): every session description
 * that passes between a phone and another node is shown to it, and may be written anew. */
#ifndef USAGE_SIP_SIP_MEDIA_H
#define USAGE_SIP_SIP_MEDIA_H

#include "overlay/security.h"
#include "overlay/wire/address.h"
#include "usage/sip/sip_text.h"

#define SIP_MEDIA_REASON_SIZE 96
#define SIP_MEDIA_PREFS_MAX 512 /* bytes of the feature tags in a registration record */

enum sip_media_direction {
	SIP_MEDIA_OUTWARDS, /* from a phone here to another node */
	SIP_MEDIA_INWARDS   /* from another node to a phone here */
};

/* One message with a body of type application/sdp. All borrowed until the call returns. */
struct sip_media_message {
	enum sip_media_direction direction;
	struct slice call_id;
	struct slice phone;           /* which phone's leg: stays the same for one phone within a call */
	struct node_id node;          /* the other node */
	struct hit node_hit;          /* HIT of the other node's certificate; zero: not known */
	const char *node_user;        /* AOR of the other node's certificate; "" */
	bool node_user_is_vouched;    /* by an issuer that is trusted for that AOR's domain */
	struct slice record_prefs;    /* contact_prefs of the signed record that led here (caller's side); or empty */
	struct slice remote_aor;      /* AOR of the other party as From or To has it, without scheme */
	struct slice remote_tag;      /* the other party's tag: which dialog of the call; empty: not known yet */
	const struct address *phone_side; /* our own address that the phone speaks to */
	const struct address *phone_at;   /* where the phone's signalling comes from */
	bool is_request, is_invite, is_update; /* the method, of a response too */
	bool in_dialog;               /* of a request that had a To tag, or the response to one */
	int status;                   /* of a response */
	struct slice body;            /* empty: there is a description, but it cannot be read (compressed, signed) */
};

/* What is over. */
struct sip_media_end {
	struct slice call_id;
	struct node_id node;     /* zero: with any */
	struct slice phone;      /* empty: any */
	struct slice remote_tag; /* empty: the call never came to be, but for dialogs that were answered */
};

struct sip_media_ops {
	/* 0: `out` holds the new body when out->len > 0, else it stays as it is. ERR_FORBIDDEN: the call must not go on
	 * (a changed key, or media that must be protected and cannot be); ERR_LIMIT: no port left; ERR_MALFORMED: no
	 * session description; `reason` (SIP_MEDIA_REASON_SIZE) then says why, for the answer's reason phrase. */
	int (*rewrite)(void *ctx, struct now now, const struct sip_media_message *m, struct sip_text *out,
		       char *reason, size_t reason_size);
	/* A dialog is over or never came to be. May be told more than once. */
	void (*ended)(void *ctx, struct now now, const struct sip_media_end *end);
	/* How the call's media is protected, for pealctl calls: true by HIP, and `hit` and `vouched` say with whom. */
	bool (*protection)(void *ctx, struct slice call_id, struct hit *hit, const char **vouched);
	/* Feature tags of RFC 2533 that the registration record tells of this node, without the outer "(&...)"; "" for
	 * none: (peal.hit="..."), (peal.rendezvous="...") and (peal.locator="..."). Returns text. */
	const char *(*record_prefs)(void *ctx, char *text, size_t size);
	/* A phone here took a call with a 2xx that holds no description, as one came before. NULL: nobody asks. */
	void (*answered)(void *ctx, const struct sip_media_end *call);
};

struct sip_media {
	const struct sip_media_ops *ops; /* NULL: media is not touched */
	void *ctx;
};

struct sip_usage;
/* Set once, before the first message; `media` must outlive the usage. */
void sip_usage_set_media(struct sip_usage *s, const struct sip_media *media);

#endif
