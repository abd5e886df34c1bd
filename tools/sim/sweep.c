/* SPDX-License-Identifier: MIT */
/* One process a job, each with every jobs-th seed; one that crashes is replaced and goes on after the seed
 * that ended it. */
#include "tools/sim/sweep.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "overlay/base/invariant.h"
#include "tools/sim/run_state.h"

struct job {
	pid_t pid; /* 0: done */
	int fd;    /* results come here, one run_result after the other */
	uint64_t seed; /* the one it is at */
	struct run_result partial;
	size_t got;
};

struct sweep {
	const struct scenario *scenario;
	const struct sweep_options *options;
	struct report *report;
	struct job jobs[SWEEP_JOBS_MAX];
	unsigned job_count;
	uint64_t began_us, told_us;
	bool is_stopped;
};

/* In the child: all of its seeds. */
static void job_work(const struct sweep *s, uint64_t seed, int fd)
{
	struct run_options options = { .peers = s->options->peers, .duration_ms = s->options->duration_ms };
	struct run_result result;
	char detail[300];

	for (;;) {
		options.seed = seed;
		alarm(s->options->wall_limit_s);
		if (run_scenario(s->scenario, &options, &result, detail, sizeof(detail)) != 0)
			_exit(2);
		if (write(fd, &result, sizeof(result)) != (ssize_t)sizeof(result))
			_exit(3);
		if (s->options->last - seed < s->options->jobs)
			_exit(0);
		seed += s->options->jobs;
	}
}

static void job_start(struct sweep *s, struct job *job, uint64_t seed)
{
	int ends[2];

	invariant(pipe(ends) == 0);
	fflush(NULL);
	job->seed = seed;
	job->got = 0;
	job->fd = ends[0];
	job->pid = fork();
	invariant(job->pid >= 0);
	if (job->pid == 0) {
		close(ends[0]);
		for (unsigned i = 0; i < s->job_count; i++)
			if (&s->jobs[i] != job && s->jobs[i].pid != 0)
				close(s->jobs[i].fd);
		job_work(s, seed, ends[1]);
	}
	close(ends[1]);
}

static void progress_clear(struct sweep *s)
{
	if (s->options->progress != NULL)
		fputs("\r\033[K", s->options->progress);
}

/* The command that shows this failure again. */
static void replay_print(const struct sweep *s, uint64_t seed)
{
	FILE *out = s->options->failures;

	fprintf(out, "    %s --seed %llu", s->options->command, (unsigned long long)seed);
	if (s->options->peers != 0)
		fprintf(out, " --peers %zu", s->options->peers);
	if (s->options->duration_ms != 0)
		fprintf(out, " --hours %g", (double)s->options->duration_ms / 3600e3);
	fputc('\n', out);
	fflush(out);
}

static void result_take(struct sweep *s, const struct run_result *result)
{
	report_add(s->report, result);
	if (result->violation_count == 0)
		return;
	progress_clear(s);
	fprintf(s->options->failures, "seed %llu, %zu peers: %zu violations\n    ", (unsigned long long)result->seed,
		result->peers, result->violation_count);
	report_violation(&result->violations[0], s->options->failures);
	replay_print(s, result->seed);
}

