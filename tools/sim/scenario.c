/* SPDX-License-Identifier: MIT */
/* Reads scenario files by the rows of a table; libconfuse reads the syntax. */
#include "tools/sim/scenario.h"

#include <confuse.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"

#define NEVER (-1)

enum row_type { ROW_RANGE, ROW_CHOICE, ROW_TEXT };

/* One option. Ranges are held in units of 1/scale of what the file says. */
struct row {
	const char *section; /* "": none */
	const char *name;
	enum row_type type;
	size_t offset; /* in struct scenario; of the section "action": in struct scenario_action */
	int64_t scale;
	int64_t low, high;  /* what the file may say */
	const char *value;  /* the default; of a choice: all of them, the default first */
	const char *meaning;
};

#define AT(field) offsetof(struct scenario, field)
#define AT_ACTION(field) offsetof(struct scenario_action, field)

static const struct row rows[] = {
	{ "", "about", ROW_TEXT, AT(about), 0, 0, 0, "", "one line for peal-sim list" },
	{ "", "peers", ROW_RANGE, AT(peers), 1, 1, 1000000, "16", "how many; --peers overrides it" },
	{ "", "duration-s", ROW_RANGE, AT(duration_ms), 1000, 0, 3600000, "60",
	  "length of the trouble; --hours overrides it" },
	{ "", "link", ROW_CHOICE, AT(link), 0, 0, 0, "stream datagram either", "overlay link protocol" },
	{ "", "disk", ROW_CHOICE, AT(disk), 0, 0, 0, "memory sqlite", "where peers keep records" },
	{ "", "security", ROW_CHOICE, AT(security), 0, 0, 0, "fake real",
	  "a keyed hash, or OpenSSL for up to 200 peers" },
	{ "", "checks", ROW_CHOICE, AT(checks), 0, 0, 0, "event second",
	  "look at a peer after each event that reached it, or at all once a second" },
	{ "", "hosts", ROW_CHOICE, AT(hosts), 0, 0, 0, "none overlay direct",
	  "peers are HIP hosts, which reach each other through the overlay alone, or directly too" },
	{ "start", "spacing-ms", ROW_RANGE, AT(start_spacing_ms), 1, 0, 600000, "1000",
	  "between one peer's start and the next one's; 0: all at once" },
	{ "start", "settle-s", ROW_RANGE, AT(start_settle_ms), 1000, 0, 86400, "20",
	  "from the last start until the trouble begins" },
	{ "start", "late-percent", ROW_RANGE, AT(start_late_percent), 1, 0, 100, "0",
	  "of the peers start during the trouble instead" },
	{ "weather", "chance-percent", ROW_RANGE, AT(weather_chance_percent), 1, 0, 100, "100",
	  "that a run has any of what follows latency and jitter" },
	{ "weather", "latency-ms", ROW_RANGE, AT(latency_us), 1000, 0, 60000, "5..50", "one way" },
	{ "weather", "jitter-ms", ROW_RANGE, AT(jitter_us), 1000, 0, 60000, "0..10", "added at random" },
	{ "weather", "loss-percent", ROW_RANGE, AT(loss_ppm), 10000, 0, 100, "0", "of what is sent" },
	{ "weather", "duplicate-percent", ROW_RANGE, AT(duplicate_ppm), 10000, 0, 100, "0", "of datagrams" },
	{ "weather", "reorder-percent", ROW_RANGE, AT(reorder_ppm), 10000, 0, 100, "0", "of datagrams" },
	{ "weather", "flip-percent", ROW_RANGE, AT(flip_ppm), 10000, 0, 100, "0",
	  "of deliveries have one byte changed" },
	{ "weather", "bytes-per-s", ROW_RANGE, AT(bytes_per_s), 1, 0, 1000000000, "0",
	  "of one link and direction; 0: no limit" },
	{ "weather", "mtu", ROW_RANGE, AT(mtu), 1, 0, 65535, "0", "longer datagrams are lost; 0: no limit" },
	{ "load", "stores-per-peer-hour", ROW_RANGE, AT(stores_per_peer_hour), 1, 0, 36000, "0",
	  "registrations stored or refreshed" },
	{ "load", "lookups-per-peer-hour", ROW_RANGE, AT(lookups_per_peer_hour), 1, 0, 360000, "0",
	  "registrations looked up" },
	{ "load", "lifetime-s", ROW_RANGE, AT(lifetime_s), 1, 1, 2592000, "3600", "of registrations" },
	{ "contract", "failures-max", ROW_RANGE, AT(failures_max), 1, 0, 1000000, "0",
	  "peers that fail inside one repair window, at most; 0: no limit" },
	{ "contract", "repair-window-s", ROW_RANGE, AT(repair_window_ms), 1000, 1, 3600, "20",
	  "failures this close together count as at once" },
	{ "contract", "peers-kept", ROW_RANGE, AT(peers_kept), 1, 1, 1000000, "3", "so many run at any time" },
	{ "hostile", "share-percent", ROW_RANGE, AT(hostile_percent), 1, 0, 100, "0", "of the peers" },
	{ "hostile", "behaviour", ROW_TEXT, AT(hostile_behaviour), 0, 0, 0, "drop", "what they do" },
	{ "hostile", "at", ROW_CHOICE, AT(hostile_at), 0, 0, 0, "random cluster",
	  "anywhere on the ring, or side by side" },
	{ "liveness", "ideal-s", ROW_RANGE, AT(ideal_ms), 1000, 1, 86400, "60",
	  "after the trouble the ring is ideal within this" },
	{ "liveness", "placed-s", ROW_RANGE, AT(placed_ms), 1000, 1, 86400, "120",
	  "each record is at its owner and replicas within this" },
	{ "liveness", "after-partition-s", ROW_RANGE, AT(after_partition_ms), 1000, 1, 86400, "300",
	  "both, when there was a partition" },
	{ "liveness", "found-percent", ROW_RANGE, AT(found_ppm), 10000, 0, 100, "0",
	  "of the lookups during the trouble find what they should, by the upper end of the 95 % interval" },
	{ "liveness", "exchange-lookups", ROW_RANGE, AT(exchange_lookups), 1, 0, 1000, "0",
	  "base exchanges all succeed, within so many mean lookups and two round trips of their path on the average; "
	  "0: not judged" },
	{ "liveness", "rest-s", ROW_RANGE, AT(rest_ms), 1000, 0, 86400, "0",
	  "then nothing happens for so long, to measure what that costs" },
	{ "action", "chance-percent", ROW_RANGE, AT_ACTION(chance_percent), 1, 0, 100, "100",
	  "that it happens in a run at all" },
	{ "action", "per-run", ROW_RANGE, AT_ACTION(per_run), 1, 0, 1000000, "0", "occurrences in a run" },
	{ "action", "per-peer-hour", ROW_RANGE, AT_ACTION(per_peer_hour_milli), 1000, 0, 3600,
	  "0", "occurrences per peer and hour, 0.001 at least" },
	{ "action", "at-s", ROW_RANGE, AT_ACTION(at_ms), 1000, 0, 3600000, "any",
	  "when, from the beginning of the trouble; any: at random" },
	{ "action", "share-percent", ROW_RANGE, AT_ACTION(share_percent), 1, 0, 100, "0",
	  "of all peers hit by one occurrence; 0: one peer" },
	{ "action", "spread-s", ROW_RANGE, AT_ACTION(spread_ms), 1000, 0, 3600000, "0",
	  "time over which those are hit, one after the other" },
	{ "action", "lasts-s", ROW_RANGE, AT_ACTION(lasts_ms), 1000, 0, 3600000, "0", "until it is over" },
	{ "action", "strength", ROW_RANGE, AT_ACTION(strength), 1, 0, 1000000000, "0",
	  "slow: us; clock: ms; weather: percent; partition: bits of the split; register: lifetime in s" },
	{ "action", "back-after-s", ROW_RANGE, AT_ACTION(back_after_ms), 1000, 0, 3600000, "never",
	  "until a peer that stopped begins again" },
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))
#define SECTION_COUNT 7
static const char *const sections[SECTION_COUNT] = { "start",   "weather",  "load",  "contract",
						     "hostile", "liveness", "action" };

