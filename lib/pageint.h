/*
 * pageint: what the files of page share; not for others.
 *
 *   page.c        the folder, starting, binding to a store, who hears what
 *   pageabout.c   a page's about
 *   pageroute.c   paths, requests
 *   pageurl.c     a URL's query
 *   pagehears.c   which messages a page has to do with
 *   pagequery.c   queries over read models
 *   pagerender.c  renders under way
 *   pagelayout.c  layouts, and the document
 */
#ifndef ES_PAGEINT_H
#define ES_PAGEINT_H

#include "page.h"

#define PAGE_VIEWS_MAX 10	/* as many as SQLite attaches */
#define PAGE_RUNS_MAX 32	/* renders that its worker has at once */

struct page_segment {
	char *text;		/* decoded, or the parameter's name */
	bool parameter;
};

struct page_query {
	char *name, *sql;
};

/* What stands before and after the slot. */
struct page_layout {
	bool there;
	struct buf before, after;
};

struct page {
	struct handler handler;		/* as far as fold needs it */
	struct jqrun *jqrun;
	struct fold *fold;		/* once it is bound */
	struct page_layout layout;	/* its own */
	struct render *runs[PAGE_RUNS_MAX];	/* renders in the fold */
	size_t n_runs;
	/* about */
	char *path;			/* NULL: not given */
	struct page_segment *segments;
	size_t n_segments;
	char *title;			/* NULL: the app's name */
	struct page_query *queries;
	size_t n_queries;
	const struct handler *views[PAGE_VIEWS_MAX];	/* the app's */
	size_t n_views;
	struct scan_types on;
	bool has_on;
	char *channel;			/* NULL: the partition */
};

enum render_state { RENDER_WAITS, RENDER_RUNS, RENDER_DONE };

struct render {
	struct render *next;
	enum render_state state;
	struct page *page;
	struct partition partition;
	struct buf path, params, query, key;	/* key: the partition's text */
	int64_t up_to;
	const struct tree_form *form;
	struct page_result result;
};

struct pages {
	const struct app *app;
	struct store *store;		/* once it is bound */
	struct page **v;		/* the most literal path first */
	size_t n;
	char *name;			/* the app's */
	struct page_layout layout;	/* of layout.jq */
	struct buf sheets;		/* <link …> for each style sheet, and the icon */
	struct render *renders, **last;
	/* what the message is found by that was looked at last */
	struct keys keys;
	int64_t keys_of;
};

/* ---- pageabout.c ---- */

int page_about(struct page *, const struct app *, struct span about,
    struct es_err *err);

/* ---- pageurl.c ---- */

/* A member of a JSON object that was begun by "{". */
void page_add_member(struct buf *out, struct span name, struct span value);
/* out->query, and the end of out->url. */
int page_take_query(struct span query, struct page_request *out,
    struct es_err *err);

/* ---- pageroute.c ---- */

/* Take apart about.path; its form is checked. */
int page_set_path(struct page *, struct span path, struct es_err *err);
bool page_has_parameter(const struct page *, struct span name);
/* Bring the pages in order; two with one path are refused. */
int pages_sort(struct pages *, struct es_err *err);

/* ---- pagehears.c ---- */

/* The values of partition_by out of a request's params. */
int page_partition(const struct page *, struct span params,
    struct partition *out, struct es_err *err);
/* about.channel with the values of {parameters}. */
int page_channel(const struct page *, const struct json_doc *params,
    struct buf *out, struct es_err *err);
/* out->hears, out->channel */
int page_take_hears(const struct page *, struct page_request *out,
    struct es_err *err);

/* ---- pagequery.c ---- */

/*
 * Run a page's queries: rows is an object of arrays of objects.  *position:
 * up to where the read models were (INT64_MAX without any).
 */
int page_query(const struct page *, struct store *, struct span params,
    struct span query, struct buf *rows, int64_t *position,
    struct es_err *err);
/* Compile them, over empty read models. */
int page_query_check(const struct page *, struct es_err *err);

/* ---- pagerender.c ---- */

void renders_free(struct pages *);

/* ---- pagelayout.c ---- */

void page_layout_free(struct page_layout *);
/* Render the layout that the program defines; place is for errors. */
int page_layout_make(struct page_layout *, struct jqrun *, const char *place,
    struct es_err *err);
int pages_find_sheets(struct pages *, struct es_err *err);

#endif
