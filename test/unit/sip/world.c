/* SPDX-License-Identifier: MIT */
/* Proxies on the in-memory net, and phones that are scripts. */
#include "test/unit/sip/world.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"
#include "storage/storage.h"

#define WORLD_STEP_MS 2

/* ---- The net's hooks ---- */

static void *world_storage_new(void *ctx, struct net *n, size_t node, struct peer *p, struct now now)
{
	struct world *w = ctx;
	struct storage *storage;

	(void)n;
	w->backends[node] = memory_alloc(sizeof(*w->backends[node]));
	*w->backends[node] = backend_memory();
	ck_assert_int_eq(storage_new(&storage, p, w->backends[node], now), 0);
	return storage;
}

static void world_storage_free(void *ctx, void *storage)
{
	(void)ctx;
	storage_free(storage);
}

static void world_log(void *ctx, struct now now, size_t node, enum log_level level, const char *event,
		      const char *text)
{
	struct world *w = ctx;
	int len;

	(void)now, (void)level;
	if (strncmp(event, "sip.", 4) != 0)
		return;
	if (getenv("WORLD_TRACE") != NULL)
		fprintf(stderr, "%zu %s %s\n", node, event, text);
	len = snprintf(w->log + w->log_len, sizeof(w->log) - w->log_len, "%zu %s %s\n", node, event, text);
	if (len > 0 && w->log_len + (size_t)len < sizeof(w->log))
		w->log_len += (size_t)len;
}

static void world_effect(void *ctx, struct net *n, size_t node, const struct effect *e)
{
	struct world *w = ctx;

	if (e->type == EFFECT_APP_LINK_READY && w->usages[node] != NULL)
		sip_usage_app_link(w->usages[node], net_now(n), e->link,
				   &(struct sip_node){ e->node_id, e->hit, e->user, e->user_is_vouched },
				   e->initiator);
}

static void world_app_bytes(void *ctx, struct net *n, size_t node, link_id link, struct slice bytes)
{
	struct world *w = ctx;

	if (w->usages[node] == NULL)
		return;
	if (bytes.len == 0)
		sip_usage_stream_closed(w->usages[node], net_now(n), link);
	else
		sip_usage_stream_bytes(w->usages[node], net_now(n), link, bytes);
}

/* ---- Effects of the proxies ---- */

static void phone_take(struct phone *p, struct slice bytes)
{
	if (p->deaf)
		return;
	if (slice_equal(bytes, slice_text("\r\n"))) {
		p->pongs++;
		return;
	}
	p->received++;
	invariant(p->count < WORLD_INBOX);
	p->inbox[p->count] = memory_alloc(bytes.len + 1);
	memcpy(p->inbox[p->count++], bytes.data, bytes.len);
	if (getenv("WORLD_TRACE") != NULL)
		fprintf(stderr, "--> %s:%zu\n%.*s\n", p->user, p->node, (int)bytes.len,
			(const char *)bytes.data);
}

static void world_deliver(struct world *w, size_t node, const struct sip_effect *e)
{
	for (size_t i = 0; i < w->phone_count; i++) {
		struct phone *p = &w->phones[i];

		if (p->node != node || p->flow.transport != e->flow.transport)
			continue;
		/* A new connection goes to where the phone listens. */
		if (e->flow.stream == 0 ? address_equal(&p->flow.remote, &e->flow.remote)
					: p->flow.stream == e->flow.stream)
			phone_take(p, e->bytes);
	}
}

static void world_drain(struct world *w, size_t node)
{
	const struct sip_effect *e;

	if (w->usages[node] == NULL)
		return;
	while ((e = sip_usage_next_effect(w->usages[node])) != NULL) {
		if (e->type == SIP_EFFECT_SEND && e->flow.transport == SIP_OVERLAY)
			net_app_send(w->net, node, e->flow.stream, e->bytes);
		else if (e->type == SIP_EFFECT_SEND)
			world_deliver(w, node, e);
	}
	net_flush(w->net, node);
}

static void world_step(struct world *w)
{
	net_run(w->net, duration_ms(WORLD_STEP_MS));
	for (size_t i = 0; i < w->options.nodes; i++) {
		struct usage u;

		if (w->usages[i] == NULL || !net_is_running(w->net, i))
			continue;
		if (w->options.step != NULL)
			w->options.step(w->options.ctx, w, i);
		u = sip_usage_port(w->usages[i]);
		if (instant_due(u.ops->deadline(u.ctx), net_now(w->net).mono))
			u.ops->expire(u.ctx, net_now(w->net));
		world_drain(w, i);
	}
}

