/* SPDX-License-Identifier: MIT */
/* peal-enroll user: accounts, their passwords, quotas and devices. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/certificate_authority.h"
#include "tools/ctl_table.h"
#include "tools/enroll.h"
#include "tools/overlay_time.h"
#include "tools/password_prompt.h"

/* The arguments of one call. */
struct account_call {
	const struct enroll_command *command;
	struct enroll_folder folder;
	char user[USER_NAME_MAX + 1];
	const char *password_file;
	unsigned quota;  /* 0: not given */
	unsigned device; /* 0: not given */
	bool json;
};

/* Says what an ERR_* of the state means for this user. */
static int account_fail(const struct account_call *call, int err)
{
	if (err == ERR_NOT_FOUND)
		return enroll_fail("there is no user %s; `peal-enroll user list` shows all", call->user);
	if (err == ERR_DUPLICATE)
		return enroll_fail("user %s exists already; `peal-enroll user passwd %s` gives a new password",
				   call->user, call->user);
	return enroll_fail("%s", enroll_state_error(call->folder.overlay.state));
}

/* Asks for a password and hashes it. 0 or the exit code. */
static int account_password(const struct account_call *call, char *hash)
{
	char password[PASSWORD_TEXT_SIZE], prompt[USER_NAME_MAX + 32], detail[ENROLL_DETAIL_SIZE] = "";
	int err;

	snprintf(prompt, sizeof(prompt), "password for %s", call->user);
	err = password_read(call->password_file, prompt, true, password, detail, sizeof(detail));
	if (err == 0) {
		err = password_hash(password, hash);
		if (err != 0)
			snprintf(detail, sizeof(detail), "hashing the password: %s", error_text(err));
	}
	explicit_bzero(password, sizeof(password));
	return err == 0 ? 0 : enroll_fail("%s", detail);
}

static int account_add(struct account_call *call)
{
	struct enroll_state *s = call->folder.overlay.state;
	unsigned quota = call->quota != 0 ? call->quota : call->folder.quota;
	char hash[PASSWORD_HASH_SIZE];
	struct enroll_user old;
	int err;

	if (!enroll_user_is_acceptable(call->user) ||
	    strncmp(call->user, ENROLL_SIGNER "@", strlen(ENROLL_SIGNER "@")) == 0)
		return enroll_fail("%s: not a user name; it is like a mail address, its domain in lower case",
				   call->user);
	if (!certificate_authority_permits(call->folder.authority, call->user))
		return enroll_fail("%s: this overlay's root may not name users of that domain; see --names of "
				   "`peal-enroll create`", call->user);
	err = enroll_state_user_find(s, call->user, &old);
	if (err != ERR_NOT_FOUND)
		return account_fail(call, err == 0 ? ERR_DUPLICATE : err);
	err = account_password(call, hash);
	if (err != 0)
		return err;
	err = enroll_state_user_add(s, call->user, hash, quota, overlay_now());
	if (err != 0)
		return account_fail(call, err);
	printf("added %s, at most %u Node-IDs\n", call->user, quota);
	return EXIT_SUCCESS;
}

static int account_passwd(struct account_call *call)
{
	char hash[PASSWORD_HASH_SIZE];
	struct enroll_user user;
	int err = enroll_state_user_find(call->folder.overlay.state, call->user, &user);

	if (err == 0 && strcmp(user.password_hash, "none") == 0)
		return enroll_fail("%s is the overlay's own and never logs in", call->user);
	if (err != 0)
		return account_fail(call, err);
	err = account_password(call, hash);
	if (err != 0)
		return err;
	err = enroll_state_user_set_password(call->folder.overlay.state, call->user, hash);
	return err == 0 ? EXIT_SUCCESS : account_fail(call, err);
}

static int account_quota(struct account_call *call)
{
	int err;

	if (call->quota == 0)
		return enroll_usage(call->command, "--node-ids is wanted");
	err = enroll_state_user_set_quota(call->folder.overlay.state, call->user, call->quota);
	return err == 0 ? EXIT_SUCCESS : account_fail(call, err);
}

