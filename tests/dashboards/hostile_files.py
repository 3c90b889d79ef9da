"""Files of dashboards that must be refused, each with every slip (behind the file's name) that must be told."""
# ruff: noqa: E501  (one file a line)

from __future__ import annotations

HEAD = "name: A\n"
WIDGET = "name: A\nwidgets:\n- title: T\n  type: {}\n  source: s\n  query: SELECT 1\n  position: {{x: 0, y: 0, w: 6, h: 4}}\n"
TYPES = "line_chart, bar_chart, pie_chart, area_chart, table, metric_card, text, image"
FIELDS = "name, description, public, refresh, time_range, variables, widgets, shares"
RANGE = "15m, 24h, 7d, today, yesterday, or from and to as times such as 2026-03-01 08:00"
LINE = WIDGET.format("line_chart")
VARIABLE = "name: A\nvariables:\n- "

HOSTILE: list[tuple[str | bytes, list[str]]] = [
    # what is no YAML, or more YAML than is accepted
    ("", ["1: found no dashboard, expected a mapping with name and widgets"]),
    ("---\n---\n", ["1: found no dashboard, expected a mapping with name and widgets"]),
    (
        "name: [1, 2\n",
        ["2: this is no YAML: while parsing a flow sequence expected ',' or ']', but got '<stream end>'"],
    ),
    (
        "name: A\n\tb: c\n",
        ["2: this is no YAML: while scanning for the next token found character '\\t' that cannot start any token"],
    ),
    ("name: 'A\n", ["2: this is no YAML: while scanning a quoted scalar found unexpected end of stream"]),
    ("name: A: B\n", ["1: this is no YAML: mapping values are not allowed here"]),
    (HEAD + "name: B\n", ["2: found the key 'name' again, expected it once (it is on line 1)"]),
    (
        HEAD + "widgets:\n- {title: a, type: b, title: c}\n",
        ["3: found the key 'title' again, expected it once (it is on line 3)"],
    ),
    ("name: &a A\n", ["1: found the anchor &a, expected no anchors"]),
    ("name: A\nwidgets: *w\n", ["2: found the alias *w, expected the value written out"]),
    ("a: &a [x, x]\nb: &b [*a, *a]\n", ["1: found the anchor &a, expected no anchors"]),
    ("? &k name\n: A\n", ["1: found the anchor &k, expected no anchors"]),
    (
        "name: !!python/object/apply:os.system [id]\n",
        ["1: found the tag !!python/object/apply:os.system, expected no tags"],
    ),
    ("name: !!str A\n", ["1: found the tag !!str, expected no tags"]),
    ("!x\nname: A\n", ["1: found the tag !x, expected no tags"]),
    ("? [a, b]\n: c\n", ["1: found a key that is no text, expected a word before the colon"]),
    (HEAD + "x: " + "[" * 30 + "]" * 30 + "\n", ["2: found more than 20 levels, expected fewer"]),
    ("[" * 100_000, ["1: found more than 20 levels, expected fewer"]),
    (HEAD + "x: [" + "1, " * 20_001 + "]\n", ["2: found more than 20,000 values, expected fewer"]),
    (b"name: \xff\n", ["1: found the byte 0xff, expected text in UTF-8"]),
    ("name: A\n".encode("utf-16"), ["1: found the byte 0xff, expected text in UTF-8"]),
    ("name: A\ndescription: a\x1b[31m\n", ["2: found the control character U+001B, expected text"]),
    ('name: A\ndescription: "a\\0b"\n', ["2: found the control character U+0000, expected text"]),
    ('name: A\ndescription: "\\ud800"\n', ["2: found the control character U+D800, expected text"]),
    (b"#" * (512 * 1024 + 1), ["1: found a file of 524,289 bytes, expected at most 524,288"]),
    ("name: A\nrefresh: .inf\n", ["2: found .inf, expected a finite number"]),
    (
        "name: A\nrefresh: 99999999999999999999\n",
        ["2: found the number 99999999999999999999, expected one between -2^53 and 2^53 (or text in quotes)"],
    ),
    # what is no dashboard
    ("5\n", ["1: found 5, expected a mapping with name and widgets"]),
    ("- a\n", ["1: found a list of 1, expected a mapping with name and widgets"]),
    ("\n\nwidgets: []\n", ["3: name: is missing, expected one line of 1 to 255 characters"]),
    ("name: 5\n", ["1: name: found 5, expected one line of 1 to 255 characters"]),
    ("name: null\n", ["1: name: found nothing, expected one line of 1 to 255 characters"]),
    ('name: "a\\nb"\n', ['1: name: found "a\\nb", expected one line of 1 to 255 characters']),
    ('name: " a"\n', ['1: name: found " a", expected one line of 1 to 255 characters']),
    (HEAD + "naem: B\n", [f"2: naem: found an unknown field, expected one of {FIELDS} (did you mean name?)"]),
    (HEAD + "<<: {public: true}\n", [f"2: <<: found an unknown field, expected one of {FIELDS}"]),
    (HEAD + "public: yes\n", ['2: public: found "yes", expected true or false']),
    (HEAD + "refresh: 1s\n", ['2: refresh: found "1s", expected a time from 5s to 1d such as 30s, 5m or 1h']),
    (HEAD + "refresh: 4\n", ["2: refresh: found 4, expected a time from 5s to 1d such as 30s, 5m or 1h"]),
    (HEAD + "time_range: soon\n", [f'2: time_range: found "soon", expected {RANGE}']),
    (
        HEAD + "time_range:\n  from: 2026-02-30\n  to: 2026-03-01\n",
        [f"2: time_range: found a mapping, expected {RANGE}"],
    ),
    (HEAD + "widgets: 5\n", ["2: widgets: found 5, expected a list of widgets (at most 60)"]),
    (HEAD + "widgets:\n- 5\n", ["3: widgets[0]: found 5, expected a mapping with title, type and position"]),
    (WIDGET.format("lines"), [f'4: widgets[0].type: found "lines", expected one of {TYPES}']),
    (
        WIDGET.format("text"),
        [
            "5: widgets[0].source: found a source, expected none in a widget of type text",
            "6: widgets[0].query: found a query, expected none in a widget of type text",
            "3: widgets[0].config.markdown: is missing, expected what this text shows",
        ],
    ),
    (LINE.replace("  source: s\n", ""), ["3: widgets[0].source: is missing, expected the name of a source"]),
    (
        LINE.replace("SELECT 1", '""'),
        ["6: widgets[0].query: is missing, expected a SELECT of at most 100,000 characters"],
    ),
    (LINE.replace("w: 6", "w: 13"), ["7: widgets[0].position.w: found 13, expected a whole number from 1 to 12"]),
    (LINE.replace("x: 0", "x: 7"), ["7: widgets[0].position: found x 7 + w 6 = 13, expected at most 12 columns"]),
    (LINE.replace("y: 0, ", ""), ["7: widgets[0].position.y: is missing, expected a whole number from 0 to 999"]),
    (LINE + LINE[17:], ["12: widgets[1].position: found a place that widgets[0] takes as well, expected a free one"]),
    (
        LINE + "  config: {legend: left}\n",
        ["8: widgets[0].config.legend: found \"left\", expected 'auto', 'top', 'bottom', 'right' or 'none'"],
    ),
    (
        LINE + "  config:\n    thresholds:\n    - {value: high}\n",
        ['10: widgets[0].config.thresholds[0].value: found "high": expected a number'],
    ),
    (LINE + "  config:\n    min: 5\n    max: 5\n", ["8: widgets[0].config: found a mapping: min must be below max"]),
    (
        VARIABLE + "{name: from, type: text}\n",
        ['3: variables[0].name: found "from", expected a word of a-z, 0-9 and _ such as region'],
    ),
    (
        VARIABLE + "{name: dp_x, type: text}\n",
        ['3: variables[0].name: found "dp_x", expected a word of a-z, 0-9 and _ such as region'],
    ),
    (VARIABLE + "{name: r, type: list}\n", ['3: variables[0].type: found "list", expected text, number or choice']),
    (
        VARIABLE + "{name: r, type: choice}\n",
        [
            "3: variables[0].options: is missing, expected a list of texts or numbers, or a mapping with source and query"
        ],
    ),
    (
        VARIABLE + "{name: r, type: choice, options: [a, true]}\n",
        ["3: variables[0].options[1]: found true, expected a text or a number"],
    ),
    (
        VARIABLE + "{name: r, type: choice, options: {source: s}}\n",
        ["3: variables[0].options.query: is missing, expected a SELECT whose first column holds the options"],
    ),
    (
        VARIABLE + "{name: r, type: choice, options: [a], default: b}\n",
        ['3: variables[0].default: found "b", expected one of a'],
    ),
    (VARIABLE + "{name: r, type: number, default: x}\n", ['3: variables[0].default: found "x", expected a number']),
    (
        VARIABLE + "{name: r, type: text}\n- {name: r, type: text}\n",
        ['4: variables[1].name: found "r" again, expected a name of its own (as variables[0])'],
    ),
    (HEAD + "shares:\n- {email: ana}\n", ['3: shares[0].email: found "ana", expected an e-mail address']),
    (
        HEAD + "shares:\n- {email: a@b, permission: own}\n",
        ['3: shares[0].permission: found "own", expected view or edit'],
    ),
    (
        HEAD + "shares:\n- email: a@b\n- email: A@B\n",
        ['4: shares[1].email: found "a@b" again, expected each person once'],
    ),
    (HEAD + "---\n" + HEAD, ['3: name: found "A" again, expected it once (it is on line 1)']),
    ("---\n".join(f"name: A{each}\n" for each in range(101)), ["201: found 101 dashboards, expected at most 100"]),
]