/* The file being read. libconfuse's callbacks carry no context. */
static struct {
	struct scenario *scenario;
	const char *path; /* libconfuse does not name it to every section */
	char *detail;
	size_t detail_size;
} reading;

int64_t range_draw(struct range r, struct prng *p)
{
	return r.low >= r.high ? r.low : r.low + (int64_t)prng_below(p, (uint64_t)(r.high - r.low) + 1);
}

void scenario_chance(struct prng *p, uint64_t seed, uint64_t purpose)
{
	prng_seed(p, seed * 0x2545f4914f6cdd1du ^ purpose * 0x9e3779b97f4a7c15u);
}

size_t scenario_peers(const struct scenario *s, uint64_t seed)
{
	struct prng p;

	scenario_chance(&p, seed, PURPOSE_PEERS);
	return (size_t)range_draw(s->peers, &p);
}

static const struct row *row_find(const char *section, const char *name)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (strcmp(rows[i].section, section) == 0 && strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

/* Digits with an optional fraction, in units of 1/scale: no floating point, so that every compiler agrees. */
static int number_parse(const char **at, int64_t scale, int64_t *out)
{
	int64_t whole = 0, fraction = 0, unit = scale;
	const char *p = *at;

	if (*p < '0' || *p > '9')
		return ERR_CONFIG;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (whole > INT64_MAX / 20000000)
			return ERR_CONFIG;
		whole = whole * 10 + (*p - '0');
	}
	if (p[0] == '.' && p[1] >= '0' && p[1] <= '9')
		for (p++; *p >= '0' && *p <= '9'; p++) {
			if (unit % 10 != 0 && *p != '0')
				return ERR_CONFIG;
			unit /= 10;
			fraction += unit * (*p - '0');
		}
	*at = p;
	*out = whole * scale + fraction;
	return 0;
}

