#include "unit.h"
#include "jqrun.h"
#include "scan.h"
#include "tree.h"

/*
 * Trees are written with ' for ", and K is the brand of what the helpers make,
 * which no data can know.
 */
static struct es_err err;
static const struct tree_form *again;
static struct span slot;
static int slots;

struct text {
	char *p;
	struct json_doc doc;
};

static struct text *parse(const char *json)
{
	struct text *t = calloc(1, sizeof *t);
	char *p;

	need(t != NULL);
	t->p = strdup(json);
	need(t->p != NULL);
	for (p = t->p; *p; p++)
		if (*p == '\'')
			*p = '"';
	if (json_parse(&t->doc, t->p, strlen(t->p), &err) < 0) {
		printf("%s: %s\n", t->p, err.text);
		exit(1);
	}
	return t;
}

static void drop(struct text *t)
{
	if (!t)
		return;
	json_free(&t->doc);
	free(t->p);
	free(t);
}

/* The HTML, or the fault behind an exclamation mark. */
static const char *html(const char *text)
{
	static struct buf out;
	struct text *d = parse(text);

	buf_truncate(&out, 0);
	buf_adds(&out, "!");
	es_err_clear(&err);
	if (tree_render(&d->doc, 0, "K", again, slot, &slots, &out, &err) < 0) {
		check_str(out.p, "!");
		buf_adds(&out, err.text);
		drop(d);
		return out.p;
	}
	drop(d);
	return out.p + 1;
}

static bool is_fault(const char *text)
{
	return html(text)[0] == '!';
}

static void test_nodes(void)
{
	check_str(html("null"), "");
	check_str(html("false"), "");
	check_str(html("[]"), "");
	check_str(html("'a'"), "a");
	check_str(html("-1.50"), "-1.50");
	check_str(html("true"),
	    "!true is no text; null and false are nothing");
	check_str(html("['p']"), "<p></p>");
	check_str(html("['p',{}]"), "<p></p>");
	check_str(html("['p','a',1,null,false,[],['b','c'],[2,['i'],[['u']]]]"),
	    "<p>a1<b>c</b>2<i></i><u></u></p>");
	check_str(html("[1,'a','b']"), "1ab");
	check_str(html("[null,'a','b']"), "ab");
	check_str(html("[['a','x'],'b']"), "<a>x</a>b");
	check_str(html("['br']"), "<br>");
	check_str(html("['hr',{'class':'x'},null,[]]"), "<hr class=\"x\">");
	check_str(html("['div',['br','a']]"), "![1]: br has no content");
	check_str(html("{'a':1}"), "!an object is no node; attributes stand "
	    "right behind their tag");
	check_str(html("['p',{},{}]"), "![2]: an object is no node; attributes "
	    "stand right behind their tag");
	check_str(html("['p','a',{'class':'x'}]"), "![2]: an object is no "
	    "node; attributes stand right behind their tag");
	check_str(html("['ul',[['li','a'],['li',true]]]"),
	    "![1][1][1]: true is no text; null and false are nothing");
	check_str(html("['svg',{'viewBox':'0 0 9 9'},['g',['path',"
	    "{'d':'M0 0h9'}]]]"), "<svg viewBox=\"0 0 9 9\"><g>"
	    "<path d=\"M0 0h9\"></path></g></svg>");
}

static void test_tags(void)
{
	static const char *const no[] = {"script", "style", "iframe", "object",
	    "embed", "form", "input", "button", "select", "option", "textarea",
	    "link", "meta", "base", "html", "head", "body", "template", "slot",
	    "title", "noscript", "xmp", "plaintext", "frame", "frameset",
	    "applet", "math", "foreignObject", "use", "animate", "set",
	    "image", "dialog", "label", "SCRIPT", "Script", "P", "", " p",
	    "p ", "p/", "p>", "p onclick", "a\\u0000", "x-y", "!--", "?xml",
	    "p\\n", "es"};
	char text[100];
	size_t i;

	for (i = 0; i < sizeof no / sizeof *no; i++) {
		snprintf(text, sizeof text, "['div',['%s','x']]", no[i]);
		if (!is_fault(text))
			check_str("taken", no[i]);
		else if (strncmp(err.text, "[1][0]: \"", 9) != 0)
			check_str(err.text, no[i]);
		snprintf(text, sizeof text, "['svg',['%s']]", no[i]);
		if (!is_fault(text))
			check_str("taken in svg", no[i]);
	}
	check_str(html("['script','x']"), "![0]: \"script\" is no element that "
	    "a page can have (a text that begins a list belongs in an element, "
	    "or behind \"\\(…)\")");
	check_str(html("['path']"), "![0]: path outside of svg");
	check_str(html("['svg',['p']]"), "![1][0]: p inside of svg");
	check_str(html("['svg',['a',{'href':'/'}]]"),
	    "![1][0]: a inside of svg");
}

