"""LogQL at random: trees of everything the grammar has, with literals nobody means well by."""

from pathlib import Path

FUZZ = Path(__file__).resolve().parents[2] / "fuzz"

NASTY = [
    "", "x", "a" * 300, "\x00", "\n\r\t", "\u202e", "\ufeff", "😀" * 50, "{{", "}}", "${1}", "$1$1$1", "(a*)*b", "%", "\\", "`",
    "NaN", "+Inf", "-0", "1e400", "9223372036854775807", "-9223372036854775808", "../../etc/passwd", "\u0130İı",
    '"', "'", "{}", "[]", "null", "__error__", "__name__", "__line__", "id", "user", "key=", "number",
]
LABELS = ["app", "part", "id", "user", "level", "text", "number", "key", "__error__", "service_name", "detected_level", "_", "a1", "stack", "k1"]
DURATIONS = ["1s", "5m", "1h", "1d", "1w", "292y", "100ms", "9999h", "24h", "30m", "10m", "6h"]
ODD_DURATIONS = ["0s", "1ns", "1h1m1s1ms1us1ns", "-5m", "9999999999y"]
NAMED = ["(?P<n>.*)", "(?P<a>\\w+) (?P<b>\\w+)", "user=(?P<user>\\S+)", "(?P<stack>(?s).*)", "(?P<a>.)(?P<b>.)(?P<c>.)(?P<d>.*)"]
COUNTS = ["1", "5", "100", "100000", "9223372036854775807"]
NUMBERS = ["0", "1", "-1", "0.5", "1e308", "-1e308", "9223372036854775807", "1e-320", "0.99", "10", "100000", "Inf", "NaN"]
RANGES = [
    "rate", "count_over_time", "bytes_rate", "bytes_over_time", "absent_over_time", "first_over_time", "last_over_time",
    "sum_over_time", "avg_over_time", "min_over_time", "max_over_time", "stddev_over_time", "stdvar_over_time", "rate_counter",
]
VECTORS = ["sum", "avg", "min", "max", "count", "stddev", "stdvar", "sort", "sort_desc", "group"]
REGEXES = [
    ".*", ".+", "(a|b)*", "(x+x+)+y", "(.*)(.*)(.*)", "[^z]*", r"\p{L}+", "(?i)ABC", "(?P<n>.*)", "(?P<a>\\w+) (?P<b>\\w+)", "a{1000}", "(a{1,50}){1,50}",
    "(?s).*", "^$", "\\b", "[[:alpha:]]+", "x*?", "(?:(?:(?:a)))", "(" * 20 + "a" + ")" * 20, "u[0-9]+", "." * 500, "|".join(f"w{i}" for i in range(300)),
]
TEMPLATES = [
    "{{.user}}", "{{__line__}}{{__line__}}", '{{ repeat 100000 "x" }}', "{{ .x.y.z }}", '{{ printf "%1000000d" 1 }}', "{{ range $i := until 100000 }}x{{ end }}",
    '{{ regexReplaceAll "(.*)" .text "$1$1$1$1" }}', '{{ replace "" "zzzz" __line__ }}', "{{ if .a }}b{{ else }}c{{ end }}", "{{ __line__ | upper | lower | title | b64enc }}",
    "{{ alignLeft 1000000 .a }}", "{{ fromJson __line__ }}", "{{ indent 10000 __line__ }}", '{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}', "{{ unixToTime .id }}",
    "{{ div 1 0 }}", "{{ mul 9223372036854775807 9223372036854775807 }}", "{{ substr -5 99999999 __line__ }}", "{{ trunc 99999999999 .a }}", '{{ date "2006" now }}', "{{ count `` __line__ }}",
    "{{ bytes .a }}{{ duration .b }}", "{{ .a | urlencode | urldecode }}", "{{ ( ( ( 1 ) ) ) }}", "{{ with $x := __line__ }}{{ $x }}{{ $x }}{{ $x }}{{ end }}",
]


