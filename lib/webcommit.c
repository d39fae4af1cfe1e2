/* The commit: all commands that wait, in one transaction. */
#include <stdlib.h>

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

struct answer { struct request *request; char id[MESSAGE_ID_BYTES + 1];
    int64_t position; struct buf fault; };

static int append_all(struct web *w, struct answer *answers, size_t n,
    struct es_err *err)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct command *c = answers[i].request->command;
		struct es_err fault = {0};
		struct appended out;
		struct draft d;

		if (!c->id.n) {
			unsigned char uuid[16];
			char text[UUID_TEXT];

			if (hash_uuid7(uuid, err) < 0)
				return -1;
			hash_uuid_text(uuid, text);
			buf_adds(&c->id, text);
		}
		d = command_draft(c);
		if (store_append(w->store, &d, &out, &fault) == 0) {
			answers[i].position = out.position;
			continue;
		}
		if (store_at_fault(w->store, &fault)) {
			*err = fault;
			return -1;
		}
		/* Refused: it is left out, the others go on. */
		buf_adds(&answers[i].fault, fault.text);
	}
	return 0;
}

static void answer_all(struct answer *answers, size_t n, bool committed)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct request *r = answers[i].request;

		if (!committed) {
			web_respond_text(r, 503, "the log cannot be written "
			    "now");
			web_add_header(r, "Retry-After", "5");
		} else if (answers[i].fault.n) {
			command_conflict(r, answers[i].fault.p);
		} else {
			accepted(r, buf_span(&r->command->id),
			    answers[i].position);
		}
		buf_free(&answers[i].fault);
	}
}

int web_commit(struct web *w, struct es_err *err)
{
	struct es_err fault = {0};
	struct answer *answers;
	size_t n = 0;
	int bad;

	if (!w->queue)
		return 0;
	answers = calloc(w->n_queued, sizeof *answers);
	if (!answers)
		return es_fail_nomem(err);
	for (struct request *r = w->queue; r; r = r->next)
		answers[n++].request = r;
	w->queue = w->queue_last = NULL;
	w->n_queued = 0;
	bad = store_begin(w->store, &fault);
	if (bad == 0)
		bad = append_all(w, answers, n, &fault);
	if (bad == 0)
		bad = store_commit(w->store, &fault);
	else
		store_rollback(w->store);
	if (bad < 0)
		web_say(w, "%s", fault.text);
	answer_all(answers, n, bad == 0);
	free(answers);
	return 0;
}
