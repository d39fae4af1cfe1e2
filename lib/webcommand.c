/* POST /commands/TYPE: what is refused, and what waits for a commit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sys.h"
#include "webcommand.h"

void command_free(struct command *c)
{
	if (!c)
		return;
	buf_free(&c->type);
	buf_free(&c->id);
	buf_free(&c->page);
	buf_free(&c->payload);
	buf_free(&c->metadata);
	fields_free(&c->fields);
	buf_free(&c->values);
	buf_free(&c->errors);
	buf_free(&c->faulty);
	buf_free(&c->refusal);
	free(c);
}

void command_add_member(struct buf *object, struct span name,
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

void command_add_text(struct buf *object, struct span name, struct span text)
{
	struct buf quoted = {0};

	json_quote_span(&quoted, text);
	command_add_member(object, name, buf_span(&quoted));
	if (quoted.failed)
		object->failed = true;
	buf_free(&quoted);
}

static struct span object_or_empty(const struct buf *b)
{
	return b->n ? buf_span(b) : SPAN_LIT("{}");
}

/* ---- refusals ---- */

static bool has_name(const struct buf *names, struct span name)
{
	const char *p = names->p, *end = p + names->n;

	for (; p && p < end; p += strlen(p) + 1)
		if (span_is(name, p))
			return true;
	return false;
}

/* The first fault of an attribute counts; "" is the whole command. */
void command_fault(struct command *c, struct span attribute,
    struct span text)
{
	if (has_name(&c->faulty, attribute))
		return;
	buf_add_span(&c->faulty, attribute);
	buf_addc(&c->faulty, '\0');
	command_add_text(&c->errors, attribute, text);
}

static void tell_fault(void *ctx, struct span attribute,
    const char *expected, const char *came)
{
	struct command *c = ctx;

	(void)came;
	command_fault(c, attribute, span_str(expected));
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
struct span command_page(struct request *r)
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
		web_page_again(r, command_page(r), buf_span(&c->type),
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
void command_conflict(struct request *r, const char *text)
{
	struct command *c = r->command;
	struct buf body = {0};

	if (c->form) {
		command_fault(c, SPAN_LIT(""), span_str(text));
		unprocessable(r);
		return;
	}
	command_add_text(&body, SPAN_LIT("error"), span_str(text));
	buf_addc(&body, '\n');
	web_respond(r, 409, "application/json", buf_span(&body));
	buf_free(&body);
}

void command_unavailable(struct request *r, const char *text, int seconds)
{
	char number[16];

	if (r->command->form)
		web_plain_page(r, 503, "Please try again", "It cannot be "
		    "stored now. Go back, and send it again in a moment.");
	else
		web_respond_text(r, 503, text);
	snprintf(number, sizeof number, "%d", seconds);
	web_add_header(r, "Retry-After", number);
}

/* ---- the command ---- */

struct draft command_draft(const struct command *c)
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
	struct draft d = command_draft(c);
	struct buf rewritten = {0};
	struct es_err err = {0};

	if (d.id.p && message_check_id(d.id, "id", &err) < 0)
		command_fault(c, SPAN_LIT("id"), SPAN_LIT("must be 1 to 128 "
		    "printable ASCII characters without spaces"));
	if (catalog_check_all(c->entry, &d, &r->web->scratch, &rewritten,
	    tell_fault, c, &err) < 0 && c->errors.n == 0)
		command_fault(c, SPAN_LIT(""), span_str(err.text));
	buf_free(&rewritten);
	return c->errors.n == 0;
}

/* Without memory a part of it would be a command, too, and another one. */
static bool is_whole(const struct request *r)
{
	const struct command *c = r->command;

	return !(r->body.failed || c->type.failed || c->id.failed ||
	    c->payload.failed || c->metadata.failed);
}

static int make_command(struct request *r, struct span type)
{
	struct command *c = calloc(1, sizeof *c);
	char hash[65];

	if (!c)
		return -1;
	r->command = c;
	c->entry = catalog_find(store_catalog(r->web->store), type);
	buf_add_span(&c->type, type);
	web_session(r);
	if (!r->session[0])
		return -1;
	web_session_hash(r->session, hash);
	command_add_text(&c->metadata, SPAN_LIT("session"), span_str(hash));
	return 0;
}

void web_command_post(struct request *r)
{
	struct span type = {r->path.p + strlen(COMMANDS),
	    r->path.n - strlen(COMMANDS)};
	struct web *w = r->web;

	if (make_command(r, type) < 0)
		return;
	if (!r->command->entry || !catalog_web(r->command->entry) ||
	    catalog_kind(r->command->entry) != KIND_COMMAND) {
		web_respond_text(r, 404, "there is no such command");
		return;
	}
	if (command_body(r) < 0)
		return;
	if (!is_whole(r) || w->n_queued >= WEB_QUEUE_MAX) {
		command_unavailable(r, "busy: try again", 1);
		return;
	}
	if (!valid(r)) {
		unprocessable(r);
		return;
	}
	r->next = NULL;
	if (!w->queue)
		w->queue_since = sys_monotonic();
	*(w->queue_last ? &w->queue_last->next : &w->queue) = r;
	w->queue_last = r;
	w->n_queued++;
	web_suspend(r, WAIT_COMMIT);
}