void world_run(struct world *w, uint64_t ms)
{
	for (uint64_t t = 0; t < ms; t += WORLD_STEP_MS)
		world_step(w);
}

bool world_logged(const struct world *w, const char *text)
{
	return strstr(w->log, text) != NULL;
}

/* ---- Life ---- */

struct world *world_new(const struct world_options *options)
{
	struct world *w = memory_alloc(sizeof(*w));
	struct net_options o = {
		.seed = 7,
		.log_level = LOG_INFO,
		.hooks = { .storage_new = world_storage_new,
			   .storage_free = world_storage_free,
			   .log = world_log,
			   .effect = world_effect,
			   .app_bytes = world_app_bytes },
		.ctx = w,
	};

	if (options->no_storage) {
		o.hooks.storage_new = NULL;
		o.hooks.storage_free = NULL;
	}
	w->options = *options;
	w->net = net_new(&o);
	for (size_t i = 0; i < options->nodes; i++) {
		struct net_node_options node = { .user = options->users[i], .first = i == 0 };

		net_add(w->net, &node);
		net_start(w->net, i);
		net_run(w->net, duration_ms(300));
	}
	ck_assert(net_run_until(w->net, net_ring_is_ideal, NULL, duration_s(60)));
	for (size_t i = 0; i < options->nodes; i++) {
		struct sip_usage_options sip = options->sip;

		sip.listen_count = 1;
		ck_assert_int_eq(address_parse("127.0.0.1:5060", 5060, &sip.listen[0]), 0);
		ck_assert_int_eq(sip_usage_new(&w->usages[i], net_peer(w->net, i), &sip), 0);
	}
	return w;
}

struct world *world_of(size_t nodes, ...)
{
	struct world_options options = { .nodes = nodes };
	va_list users;

	va_start(users, nodes);
	for (size_t i = 0; i < nodes; i++)
		options.users[i] = va_arg(users, const char *);
	va_end(users);
	return world_new(&options);
}

void world_free(struct world *w)
{
	/* Every timer of every transaction has its turn before the end. */
	world_run(w, 70000);
	for (size_t i = 0; i < w->options.nodes; i++)
		sip_usage_free(w->usages[i]);
	net_free(w->net);
	for (size_t i = 0; i < WORLD_NODES_MAX; i++) {
		if (w->backends[i] != NULL)
			w->backends[i]->ops->close(w->backends[i]->ctx);
		free(w->backends[i]);
	}
	for (size_t i = 0; i < w->phone_count; i++)
		for (size_t j = 0; j < w->phones[i].count; j++)
			free(w->phones[i].inbox[j]);
	free(w);
}

/* ---- Phones ---- */

struct phone *phone_new(struct world *w, size_t node, const char *user, bool tcp)
{
	struct phone *p = &w->phones[w->phone_count++];

	invariant(w->phone_count <= WORLD_PHONES_MAX);
	p->world = w;
	p->node = node;
	snprintf(p->user, sizeof(p->user), "%s", user);
	snprintf(p->tag, sizeof(p->tag), "tag%zu", w->phone_count);
	ck_assert_int_eq(address_parse("127.0.0.1", (uint16_t)(7000 + w->phone_count), &p->flow.remote), 0);
	p->flow.transport = tcp ? SIP_TCP : SIP_UDP;
	if (tcp) {
		p->flow.stream = 1ull << 63 | ++w->next_stream;
		sip_usage_stream_open(w->usages[node], net_now(w->net), &p->flow);
	}
	return p;
}

void phone_disconnect(struct phone *p)
{
	uint64_t stream = p->flow.stream;

	p->flow.stream = 0;
	sip_usage_stream_closed(p->world->usages[p->node], net_now(p->world->net), stream);
}

void phone_connect(struct phone *p, uint16_t port)
{
	struct sip_flow flow = p->flow;

	p->flow.stream = flow.stream = 1ull << 63 | ++p->world->next_stream;
	flow.remote.port = port;
	sip_usage_stream_open(p->world->usages[p->node], net_now(p->world->net), &flow);
}

void phone_send_raw(struct phone *p, const void *bytes, size_t len)
{
	struct sip_usage *s = p->world->usages[p->node];
	struct now now = net_now(p->world->net);

	if (p->flow.transport == SIP_UDP)
		sip_usage_datagram(s, now, &p->flow.remote, slice_of(bytes, len));
	else
		sip_usage_stream_bytes(s, now, p->flow.stream, slice_of(bytes, len));
	world_drain(p->world, p->node);
}

