//! Random queries: every tree the parser can give, and only those.

use crate::ast::{
    BinaryExpr, BinaryOp, CompareOp, Conversion, Expr, Extraction, Grouping, LabelFilterExpr,
    LabelFormat, LabelFormatSource, LabelReplaceExpr, LineFilterArg, LineFilterExpr, LineFilterOp,
    LogExpr, LogRange, MatchGroup, MatcherExpr, MetricExpr, NamedMatcher, RangeExpr, RangeOp,
    Selector, SortKey, Span, StageExpr, UnwrapExpr, VectorExpr, VectorMatching, VectorOp,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use skald_model::MatchOp;

/// Any query.
pub(crate) fn expr() -> impl Strategy<Value = Expr> {
    prop_oneof![log().prop_map(Expr::Log), metric().prop_map(Expr::Metric)]
}

/// Names that need no quotes, words among them that mean something elsewhere.
fn bare_name() -> impl Strategy<Value = String> {
    let odd = select(vec![
        "sum", "rate", "ip", "limit", "in", "not", "distinct", "sort", "desc", "é", "_x", "bytes",
        "Vector",
    ]);
    prop_oneof!["[a-z_][a-z0-9_]{0,6}x", odd.prop_map(str::to_owned)]
}

/// Names, keywords among them.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => bare_name(), 1 => select(vec!["json", "by", "or", "Bool", "offset"]).prop_map(str::to_owned)]
}

fn names() -> impl Strategy<Value = Vec<String>> {
    vec(name(), 1..3)
}

/// Texts, with what must be escaped among them.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-z .=]{0,8}", 1 => any::<String>(), 1 => "[\\\\\"`'{}\n\t\u{1}\u{200b}]{0,4}"]
}

fn matcher() -> impl Strategy<Value = MatcherExpr> {
    let equality = (select(vec![MatchOp::Equal, MatchOp::NotEqual]), text());
    let regex = (
        select(vec![MatchOp::Regex, MatchOp::NotRegex]),
        "[a-z.*|]{0,2}[a-z]".prop_map(|s| s.replace('*', ".*")),
    );
    (name(), prop_oneof![equality, regex]).prop_map(|(name, (op, value))| MatcherExpr {
        name,
        op,
        value,
        span: Span::default(),
    })
}

/// A selector.
pub(crate) fn selector() -> impl Strategy<Value = Selector> {
    vec(matcher(), 0..3).prop_map(|matchers| Selector {
        matchers,
        span: Span::default(),
    })
}

fn line_filter() -> impl Strategy<Value = LineFilterExpr> {
    use LineFilterOp::{Contains, NotContains, NotPattern, NotRegex, Pattern, Regex};
    let arg = || prop_oneof![4 => text().prop_map(LineFilterArg::Text), 1 => text().prop_map(LineFilterArg::Ip)];
    let positive = (select(vec![Contains, Regex, Pattern]), vec(arg(), 1..4));
    let negative = (
        select(vec![NotContains, NotRegex, NotPattern]),
        vec(arg(), 1..2),
    );
    prop_oneof![positive, negative].prop_map(|(op, args)| LineFilterExpr {
        op,
        args,
        span: Span::default(),
    })
}

fn compare_op() -> impl Strategy<Value = CompareOp> {
    use CompareOp::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
    select(vec![
        Equal,
        NotEqual,
        Greater,
        GreaterEqual,
        Less,
        LessEqual,
    ])
}

/// A condition on labels.
pub(crate) fn label_filter() -> impl Strategy<Value = LabelFilterExpr> {
    let number = prop_oneof![
        any::<i32>().prop_map(f64::from),
        -1e3..1e3,
        Just(1e300),
        Just(0.0)
    ];
    let nanos = prop_oneof![
        0..1_000_000_000i64,
        -1_000_000_000_000_000..1_000_000_000_000_000i64
    ];
    let bytes = prop_oneof![
        0..2_000u64,
        (0..500u64).prop_map(|k| k * 1_000_000),
        0..1u64 << 50
    ];
    let leaf = prop_oneof![
        3 => matcher().prop_map(LabelFilterExpr::Match),
        1 => (name(), any::<bool>(), text()).prop_map(|(name, negated, pattern)| LabelFilterExpr::Ip { name, negated, pattern }),
        1 => (name(), compare_op(), number).prop_map(|(name, op, value)| LabelFilterExpr::Number { name, op, value }),
        1 => (name(), compare_op(), nanos).prop_map(|(name, op, nanos)| LabelFilterExpr::Duration { name, op, nanos }),
        1 => (name(), compare_op(), bytes).prop_map(|(name, op, bytes)| LabelFilterExpr::Bytes { name, op, bytes }),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        (inner.clone(), inner, any::<bool>()).prop_map(|(left, right, and)| {
            let (left, right) = (Box::new(left), Box::new(right));
            if and {
                LabelFilterExpr::And(left, right)
            } else {
                LabelFilterExpr::Or(left, right)
            }
        })
    })
}