static int range_parse(const struct row *row, const char *text, struct range *out, char *why, size_t size)
{
	const char *at = text;
	int err;

	if ((strcmp(text, "never") == 0 || strcmp(text, "any") == 0) && strcmp(row->value, text) == 0) {
		*out = (struct range){ NEVER, NEVER };
		return 0;
	}
	err = number_parse(&at, row->scale, &out->low);
	out->high = out->low;
	if (err == 0 && at[0] == '.' && at[1] == '.') {
		at += 2;
		err = number_parse(&at, row->scale, &out->high);
	}
	if (err == 0 && *at == '\0' && out->low <= out->high && out->low >= row->low * row->scale &&
	    out->high <= row->high * row->scale)
		return 0;
	(void)snprintf(why, size, "\"%.40s\" is not a number or a range a..b from %lld to %lld", text,
		       (long long)row->low, (long long)row->high);
	return ERR_CONFIG;
}

static int choice_parse(const struct row *row, const char *text, int *out, char *why, size_t size)
{
	char copy[100], *at = copy, *word;
	int i = 0;

	(void)snprintf(copy, sizeof(copy), "%s", row->value);
	while ((word = strsep(&at, " ")) != NULL) {
		if (strcmp(word, text) == 0) {
			*out = i;
			return 0;
		}
		i++;
	}
	(void)snprintf(why, size, "\"%.40s\" is not one of: %s", text, row->value);
	return ERR_CONFIG;
}