def quoted(chance, text):
    if chance.random() < 0.3 and "`" not in text:
        return f"`{text}`"
    out = "".join(c if c >= " " and c not in '"\\' else f"\\x{ord(c):02x}" for c in text)
    return f'"{out}"'


def literal(chance):
    return quoted(chance, chance.choice(NASTY) if chance.random() < 0.9 else chance.choice(NASTY) * chance.randrange(1, 400))


def regex(chance):
    return quoted(chance, chance.choice(REGEXES))


def duration(chance):
    return chance.choice(DURATIONS if chance.random() < 0.95 else ODD_DURATIONS)


def selector(chance):
    if chance.random() < 0.7:
        matchers = [chance.choice(['app="honest"', 'app=~"burn.*"', 'app=~".+"', 'service_name=~".+"', 'app="burn1"', 'app!=""'])]
    else:
        matchers = []
    for _ in range(chance.choice([0, 0, 0, 1, 2, 30])):
        operator = chance.choice(["=", "!=", "=~", "!~"])
        value = regex(chance) if "~" in operator else literal(chance)
        matchers.append(f"{chance.choice(LABELS)}{operator}{value}")
    return "{" + ",".join(matchers) + "}"


def predicate(chance, depth=3):
    if depth and chance.random() < 0.4:
        joined = chance.choice([" and ", " or ", ", ", " "]).join(predicate(chance, depth - 1) for _ in range(chance.randrange(1, 4)))
        return f"({joined})" if chance.random() < 0.6 else joined
    label = chance.choice(LABELS)
    return chance.choice([
        lambda: f"{label} = {literal(chance)}",
        lambda: f"{label} =~ {regex(chance)}",
        lambda: f"{label} {chance.choice(['>', '<', '>=', '==', '!='])} {chance.choice(NUMBERS)}",
        lambda: f"{label} > {chance.choice(DURATIONS)}",
        lambda: f"{label} <= {chance.randrange(99)}{chance.choice(['B', 'KB', 'MiB', 'GB', 'PB'])}",
        lambda: f'{label} = ip("{chance.choice(["10.0.0.0/8", "::1", "1.1.1.1-2.2.2.2", "x"])}")',
    ])()


def stage(chance):
    label = chance.choice(LABELS)
    many = chance.choice([1, 1, 2, 5, 200])
    return chance.choice([
        lambda: f"{chance.choice(['|=', '!=', '|~', '!~', '|>', '!>'])} {regex(chance) if chance.random() < 0.5 else literal(chance)}",
        lambda: f"|= {' or '.join(literal(chance) for _ in range(many))}",
        lambda: "| json",
        lambda: "| json " + ", ".join(f'{chance.choice(LABELS)}{i}="{chance.choice(["user", "a.b.c", "a[0]", "id", "[0]", "text"])}"' for i in range(many)),
        lambda: f"| logfmt {chance.choice(['', '--strict', '--keep-empty', '--strict --keep-empty'])}",
        lambda: f"| regexp {quoted(chance, chance.choice(NAMED))}",
        lambda: f"| pattern {quoted(chance, chance.choice(['<a> <b> <_>', '<a>=<_>', '<_>x<b>', ' '.join(f'<a{i}>' for i in range(60))]))}",
        lambda: "| unpack",
        lambda: "| decolorize",
        lambda: f"| {predicate(chance)}",
        lambda: f"| line_format {quoted(chance, chance.choice(TEMPLATES))}",
        lambda: "| label_format " + ", ".join(f"{chance.choice(LABELS)}{i}={quoted(chance, chance.choice(TEMPLATES))}" for i in range(many)),
        lambda: f"| label_format {label}={chance.choice(LABELS)}",
        lambda: f"| {chance.choice(['drop', 'keep'])} " + ", ".join(chance.choice([label, f"{label}={literal(chance)}", f"{label}=~{regex(chance)}"]) for _ in range(many)),
    ])()


def log(chance):
    stages = [stage(chance) for _ in range(chance.choice([0, 1, 2, 3, 5, 25]))]
    if stages and chance.random() < 0.1:
        stages = [stages[0]] * chance.choice([10, 40, 150])
    return selector(chance) + " " + " ".join(stages)