static void test_text(void)
{
	check_str(html("'<script>&\\\"\\u0027\\r\\n</script>'"), "&lt;script&gt;"
	    "&amp;&quot;&#39;&#13;\n&lt;/script&gt;");
	check_str(html("'a\\u0000b'"), "a\xef\xbf\xbd" "b");
	check_str(html("'\\u003cscript\\u003e'"), "&lt;script&gt;");
	check_str(html("'\xc3\xa9 \\ud83d\\ude00'"), "\xc3\xa9 \xf0\x9f\x98\x80");
	check_str(html("'&lt;'"), "&amp;lt;");
	check_str(html("['p',{'title':'\\\"><script>'}]"),
	    "<p title=\"&quot;&gt;&lt;script&gt;\"></p>");
	check_str(html("['p',{'title':'\\u0027 onclick=\\u0027x'}]"),
	    "<p title=\"&#39; onclick=&#39;x\"></p>");
}

static void test_attributes(void)
{
	check_str(html("['p',{'a':'b','c':1.5,'d':true,'e':null,'f':false,"
	    "'g':'','class':['x',null,'y',false,2],'h':[]}]"),
	    "<p a=\"b\" c=\"1.5\" d g=\"\" class=\"x y 2\" h=\"\"></p>");
	check_str(html("['p',{'aria-label':'x','_a:b.c-1':2,'data-x':3}]"),
	    "<p aria-label=\"x\" _a:b.c-1=\"2\" data-x=\"3\"></p>");
	check_str(html("['p',['b',{'class':{}}]]"),
	    "![1][1].class: an object is no value of an attribute");
	check_str(html("['p',{'class':['a',['b']]}]"), "![1].class[1]: array "
	    "is no part of a value (strings and numbers are)");
	check_str(html("['p',{'class':[true]}]"), "![1].class[0]: boolean is "
	    "no part of a value (strings and numbers are)");
}

static void refused_attribute(const char *name, const char *value)
{
	char text[200];

	snprintf(text, sizeof text, "['p',['a',{'%s':%s},'x']]", name, value);
	if (!is_fault(text))
		check_str("taken", text);
	else if (strncmp(err.text, "[1][1].", 7) != 0)
		check_str(err.text, text);
}

static void test_refused_attributes(void)
{
	static const char *const no[] = {"onclick", "ONCLICK", "OnLoad", "on",
	    "onfuture", "style", "STYLE", "srcdoc", "SrcDoc", "formaction",
	    "form", "formmethod", "action", "method", "ping", "is",
	    "http-equiv", "nonce", "data-es-command", "data-es-error",
	    "DATA-ES-COMMAND", "data-on", "data-on:click", "data-on-click",
	    "data-on-load", "data-init", "data-effect", "data-text",
	    "data-bind", "data-bind:x", "data-attr:href", "data-class:a",
	    "data-signals", "data-future:x", "hx-post", "data-hx-post",
	    "", " ", "a b", "a>", "a=", "a/", "1a", "-a", "a\\u0000", "a\\n",
	    "@click", "\xc3\xa9", "a\\u0022", "a\\u0027", "<a"};
	size_t i;

	for (i = 0; i < sizeof no / sizeof *no; i++) {
		refused_attribute(no[i], "'x'");
		refused_attribute(no[i], "true");
		refused_attribute(no[i], "['x']");
	}
	/* Also one that is absent: it would be there with other data. */
	refused_attribute("onclick", "null");
	check_str(html("['p',{'onclick':'x'}]"),
	    "![1].onclick: a page has no scripts in it");
	check(!is_fault("['p',{'data-once':1,'data-one':2,'data-texture':3}]"));
}