static int row_set(const struct row *row, void *base, const char *text, char *why, size_t size)
{
	void *field = (uint8_t *)base + row->offset;

	switch (row->type) {
	case ROW_RANGE:
		return range_parse(row, text, field, why, size);
	case ROW_CHOICE:
		return choice_parse(row, text, field, why, size);
	case ROW_TEXT:
		if (strlen(text) > SCENARIO_TEXT_MAX) {
			(void)snprintf(why, size, "longer than %d bytes", SCENARIO_TEXT_MAX);
			return ERR_CONFIG;
		}
		(void)snprintf(field, SCENARIO_TEXT_MAX + 1, "%s", text);
		return 0;
	}
	return ERR_INTERNAL;
}

static int action_find(const char *word)
{
	for (int i = 0; i < ACTION_COUNT; i++)
		if (strcmp(action_name((enum action_kind)i), word) == 0)
			return i;
	return -1;
}

static void scenario_init(struct scenario *s)
{
	char why[200], word[100];

	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct row *row = &rows[i];

		(void)snprintf(word, sizeof(word), "%s", row->value);
		if (row->type == ROW_CHOICE)
			word[strcspn(word, " ")] = '\0';
		if (strcmp(row->section, "action") != 0)
			invariant(row_set(row, s, word, why, sizeof(why)) == 0);
		for (size_t k = 0; strcmp(row->section, "action") == 0 && k < ACTION_COUNT; k++)
			invariant(row_set(row, &s->actions[k], word, why, sizeof(why)) == 0);
	}
}

static void on_error(cfg_t *cfg, const char *format, va_list args)
{
	int n;

	if (reading.detail_size == 0 || reading.detail[0] != '\0')
		return;
	n = snprintf(reading.detail, reading.detail_size, "%s:%d: ", reading.path, cfg->line);
	if (n >= 0 && (size_t)n < reading.detail_size)
		(void)vsnprintf(reading.detail + n, reading.detail_size - (size_t)n, format, args);
}

/* The action whose section this is, or NULL after an error that was reported. */
static struct scenario_action *action_of(cfg_t *cfg)
{
	const char *title = cfg_title(cfg);
	int kind = title == NULL ? -1 : action_find(title);

	if (kind < 0) {
		cfg_error(cfg, "action: there is no action \"%.40s\"", title == NULL ? "" : title);
		return NULL;
	}
	return &reading.scenario->actions[kind];
}

/* An option's value has been read: cfg->line is still its line. */
static int on_option(cfg_t *cfg, cfg_opt_t *option)
{
	const char *section = strcmp(cfg_name(cfg), "root") == 0 ? "" : cfg_name(cfg);
	const struct row *row = row_find(section, cfg_opt_name(option));
	void *base = reading.scenario;
	char why[300];

	invariant(row != NULL);
	if (strcmp(section, "action") == 0) {
		base = action_of(cfg);
		if (base == NULL)
			return -1;
	}
	if (row_set(row, base, cfg_opt_getstr(option), why, sizeof(why)) == 0)
		return 0;
	cfg_error(cfg, "%s: %s", row->name, why);
	return -1;
}

/* A section "action" has been read. */
static int on_action(cfg_t *cfg, cfg_opt_t *option)
{
	cfg_t *section = cfg_opt_getnsec(option, cfg_opt_size(option) - 1);
	struct scenario_action *a;

	(void)cfg;
	a = action_of(section);
	if (a == NULL)
		return -1;
	a->is_set = true;
	return 0;
}

