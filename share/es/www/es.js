/*
 * es.js: the browser side of es-serve(1).  One file, no dependencies, no eval:
 * it runs under script-src 'self'.  Without it pages are plain HTML and forms
 * work as forms do.
 *
 *   stream    <body data-es-updates="/updates?page=…" data-es-since="…">:
 *             opens it and keeps it open; `since` is always the newest id seen
 *   morph     what comes becomes the page, and what the visitor does is kept
 *   commands  <form data-es-command="TYPE" action="/commands/TYPE">
 *
 * What a page may say with its own elements.  None of it acts by itself, since
 * data could be shaped like an element; forms and fields cannot be made by data.
 *
 *   data-then="/{a}/{b}"      around a form: where to go once its command is
 *                             done; {a} is the value of its field a
 *   class es-uuid             around a field: it gets a new UUID and is hidden;
 *                             without a script it has to be typed in
 *   class es-plain            is hidden, for this script runs
 *   class es-state            says whether the page is live: its data-state is
 *                             live, waiting or lost
 *   class es-focus            has the focus when what had it is no longer there
 */

const FIRST_WAIT = 400;		/* ms before the stream is opened again */
const LONGEST_WAIT = 20000;
const SILENCE = 45000;		/* without even a heartbeat: it is dead */
const HIDDEN = 5000;		/* a hidden tab gives its connection back */
const ANSWER = 20000;		/* so long an answer to a command may take */
const OUTCOME_WAIT = 15000;	/* so long the outcome is asked for */

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const jitter = (ms) => ms * (0.75 + Math.random() / 2);