/* Prints the Node-IDs whose certificates are still valid, and how to make them invalid. */
static void print_still_valid(const struct enroll_device *d)
{
	char id[NODE_ID_TEXT_SIZE], until[OVERLAY_TIME_SIZE];

	if (d->not_after.ms <= overlay_now().ms)
		return;
	for (size_t i = 0; i < d->node_id_count; i++)
		printf("Node-ID %s has a certificate until %s; to end it now:\n"
		       "  peal-enroll document --bad-node %s\n", node_id_text(&d->node_ids[i], id),
		       overlay_time_text(d->not_after, until), id);
}

static int account_forget(struct account_call *call)
{
	struct enroll_state *s = call->folder.overlay.state;
	struct enroll_device d;
	int err;

	if (call->device == 0)
		return enroll_usage(call->command, "--device is wanted; `peal-enroll user show` lists them");
	err = enroll_state_device_find(s, call->user, call->device, &d);
	if (err == ERR_NOT_FOUND)
		return enroll_fail("%s has no device %u; `peal-enroll user show %s` lists them", call->user,
				   call->device, call->user);
	if (err == 0)
		err = enroll_state_device_remove(s, call->user, call->device);
	if (err != 0)
		return account_fail(call, err);
	print_still_valid(&d);
	return EXIT_SUCCESS;
}

static int account_remove(struct account_call *call)
{
	struct enroll_state *s = call->folder.overlay.state;
	struct enroll_device d = { 0 };
	struct enroll_user user;
	int err = enroll_state_user_find(s, call->user, &user);

	if (err == 0 && strcmp(user.password_hash, "none") == 0)
		return enroll_fail("%s signs the configuration document and cannot be removed", call->user);
	if (err != 0)
		return account_fail(call, err);
	while (enroll_state_device_next(s, call->user, d.number, &d) == 0)
		print_still_valid(&d);
	err = enroll_state_user_remove(s, call->user);
	if (err != 0)
		return account_fail(call, err);
	printf("removed %s\n", call->user);
	return EXIT_SUCCESS;
}

static void print_json(json_t *object)
{
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}

static int account_show(struct account_call *call)
{
	struct enroll_state *s = call->folder.overlay.state;
	struct terminal terminal = terminal_of(stdout);
	struct table *t = table_new();
	struct enroll_device d = { 0 };
	struct enroll_user user;
	char text[OVERLAY_TIME_SIZE], id[NODE_ID_TEXT_SIZE];
	int err = enroll_state_user_find(s, call->user, &user);

	table_column(t, "DEVICE", TABLE_RIGHT);
	table_column(t, "NODE-ID", TABLE_LEFT);
	table_column(t, "ENROLLED", TABLE_LEFT);
	table_column(t, "VALID UNTIL", TABLE_LEFT);
	while (err == 0 && enroll_state_device_next(s, call->user, d.number, &d) == 0) {
		for (size_t i = 0; i < d.node_id_count; i++) {
			node_id_text(&d.node_ids[i], id);
			if (call->json) {
				print_json(json_pack("{s:s, s:i, s:s, s:I, s:I}", "user", call->user, "device",
						     (int)d.number, "node_id", id, "created_ms",
						     (json_int_t)d.created.ms, "not_after_ms",
						     (json_int_t)d.not_after.ms));
				continue;
			}
			table_row(t, STYLE_PLAIN);
			table_cellf(t, "%u", d.number);
			table_cell(t, id);
			table_cell(t, overlay_time_text(d.created, text));
			table_cell(t, overlay_time_text(d.not_after, text));
		}
	}
	if (err == 0 && !call->json) {
		printf("%s: %u of %u Node-IDs\n", user.name, user.node_ids, user.quota);
		if (table_rows(t) > 0)
			table_print(t, &terminal);
	}
	table_free(t);
	return err == 0 ? EXIT_SUCCESS : account_fail(call, err);
}