def grouping(chance):
    labels = ", ".join(chance.choice(LABELS) for _ in range(chance.choice([0, 1, 2, 20])))
    return chance.choice(["", f" by ({labels})", f" without ({labels})"])


def ranged(chance):
    log_part = log(chance)
    unwrap = chance.random() < 0.4
    if unwrap:
        label = chance.choice(LABELS)
        log_part += " | unwrap " + chance.choice([label, f"duration({label})", f"bytes({label})", f"duration_seconds({label})"])
    window = f"[{duration(chance)}]"
    offset = f" offset {chance.choice(['', '-'])}{duration(chance)}" if chance.random() < 0.2 else ""
    if chance.random() < 0.1:
        return f"quantile_over_time({chance.choice(NUMBERS)}, {log_part} | unwrap {chance.choice(LABELS)} {window}{offset}){grouping(chance)}"
    function = chance.choice(RANGES[5:] if unwrap else RANGES[:5])
    groups = function not in ("sum_over_time", "rate_counter") and unwrap and chance.random() < 0.5
    return f"{function}({log_part} {window}{offset})" + (grouping(chance) if groups else "")


def metric(chance, depth=4):
    if depth == 0 or chance.random() < 0.4:
        return chance.choice([lambda: ranged(chance), lambda: ranged(chance), lambda: f"vector({chance.choice(NUMBERS[:2] + NUMBERS[3:5])})", lambda: chance.choice(NUMBERS)])()
    inner = lambda: metric(chance, depth - 1)
    return chance.choice([
        lambda: f"{chance.choice(VECTORS)}{grouping(chance)} ({inner()})",
        lambda: f"{chance.choice(['topk', 'bottomk', 'approx_topk'])}({chance.choice(COUNTS)}, {inner()}){grouping(chance)}",
        lambda: f"({inner()}) {chance.choice('+ - * / % ^ == != > < >= <= and or unless'.split())} {matching(chance)} ({inner()})",
        lambda: f'label_replace({inner()}, "{chance.choice(LABELS)}", {quoted(chance, chance.choice(["$1$1$1$1", "${1}", "x" * 500]))}, "{chance.choice(LABELS)}", {regex(chance)})',
        lambda: doubled(chance, inner()),
        lambda: f"sum({inner()})",
    ])()


def doubled(chance, query):
    for _ in range(chance.randrange(1, 45)):
        query = f'label_replace({query}, "x", "${{1}}${{1}}{chance.choice(["", "a"])}", "{chance.choice(["x", "x", "app"])}", "(.*)")'
    return query


def matching(chance):
    if chance.random() < 0.6:
        return chance.choice(["", "bool"])
    labels = ", ".join(chance.choice(LABELS) for _ in range(chance.randrange(3)))
    return f"{chance.choice(['on', 'ignoring'])} ({labels}) {chance.choice(['', 'group_left (a)', 'group_right ()'])}"


def _seeds():
    texts = []
    for folder in ("corpus/query", "regressions/query", "corpus/stages", "corpus/template"):
        for path in sorted((FUZZ / folder).glob("*")) if (FUZZ / folder).is_dir() else []:
            texts.append(path.read_bytes().decode(errors="replace")[:4_000])
    return texts or ["{}"]


SEEDS = _seeds()


def mutated(chance):
    """A text of the fuzzers with pieces doubled, moved, cut."""
    text = chance.choice(SEEDS)
    for _ in range(chance.randrange(1, 5)):
        at, to = sorted((chance.randrange(len(text) + 1), chance.randrange(len(text) + 1)))
        piece = text[at:to]
        text = chance.choice([
            lambda: text[:to] + piece * chance.choice([1, 2, 50]) + text[to:],
            lambda: text[:at] + text[to:],
            lambda: text[:at] + chance.choice(NASTY) + text[at:],
            lambda: text[:at] + chance.choice(SEEDS)[:200] + text[at:],
        ])()[:120_000]
    return text


def query(chance):
    return chance.choices([log, metric, ranged, mutated], [4, 4, 4, 1])[0](chance)
