/* runner: whether something is still to be done, and what is left behind. */
#include "runnerimpl.h"

static bool failing_unparked(const struct lane *l)
{
	for (size_t i = 0; i < LANE_BUCKETS; i++)
		for (const struct part *p = l->buckets[i]; p; p = p->next)
			if (p->failing && !p->row.parked)
				return true;
	return false;
}

static int lane_idle(struct lane *l, bool *idle, struct es_err *err)
{
	bool pending = false;

	*idle = true;
	if (l->stopped)
		return 0;
	if (l->view) {
		*idle = l->projected;
		return 0;
	}
	*idle = l->scanned >= l->runner->head && !l->tasks && !l->running &&
	    !l->stubborn && !failing_unparked(l);
	if (!*idle || !l->foreign)
		return 0;
	if (lane_foreign_pending(l, &pending, err) < 0)
		return -1;
	*idle = !pending;
	return 0;
}

int runner_idle(struct runner *r, bool *idle, struct es_err *err)
{
	size_t i;

	*idle = true;
	for (i = 0; i < r->n_lanes && *idle; i++)
		if (lane_idle(&r->lanes[i], idle, err) < 0)
			return -1;
	return 0;
}

/* What an earlier process has left, which this one has not told of. */
static void tell_left(const struct lane *l, const struct group_row *row,
    size_t parked)
{
	const char *name = l->handler->name;

	if (l->told)
		return;
	if (row->held)
		runner_say(l->runner, "%s: is held back: a new epoch has begun"
		    ", and it would do again what it did for another store; "
		    "let it go on with es-group adopt %s", name, name);
	else if (row->stopped)
		runner_say(l->runner, "%s: is stopped%s%s; start it with "
		    "es-group start %s", name, row->error ? ": " : "",
		    row->error ? row->error : "", name);
	else if (parked)
		runner_say(l->runner, "%s: %zu %s parked; see es-group show "
		    "%s", name, parked, parked == 1 ? "partition is" :
		    "partitions are", name);
}

static int lane_status(const struct lane *l, int *status, struct es_err *err)
{
	struct groups *g = l->runner->groups;
	const char *name = l->handler->name;
	struct group_row row;
	struct group_failing *v;
	size_t n, k, parked = 0;

	if (lane_load_group(l, &row, err) < 0)
		return -1;
	if (group_failing(g, name, &v, &n, err) < 0) {
		group_row_free(&row);
		return -1;
	}
	for (k = 0; k < n; k++)
		parked += v[k].parked;
	group_failing_free(v, n);
	if (row.stopped && (row.code == ES_NOEXEC || row.code == ES_NOTFOUND))
		*status = row.code;
	else if ((row.stopped || parked) && *status == ES_OK)
		*status = ES_FAILED;
	tell_left(l, &row, parked);
	group_row_free(&row);
	return 0;
}

int runner_status(struct runner *r, struct es_err *err)
{
	int status = ES_OK;
	size_t i;

	for (i = 0; i < r->n_lanes; i++)
		if (lane_status(&r->lanes[i], &status, err) < 0)
			return -1;
	return status;
}