static void test_urls(void)
{
	static const char *const yes[] = {"", "/", "a", "a/b?c=d:e#f:g", "#a",
	    "?a:b", "./a:b", "/a:b", "//host/x", "http://a", "HTTPS://a/b:c",
	    "mailto:a@b", "a b", "/\xc3\xa9", "%6aavascript:x/..:"};
	static const char *const no[] = {"javascript:alert(1)",
	    "JaVaScRiPt:x", "java\\tscript:x", "java\\nscript:x",
	    "java\\rscript:x", " javascript:x", "\\u0001javascript:x",
	    "javascript\\u0000:x", "javascript :x", "x ", "data:text/html,x",
	    "vbscript:x", "file:///etc/passwd", "blob:x", "ftp://a", "x:y",
	    "http\\u200b:x", "\xc2\xa0javascript:x", "javascript\\\\:x",
	    "about:blank", "view-source:x", "tel:1", "feed:javascript:x",
	    "\\u007fx", "https\\t://a", ":x", "\xef\xbc\x9ajavascript:x"};
	static const char *const names[] = {"href", "HREF", "src", "cite",
	    "poster", "background", "srcset", "xlink:href", "longdesc"};
	char text[200];
	size_t i, j;

	for (i = 0; i + 1 < sizeof yes / sizeof *yes; i++) {
		snprintf(text, sizeof text, "['a',{'href':'%s'}]", yes[i]);
		if (is_fault(text))
			check_str(err.text, yes[i]);
	}
	for (i = 0; i < sizeof no / sizeof *no; i++)
		for (j = 0; j < sizeof names / sizeof *names; j++) {
			/* In a srcset spaces and commas part URLs. */
			if (strcmp(names[j], "srcset") == 0 &&
			    strchr(no[i], ' ') && no[i][0] != ' ')
				continue;
			snprintf(text, sizeof text, "'%s'", no[i]);
			refused_attribute(names[j], text);
			snprintf(text, sizeof text, "['%s']", no[i]);
			refused_attribute(names[j], text);
		}
	check_str(html("['a',{'href':'javascript:x'}]"),
	    "![1].href: is not relative, http(s) or mailto");
	check_str(html("['img',{'srcset':'/a.png 1x, https://b/c.png 2x'}]"),
	    "<img srcset=\"/a.png 1x, https://b/c.png 2x\">");
	check(is_fault("['img',{'srcset':'/a.png 1x,javascript:x 2x'}]"));
	check(is_fault("['img',{'srcset':['/a.png','data:x']}]"));
	check(is_fault("['a',{'href':['a','javascript:x']}]"));
	check(is_fault("['a',{'href':[null,'javascript:x']}]"));
}

/* What data can be, where a page puts it into its tree. */
static void test_data(void)
{
	static const char *const arrays[] = {"['script','alert(1)']",
	    "['SCRIPT',{'src':'//evil'}]", "['form',{'action':'/x'}]",
	    "['iframe',{'srcdoc':'<script>'}]", "['a',{'onclick':'x'},'x']",
	    "['a',{'href':'javascript:x'},'x']",
	    "['div',{'data-es-command':'x.y'}]", "['div',{'style':'x'}]",
	    "['svg',['script','x']]", "['svg',['style','x']]",
	    "['meta',{'http-equiv':'refresh'}]", "['base',{'href':'//e'}]",
	    "['p',{'K\\u0000':'raw','html':'<script>'}]",
	    "['p','x',{'_es_0':'raw','html':'<script>'}]",
	    "[0,{'k':'raw','html':'x'}]", "[[],{'KEY':'slot'}]",
	    "{'':'form','type':'a'}", "{'K ':'raw','html':'<b>'}"};
	char text[200];
	size_t i;

	for (i = 0; i < sizeof arrays / sizeof *arrays; i++) {
		snprintf(text, sizeof text, "['td',%s]", arrays[i]);
		if (!is_fault(text))
			check_str("taken", text);
		snprintf(text, sizeof text, "['td',[%s]]", arrays[i]);
		if (!is_fault(text))
			check_str("taken", text);
	}
	/* What it can be is inert: a link, a heading. */
	check_str(html("['td',['a',{'href':'https://evil'},'x']]"),
	    "<td><a href=\"https://evil\">x</a></td>");
	/* As a string it is text. */
	check_str(html("['td','[\\\"script\\\",\\\"x\\\"]']"),
	    "<td>[&quot;script&quot;,&quot;x&quot;]</td>");
	/* Where attributes may stand a text is a text, an object attributes. */
	check_str(html("['td','{}']"), "<td>{}</td>");
	check_str(html("['td',{'k':'raw','html':'<script>'}]"),
	    "<td k=\"raw\" html=\"&lt;script&gt;\"></td>");
}

