/*
 * channel: names of the places where news of a message is heard; es-app(5).
 *
 * A channel is dot-separated segments.  A *template* makes a message's channel
 * out of its payload ("campaigns.{campaign_id}.donations.{donation_id}", values
 * percent-encoded so that they stay one segment); a *pattern* listens
 * ("campaigns.c1.>": `*` is one segment, a trailing `>` the rest, one segment
 * at least).  Comparison is by bytes: channel_encode() has one spelling for
 * each value, and channel_check_pattern() refuses others.  Pure.
 */
#ifndef ES_CHANNEL_H
#define ES_CHANNEL_H

#include "json.h"

/*
 * Check the form of a template or pattern; the error says what is wrong.
 * Literal segments are letters, digits, _ : and -; in a pattern also ~ and the
 * %XX that channel_encode() makes.
 */
int channel_check_template(struct span text, struct es_err *err);
int channel_check_pattern(struct span text, struct es_err *err);

/*
 * Fill in a template, or the places in a pattern, from the attributes of a
 * JSON object.  False, and nothing is added, when an attribute is missing or
 * empty or cannot be a key (a string, an integer or a boolean can; DESIGN
 * "Tags"): then the message has no channel.
 */
bool channel_make(struct span template, const struct json_doc *,
    uint32_t object, struct buf *out);

bool channel_matches(struct span pattern, struct span channel);

/* Percent-encode a value so that it is one segment (and a path's). */
void channel_encode(struct buf *out, struct span value);

#endif