fn extractions() -> impl Strategy<Value = Vec<Extraction>> {
    vec(
        (bare_name(), text()).prop_map(|(label, expression)| Extraction { label, expression }),
        0..3,
    )
}

fn named() -> impl Strategy<Value = Vec<NamedMatcher>> {
    vec(
        prop_oneof![
            name().prop_map(NamedMatcher::Name),
            matcher().prop_map(NamedMatcher::Matcher)
        ],
        1..3,
    )
}

fn label_formats() -> impl Strategy<Value = Vec<LabelFormat>> {
    let source = prop_oneof![
        bare_name().prop_map(LabelFormatSource::Label),
        text().prop_map(LabelFormatSource::Template)
    ];
    vec(
        (name(), source).prop_map(|(target, source)| LabelFormat { target, source }),
        1..3,
    )
}

fn flat_stage() -> impl Strategy<Value = StageExpr> {
    let sort_key =
        (name(), any::<bool>()).prop_map(|(label, descending)| SortKey { label, descending });
    prop_oneof![
        4 => line_filter().prop_map(StageExpr::LineFilter),
        4 => label_filter().prop_map(StageExpr::LabelFilter),
        1 => extractions().prop_map(StageExpr::Json),
        1 => (any::<bool>(), any::<bool>(), extractions())
            .prop_map(|(strict, keep_empty, expressions)| StageExpr::Logfmt { strict, keep_empty, expressions }),
        1 => "[a-z]{0,3}".prop_map(|s| StageExpr::Regexp(format!("{s}(?P<name>\\d+)"))),
        1 => "[a-z \"]{1,3}".prop_map(|s| StageExpr::Pattern(format!("<a>{s}<_>{s}<b>"))),
        1 => select(vec![StageExpr::Unpack, StageExpr::Decolorize]),
        1 => text().prop_map(StageExpr::LineFormat),
        1 => label_formats().prop_map(StageExpr::LabelFormat),
        1 => named().prop_map(StageExpr::Drop),
        1 => named().prop_map(StageExpr::Keep),
        1 => names().prop_map(StageExpr::Distinct),
        1 => any::<u64>().prop_map(StageExpr::Limit),
        1 => vec(sort_key, 1..3).prop_map(StageExpr::Sort),
    ]
}

fn flat_log() -> impl Strategy<Value = LogExpr> {
    (selector(), vec(flat_stage(), 0..4)).prop_map(|(selector, stages)| {
        let mut log = LogExpr {
            selector,
            stages: Vec::new(),
            span: Span::default(),
        };
        for stage in stages {
            if !log
                .stages
                .last()
                .is_some_and(|last| runs_together(last, &stage))
            {
                log.stages.push(stage);
            }
        }
        log
    })
}

/// `| drop x != "y"` is a matcher of drop, never a line filter after it.
fn runs_together(first: &StageExpr, second: &StageExpr) -> bool {
    let (StageExpr::Drop(items) | StageExpr::Keep(items), StageExpr::LineFilter(filter)) =
        (first, second)
    else {
        return false;
    };
    let negated = matches!(
        filter.op,
        LineFilterOp::NotContains | LineFilterOp::NotRegex
    );
    negated && matches!(items.last(), Some(NamedMatcher::Name(_)))
}

/// A log query.
pub(crate) fn log() -> impl Strategy<Value = LogExpr> {
    flat_log().prop_recursive(2, 6, 1, |inner| {
        (flat_log(), name(), any::<bool>(), inner).prop_map(|(mut log, label, negated, query)| {
            log.stages.push(StageExpr::In {
                label,
                negated,
                query: Box::new(query),
            });
            log
        })
    })
}

fn unwrap() -> impl Strategy<Value = UnwrapExpr> {
    use Conversion::{Bytes, Duration, DurationSeconds, None};
    (
        name(),
        select(vec![None, Bytes, Duration, DurationSeconds]),
        vec(label_filter(), 0..3),
    )
        .prop_map(|(label, conversion, filters)| UnwrapExpr {
            label,
            conversion,
            filters,
        })
}

fn grouping() -> impl Strategy<Value = Grouping> {
    (any::<bool>(), vec(name(), 0..3)).prop_map(|(without, labels)| Grouping { without, labels })
}

