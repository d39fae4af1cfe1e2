/* The commit: all commands that wait, in one transaction. */
#include "sys.h"
#include "url.h"
#include "webcommand.h"

static void accepted(struct request *r, struct span id, int64_t position)
{
	struct buf text = {0};

	if (r->command->form) {
		struct span page = command_page(r);

		buf_add_span(&text, page);
		web_respond(r, 303, NULL, SPAN_LIT(""));
		web_add_header(r, "Location", text.failed ? "/" : text.p);
		buf_truncate(&text, 0);
	} else {
		web_respond(r, 202, NULL, SPAN_LIT(""));
		buf_adds(&text, "/commands/");
		url_encode(&text, id);
		if (!text.failed)
			web_add_header(r, "Location", text.p);
		buf_truncate(&text, 0);
	}
	buf_add_span(&text, id);
	if (!text.failed)
		web_add_header(r, "ES-Id", text.p);
	buf_truncate(&text, 0);
	buf_add_int(&text, position);
	if (!text.failed)
		web_add_header(r, "ES-Position", text.p);
	buf_free(&text);
}

/* Made here, so that the answer has it. */
static int make_id(struct command *c, struct es_err *err)
{
	unsigned char uuid[16];
	char text[UUID_TEXT];

	if (c->id.n)
		return 0;
	if (hash_uuid7(uuid, err) < 0)
		return -1;
	hash_uuid_text(uuid, text);
	buf_adds(&c->id, text);
	return buf_check(&c->id, err);
}

static int append(struct web *w, struct command *c, struct es_err *err)
{
	struct es_err fault = {0};
	struct appended out;
	struct draft d;

	if (make_id(c, err) < 0)
		return -1;
	d = command_draft(c);
	if (store_append(w->store, &d, &out, &fault) == 0) {
		c->position = out.position;
		return 0;
	}
	if (store_at_fault(w->store, &fault)) {
		*err = fault;
		return -1;
	}
	/* It is left out, the others go on. */
	buf_adds(&c->refusal, fault.text);
	return buf_check(&c->refusal, err);
}

static int append_all(struct web *w, struct es_err *err)
{
	const struct request *r;

	if (store_begin(w->store, err) < 0)
		return -1;
	for (r = w->queue; r; r = r->next)
		if (append(w, r->command, err) < 0)
			break;
	if (!r)
		return store_commit(w->store, err);
	store_rollback(w->store);
	return -1;
}

static void answer(struct request *r, bool committed)
{
	if (!committed) {
		command_unavailable(r, "the log cannot be written now", 5);
	} else if (r->command->refusal.n) {
		command_conflict(r, r->command->refusal.p);
	} else {
		accepted(r, buf_span(&r->command->id), r->command->position);
	}
}

void web_commit(struct web *w)
{
	struct request *r = w->queue, *next;
	struct es_err err = {0};
	bool committed;

	if (!r)
		return;
	committed = append_all(w, &err) == 0;
	if (!committed && err.code == ES_BUSY &&
	    sys_monotonic() - w->queue_since < WEB_COMMIT_MS)
		return;
	w->queue = w->queue_last = NULL;
	w->n_queued = 0;
	if (!committed) {
		web_say(w, "%s", err.text);
		/* It may be another file by now. */
		w->checked_at = 0;
	}
	for (; r; r = next) {
		next = r->next;
		answer(r, committed);
	}
}