static cfg_t *parser_new(cfg_opt_t options[][ROW_COUNT + SECTION_COUNT + 1])
{
	char path[100];
	cfg_t *cfg;

	for (size_t k = 0; k <= SECTION_COUNT; k++) {
		const char *section = k == SECTION_COUNT ? "" : sections[k];
		cfg_opt_t *out = options[k];

		for (size_t i = 0; i < ROW_COUNT; i++)
			if (strcmp(rows[i].section, section) == 0)
				*out++ = (cfg_opt_t)CFG_STR(rows[i].name, NULL, CFGF_NODEFAULT);
		for (size_t i = 0; k == SECTION_COUNT && i < SECTION_COUNT; i++)
			*out++ = (cfg_opt_t)CFG_SEC(sections[i], options[i],
						    strcmp(sections[i], "action") != 0 ? CFGF_NONE :
						    CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
		*out = (cfg_opt_t)CFG_END();
	}
	cfg = cfg_init(options[SECTION_COUNT], CFGF_NONE);
	invariant(cfg != NULL);
	cfg_set_error_function(cfg, on_error);
	for (size_t i = 0; i < ROW_COUNT; i++) {
		(void)snprintf(path, sizeof(path), "%s%s%s", rows[i].section, rows[i].section[0] == '\0' ? "" : "|",
			       rows[i].name);
		cfg_set_validate_func(cfg, path, on_option);
	}
	cfg_set_validate_func(cfg, "action", on_action);
	return cfg;
}

/* What one option cannot see for itself. */
static int scenario_check(const struct scenario *s, const char *path, char *detail, size_t size)
{
	if (s->security == SCENARIO_SECURITY_REAL && s->peers.high > 200) {
		(void)snprintf(detail, size, "%s: peers: more than 200 with real security", path);
		return ERR_CONFIG;
	}
	if (s->security == SCENARIO_SECURITY_REAL && s->hosts != SCENARIO_HOSTS_NONE) {
		(void)snprintf(detail, size, "%s: hosts: not with real security", path);
		return ERR_CONFIG;
	}
	for (int k = 0; k < ACTION_COUNT; k++) {
		const struct scenario_action *a = &s->actions[k];

		if (a->is_set && a->per_run.high == 0 && a->per_peer_hour_milli.high == 0) {
			(void)snprintf(detail, size, "%s: action %s: needs per-run or per-peer-hour", path,
				       action_name((enum action_kind)k));
			return ERR_CONFIG;
		}
	}
	return 0;
}

static void name_set(struct scenario *s, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dot;

	(void)snprintf(s->name, sizeof(s->name), "%s", slash == NULL ? path : slash + 1);
	dot = strrchr(s->name, '.');
	if (dot != NULL && dot != s->name)
		*dot = '\0';
}

int scenario_read(struct scenario *s, const char *path, char *detail, size_t detail_size)
{
	static cfg_opt_t options[SECTION_COUNT + 1][ROW_COUNT + SECTION_COUNT + 1];
	int result = CFG_FILE_ERROR;
	FILE *file;
	cfg_t *cfg;

	scenario_init(s);
	name_set(s, path);
	detail[0] = '\0';
	reading.scenario = s;
	reading.path = path;
	reading.detail = detail;
	reading.detail_size = detail_size;
	cfg = parser_new(options);
	file = fopen(path, "re");
	if (file == NULL) {
		(void)snprintf(detail, detail_size, "%s: %s", path, strerror(errno));
	} else {
		result = cfg_parse_fp(cfg, file);
		(void)fclose(file);
	}
	cfg_free(cfg);
	reading.scenario = NULL;
	if (result == CFG_PARSE_ERROR && detail[0] == '\0')
		(void)snprintf(detail, detail_size, "%s: not readable as a scenario", path);
	if (result == CFG_SUCCESS)
		return scenario_check(s, path, detail, detail_size);
	return result == CFG_FILE_ERROR ? ERR_IO : ERR_CONFIG;
}

void scenario_print_options(FILE *out)
{
	const char *section = "?";

	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct row *row = &rows[i];

		if (strcmp(section, row->section) != 0) {
			section = row->section;
			if (section[0] != '\0')
				fprintf(out, "%s%s:\n", section, strcmp(section, "action") == 0 ? " NAME" : "");
		}
		fprintf(out, "  %-22s %-24s %s\n", row->name, row->value, row->meaning);
	}
	fprintf(out, "actions:\n");
#define X(id, word, meaning) fprintf(out, "  %-22s %s\n", word, meaning);
	ACTION_MAP(X)
#undef X
}