void phone_send(struct phone *p, const char *format, ...)
{
	static unsigned branches;
	char text[16384], wire[20000];
	size_t len = 0;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '\n' && (c == text || c[-1] != '\r'))
			wire[len++] = '\r';
		if (c[0] == '$' && c[1] == 'V') {
			len += (size_t)snprintf(wire + len, sizeof(wire) - len,
						"SIP/2.0/%s 127.0.0.1:%u;branch=z9hG4bKphone%u;rport",
						p->flow.transport == SIP_UDP ? "UDP" : "TCP",
						p->flow.remote.port, ++branches);
			c++;
			continue;
		}
		wire[len++] = *c;
	}
	if (getenv("WORLD_TRACE") != NULL)
		fprintf(stderr, "<-- %s:%zu\n%.*s\n", p->user, p->node, (int)len, wire);
	phone_send_raw(p, wire, len);
}

bool phone_has(const struct phone *p, const char *start)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->inbox[i] != NULL && strncmp(p->inbox[i], start, strlen(start)) == 0)
			return true;
	return false;
}

const char *phone_expect(struct phone *p, uint64_t ms, const char *start)
{
	static char kept[8][20000];
	static unsigned turn;

	for (uint64_t t = 0; !phone_has(p, start) && t < ms; t += WORLD_STEP_MS)
		world_step(p->world);
	for (size_t i = 0; i < p->count; i++) {
		char *out = kept[turn++ % 8];

		if (strncmp(p->inbox[i], start, strlen(start)) != 0) {
			turn--;
			continue;
		}
		snprintf(out, sizeof(kept[0]), "%s", p->inbox[i]);
		free(p->inbox[i]);
		memmove(p->inbox + i, p->inbox + i + 1, (--p->count - i) * sizeof(p->inbox[0]));
		return out;
	}
	ck_abort_msg("%s waits for \"%s\" in vain; first there: %.60s\n%s", p->user, start,
		     p->count > 0 ? p->inbox[0] : "nothing", p->world->log);
	return NULL;
}

void phone_expect_none(struct phone *p, uint64_t ms, const char *start)
{
	world_run(p->world, ms);
	ck_assert_msg(!phone_has(p, start), "%s got %s", p->user, start);
}

const char *header_of(const char *message, const char *name, unsigned n)
{
	static char values[8][2048];
	static unsigned turn;
	char start[64];
	const char *line = strstr(message, "\r\n");

	snprintf(start, sizeof(start), "\r\n%s: ", name);
	for (; line != NULL; line = strstr(line + 2, "\r\n")) {
		char *out;

		if (strncmp(line, "\r\n\r\n", 4) == 0)
			return NULL;
		if (strncasecmp(line, start, strlen(start)) != 0 || n-- > 0)
			continue;
		out = values[turn++ % 8];
		line += strlen(start);
		snprintf(out, sizeof(values[0]), "%.*s", (int)(strstr(line, "\r\n") - line), line);
		return out;
	}
	return NULL;
}

size_t header_count(const char *message, const char *name)
{
	size_t count = 0;

	while (header_of(message, name, (unsigned)count) != NULL)
		count++;
	return count;
}

static unsigned cseq_of(const char *message)
{
	return (unsigned)strtoul(header_of(message, "CSeq", 0), NULL, 10);
}

static const char *phone_contact(const struct phone *p)
{
	static char text[4][128];
	static unsigned turn;
	char *out = text[turn++ % 4];

	snprintf(out, sizeof(text[0]), "<sip:%s@127.0.0.1:%u%s>", p->user, p->flow.remote.port,
		 p->flow.transport == SIP_TCP ? ";transport=tcp" : "");
	return out;
}

void phone_register(struct phone *p)
{
	phone_send(p,
		   "REGISTER sip:%s SIP/2.0\nVia: $V\nMax-Forwards: 70\nFrom: <sip:%s@%s>;tag=%s\n"
		   "To: <sip:%s@%s>\nCall-ID: reg-%u\nCSeq: %u REGISTER\nContact: %s\nExpires: 600\n"
		   "Content-Length: 0\n\n",
		   WORLD_DOMAIN, p->user, WORLD_DOMAIN, p->tag, p->user, WORLD_DOMAIN, p->flow.remote.port,
		   ++p->cseq, phone_contact(p));
	phone_expect(p, 10000, "SIP/2.0 200");
}

