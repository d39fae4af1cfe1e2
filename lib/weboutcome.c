/* GET /commands/ID: what became of a command. */
#include <string.h>

#include "url.h"
#include "webcommand.h"

static bool same_session(struct request *r, const struct message *m)
{
	struct json_doc d = {0};
	char hash[65];
	uint32_t at;
	bool same = false;

	web_session(r);
	if (r->new_session || !r->session[0])
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
			command_add_member(out, SPAN_LIT("reason"),
			    json_text(&d, at));
		if ((at = json_get(&d, 0, "detail")) != JSON_NONE)
			command_add_member(out, SPAN_LIT("detail"),
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
	command_add_text(&out, SPAN_LIT("id"), id);
	command_add_text(&out, SPAN_LIT("type"), type);
	command_add_member(&out, SPAN_LIT("position"), buf_span(&number));
	command_add_text(&out, SPAN_LIT("outcome"), outcome == OUTCOME_NONE ?
	    SPAN_LIT("pending") : outcome == OUTCOME_DECIDED ?
	    SPAN_LIT("done") : SPAN_LIT("rejected"));
	if (outcome == OUTCOME_REJECTED)
		add_rejection(r, first, &out);
	else if (outcome == OUTCOME_SKIPPED)
		command_add_text(&out, SPAN_LIT("reason"), SPAN_LIT("skipped"));
	buf_addc(&out, '\n');
	web_respond(r, 200, "application/json", buf_span(&out));
	buf_free(&out);
	buf_free(&number);
}

/* 1, 0 when there is none of this session, -1 when that cannot be read now. */
static int find_command(struct request *r, struct span id, int64_t *position,
    struct buf *type)
{
	struct message m;
	int found = store_find_id(r->web->store, id, position, NULL);

	/* Below 0: it is one that is to come. */
	if (found > 0 && *position < 0)
		return 0;
	if (found > 0)
		found = store_get(r->web->store, *position, &m, NULL);
	if (found <= 0)
		return found;
	if (m.kind != KIND_COMMAND || !same_session(r, &m))
		return 0;
	buf_add_span(type, m.type);
	return type->failed ? -1 : 1;
}

void web_command_get(struct request *r)
{
	struct span encoded = {r->path.p + strlen(COMMANDS),
	    r->path.n - strlen(COMMANDS)};
	struct buf id = {0}, type = {0};
	int64_t position;
	int found = url_decode(encoded, false, &id, NULL) < 0 ? 0 :
	    find_command(r, buf_span(&id), &position, &type);

	if (found > 0)
		show_outcome(r, position, buf_span(&id), buf_span(&type));
	else if (found == 0)
		web_respond_text(r, 404, "there is no such command of yours");
	else
		web_respond_text(r, 503, "the log cannot be read now");
	buf_free(&id);
	buf_free(&type);
}
