"""Rounds of measurements, and their medians and ratios as Markdown tables."""

import statistics
import sys


def rounds(names, measure, number):
    """Every program's figures, a list of each, of rounds in which all of them have a turn. Each round starts with another
    one, so that none always follows the same neighbour."""
    figures = {name: {} for name in names}
    for turn in range(number):
        first = turn % max(len(names), 1)
        for name in names[first:] + names[:first]:
            progress(f"  round {turn + 1} of {number}: {name}")
            for key, value in measure(name).items():
                figures[name].setdefault(key, []).append(value)
    progress("")
    return figures


def progress(text):
    """Says on a terminal what is going on, in a line that the next one replaces."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def ratio(results, name, key, base):
    """The median, over the rounds, of one program's figure divided by another's; `None` if one didn't take part, or
    did nothing."""
    ours, theirs = (results.get(server, {}).get(key) for server in (name, base or name))
    if not ours or not theirs:
        return None
    each = [a / b if base else a for a, b in zip(ours, theirs) if b or not base]
    return statistics.median(each) if each else None


def heading(title):
    print(f"\n### {title}\n", flush=True)


def print_table(results, columns, ratios=()):
    """A row for each program: medians of the columns (title, figure, how it is written), and ratios (title, figure, to
    whose)."""
    print_row(["", *(title for title, _, _ in columns), *(f"{title} ÷ {base}" for title, _, base in ratios)])
    print_row(["---", *["---:"] * (len(columns) + len(ratios))])
    for name, figures in results.items():
        row = [shown(statistics.median(figures[key]), form) for _, key, form in columns]
        row += [shown(ratio(results, name, key, base), "{:.2f}") for _, key, base in ratios]
        print_row([name, *row])
    sys.stdout.flush()


def print_goals(goals, results):
    """Compares results by workload with goals of the form: workload, whose figure, which one, divided by whose (or `None`),
    and the bound."""
    heading("Goals")
    print_row(["work", "figure", "goal", "measured", ""])
    print_row(["---", "---", "---", "---:", "---"])
    for work, name, key, base, goal in goals:
        if work not in results:
            continue
        value = ratio(results[work], name, key, base)
        sign, bound = goal.split()
        reached = value is not None and (value <= float(bound) if sign == "≤" else value >= float(bound))
        figure = f"{key}, {name} ÷ {base}" if base else f"{key}, {name}"
        print_row([work, figure, goal, shown(value, "{:.3g}"), "reached" if reached else "**not reached**"])


def print_row(cells):
    print(f"| {' | '.join(cells)} |")


def shown(value, form):
    if value is None:
        return "–"
    return form(value) if callable(form) else form.format(value)


def seconds(value):
    for unit, factor in (("s", 1), ("ms", 1e3)):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e6:.3g} µs"


def size(value):
    return f"{value / 1e6:.1f} MB"