fn range() -> impl Strategy<Value = MetricExpr> {
    let width = (0..100_000_000i64).prop_map(|millis| millis * 1_000_000);
    let offset = prop_oneof![2 => Just(0i64), 1 => -1_000_000_000_000..1_000_000_000_000i64];
    (
        select(RangeOp::ALL.to_vec()),
        log(),
        unwrap(),
        any::<bool>(),
        width,
        offset,
        proptest::option::of(grouping()),
        0.0..1.0f64,
    )
        .prop_map(
            |(op, log, mut unwrap, wants_unwrap, range, offset, grouping, quantile)| {
                use RangeOp::{
                    AbsentOverTime, BytesOverTime, BytesRate, CountDistinct, CountOverTime,
                    QuantileOverTime, Rate, RateCounter, SumOverTime,
                };
                let lines_only = matches!(op, CountOverTime | BytesOverTime | BytesRate);
                let either = matches!(op, Rate | AbsentOverTime);
                if op == CountDistinct {
                    unwrap = UnwrapExpr {
                        conversion: Conversion::None,
                        filters: Vec::new(),
                        ..unwrap
                    };
                }
                let groups = !lines_only && !either && !matches!(op, SumOverTime | RateCounter);
                MetricExpr::Range(Box::new(RangeExpr {
                    op,
                    param: (op == QuantileOverTime).then_some(quantile),
                    range: LogRange {
                        log,
                        unwrap: Some(unwrap).filter(|_| !lines_only && (wants_unwrap || !either)),
                        range,
                        offset,
                    },
                    grouping: grouping.filter(|_| groups),
                    span: Span::default(),
                }))
            },
        )
}

fn vector(inner: MetricExpr, op: VectorOp, k: i64, grouping: Option<Grouping>) -> MetricExpr {
    use VectorOp::{ApproxTopk, Bottomk, Sort, SortDesc, Topk};
    let param = matches!(op, Topk | Bottomk | ApproxTopk).then_some(k);
    let grouping = grouping.filter(|_| !matches!(op, Sort | SortDesc | ApproxTopk));
    MetricExpr::Vector(Box::new(VectorExpr {
        op,
        param,
        grouping,
        inner,
        span: Span::default(),
    }))
}

fn matching() -> impl Strategy<Value = Option<VectorMatching>> {
    let group = select(vec![
        MatchGroup::OneToOne,
        MatchGroup::Left,
        MatchGroup::Right,
    ]);
    (
        any::<bool>(),
        names(),
        group,
        vec(name(), 0..2),
        any::<bool>(),
    )
        .prop_map(|(on, labels, group, include, some)| {
            let include = if group == MatchGroup::OneToOne {
                Vec::new()
            } else {
                include
            };
            some.then_some(VectorMatching {
                on,
                labels,
                group,
                include,
            })
        })
}

fn binary(
    op: BinaryOp,
    flag: bool,
    matching: Option<VectorMatching>,
    left: MetricExpr,
    right: MetricExpr,
) -> MetricExpr {
    let is_literal = |e: &MetricExpr| matches!(e, MetricExpr::Literal(_));
    // Two literals are folded, and set operators take none.
    let (op, right) = match (is_literal(&left), is_literal(&right)) {
        (true, true) => (BinaryOp::Add, MetricExpr::VectorOf(1.0)),
        (false, false) => (op, right),
        _ if op.is_set() => (BinaryOp::Sub, right),
        _ => (op, right),
    };
    let return_bool = flag && op.is_comparison();
    MetricExpr::Binary(Box::new(BinaryExpr {
        op,
        return_bool,
        matching,
        left,
        right,
        span: Span::default(),
    }))
}

/// A metric query.
pub(crate) fn metric() -> impl Strategy<Value = MetricExpr> {
    let number = || {
        prop_oneof![
            any::<i32>().prop_map(f64::from),
            -1.0..1.0f64,
            Just(1e21),
            Just(2.5e-7)
        ]
    };
    let leaf = prop_oneof![
        4 => range(),
        1 => number().prop_map(MetricExpr::Literal),
        1 => number().prop_map(|value| MetricExpr::VectorOf(value.abs())),
    ];
    let ops = {
        use BinaryOp::*;
        vec![
            Or,
            And,
            Unless,
            Add,
            Sub,
            Mul,
            Div,
            Mod,
            Pow,
            Equal,
            NotEqual,
            Greater,
            GreaterEqual,
            Less,
            LessEqual,
        ]
    };
    leaf.prop_recursive(4, 12, 2, move |inner| {
        prop_oneof![
            (
                inner.clone(),
                select(VectorOp::ALL.to_vec()),
                1..100i64,
                proptest::option::of(grouping())
            )
                .prop_map(|(inner, op, k, grouping)| vector(inner, op, k, grouping)),
            (
                select(ops.clone()),
                any::<bool>(),
                matching(),
                inner.clone(),
                inner.clone()
            )
                .prop_map(|(op, flag, matching, left, right)| binary(
                    op, flag, matching, left, right
                )),
            (inner, text(), text(), text()).prop_map(|(inner, dst, replacement, src)| {
                let regex = "(.*)".to_owned();
                MetricExpr::LabelReplace(Box::new(LabelReplaceExpr {
                    inner,
                    dst,
                    replacement,
                    src,
                    regex,
                    span: Span::default(),
                }))
            }),
        ]
    })
}
