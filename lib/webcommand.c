/* POST /commands/TYPE and what became of it: GET /commands/ID. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "webint.h"

struct command {
	struct buf type, id, payload, metadata;
	struct buf page;	/* of ?page= */
	bool form;		/* sent by a form without a script */
	bool coerce;
	/* While the body is read: */
	struct request *request;
	struct buf names;	/* of a form's fields, each ended by NUL */
	size_t n_names;
	struct buf values;	/* JSON object of strings, for the form again */
	struct buf errors;	/* JSON object: attribute -> what is wrong */
	struct buf faulty;	/* names of these, each ended by NUL */
	const struct catalog_entry *entry;
};

void command_free(struct command *c)
{
	if (!c)
		return;
	buf_free(&c->type);
	buf_free(&c->id);
	buf_free(&c->page);
	buf_free(&c->payload);
	buf_free(&c->metadata);
	buf_free(&c->names);
	buf_free(&c->values);
	buf_free(&c->errors);
	buf_free(&c->faulty);
	free(c);
}

static void add_member(struct buf *object, struct span name,
    struct span json_value)
{
	if (object->n)
		buf_truncate(object, object->n - 1);
	buf_addc(object, object->n ? ',' : '{');
	json_quote_span(object, name);
	buf_addc(object, ':');
	buf_add_span(object, json_value);
	buf_addc(object, '}');
}

static void add_text(struct buf *object, struct span name, struct span text)
{
	struct buf quoted = {0};

	json_quote_span(&quoted, text);
	add_member(object, name, buf_span(&quoted));
	if (quoted.failed)
		object->failed = true;
	buf_free(&quoted);
}

static struct span object_or_empty(const struct buf *b)
{
	return b->n ? buf_span(b) : SPAN_LIT("{}");
}

/* ---- refusals ---- */

static bool seen(const struct buf *names, struct span name)
{
	const char *p = names->p, *end = p + names->n;

	for (; p && p < end; p += strlen(p) + 1)
		if (span_is(name, p))
			return true;
	return false;
}

static void add_name(struct buf *names, struct span name)
{
	buf_add_span(names, name);
	buf_addc(names, '\0');
}

/* The first fault of an attribute counts; "" is the whole command. */
static void add_fault(struct command *c, struct span attribute,
    struct span text)
{
	if (seen(&c->faulty, attribute))
		return;
	add_name(&c->faulty, attribute);
	add_text(&c->errors, attribute, text);
}

static void tell_fault(void *ctx, struct span attribute,
    const char *expected, const char *came)
{
	struct command *c = ctx;

	(void)came;
	add_fault(c, attribute, span_str(expected));
}

static bool is_local(struct request *r, const char *referer, struct span *path)
{
	const char *host = web_header(r, "Host"), *rest;
	size_t n = host ? strlen(host) : 0;

	if (!referer || !host)
		return false;
	rest = strncmp(referer, "http://", 7) == 0 ? referer + 7 :
	    strncmp(referer, "https://", 8) == 0 ? referer + 8 : NULL;
	if (!rest || strncasecmp(rest, host, n) != 0 ||
	    (rest[n] != '/' && rest[n] != '\0'))
		return false;
	*path = span_str(rest[n] ? rest + n : "/");
	return true;
}

/* ?page= of a form that was shown again, if that is a page of ours. */
static bool asked_page(struct request *r)
{
	struct command *c = r->command;
	struct page_request page;
	struct span path, query = SPAN_LIT("");
	const char *mark;

	if (web_form_value(r->query, "page", &c->page) <= 0)
		return false;
	path = buf_span(&c->page);
	mark = path.n ? memchr(path.p, '?', path.n) : NULL;
	if (mark) {
		query = (struct span){mark + 1,
		    path.n - (size_t)(mark + 1 - path.p)};
		path.n = (size_t)(mark - path.p);
	}
	if (pages_match(r->web->pages, path, query, &page, NULL) <= 0)
		return false;
	buf_swap(&c->page, &page.url);
	page_request_free(&page);
	return true;
}

