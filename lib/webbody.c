/* The body of a command: a form or JSON. */
#include <string.h>
#include <strings.h>

#include "webcommand.h"

/* "id" names the command, unless the catalog declares an attribute so. */
static bool is_id(const struct command *c, struct span name)
{
	return span_is(name, "id") &&
	    !catalog_declares(c->entry, name);
}

/*
 * Whether a field's name may be a path: where an attribute's own name looks
 * like one, it is no path.
 */
static bool is_path(const struct command *c, struct span name)
{
	size_t n = 0;

	while (n < name.n && name.p[n] != '.' && name.p[n] != '[')
		n++;
	return n < name.n && !catalog_declares(c->entry, name) &&
	    catalog_declares(c->entry, (struct span){name.p, n});
}

static int take_field(void *ctx, struct span name, struct span value)
{
	struct command *c = ctx;
	const char *fault;

	if (++c->n_fields > WEB_FIELDS_MAX ||
	    (name.n && memchr(name.p, '\0', name.n)))
		return -1;
	if (is_id(c, name)) {
		buf_truncate(&c->id, 0);
		buf_add_span(&c->id, value);
		return 0;
	}
	fault = fields_add(&c->fields, name, is_path(c, name), value);
	if (fault)
		command_fault(c, name, span_str(fault));
	else
		command_add_text(&c->values, name, value);
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
			command_add_member(&c->payload, name, json_text(&d, i + 1));
		else if (i + 1 != payload)
			command_fault(c, name,
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

int command_body(struct request *r)
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
	fields_print(&c->fields, &c->payload);
	return 0;
}