static void test_made(void)
{
	check_str(html("['p',{'K':'raw','html':'<b>&amp;\\u0027'},'<']"),
	    "<p><b>&amp;'&lt;</p>");
	check_str(html("['p',{'class':'x'},{'K':'raw','html':'<b>'}]"),
	    "<p class=\"x\"><b></p>");
	check_str(html("['p',{'K':'raw','html':['b']}]"),
	    "![1].html: raw() takes a string");
	check_str(html("{'K':'other'}"), "!no helper made this");
	check_str(html("{'K':true,'kind':'event'}"), "!no helper made this");
	check_str(html("[{'K':'slot'}]"), "![0]: slot is for a layout");
	check_str(html("['p','K']"), "!a text shows what form(), field() or "
	    "another helper made; a helper's output is a node");
	slot = SPAN_LIT("<main id=\"page\"></main>");
	check_str(html("['div',{'K':'slot'},'x']"),
	    "<div><main id=\"page\"></main>x</div>");
	check_int(slots, 1);
	check_str(html("'x'"), "x");
	check_int(slots, 0);
	html("[{'K':'slot'},{'K':'slot'}]");
	check_int(slots, 2);
	check_str(html("{'K':'form','type':'a','hidden':{},'children':"
	    "[{'K':'slot'}]}"),
	    "!.children[0]: slot inside of a form or svg");
	check(strstr(html("{'K':'form','type':'a','hidden':{},'children':[]}"),
	    "<form id=\"esl-a\""));
	slot = SPAN_NONE;
}

/* ---- forms ---- */

#define FORM(type, hidden, children) "{'K':'form','type':'" type \
	"','hidden':" hidden ",'children':[" children "]}"
#define FIELD(name, options) \
	"{'K':'field','name':'" name "','options':" options "}"
#define SUBMIT(text) "{'K':'submit','text':" text "}"
#define END(error) "<p class=\"es-error\" data-es-error=\"\">" error "</p>" \
	"<p class=\"es-outcome\" role=\"status\" aria-live=\"polite\"></p></form>"
#define SEND "<button type=\"submit\" class=\"es-submit\">Send</button>"
#define BEGIN(id, type) "<form id=\"" id "\" class=\"es-form\" " \
	"method=\"post\" action=\"/commands/" type "\" " \
	"data-es-command=\"" type "\">"

static void test_form(void)
{
	check_str(html(FORM("a.b", "{}", "'t'")),
	    BEGIN("es-a.b", "a.b") "t" SEND END(""));
	check_str(html(FORM("a.b", "{'x':'<\\\"','n':1,'t':true,'o':null}",
	    SUBMIT("['b','Go']"))), BEGIN("es-a.b-9a68ba04", "a.b")
	    "<input type=\"hidden\" name=\"x\" value=\"&lt;&quot;\">"
	    "<input type=\"hidden\" name=\"n\" value=\"1\">"
	    "<input type=\"hidden\" name=\"t\" value=\"true\">"
	    "<button type=\"submit\" class=\"es-submit\"><b>Go</b></button>"
	    END(""));
	/* The submit is found wherever it is. */
	check_str(html(FORM("a", "{}", "['div',[['p'," SUBMIT("'x'") "]]]")),
	    BEGIN("es-a", "a") "<div><p><button type=\"submit\" "
	    "class=\"es-submit\">x</button></p></div>" END(""));
	/* Children that are strings are text, not the tag of an element. */
	check_str(html(FORM("a", "{}", "'script','x'")),
	    BEGIN("es-a", "a") "scriptx" SEND END(""));
	check_str(html("{'K':'link_command','type':'a.c','hidden':{'n':1},"
	    "'children':['Re',['b','move']]}"), "<form id=\"es-a.c-4a1666a0\" "
	    "class=\"es-link-form\" method=\"post\" action=\"/commands/a.c\" "
	    "data-es-command=\"a.c\"><input type=\"hidden\" name=\"n\" "
	    "value=\"1\"><button type=\"submit\" class=\"es-link\">Re"
	    "<b>move</b></button>" END(""));
}