static void crash_take(struct sweep *s, uint64_t seed, int status)
{
	progress_clear(s);
	report_add_crash(s->report, seed);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		fprintf(s->options->failures, "seed %llu: took longer than %u s\n", (unsigned long long)seed,
			s->options->wall_limit_s);
	else if (WIFSIGNALED(status))
		fprintf(s->options->failures, "seed %llu: ended by signal %d (%s)\n", (unsigned long long)seed,
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		fprintf(s->options->failures, "seed %llu: ended with status %d\n", (unsigned long long)seed,
			WEXITSTATUS(status));
	replay_print(s, seed);
}

/* The job's process is over: done, or crashed at its seed. */
static void job_ended(struct sweep *s, struct job *job)
{
	int status = 0;

	close(job->fd);
	invariant(waitpid(job->pid, &status, 0) == job->pid);
	job->pid = 0;
	if (s->is_stopped || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
		return;
	crash_take(s, job->seed, status);
	if (s->options->last - job->seed >= s->options->jobs)
		job_start(s, job, job->seed + s->options->jobs);
}

static void job_read(struct sweep *s, struct job *job)
{
	ssize_t n = read(job->fd, (uint8_t *)&job->partial + job->got, sizeof(job->partial) - job->got);

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		job_ended(s, job);
		return;
	}
	job->got += (size_t)n;
	if (job->got < sizeof(job->partial))
		return;
	job->got = 0;
	result_take(s, &job->partial);
	if (s->options->last - job->seed >= s->options->jobs)
		job->seed += s->options->jobs;
}

static void progress_tell(struct sweep *s)
{
	const struct report *r = s->report;
	uint64_t now = run_wall_us(), all = s->options->last - s->options->first + 1;
	double seconds = (double)(now - s->began_us) / 1e6, rate;

	if (s->options->progress == NULL || now - s->told_us < 200000)
		return;
	s->told_us = now;
	rate = seconds <= 0 ? 0 : (double)r->seeds / seconds;
	fprintf(s->options->progress,
		"\r\033[K%s: %llu of %llu seeds (%.1f %%), %.1f/s, %llu events/s, %llu failed, %.0f s left",
		s->scenario->name, (unsigned long long)r->seeds, (unsigned long long)all,
		100.0 * (double)r->seeds / (double)all, rate,
		(unsigned long long)(seconds <= 0 ? 0 : (double)r->events / seconds), (unsigned long long)r->failed,
		rate <= 0 ? 0 : (double)(all - r->seeds) / rate);
	fflush(s->options->progress);
}

static void stop_all(struct sweep *s)
{
	s->is_stopped = true;
	for (unsigned i = 0; i < s->job_count; i++)
		if (s->jobs[i].pid != 0)
			(void)kill(s->jobs[i].pid, SIGTERM);
}

/* Waits for results; false when no process is left. */
static bool sweep_turn(struct sweep *s)
{
	struct pollfd polled[SWEEP_JOBS_MAX];
	struct job *of[SWEEP_JOBS_MAX];
	nfds_t count = 0;

	for (unsigned i = 0; i < s->job_count; i++) {
		if (s->jobs[i].pid == 0)
			continue;
		of[count] = &s->jobs[i];
		polled[count++] = (struct pollfd){ .fd = s->jobs[i].fd, .events = POLLIN };
	}
	if (count == 0)
		return false;
	if (poll(polled, count, 500) > 0)
		for (nfds_t i = 0; i < count; i++)
			if (polled[i].revents != 0)
				job_read(s, of[i]);
	progress_tell(s);
	return true;
}

int sweep(const struct scenario *scenario, const struct sweep_options *options, struct report *out)
{
	uint64_t seeds = options->last - options->first + 1;
	struct sweep_options own = *options;
	struct sweep *s = memory_alloc(sizeof(*s));
	bool is_stopped;

	if (own.jobs == 0 || own.jobs > SWEEP_JOBS_MAX)
		own.jobs = own.jobs == 0 ? 1 : SWEEP_JOBS_MAX;
	if (own.jobs > seeds)
		own.jobs = (unsigned)seeds;
	s->scenario = scenario;
	s->options = &own;
	s->report = out;
	s->began_us = run_wall_us();
	report_init(out, scenario->name);
	for (s->job_count = 0; s->job_count < own.jobs; s->job_count++)
		job_start(s, &s->jobs[s->job_count], own.first + s->job_count);
	while (sweep_turn(s))
		if (!s->is_stopped && own.failures_max != 0 && out->failed >= own.failures_max)
			stop_all(s);
	progress_clear(s);
	out->wall_us = run_wall_us() - s->began_us;
	is_stopped = s->is_stopped;
	free(s);
	return is_stopped ? ERR_LIMIT : 0;
}