/* The page that a plain form was on, or "/". */
static struct span form_page(struct request *r)
{
	struct span path;

	if (asked_page(r))
		return buf_span(&r->command->page);
	if (is_local(r, web_header(r, "Referer"), &path))
		return web_own_path(path);
	return SPAN_LIT("/");
}

static void unprocessable(struct request *r)
{
	struct command *c = r->command;
	struct buf body = {0};

	if (c->form) {
		web_page_again(r, form_page(r), buf_span(&c->type),
		    &c->values, &c->errors);
		return;
	}
	buf_adds(&body, "{\"errors\":");
	buf_add_span(&body, object_or_empty(&c->errors));
	buf_adds(&body, "}\n");
	web_respond(r, 422, "application/json", buf_span(&body));
	buf_free(&body);
}

/* A fault that is no attribute's. */
static void conflict(struct request *r, const char *text)
{
	struct command *c = r->command;
	struct buf body = {0};

	if (c->form) {
		add_fault(c, SPAN_LIT(""), span_str(text));
		unprocessable(r);
		return;
	}
	add_text(&body, SPAN_LIT("error"), span_str(text));
	buf_addc(&body, '\n');
	web_respond(r, 409, "application/json", buf_span(&body));
	buf_free(&body);
}

/* ---- bodies ---- */

/* "id" names the command, unless the catalog declares an attribute so. */
static bool is_id(const struct command *c, struct span name)
{
	return span_is(name, "id") &&
	    !catalog_declares(c->entry, name);
}

static int take_field(void *ctx, struct span name, struct span value)
{
	struct command *c = ctx;

	if (++c->n_names > WEB_FIELDS_MAX ||
	    (name.n && memchr(name.p, '\0', name.n)))
		return -1;
	if (is_id(c, name)) {
		buf_truncate(&c->id, 0);
		buf_add_span(&c->id, value);
		return 0;
	}
	if (seen(&c->names, name)) {
		add_fault(c, name, SPAN_LIT("is there twice"));
		return 0;
	}
	add_name(&c->names, name);
	add_text(&c->payload, name, value);
	add_text(&c->values, name, value);
	return 0;
}

/*
 * A JSON body is the payload, or an object with "payload" and perhaps "id"
 * where the catalog declares no attribute of that name.
 */
static int take_json(struct request *r)
{
	struct command *c = r->command;
	struct json_doc d = {0};
	struct buf text = {0};
	uint32_t i, payload;
	int bad = json_parse(&d, buf_span(&r->body).p, r->body.n, NULL);

	if (bad < 0 || d.nodes[0].type != JSON_OBJECT) {
		json_free(&d);
		web_respond_text(r, 400, "the body is not a JSON object");
		return -1;
	}
	payload = json_get(&d, 0, "payload");
	if (d.nodes[0].count > WEB_FIELDS_MAX || (payload != JSON_NONE &&
	    d.nodes[payload].type == JSON_OBJECT &&
	    d.nodes[payload].count > WEB_FIELDS_MAX)) {
		json_free(&d);
		web_respond_text(r, 400, "too many attributes");
		return -1;
	}
	if (payload != JSON_NONE && d.nodes[payload].type == JSON_OBJECT &&
	    !catalog_declares(c->entry, SPAN_LIT("payload")))
		buf_add_span(&c->payload, json_text(&d, payload));
	else
		payload = JSON_NONE;
	for (i = json_first(&d, 0); i < d.nodes[0].end; i = json_next(&d,
	    i + 1)) {
		struct span name;

		buf_truncate(&text, 0);
		name = json_string(&d, i, &text);
		if (is_id(c, name) && d.nodes[i + 1].type == JSON_STRING)
			json_decode(&d, i + 1, &c->id);
		else if (payload == JSON_NONE)
			add_member(&c->payload, name, json_text(&d, i + 1));
		else if (i + 1 != payload)
			add_fault(c, name,
			    SPAN_LIT("is not taken from a client"));
	}
	buf_free(&text);
	json_free(&d);
	return 0;
}