static void test_form_faults(void)
{
	static const struct { const char *tree, *want; } cases[] = {
		{FORM("a b", "{}", ""), ".type: "},
		{FORM("", "{}", ""), ".type: "},
		{FORM("a\\u0022 onclick", "{}", ""), ".type: "},
		{FORM("../x", "{}", ""), ".type: "},
		{"{'K':'form','type':1,'hidden':{},'children':[]}",
		    ".type: the command's type is not a string"},
		{FORM("a", "[]", ""), ".hidden: the hidden values are not an "
		    "object"},
		{FORM("a", "{'x':[1]}", ""), ".hidden.x: array cannot be in a "
		    "form"},
		{FORM("a", "{'x':{}}", ""), ".hidden.x: object cannot be in a "
		    "form"},
		{FORM("a", "{'':1}", ""),
		    ".hidden: an attribute without a name"},
		{FORM("a", "{}", "['script']"), ".children[0][0]: "},
		{FORM("a", "{}", "['p'," FORM("b", "{}", "") "]"),
		    ".children[0][1]: a form inside of a form"},
		{FORM("a", "{}", "'x',{'K':'link_command','type':'b',"
		    "'hidden':{},'children':[]}"),
		    ".children[1]: a form inside of a form"},
		{"['svg'," FORM("a", "{}", "") "]",
		    "[1]: a part of a form inside of svg"},
		{FORM("a", "{}", SUBMIT(FIELD("x", "{}"))), ".children[0].text: "
		    "a part of a form inside of a label, a help text or a "
		    "button"},
		{"{'K':'link_command','type':'b','hidden':{},'children':["
		    FIELD("x", "{}") "]}", ".children[0]: a part of a form "
		    "inside of a label, a help text or a button"},
		{SUBMIT("'x'"), "submit() outside of a form"},
		{FIELD("x", "{}"), "field() outside of a form"},
		{FORM("a", "{}", FIELD("", "{}")),
		    ".children[0].name: a field without a name"},
		{FORM("a", "{}", "{'K':'field','name':1,'options':{}}"),
		    ".children[0].name: a field's name is not a string"},
		{FORM("a", "{}", FIELD("x", "[]")), ".children[0].options: a "
		    "field's options are not an object"},
		{FORM("a", "{}", FIELD("x", "{'onclick':'y'}")),
		    ".children[0].options.onclick: is no option of a field"},
		{FORM("a", "{}", FIELD("x", "{'type':'file'}")),
		    ".children[0].options.type: \"file\" is no type of a field"},
		{FORM("a", "{}", FIELD("x", "{'type':'submit'}")),
		    ".children[0].options.type: \"submit\" is no type"},
		{FORM("a", "{}", FIELD("x", "{'type':['text']}")),
		    ".children[0].options.type: is not a string or a number"},
		{FORM("a", "{}", FIELD("x", "{'required':'yes'}")),
		    ".children[0].options.required: is true or false"},
		{FORM("a", "{}", FIELD("x", "{'value':[]}")),
		    ".children[0].options.value: is not a string, a number or "
		    "a boolean"},
		{FORM("a", "{}", FIELD("x", "{'type':'select'}")),
		    ".children[0].options.options: a select has an array of "
		    "options"},
		{FORM("a", "{}", FIELD("x", "{'options':['y',{'label':1}]}")),
		    ".children[0].options.options[1]: is neither a value nor "
		    "{value, label}"},
		{FORM("a", "{}", FIELD("x", "{'options':[{'value':1,'x':2}]}")),
		    ".children[0].options.options[0]: is neither"},
		{FORM("a", "{}", FIELD("x", "{'label':['script','x']}")),
		    ".children[0].options.label[0]: "},
		{FORM("a", "{}", FIELD("x", "{'help':" SUBMIT("1") "}")),
		    ".children[0].options.help: a part of a form inside"},
		{FORM("a", "{}", FIELD("x", "{}") "," FIELD("x", "{}")),
		    ".children[1].name: x is in this form twice"},
		{FORM("a", "{'x':1}", FIELD("x", "{}")),
		    ".children[0].name: x is in this form twice"},
	};
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *got = html(cases[i].tree);

		if (got[0] != '!' || strncmp(got + 1, cases[i].want,
		    strlen(cases[i].want)) != 0)
			check_str(got, cases[i].want);
	}
}

/* Of what a field becomes, between the form's tags. */
static const char *field(const char *options)
{
	static struct buf out;
	const char *got, *from = BEGIN("es-f", "f"), *to = SEND END("");
	char text[1000];
	size_t n;

	snprintf(text, sizeof text, FORM("f", "{}", "{'K':'field','name':'x',"
	    "'options':%s}"), options);
	got = html(text);
	n = strlen(got);
	if (strncmp(got, from, strlen(from)) != 0)
		return got;
	check(n > strlen(from) + strlen(to) &&
	    strcmp(got + n - strlen(to), to) == 0);
	buf_truncate(&out, 0);
	buf_add(&out, got + strlen(from), n - strlen(from) - strlen(to));
	return out.p;
}

#define DIV "<div class=\"es-field\"><label for=\"es-f-x\">"
#define COMMON "id=\"es-f-x\" name=\"x\""
#define BY " aria-describedby=\"es-f-x.error\""
#define PLACE "<p class=\"es-error\" id=\"es-f-x.error\" " \
	"data-es-error=\"x\"></p>"

