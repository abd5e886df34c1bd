/* SPDX-License-Identifier: MIT */
/* A response context (RFC 3261 16.7): one request, its branches, the choice of the response. */
#ifndef USAGE_SIP_SIP_FORK_H
#define USAGE_SIP_SIP_FORK_H

#include "usage/sip/sip_media_pass.h"
#include "usage/sip/sip_transaction.h"

#define SIP_FORKS_MAX 16         /* branches of one request */
#define SIP_TIMER_C_S 180        /* seconds an INVITE may ring on one branch after its last 1xx */

struct sip_call;

/* Where a branch goes and how the request looks there. */
struct sip_target {
	struct sip_hop hop;
	const struct sip_route *route;  /* SIP_OVERLAY; may be NULL */
	const struct sip_node *node;    /* SIP_OVERLAY: who signed the record that led there; NULL: none did */
	struct slice prefs;             /* and its contact_prefs */
	struct slice request_uri;       /* replaces the Request-URI; empty: it stays */
	size_t pop_routes;              /* own Route elements to take away, besides the fork's */
	bool drop_last_route;           /* it became the Request-URI (16.4) */
};

struct sip_branch {
	struct sip_fork *fork;
	struct sip_client *client; /* NULL once it gave its final response or failed */
	struct timer timer_c;
	struct sip_hop hop;
	char uri_hash[17];         /* with hop: what makes a target the same */
	char leg[SIP_LEG_SIZE];    /* sip_media_leg of hop */
	bool is_refused;           /* its answer's media could not be let pass */
	bool is_hung_up;           /* and it was told so */
};

struct sip_fork {
	struct sip_usage *usage;
	struct sip_server *server; /* its owner */
	struct sip_branch branches[SIP_FORKS_MAX];
	size_t branch_count;
	size_t pop_routes;     /* own Routes that the request came with */
	size_t lookups;        /* resolutions under way: no verdict before they end */
	struct sip_text best;  /* ready to be sent upstream; empty: made here with best_status */
	int best_status;       /* 0: none yet */
	bool best_is_local;    /* no phone said so: a timeout, no connection */
	char reason[SIP_MEDIA_REASON_SIZE]; /* why media was refused: then it is the reason phrase; "" */
	char leg[SIP_LEG_SIZE];    /* sip_media_leg of the source */
	bool in_dialog, is_bye;
	bool cancelled, final_sent;
	struct sip_resolution *resolution; /* NULL when none is under way */
	struct sip_call *call; /* borrowed; NULL for other methods than INVITE */
};

struct sip_fork *sip_fork_new(struct sip_server *server);
void sip_fork_free(struct sip_fork *fork);

/* Sends the request to one more target. A target that is there already is left out. ERR_DUPLICATE,
 * ERR_LIMIT, ERR_MALFORMED. */
int MUST_CHECK sip_fork_add(struct sip_fork *fork, struct now now, const struct sip_target *target);

/* Notes a failure met here; the worst that can be said when no phone says anything better. */
void sip_fork_note(struct sip_fork *fork, int status);
/* Sends the best response when nothing is outstanding any more. */
void sip_fork_settle(struct sip_fork *fork, struct now now);
/* Media that may not pass: `reason` is said unless some phone answers. */
void sip_fork_refuse(struct sip_fork *fork, int status, const char *reason);
/* The server goes: the media of branches that never gave a final response are let go. */
void sip_fork_end_media(struct sip_fork *fork, struct now now);
/* The caller hung up before an answer. */
void sip_fork_cancel(struct sip_fork *fork, struct now now);

/* The request as it leaves towards `target`, for a branch or statelessly (`branch` has room for
 * SIP_BRANCH_MAX + 1 bytes and is filled in). `body`, when not empty, replaces its own. */
int MUST_CHECK sip_request_put(struct sip_usage *s, const struct sip_message *m, const struct sip_hop *source,
			       const struct sip_target *target, struct slice body, char *branch, struct sip_text *out);

/* Hash of all that decides where a request goes (16.6 step 8, RFC 5393 4.2), as hex. */
void sip_loop_hash(struct sip_usage *s, const struct sip_message *m, char out[17]);

#endif