static int account_list(struct account_call *call)
{
	struct enroll_state *s = call->folder.overlay.state;
	struct terminal terminal = terminal_of(stdout);
	struct table *t = table_new();
	struct enroll_user u = { 0 };
	char text[OVERLAY_TIME_SIZE];
	int err;

	table_column(t, "USER", TABLE_LEFT);
	table_column(t, "DEVICES", TABLE_RIGHT);
	table_column(t, "NODE-IDS", TABLE_RIGHT);
	table_column(t, "AT MOST", TABLE_RIGHT);
	table_column(t, "SINCE", TABLE_LEFT);
	while ((err = enroll_state_user_next(s, u.name, &u)) == 0) {
		if (call->json) {
			print_json(json_pack("{s:s, s:i, s:i, s:i, s:I}", "user", u.name, "devices",
					     (int)u.devices, "node_ids", (int)u.node_ids, "quota",
					     (int)u.quota, "created_ms", (json_int_t)u.created.ms));
			continue;
		}
		table_row(t, STYLE_PLAIN);
		table_cell(t, u.name);
		table_cellf(t, "%u", u.devices);
		table_cellf(t, "%u", u.node_ids);
		table_cellf(t, "%u", u.quota);
		table_cell(t, overlay_time_text(u.created, text));
	}
	if (err == ERR_NOT_FOUND && !call->json)
		table_print(t, &terminal);
	table_free(t);
	return err == ERR_NOT_FOUND ? EXIT_SUCCESS : account_fail(call, err);
}

static const struct {
	const char *name;
	bool wants_user;
	int (*run)(struct account_call *call);
} verbs[] = {
	{ "add", true, account_add },       { "passwd", true, account_passwd },
	{ "quota", true, account_quota },   { "show", true, account_show },
	{ "forget", true, account_forget }, { "remove", true, account_remove },
	{ "list", false, account_list },
};

#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

/* The full user name; a bare one is of the overlay's own domain. */
static bool account_name(struct account_call *call, const char *name)
{
	int len = strchr(name, '@') != NULL ?
			  snprintf(call->user, sizeof(call->user), "%s", name) :
			  snprintf(call->user, sizeof(call->user), "%s@%s", name, call->folder.overlay.name);

	return len > 0 && (size_t)len < sizeof(call->user);
}

static int account_dispatch(struct account_call *call, const char *folder, int argc, char **argv)
{
	size_t verb = 0;
	int rc;

	while (verb < VERB_COUNT && (argc < 1 || strcmp(verbs[verb].name, argv[0]) != 0))
		verb++;
	if (verb == VERB_COUNT)
		return enroll_usage(call->command, "add, passwd, quota, show, forget, remove or list is wanted");
	if (argc != (verbs[verb].wants_user ? 2 : 1))
		return enroll_usage(call->command, verbs[verb].wants_user ? "%s wants one user name" :
				    "%s wants no name", verbs[verb].name);
	rc = enroll_open(call->command, &call->folder, folder);
	if (rc != 0)
		return rc;
	if (verbs[verb].wants_user && !account_name(call, argv[1]))
		rc = enroll_fail("%s: a user name has at most %d bytes", argv[1], USER_NAME_MAX);
	else
		rc = verbs[verb].run(call);
	enroll_folder_close(&call->folder);
	return rc;
}

int enroll_user_run(const struct enroll_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "folder", required_argument, NULL, 'f' },   { "password-file", required_argument, NULL, 'p' },
		{ "node-ids", required_argument, NULL, 'n' }, { "device", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },           { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct account_call call = { .command = command };
	const char *folder = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'f')
			folder = optarg;
		else if (option == 'p')
			call.password_file = optarg;
		else if (option == 'j')
			call.json = true;
		else if (option == 'h')
			return enroll_help(command);
		else if (option == 'n' ? !enroll_number("--node-ids", optarg, 1, ENROLL_QUOTA_MAX, &call.quota) :
			 option == 'd' ? !enroll_number("--device", optarg, 1, 999, &call.device) : true)
			return EXIT_USAGE;
	}
	return account_dispatch(&call, folder, argc - optind, argv + optind);
}