static void test_field(void)
{
	check_str(field("{}"), DIV "x</label><input type=\"text\" " COMMON BY
	    ">" PLACE "</div>");
	check_str(field("{'label':['b','A<'],'type':'email','value':'\\\"<',"
	    "'placeholder':'p','required':true,'autofocus':true,"
	    "'readonly':false,'min':1,'maxlength':null}"),
	    DIV "<b>A&lt;</b></label><input type=\"email\" " COMMON
	    " placeholder=\"p\" min=\"1\" required autofocus" BY
	    " value=\"&quot;&lt;\">" PLACE "</div>");
	check_str(field("{'help':['a',{'href':'/h'},'?']}"), DIV "x</label>"
	    "<input type=\"text\" " COMMON " aria-describedby=\"es-f-x.error "
	    "es-f-x.help\"><p class=\"es-help\" id=\"es-f-x.help\">"
	    "<a href=\"/h\">?</a></p>" PLACE "</div>");
	check_str(field("{'type':'textarea','rows':3,"
	    "'value':'\\n</textarea><script>'}"), DIV "x</label>"
	    "<textarea " COMMON " rows=\"3\"" BY ">\n\n&lt;/textarea&gt;"
	    "&lt;script&gt;</textarea>" PLACE "</div>");
	check_str(field("{'type':'number','value':5}"), DIV "x</label>"
	    "<input type=\"number\" " COMMON BY " value=\"5\">" PLACE "</div>");
}

static void test_choices(void)
{
	check_str(field("{'options':['a',{'value':2,'label':'<b>'}],'value':2,"
	    "'placeholder':'Which?'}"), DIV "x</label><select " COMMON BY ">"
	    "<option value=\"\">Which?</option><option value=\"a\">a</option>"
	    "<option value=\"2\" selected>&lt;b&gt;</option></select>" PLACE
	    "</div>");
	check_str(field("{'type':'checkbox','label':'Yes','value':true}"),
	    "<div class=\"es-field es-check\"><input type=\"checkbox\" " COMMON
	    BY " value=\"true\" checked><label for=\"es-f-x\">Yes</label>" PLACE
	    "</div>");
	check_str(field("{'type':'checkbox','value':false}"),
	    "<div class=\"es-field es-check\"><input type=\"checkbox\" " COMMON
	    BY " value=\"true\"><label for=\"es-f-x\">x</label>" PLACE
	    "</div>");
	check_str(field("{'type':'radio','options':['a','b'],'value':'b',"
	    "'autofocus':true}"), "<fieldset class=\"es-field\"><legend>x"
	    "</legend><label><input type=\"radio\" id=\"es-f-x.1\" name=\"x\" "
	    "autofocus" BY " value=\"a\">a</label><label><input type=\"radio\" "
	    "id=\"es-f-x.2\" name=\"x\"" BY " value=\"b\" checked>b</label>"
	    PLACE "</fieldset>");
}

/* Each id once, and the same however often it is rendered. */
static void test_ids(void)
{
	static const char many[] = "[" FORM("a", "{}", FIELD("x y", "{}")) ","
	    FORM("a", "{}", FIELD("x_y", "{}")) ","
	    FORM("a", "{'n':1}", FIELD("x", "{}")) ","
	    FORM("a", "{'n':2}", FIELD("x", "{}")) ","
	    FORM("a-x_y", "{}", "") "]";
	const char *p, *got = html(many);
	char *ids[100], *copy = strdup(got);
	size_t n = 0, i, j;

	for (p = copy; (p = strstr(p, " id=\"")) && n < 100; p++) {
		p += 5;
		ids[n] = strndup(p, strcspn(p, "\""));
		check(strchr(ids[n], ' ') == NULL);
		n++;
	}
	check_int(n, 13);
	for (i = 0; i < n; i++)
		for (j = 0; j < i; j++)
			if (strcmp(ids[i], ids[j]) == 0)
				check_str(ids[i], "unique");
	check_str(html(many), copy);
	check(strstr(copy, "id=\"es-a-2\""));
	while (n > 0)
		free(ids[--n]);
	free(copy);
}

/* Many of them: the table grows. */
static void test_many_ids(void)
{
	struct buf text = {0};
	const char *got;
	int i;

	buf_adds(&text, "[0");
	for (i = 0; i < 500; i++)
		buf_addf(&text, "," FORM("a", "{'n':%d}", ""), i);
	for (i = 0; i < 100; i++)
		buf_adds(&text, "," FORM("a", "{}", ""));
	buf_adds(&text, "]");
	got = html(text.p);
	check(strstr(got, "id=\"es-a-100\""));
	check(!strstr(got, "id=\"es-a-101\""));
	buf_free(&text);
}