void phone_request(struct phone *p, const char *method, const char *to, const char *call_id,
		   const char *extra, const char *body)
{
	phone_send(p,
		   "%s sip:%s SIP/2.0\nVia: $V\nMax-Forwards: 70\nFrom: <sip:%s@%s>;tag=%s\nTo: <sip:%s>\n"
		   "Call-ID: %s\nCSeq: %u %s\nContact: %s\n%sContent-Length: %zu\n\n%s",
		   method, to, p->user, WORLD_DOMAIN, p->tag, to, call_id, ++p->cseq, method,
		   phone_contact(p), extra, strlen(body), body);
}

static void phone_copy_headers(char *out, size_t size, const char *request, const char *name)
{
	const char *value;

	for (unsigned n = 0; (value = header_of(request, name, n)) != NULL; n++)
		snprintf(out + strlen(out), size - strlen(out), "%s: %s\n", name, value);
}

static const char *phone_type(const char *body)
{
	return body[0] != '\0' ? "Content-Type: application/sdp\n" : "";
}

void phone_respond(struct phone *p, const char *request, int status, const char *body)
{
	char head[8192] = "", to[2048];

	snprintf(to, sizeof(to), "%s", header_of(request, "To", 0));
	phone_copy_headers(head, sizeof(head), request, "Via");
	phone_copy_headers(head, sizeof(head), request, "Record-Route");
	phone_copy_headers(head, sizeof(head), request, "From");
	phone_copy_headers(head, sizeof(head), request, "Call-ID");
	phone_copy_headers(head, sizeof(head), request, "CSeq");
	phone_send(p, "SIP/2.0 %d Phone says\n%sTo: %s%s%s\nContact: %s\n%sContent-Length: %zu\n\n%s", status,
		   head, to, strstr(to, ";tag=") == NULL && status > 100 ? ";tag=" : "",
		   strstr(to, ";tag=") == NULL && status > 100 ? p->tag : "", phone_contact(p), phone_type(body),
		   strlen(body), body);
}

void phone_in_dialog(struct phone *p, const char *method, const char *message, bool is_caller,
		     const char *branch)
{
	phone_in_dialog_with(p, method, message, is_caller, branch, "");
}

void phone_in_dialog_with(struct phone *p, const char *method, const char *message, bool is_caller,
			  const char *branch, const char *body)
{
	char routes[4096] = "", target[512], remote[512], via[600];
	size_t count = header_count(message, "Record-Route");
	const char *contact = header_of(message, "Contact", 0);
	unsigned cseq = cseq_of(message);
	bool is_ack = strcmp(method, "ACK") == 0;

	if (!is_ack || !is_caller) /* a caller's ACK is for the request that was answered */
		cseq = is_ack ? p->cseq : ++p->cseq;

	for (size_t i = 0; i < count; i++)
		snprintf(routes + strlen(routes), sizeof(routes) - strlen(routes), "Route: %s\n",
			 header_of(message, "Record-Route", (unsigned)(is_caller ? count - 1 - i : i)));
	snprintf(target, sizeof(target), "%.*s", (int)(strcspn(contact, ">") - 1), contact + 1);
	snprintf(remote, sizeof(remote), "%s", header_of(message, is_caller ? "To" : "From", 0));
	if (branch != NULL)
		snprintf(via, sizeof(via), "SIP/2.0/UDP 127.0.0.1:%u;branch=%s", p->flow.remote.port, branch);
	phone_send(p,
		   "%s %s SIP/2.0\nVia: %s\nMax-Forwards: 70\n%sFrom: <sip:%s@%s>;tag=%s\nTo: %s\n"
		   "Call-ID: %s\nCSeq: %u %s\nContact: %s\n%sContent-Length: %zu\n\n%s",
		   method, target, branch != NULL ? via : "$V", routes, p->user, WORLD_DOMAIN, p->tag, remote,
		   header_of(message, "Call-ID", 0), cseq, method, phone_contact(p), phone_type(body), strlen(body),
		   body);
}

void phone_ack_failure(struct phone *p, const char *invite_via, const char *response)
{
	phone_send(p,
		   "ACK sip:x@%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: %s\nTo: %s\nCall-ID: %s\n"
		   "CSeq: %u ACK\nContent-Length: 0\n\n",
		   WORLD_DOMAIN, invite_via, header_of(response, "From", 0), header_of(response, "To", 0),
		   header_of(response, "Call-ID", 0), cseq_of(response));
}