static bool is_type(const char *header, const char *type)
{
	size_t n = strlen(type);

	return header && strncasecmp(header, type, n) == 0 &&
	    (header[n] == '\0' || header[n] == ';' || header[n] == ' ');
}

static int read_body(struct request *r)
{
	const char *type = web_header(r, "Content-Type");
	struct command *c = r->command;

	if (is_type(type, "application/json"))
		return take_json(r);
	if (!is_type(type, "application/x-www-form-urlencoded")) {
		web_respond_text(r, 415, "send application/json or "
		    "application/x-www-form-urlencoded");
		return -1;
	}
	c->coerce = true;
	c->form = web_header(r, "Datastar-Request") == NULL;
	if (web_form(buf_span(&r->body), take_field, c) < 0) {
		web_respond_text(r, 400, "the body is not a form's, "
		    "or has too many fields");
		return -1;
	}
	return 0;
}

/* ---- the command ---- */

static struct draft draft_of(const struct command *c)
{
	return (struct draft){
	    .id = c->id.n ? buf_span(&c->id) : SPAN_NONE,
	    .type = buf_span(&c->type), .kind = KIND_COMMAND,
	    .payload = object_or_empty(&c->payload),
	    .metadata = buf_span(&c->metadata), .coerce = c->coerce};
}

/* What stands in no transaction: the catalog's word on each attribute. */
static bool valid(struct request *r)
{
	struct command *c = r->command;
	struct draft d = draft_of(c);
	struct buf rewritten = {0};
	struct es_err err = {0};

	if (d.id.p && message_check_id(d.id, "id", &err) < 0)
		add_fault(c, SPAN_LIT("id"), SPAN_LIT("must be 1 to 128 "
		    "printable ASCII characters without spaces"));
	if (catalog_check_all(c->entry, &d, &r->web->scratch, &rewritten,
	    tell_fault, c, &err) < 0 && c->errors.n == 0)
		add_fault(c, SPAN_LIT(""), span_str(err.text));
	buf_free(&rewritten);
	return c->errors.n == 0;
}

static int make_command(struct request *r, struct span type)
{
	struct command *c = calloc(1, sizeof *c);
	char hash[65];

	if (!c)
		return -1;
	r->command = c;
	c->request = r;
	c->entry = catalog_find(store_catalog(r->web->store), type);
	buf_add_span(&c->type, type);
	web_session(r);
	web_session_hash(r->session, hash);
	add_text(&c->metadata, SPAN_LIT("session"), span_str(hash));
	return 0;
}

void web_command_post(struct request *r)
{
	struct span type = {r->path.p + 10, r->path.n - 10};
	struct web *w = r->web;

	if (make_command(r, type) < 0)
		return;
	if (!r->command->entry || !catalog_web(r->command->entry) ||
	    catalog_kind(r->command->entry) != KIND_COMMAND) {
		web_respond_text(r, 404, "there is no such command");
		return;
	}
	if (read_body(r) < 0)
		return;
	if (!valid(r)) {
		unprocessable(r);
		return;
	}
	if (w->n_queued >= WEB_QUEUE_MAX) {
		web_respond_text(r, 503, "busy: try again");
		web_add_header(r, "Retry-After", "1");
		return;
	}
	r->next = NULL;
	*(w->queue_last ? &w->queue_last->next : &w->queue) = r;
	w->queue_last = r;
	w->n_queued++;
	web_suspend(r, WAIT_COMMIT);
}

/* ---- the commit ---- */