/* crypto.randomUUID() wants https; this is version 7, so ids sort by time. */
function uuid() {
	const b = crypto.getRandomValues(new Uint8Array(16));
	let ms = Date.now();
	for (let i = 5; i >= 0; i--) {
		b[i] = ms % 256;
		ms = Math.floor(ms / 256);
	}
	b[6] = (b[6] & 0x0f) | 0x70;
	b[8] = (b[8] & 0x3f) | 0x80;
	return Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("")
	    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/* ---- morph ----
 *
 * Three trees: what the server sent last (base), what is on the page (live),
 * what the server sends now (next).  Only the difference between base and next
 * is applied, so whatever the visitor or this script did to live stays, unless
 * the server has something new to say about that very thing.
 */

const bases = new WeakMap();	/* live node -> node of base */

function adopt(live, base) {
	bases.set(live, base);
	for (let a = live.firstChild, b = base.firstChild; a && b;
	    a = a.nextSibling, b = b.nextSibling)
		adopt(a, b);
}

function import_node(next) {
	const live = document.importNode(next, true);
	adopt(live, next);
	return live;
}

/* Only nodes of one key become each other: a field never another field. */
function key(node) {
	if (node.nodeType !== Node.ELEMENT_NODE)
		return String(node.nodeType);
	const of = (name) => node.getAttribute(name) || "";
	return `${node.nodeName} ` +
	    (of("id") || `${of("name")} ${of("type")} ${of("for")}`);
}

function morph_attributes(live, base, next) {
	/* What was typed and sent counts as not typed: it may be renewed. */
	const untouched = "value" in live &&
	    live.value === base.getAttribute("value");
	for (const { name, value } of next.attributes)
		if (base.getAttribute(name) !== value)
			live.setAttribute(name, value);
	if (untouched && next.hasAttribute("value"))
		live.value = next.getAttribute("value");
	for (const { name } of base.attributes)
		if (!next.hasAttribute(name))
			live.removeAttribute(name);
}

/* moveBefore() keeps focus, frames and animations; where there is one. */
function place(parent, node, before) {
	const scroll = [node.scrollLeft, node.scrollTop];
	if (node.isConnected && parent.moveBefore)
		parent.moveBefore(node, before);
	else
		parent.insertBefore(node, before);
	if (scroll[0] || scroll[1])
		[node.scrollLeft, node.scrollTop] = scroll;
}

/* Children by key and, if that is asked for, class; each in order. */
function sorted(children, by_class) {
	const lists = new Map();
	for (const child of children) {
		const k = key(child) + (by_class ? ` ${child.className}` : "");
		if (!lists.has(k))
			lists.set(k, []);
		lists.get(k).push(child);
	}
	return lists;
}

/* Which of base's children goes on as which of next's: of its class, if any. */
function pair(base, next) {
	const pairs = new Map();
	let old = Array.from(base), fresh = Array.from(next);
	for (const by_class of [true, false]) {
		const lists = sorted(old, by_class);
		for (const [k, children] of sorted(fresh, by_class))
			(lists.get(k) || []).slice(0, children.length)
			    .forEach((b, i) => pairs.set(children[i], b));
		const used = new Set(pairs.values());
		old = old.filter((b) => !used.has(b));
		fresh = fresh.filter((child) => !pairs.has(child));
	}
	return pairs;
}

function morph_children(live, next) {
	const lives = new Map();	/* of base's children */
	for (const child of live.childNodes)
		if (bases.has(child))	/* else it is not the server's */
			lives.set(bases.get(child), child);
	const pairing = pair(lives.keys(), next.childNodes);
	const pairs = [];
	for (const child of next.childNodes) {
		const kept = lives.get(pairing.get(child));
		lives.delete(pairing.get(child));
		pairs.push([kept, child]);
	}
	for (const child of lives.values())
		child.remove();
	let at = live.firstChild;
	for (const [kept, child] of pairs) {
		while (at && !bases.has(at))
			at = at.nextSibling;
		const node = kept || import_node(child);
		if (node === at)
			at = at.nextSibling;
		else
			place(live, node, at);
		if (kept)
			morph(kept, child);
	}
}

function morph(live, next) {
	const base = bases.get(live);
	if (base.isEqualNode(next))
		return;
	if (live.nodeType === Node.ELEMENT_NODE) {
		morph_attributes(live, base, next);
		morph_children(live, next);
	} else {
		live.data = next.data;
	}
	bases.set(live, next);
}

let parked = null;		/* a button that lost the focus to its sending */

function has_focus(within) {
	const now = document.activeElement;
	if (within.contains(now))
		return now;
	return now === document.body && within.contains(parked) ? parked : null;
}

/* Where it was, or else where the page says, so that no keyboard is lost. */
function refocus(had, main, selection) {
	if (!had || document.activeElement === had)
		return;
	if (had.isConnected) {
		had.focus({ preventScroll: true });
		if (selection && selection[0] !== null)
			had.setSelectionRange(...selection);
		return;
	}
	const to = main.querySelector(".es-focus") || main;
	if (!to.hasAttribute("tabindex"))
		to.setAttribute("tabindex", "-1");
	to.focus({ preventScroll: to === main });
}

function patch(html) {
	const template = document.createElement("template");
	template.innerHTML = html;
	for (const next of template.content.children) {
		const live = next.id && document.getElementById(next.id);
		if (!live || !bases.has(live))
			continue;
		const had = has_focus(live);
		const selection = had && "selectionStart" in had ?
		    [had.selectionStart, had.selectionEnd,
		    had.selectionDirection] : null;
		morph(live, next);
		refocus(had, live, selection);
		prepare(live);
	}
}

/* ---- the stream ---- */

const stream = {
	url: "",		/* none: the page is not live */
	since: "",
	reader: null,		/* the AbortController of what is open */
	wait: FIRST_WAIT,
	timer: 0,
	silence: 0,
	hiding: 0,
};

function show_state(state) {
	const place = document.querySelector(".es-state");
	if (!place || place.dataset.state === state)
		return;
	place.dataset.state = state;
	place.textContent = {
		live: "Live",
		waiting: "Connecting…",
		lost: "No connection. Trying again…",
	}[state];
}

/* One event: its lines are "name: value". */
function take_event(lines) {
	const data = [];
	let name = "message", id = null;
	for (const line of lines) {
		const at = line.indexOf(":");
		const field = at < 0 ? line : line.slice(0, at);
		const value = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");
		if (field === "event")
			name = value;
		else if (field === "data")
			data.push(value);
		else if (field === "id")
			id = value;
	}
	if (name === "es-reload")
		setTimeout(() => location.reload(),
		    performance.now() < 5000 ? jitter(3000) : 0);
	if (name === "datastar-patch-elements")
		patch(data.filter((line) => line.startsWith("elements "))
		    .map((line) => line.slice(9)).join("\n"));
	if (id)
		stream.since = id;
}

async function read_events(body) {
	const reader = body.pipeThrough(new TextDecoderStream()).getReader();
	let rest = "", lines = [];
	for (;;) {
		const { value, done } = await reader.read();
		if (done)
			return;
		heard();
		/* A CR at the end may be half of a CRLF. */
		const parts = (rest + value).split(/\r\n|\n|\r(?!$)/);
		rest = parts.pop();
		for (const line of parts) {
			if (line !== "") {
				lines.push(line);
			} else if (lines.length) {
				take_event(lines);
				lines = [];
			}
		}
	}
}

function heard() {
	clearTimeout(stream.silence);
	stream.silence = setTimeout(() => stream.reader?.abort(), SILENCE);
}

/* Each open stream ends in exactly one of: closed by us, or tried again. */
async function open_stream() {
	clearTimeout(stream.timer);
	if (stream.reader || !stream.url)
		return;
	const mine = stream.reader = new AbortController();
	heard();
	try {
		const url = `${stream.url}&since=` +
		    encodeURIComponent(stream.since);
		const answer = await fetch(url, { signal: mine.signal,
		    headers: { Accept: "text/event-stream" },
		    cache: "no-store" });
		if (!answer.ok)
			throw new Error(answer.status);
		show_state("live");
		stream.wait = FIRST_WAIT;
		await read_events(answer.body);
	} catch (e) {
		/* Whatever it was, what follows is the same. */
	}
	mine.abort();
	if (stream.reader !== mine)
		return;
	stream.reader = null;
	clearTimeout(stream.silence);
	show_state(stream.wait > 2 * FIRST_WAIT ? "lost" : "waiting");
	stream.timer = setTimeout(open_stream, jitter(stream.wait));
	stream.wait = Math.min(2 * stream.wait, LONGEST_WAIT);
}

function close_stream() {
	const open = stream.reader;
	stream.reader = null;
	clearTimeout(stream.timer);
	clearTimeout(stream.silence);
	open?.abort();
}

function open_soon() {
	if (document.hidden)
		return;
	clearTimeout(stream.hiding);
	stream.wait = FIRST_WAIT;
	open_stream();
}

/* HTTP/1.1 has six connections a host: hidden tabs do without. */
function watch_visibility() {
	document.addEventListener("visibilitychange", () => {
		clearTimeout(stream.hiding);
		if (document.hidden)
			stream.hiding = setTimeout(close_stream, HIDDEN);
		else
			open_soon();
	});
	addEventListener("pagehide", close_stream);
	addEventListener("pageshow", (e) => e.persisted && open_soon());
	addEventListener("online", open_soon);
}

/* ---- forms ---- */

const attempts = new WeakMap();	/* form -> {id, body}: not answered yet */

const is_command = (node) => node instanceof HTMLFormElement &&
    node.hasAttribute("data-es-command");

/* What a script does for the visitor is not shown to them. */
function hide_plain() {
	const sheet = new CSSStyleSheet();
	sheet.replaceSync(".es-plain, .es-uuid { display: none !important }");
	document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

function prepare(root) {
	for (const field of root.querySelectorAll(".es-uuid input"))
		field.value ||= uuid();
}

function tell(form, text, kind) {
	const place = form.querySelector(".es-outcome");
	if (!place)
		return;
	place.textContent = text;
	if (kind)
		place.dataset.kind = kind;
	else
		delete place.dataset.kind;
}

function show_error(form, name, text) {
	const place = form.querySelector(
	    `[data-es-error="${CSS.escape(name)}"]`);
	const fields = form.querySelectorAll(`[name="${CSS.escape(name)}"]`);
	if (place)
		place.textContent = text;
	for (const field of fields)
		if (text)
			field.setAttribute("aria-invalid", "true");
		else
			field.removeAttribute("aria-invalid");
	return place && fields[0];
}

function clear_errors(form) {
	for (const place of form.querySelectorAll("[data-es-error]"))
		show_error(form, place.dataset.esError, "");
	tell(form, "");
}

/* Beside the fields; what no visible field has, in the place of the whole. */
function show_errors(form, errors) {
	const rest = [];
	let first = null;
	for (const [name, text] of Object.entries(errors)) {
		const field = show_error(form, name, text);
		if (!field)
			rest.push(name ? `${name}: ${text}` : text);
		first ||= field;
	}
	if (rest.length)
		show_error(form, "", rest.join("; "));
	first?.focus();
}

function body_of(form, submitter) {
	const body = new URLSearchParams();
	for (const [name, value] of new FormData(form, submitter))
		if (typeof value === "string")
			body.append(name, value);
	return body;
}

/* The same attempt has the same id, so that it is stored once at most. */
function identify(form, body) {
	const text = String(body);
	let attempt = attempts.get(form);
	if (!attempt || attempt.body !== text) {
		attempt = { id: uuid(), body: text };
		attempts.set(form, attempt);
	}
	if (!body.has("id"))
		body.append("id", attempt.id);
}

async function refused(form, answer) {
	const text = await answer.text();
	let said = {};
	try {
		said = JSON.parse(text);
	} catch (e) {
		/* a line of text */
	}
	if (answer.status === 503) {
		tell(form, "The server is busy. Please try again.", "error");
		return;
	}
	attempts.delete(form);
	if (said.errors)
		show_errors(form, said.errors);
	else
		tell(form, said.error ||
		    `This was not accepted (${text.trim() || answer.status}).`,
		    "error");
}

/* Its decision takes a moment; a restart of the server takes longer. */
async function outcome_of(url) {
	const end = Date.now() + OUTCOME_WAIT;
	for (let wait = 60; Date.now() < end; wait = Math.min(2 * wait, 1500)) {
		try {
			const answer = await fetch(url, { cache: "no-store",
			    headers: { Accept: "application/json" } });
			const outcome = answer.ok ? await answer.json() : {};
			if (outcome.outcome && outcome.outcome !== "pending")
				return outcome;
		} catch (e) {
			/* asked again */
		}
		await sleep(wait);
	}
	return { outcome: "pending" };
}

/* "/{a}/{b}" with the command's values; a path of this site and no other. */
function follow(form, body) {
	const template = form.closest("[data-then]")?.dataset.then;
	if (!template)
		return;
	const path = template.replace(/\{(\w+)\}/g,
	    (all, name) => encodeURIComponent(body.get(name) || ""));
	const url = new URL(path, location.origin);
	if (path.startsWith("/") && url.origin === location.origin)
		location.assign(url);
}

/* What was sent goes out of its fields; what was typed meanwhile stays. */
function empty(form, body) {
	for (const field of form.elements) {
		if (!field.name || field.type === "hidden")
			continue;
		if (field.type === "checkbox" || field.type === "radio")
			field.checked = field.defaultChecked;
		else if (field.value === body.get(field.name))
			field.value = field.tagName === "SELECT" ?
			    Array.from(field.options).find((option) =>
			    option.defaultSelected)?.value ??
			    field.options[0]?.value ?? "" : field.defaultValue;
	}
}

async function accepted(form, body, answer) {
	attempts.delete(form);
	open_soon();		/* if it waits to: there is a server */
	const where = answer.headers.get("Location");
	const moment = setTimeout(tell, 1000, form, "One moment…");
	const outcome = where ? await outcome_of(where) : { outcome: "done" };
	clearTimeout(moment);
	if (outcome.outcome === "rejected") {
		tell(form, outcome.reason || "This was rejected.", "rejected");
	} else if (outcome.outcome === "done") {
		tell(form, "");
		empty(form, body);
		prepare(form.parentNode || form);
		follow(form, body);
	} else {
		tell(form, outcome.outcome === "pending" ?
		    "Received. It has not been decided yet." : "");
	}
}

async function send(form, submitter) {
	const body = body_of(form, submitter);
	identify(form, body);
	clear_errors(form);
	let answer;
	try {
		answer = await fetch(form.getAttribute("action"), {
			method: "POST", body, cache: "no-store",
			signal: AbortSignal.timeout(ANSWER),
			headers: { "Datastar-Request": "true" },
		});
	} catch (e) {
		tell(form, "There is no connection. Nothing is lost: " +
		    "please try again.", "error");
		return;
	}
	if (answer.status === 202)
		await accepted(form, body, answer);
	else
		await refused(form, answer);
}

/* A second click is not a second command. */
async function submit(form, submitter) {
	if (form.hasAttribute("aria-busy"))
		return;
	const buttons = Array.from(form.querySelectorAll("button"))
	    .filter((button) => !button.disabled);
	const had = document.activeElement;
	form.setAttribute("aria-busy", "true");
	const sent = send(form, submitter);
	if (buttons.includes(had))
		parked = had;
	for (const button of buttons)
		button.disabled = true;
	try {
		await sent;
	} finally {
		form.removeAttribute("aria-busy");
		for (const button of buttons)
			button.disabled = false;
		if (parked === had) {
			parked = null;
			if (had.isConnected &&
			    document.activeElement === document.body)
				had.focus({ preventScroll: true });
		}
	}
}

function watch_forms() {
	document.addEventListener("submit", (e) => {
		if (!is_command(e.target))
			return;
		e.preventDefault();
		submit(e.target, e.submitter);
	});
	document.addEventListener("input", (e) => {
		const form = e.target.form;
		if (is_command(form) && e.target.name &&
		    e.target.hasAttribute("aria-invalid"))
			show_error(form, e.target.name, "");
	});
}

/* ---- begin ---- */

function begin() {
	const main = document.getElementById("page");
	if (main)
		adopt(main, main.cloneNode(true));
	hide_plain();
	prepare(document);
	watch_forms();
	stream.url = document.body.dataset.esUpdates || "";
	if (!main || !stream.url)
		return;
	stream.since = document.body.dataset.esSince || "";
	show_state("waiting");
	watch_visibility();
	if (!document.hidden)
		open_stream();
}

if (document.readyState === "loading")
	document.addEventListener("DOMContentLoaded", begin);
else
	begin();