/* ---- a form that was refused ---- */

static void refused(const char *type, const char *values, const char *errors,
    const char *tree, const char *want)
{
	struct text *v = values ? parse(values) : NULL;
	struct text *e = errors ? parse(errors) : NULL;
	struct tree_form form = {span_str(type), v ? &v->doc : NULL,
	    e ? &e->doc : NULL, SPAN_NONE};

	again = &form;
	check_str(html(tree), want);
	again = NULL;
	drop(v);
	drop(e);
}

#define BAD "<div class=\"es-field es-invalid\"><label for=\"es-f-x\">x</label>"
#define BADLY BY " aria-invalid=\"true\""
#define SAYS(text) "<p class=\"es-error\" id=\"es-f-x.error\" " \
	"data-es-error=\"x\">" text "</p></div>"
#define ONE FORM("f", "{}", FIELD("x", "{'value':'page'}"))

static void test_refused(void)
{
	refused("f", "{'x':'<\\\"'}", "{'x':'must be <an> integer'}", ONE,
	    BEGIN("es-f", "f") BAD "<input type=\"text\" " COMMON BADLY
	    " value=\"&lt;&quot;\">" SAYS("must be &lt;an&gt; integer") SEND
	    END(""));
	refused("f", "{}", "{'':'no','y':'is missing'}", ONE,
	    BEGIN("es-f", "f") DIV "x</label><input type=\"text\" " COMMON BY
	    " value=\"page\">" PLACE "</div>" SEND END("no; y: is missing"));
	refused("f", NULL, NULL, ONE, BEGIN("es-f", "f") DIV "x</label>"
	    "<input type=\"text\" " COMMON BY " value=\"page\">" PLACE "</div>"
	    SEND END(""));
	/* Of another type nothing is filled in. */
	refused("g", "{'x':'sent'}", "{'x':'bad'}", ONE, BEGIN("es-f", "f") DIV
	    "x</label><input type=\"text\" " COMMON BY " value=\"page\">" PLACE
	    "</div>" SEND END(""));
	refused("f", "{'x':'secret'}", "{}", FORM("f", "{}", FIELD("x",
	    "{'type':'password','value':'p'}")), BEGIN("es-f", "f") DIV
	    "x</label><input type=\"password\" " COMMON BY ">" PLACE "</div>"
	    SEND END(""));
	/* A box that was not ticked was not sent. */
	refused("f", "{}", "{}", FORM("f", "{}", FIELD("x",
	    "{'type':'checkbox','value':true}")), BEGIN("es-f", "f")
	    "<div class=\"es-field es-check\"><input type=\"checkbox\" " COMMON
	    BY " value=\"true\"><label for=\"es-f-x\">x</label>" PLACE "</div>"
	    SEND END(""));
	refused("f", "{'x':'b'}", "{}", FORM("f", "{}", FIELD("x",
	    "{'options':['a','b'],'value':'a'}")), BEGIN("es-f", "f") DIV
	    "x</label><select " COMMON BY "><option value=\"a\">a</option>"
	    "<option value=\"b\" selected>b</option></select>" PLACE "</div>"
	    SEND END(""));
}

/* Of two forms of the type it is the one whose hidden values were sent. */
static void test_refused_one(void)
{
	struct text *v = parse("{'n':'2','x':'sent'}");
	struct text *e = parse("{'x':'bad','n':'worse'}");
	struct tree_form form = {SPAN_LIT("f"), &v->doc, &e->doc,
	    SPAN_LIT("/p?a=b")};
	const char *got, *second;

	again = &form;
	got = html("[" FORM("f", "{'n':1}", FIELD("x", "{}")) ","
	    FORM("f", "{'n':2}", FIELD("x", "{}")) "]");
	again = NULL;
	second = strstr(got + 1, "<form");
	need(second != NULL);
	check(strstr(got, "\"sent\"") > second);
	check(strstr(got, "action=\"/commands/f?page=%2Fp%3Fa%3Db\"") < second);
	check(strstr(second, "action=\"/commands/f?page=%2Fp%3Fa%3Db\"") != NULL);
	check(strstr(got, ">bad<") > second);
	check(strstr(got, ">n: worse<") > second);
	drop(v);
	drop(e);
}

/* ---- from jq to HTML ---- */