static void accepted(struct request *r, struct span id, int64_t position)
{
	struct buf text = {0};

	if (r->command->form) {
		struct span page = form_page(r);

		buf_add_span(&text, page);
		web_respond(r, 303, NULL, SPAN_LIT(""));
		web_add_header(r, "Location", text.failed ? "/" : text.p);
		buf_truncate(&text, 0);
	} else {
		web_respond(r, 202, NULL, SPAN_LIT(""));
		buf_adds(&text, "/commands/");
		channel_encode(&text, id);
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
		d = draft_of(c);
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
			conflict(r, answers[i].fault.p);
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

/* ---- GET /commands/ID ---- */

static bool same_session(struct request *r, const struct message *m)
{
	struct json_doc d = {0};
	char hash[65];
	uint32_t at;
	bool same = false;

	web_session(r);
	if (r->new_session)
		return false;
	web_session_hash(r->session, hash);
	if (json_parse(&d, m->metadata.p, m->metadata.n, NULL) == 0 &&
	    (at = json_get(&d, 0, "session")) != JSON_NONE)
		same = json_is(&d, at, hash);
	json_free(&d);
	return same;
}

/* reason and detail of the es.command_rejected at a position. */
static void add_rejection(struct request *r, int64_t position,
    struct buf *out)
{
	struct message m;
	struct json_doc d = {0};
	uint32_t at;

	if (position > 0 && store_get(r->web->store, position, &m, NULL) > 0 &&
	    json_parse(&d, m.payload.p, m.payload.n, NULL) == 0) {
		if ((at = json_get(&d, 0, "reason")) != JSON_NONE)
			add_member(out, SPAN_LIT("reason"),
			    json_text(&d, at));
		if ((at = json_get(&d, 0, "detail")) != JSON_NONE)
			add_member(out, SPAN_LIT("detail"),
			    json_text(&d, at));
	}
	json_free(&d);
}

static void show_outcome(struct request *r, int64_t position,
    struct span id, struct span type)
{
	enum outcome outcome;
	struct buf out = {0}, number = {0};
	int64_t first;

	if (store_outcome(r->web->store, position, &outcome, &first, NULL,
	    NULL) < 0) {
		web_respond_text(r, 503, "the log cannot be read now");
		return;
	}
	buf_add_int(&number, position);
	add_text(&out, SPAN_LIT("id"), id);
	add_text(&out, SPAN_LIT("type"), type);
	add_member(&out, SPAN_LIT("position"), buf_span(&number));
	add_text(&out, SPAN_LIT("outcome"), outcome == OUTCOME_NONE ?
	    SPAN_LIT("pending") : outcome == OUTCOME_DECIDED ?
	    SPAN_LIT("done") : SPAN_LIT("rejected"));
	if (outcome == OUTCOME_REJECTED)
		add_rejection(r, first, &out);
	else if (outcome == OUTCOME_SKIPPED)
		add_text(&out, SPAN_LIT("reason"), SPAN_LIT("skipped"));
	buf_addc(&out, '\n');
	web_respond(r, 200, "application/json", buf_span(&out));
	buf_free(&out);
	buf_free(&number);
}

void web_command_get(struct request *r)
{
	struct span encoded = {r->path.p + 10, r->path.n - 10};
	struct buf query = {0}, id = {0}, type = {0};
	struct message m;
	int64_t position;

	/* A path segment is decoded as a form's value is, but for "+". */
	buf_adds(&query, "id=");
	for (size_t i = 0; i < encoded.n; i++)
		if (encoded.p[i] == '+')
			buf_adds(&query, "%2B");
		else
			buf_addc(&query, encoded.p[i]);
	if (query.failed || web_form_value(buf_span(&query), "id", &id) <= 0 ||
	    store_find_id(r->web->store, buf_span(&id), &position,
	    NULL) <= 0 || position < 0 ||
	    store_get(r->web->store, position, &m, NULL) <= 0 ||
	    m.kind != KIND_COMMAND || !same_session(r, &m)) {
		web_respond_text(r, 404, "there is no such command of yours");
	} else {
		buf_add_span(&type, m.type);
		show_outcome(r, position, buf_span(&id), buf_span(&type));
	}
	buf_free(&query);
	buf_free(&id);
	buf_free(&type);
}