static const char page[] = "def render($page): [\"div\",\n"
    "  form(\"a.b\"; {id: $page.id};\n"
    "    field(\"n\"; {label: \"Name\", value: $page.name}),\n"
    "    field(\"m\"), submit(\"Go\")),\n"
    "  form(\"c\"; [\"p\", $page.name]),\n"
    "  link_command(\"d\"; {id: $page.id}; \"Undo\"), raw(\"<hr>\"),\n"
    "  [\"p\", {title: $page.name}, $page.name, $page.data]];";

/* What it gives for these values; NULL after a fault of the tree. */
static const char *render_page(struct jqrun *jq, const char *values)
{
	static struct buf out;
	struct jqrun_request r = {.op = JQ_RENDER, .fresh = true,
	    .message = span_str(values)};
	struct jqrun_reply reply = {0};
	struct json_doc d = {0};
	int result;

	need(jqrun_call(jq, &r, &reply, &err) == 0);
	need(reply.result == JQ_OK);
	need(json_parse(&d, reply.state.p, reply.state.n, &err) == 0);
	buf_truncate(&out, 0);
	result = tree_render(&d, 0, jqrun_key(jq), NULL, SPAN_NONE, NULL, &out,
	    &err);
	json_free(&d);
	jqrun_reply_free(&reply);
	return result < 0 ? NULL : out.p;
}

static void test_jq(void)
{
	static const struct jqrun_limits limits = {20000, (size_t)96 << 20};
	struct buf about = {0}, values = {0};
	struct jqrun *jq = NULL;
	struct scan s;
	const char *got;

	need(scan_page_jq("p.jq", page, sizeof page - 1, &s, &err) == 0);
	need(jqrun_open("p.jq", span_str(page), s.defs, s.ops, &limits, &jq,
	    &about, &err) == 0);
	got = render_page(jq, "{\"id\":\"<1>\",\"name\":\"<script>\","
	    "\"data\":[\"b\",\"x\"]}");
	need(got != NULL);
	check(strstr(got, " name=\"id\" value=\"&lt;1&gt;\">"));
	check(strstr(got, ">Name</label><input type=\"text\""));
	check(strstr(got, " value=\"&lt;script&gt;\">"));
	check(strstr(got, "class=\"es-submit\">Go</button>"));
	check(strstr(got, "<p>&lt;script&gt;</p>" SEND));
	check(strstr(got, "class=\"es-link\">Undo</button>"));
	check(strstr(got, "<hr><p title=\"&lt;script&gt;\">&lt;script&gt;"
	    "<b>x</b></p></div>"));
	check(!render_page(jq, "{\"data\":[\"script\",\"x\"]}"));
	check_str(err.text + strcspn(err.text, ":"), ": \"script\" is no "
	    "element that a page can have (a text that begins a list belongs "
	    "in an element, or behind \"\\(…)\")");
	check(!render_page(jq, "{\"data\":{\"KEY\":\"raw\",\"html\":\"x\"}}"));
	/* Who knew the key could do it; nobody does. */
	buf_addf(&values, "{\"data\":{\"%s\":\"raw\",\"html\":\"<i>\"}}",
	    jqrun_key(jq));
	check(render_page(jq, values.p));
	buf_truncate(&values, 0);
	buf_addf(&values, "{\"name\":\"%s\"}", jqrun_key(jq));
	check(!render_page(jq, values.p));
	buf_free(&values);
	buf_free(&about);
	jqrun_close(jq);
	scan_free(&s);
}

/* ---- limits ---- */

static void test_limits(void)
{
	struct buf text = {0};
	const char *got;
	int i;

	for (i = 0; i < JSON_DEPTH; i++)
		buf_adds(&text, i % 2 ? "[" : "['b',");
	for (i = 0; i < JSON_DEPTH; i++)
		buf_adds(&text, "]");
	got = html(text.p);
	check_int(strlen(got), JSON_DEPTH / 2 * 7);
	buf_truncate(&text, 0);
	buf_adds(&text, "['p','");
	for (i = 0; i < (1 << 20); i++)
		buf_adds(&text, "&");
	buf_adds(&text, "']");
	check_str(html(text.p), "![1]: the page is larger than 4096 KiB");
	text.p[200] = '\0';
	text.p[199] = ']';
	text.p[198] = '\'';
	check(!is_fault(text.p));
	buf_free(&text);
}

int main(void)
{
	test_nodes();
	test_tags();
	test_text();
	test_attributes();
	test_refused_attributes();
	test_urls();
	test_data();
	test_made();
	test_form();
	test_form_faults();
	test_field();
	test_choices();
	test_ids();
	test_many_ids();
	test_refused();
	test_refused_one();
	test_limits();
	test_jq();
	return unit_end();
}
