"""Charts as inline SVG. Places across are percentages, so a chart fills its box and its text keeps its size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from tunesmith.report.folder import Figure
from tunesmith.report.text import format_count, format_number, format_score, format_tick, is_number, visible

MAX_POINTS = 800
MAX_HOVER_POINTS = 160
Point = tuple[Figure, Figure]
Role = Literal["focus", "rival", "other"]


@dataclass(frozen=True)
class Interval:
    """A value with its confidence interval, whose it is and in which color."""

    role: Role
    name: str
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Axis:
    """A numeric axis with round ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def percent(self, value: float) -> float:
        """Where a value lies between the ends, from 0 to 100; values outside lie on the end."""
        return round(100 * min(1.0, max(0.0, (value - self.low) / (self.high - self.low))), 3)


@dataclass(frozen=True)
class Series:
    """A named line of (step, value) points; ``dots`` marks every point, for the few that are measured now and then."""

    name: str
    points: Sequence[Point]
    dots: bool = False

    @property
    def numbers(self) -> list[tuple[float, float]]:
        return [(step.value, figure.value) for step, figure in self.points]


@dataclass(frozen=True)
class Bin:
    """How many things lie between two whole numbers, both within."""

    low: int
    high: int
    count: int


def fit_axis(values: Sequence[float], *, from_zero: bool, num_ticks: int = 4) -> Axis:
    """An axis with ticks at multiples of 1, 2, 2.5 or 5 × 10ⁿ that holds all the values."""
    low, high = min(values), max(values)
    low, high = (min(low, 0.0), max(high, 0.0)) if from_zero else (low, high)
    if low == high:
        low, high = low - (abs(low) or 1) * 0.5 * (not from_zero), high + (abs(high) or 1) * 0.5
    step = _round_step((high - low) / num_ticks)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(round(k * step, 12) for k in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], ticks)


def _round_step(step: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(step))
    return next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= step * 0.999)


def draw_scale(axis: Axis) -> Markup:
    """The tick labels that stand above a column of interval plots."""
    marks = [
        Markup('<text x="{}%" y="12" text-anchor="{}">{}</text>').format(
            axis.percent(tick), _anchor(axis, tick), format_tick(tick, axis.high)
        )
        for tick in axis.ticks
    ]
    return Markup('<svg class="scale" width="100%" height="16" aria-hidden="true">{}</svg>').format(
        Markup("").join(marks)
    )


def _anchor(axis: Axis, tick: float) -> str:
    return "start" if tick == axis.low else "end" if tick == axis.high else "middle"


def draw_intervals(axis: Axis, intervals: Sequence[Interval], label: str, *, row_height: int = 14) -> Markup:
    """One line per system: a dot at its value on a bar over its interval. Hovering tells the numbers."""
    height = row_height * max(1, len(intervals)) + 6
    grid = [
        Markup('<line class="grid" x1="{0}%" x2="{0}%" y1="0" y2="{1}"/>').format(axis.percent(t), height)
        for t in axis.ticks
    ]
    marks = [
        _draw_interval(axis, item, 3 + row_height * k + row_height / 2)
        for k, item in enumerate(intervals)
        if is_number(item.value)
    ]
    return Markup('<svg class="intervals" width="100%" height="{}" role="img" aria-label="{}">{}</svg>').format(
        height, visible(label), Markup("").join(grid + marks)
    )


def _draw_interval(axis: Axis, item: Interval, y: float) -> Markup:
    return Markup('<g class="mark {}"><title>{}</title>{}<circle cx="{}%" cy="{}" r="4.5"/></g>').format(
        f"role-{item.role}", visible(_interval_title(item)), _draw_range(axis, item, y), axis.percent(item.value), y
    )


def _draw_range(axis: Axis, item: Interval, y: float) -> Markup:
    if not is_number(item.low) or not is_number(item.high):
        return Markup("")
    return Markup('<line class="bar" x1="{}%" x2="{}%" y1="{y}" y2="{y}"/>').format(
        axis.percent(item.low), axis.percent(item.high), y=y
    )


def _interval_title(item: Interval) -> str:
    known = is_number(item.low) and is_number(item.high)
    interval = f" (95% interval {format_score(item.low)} to {format_score(item.high)})" if known else ""
    return f"{item.name}: {format_score(item.value)}{interval}"


def draw_bullet(axis: Axis, intervals: Sequence[Interval], label: str) -> Markup:
    """One line for a task: the focus as a bar from zero with its interval, and a mark where each other system stands."""
    line = Markup('<line class="grid" x1="{0}%" x2="{0}%" y1="0" y2="22"/>')
    marks = [line.format(axis.percent(tick)) for tick in axis.ticks]
    ordered = sorted((item for item in intervals if is_number(item.value)), key=lambda item: item.role != "focus")
    marks += [_draw_focus(axis, item) if item.role == "focus" else _draw_tick(axis, item) for item in ordered]
    return Markup('<svg class="bullet" width="100%" height="22" role="img" aria-label="{}">{}</svg>').format(
        visible(label), Markup("").join(marks)
    )


def _draw_focus(axis: Axis, item: Interval) -> Markup:
    start = axis.percent(0.0)
    bar = Markup('<rect class="fill" x="{}%" y="6" width="{:.3f}%" height="10" rx="2"/>').format(
        start, axis.percent(item.value) - start
    )
    return Markup('<g class="mark role-focus"><title>{}</title>{}{}</g>').format(
        visible(_interval_title(item)), bar, _draw_range(axis, item, 11)
    )


def _draw_tick(axis: Axis, item: Interval) -> Markup:
    tick = Markup('<line class="tick" x1="{0}%" x2="{0}%" y1="3" y2="19"/>').format(axis.percent(item.value))
    return Markup('<g class="mark {}"><title>{}</title>{}</g>').format(
        f"role-{item.role}", visible(_interval_title(item)), tick
    )


def draw_bar(parts: Sequence[tuple[str, float, str]], total: float, label: str) -> Markup:
    """A bar of parts (class, size, title) side by side, drawn against a total."""
    drawn, start = [], 0.0
    for css_class, size, title in parts:
        width = 100 * size / total if total else 0.0
        drawn.append(_draw_part(css_class, start, width, title))
        start += width
    return Markup('<svg class="bars" width="100%" height="18" role="img" aria-label="{}">{}</svg>').format(
        visible(label), Markup("").join(drawn)
    )


def _draw_part(css_class: str, start: float, width: float, title: str) -> Markup:
    return Markup('<rect class="{}" x="{:.3f}%" y="1" width="{:.3f}%" height="16"><title>{}</title></rect>').format(
        css_class, start, width, visible(title)
    )


def draw_histogram(bins: Sequence[Bin], unit: str, label: str, *, height: int = 112) -> Markup:
    """A column for every bin over the number it begins with; hovering tells the bin and its count."""
    largest = max((item.count for item in bins), default=0)
    if not largest:
        return Markup("")
    width = 100 / len(bins)
    columns = [_draw_column(item, k * width, width, height, largest, unit) for k, item in enumerate(bins)]
    line = Markup('<line class="grid" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(height)
    return Markup('<svg class="histogram" width="100%" height="{}" role="img" aria-label="{}">{}{}</svg>').format(
        height + 18, visible(label), Markup("").join(columns), line
    )


def _draw_column(item: Bin, start: float, width: float, height: int, largest: int, unit: str) -> Markup:
    """The column, what it stands for, and its share above it where it is the largest."""
    size = (height - 16) * item.count / largest
    between = f"{item.low:,}" if item.low == item.high else f"{item.low:,} to {item.high:,}"
    text = Markup('<text x="{:.3f}%" y="{:.1f}" text-anchor="middle">{}</text>')
    column = Markup(
        '<g><title>{}</title><rect class="hover" x="{x:.3f}%" y="0" width="{w:.3f}%" height="{h}"/>'
        '<rect class="keep" x="{i:.3f}%" y="{y:.1f}" width="{n:.3f}%" height="{s:.1f}"/></g>'
    ).format(
        f"{between} {unit}: {item.count:,} records",
        x=start, w=width, h=height, i=start + 0.06 * width, n=0.88 * width, y=height - size, s=size,
    )  # fmt: skip
    middle = start + width / 2
    top = text.format(middle, height - size - 4, f"{item.count:,}") if item.count == largest else Markup("")
    return column + text.format(middle, height + 14, _short(item.low)) + top


def _short(number: int) -> str:
    """``500``, ``2k``, ``50k``, ``1M``."""
    return f"{number // 10**6}M" if number >= 10**6 else f"{number // 1000}k" if number >= 1000 else str(number)


def draw_lines(
    series: Sequence[Series],
    label: str,
    *,
    height: int = 200,
    from_zero: bool = False,
    mark: tuple[float, str] | None = None,
    across: Axis | None = None,
) -> Markup:
    """A line chart over training steps, or nothing where no series has a point. ``mark`` is a step to point
    out, and why; ``across`` the steps to draw, where charts are to be held against each other.

    A series longer than `MAX_POINTS` keeps the lowest and highest point of each stretch, so that no spike is hidden.
    """
    drawn = [item for item in series if item.numbers]
    if not drawn:
        return Markup("")
    across = across if across is not None else fit_steps(drawn)
    up = fit_axis([value for item in drawn for _, value in item.numbers], from_zero=from_zero)
    place = _Place(across, up, height)
    body = Markup("").join([_draw_mark(place, mark), *(_draw_series(place, item) for item in drawn)])
    return Markup(
        '<div class="chart"><svg class="yaxis" width="56" height="{h}" aria-hidden="true">{y}</svg>'
        '<svg class="curve" width="100%" height="{h}" role="img" aria-label="{label}">{grid}{body}</svg>{x}</div>'
    ).format(
        h=height,
        y=_draw_y_labels(place),
        label=visible(label),
        grid=_draw_grid(place),
        body=body,
        x=_draw_x_labels(across),
    )


def fit_steps(curves: Sequence[Series]) -> Axis:
    """The steps of some curves, at least one apart."""
    steps = [step for item in curves for step, _ in item.numbers]
    return Axis(min(steps), max(max(steps), min(steps) + 1), ())


def draw_spark(across: Axis, up: Axis, series: Sequence[Series], label: str, *, height: int = 52) -> Markup:
    """A line chart for a row of a table, on axes that the rows share; hovering tells each point."""
    place = _Place(across, up, height, margin=3)
    body = Markup("").join(_draw_series(place, item) for item in series if item.numbers)
    grid = Markup('<line class="grid" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(place.y(up.low))
    return Markup('<svg class="curve" width="100%" height="{}" role="img" aria-label="{}">{}{}</svg>').format(
        height, visible(label), grid, body
    )


def draw_curve(up: Axis, points: Sequence[tuple[int, Interval]], label: str, *, height: int = 190) -> Markup:
    """Values with their intervals over a small whole number, a line for each role; nothing without a point."""
    known = [(k, item) for k, item in points if is_number(item.value)]
    if not known:
        return Markup("")
    numbers = sorted({k for k, _ in known})
    across = Axis(numbers[0], max(numbers[-1], numbers[0] + 1), ())
    place = _Place(across, up, height)
    lines = [
        _draw_role(place, role, [(k, item) for k, item in known if item.role == role]) for role in ("rival", "focus")
    ]
    names = Markup("").join(
        Markup('<text x="{}%" y="{}" text-anchor="middle">{}</text>').format(_inset(place, k, None), height + 14, k)
        for k in numbers
    )
    return Markup(
        '<div class="chart"><svg class="yaxis" width="56" height="{h}" aria-hidden="true">{y}</svg>'
        '<svg class="curve shots" width="100%" height="{t}" role="img" aria-label="{label}">{grid}{body}{names}</svg></div>'
    ).format(
        h=height,
        t=height + 20,
        y=_draw_y_labels(place),
        label=visible(label),
        grid=_draw_grid(place),
        body=Markup("").join(lines),
        names=names,
    )


def _inset(place: _Place, number: float, role: Role | None) -> float:
    """Where a number lies across, away from the edges; the roles a little beside each other, so that none hides one."""
    return round(4 + 0.92 * place.x(number) + {"rival": -0.7, "focus": 0.7}.get(role, 0.0), 3)


def _draw_role(place: _Place, role: Role, points: Sequence[tuple[int, Interval]]) -> Markup:
    ordered = sorted(points, key=lambda point: point[0])
    spots = [(_inset(place, k, role), place.y(item.value), item) for k, item in ordered]
    joined = " ".join(f"{x:g},{y:g}" for x, y, _ in spots)
    line = Markup(
        '<svg width="100%" height="{h}" viewBox="0 0 100 {h}" preserveAspectRatio="none">'
        '<polyline class="line" points="{p}"/></svg>'
    ).format(h=place.height, p=joined)
    marks = Markup("").join(_draw_spot(place, x, y, item) for x, y, item in spots)
    return Markup('<g class="role-{}">{}{}</g>').format(role, line, marks)


def _draw_spot(place: _Place, x: float, y: float, item: Interval) -> Markup:
    bar = Markup("")
    if is_number(item.low) and is_number(item.high):
        bar = Markup('<line class="bar" x1="{x}%" x2="{x}%" y1="{}" y2="{}"/>').format(
            place.y(item.low), place.y(item.high), x=x
        )
    return Markup('<g class="mark"><title>{}</title>{}<circle cx="{}%" cy="{}" r="4"/></g>').format(
        visible(_interval_title(item)), bar, x, y
    )


@dataclass(frozen=True)
class _Place:
    """Turns (step, value) into a percentage across and pixels down, leaving a margin above and below."""

    across: Axis
    up: Axis
    height: int
    margin: int = 8

    def x(self, step: float) -> float:
        return self.across.percent(step)

    def y(self, value: float) -> float:
        return round(self.height - self.margin - self.up.percent(value) / 100 * (self.height - 2 * self.margin), 2)


def _draw_grid(place: _Place) -> Markup:
    line = Markup('<line class="grid" x1="0" x2="100%" y1="{0}" y2="{0}"/>')
    return Markup("").join(line.format(place.y(tick)) for tick in place.up.ticks)


def _draw_y_labels(place: _Place) -> Markup:
    text = Markup('<text x="48" y="{}" text-anchor="end">{}</text>')
    return Markup("").join(text.format(place.y(tick) + 4, format_tick(tick, place.up.high)) for tick in place.up.ticks)


def _draw_x_labels(across: Axis) -> Markup:
    return Markup('<p class="xaxis"><span>step {}</span><span>step {}</span></p>').format(
        format_count(across.low), format_count(across.high)
    )


def _draw_mark(place: _Place, mark: tuple[float, str] | None) -> Markup:
    if mark is None:
        return Markup("")
    step, title = mark
    return Markup('<line class="best" x1="{0}%" x2="{0}%" y1="0" y2="100%"><title>{1}</title></line>').format(
        place.x(step), visible(title)
    )


def _draw_series(place: _Place, series: Series) -> Markup:
    css_class = "series-" + "".join(c if c.isalnum() else "-" for c in series.name)
    points = " ".join(f"{place.x(step):g},{place.y(value):g}" for step, value in _thin(series.numbers))
    # The line lives in its own stretched coordinates, 100 wide; `non-scaling-stroke` keeps its width even.
    line = Markup(
        '<svg width="100%" height="{h}" viewBox="0 0 100 {h}" preserveAspectRatio="none">'
        '<polyline class="line" points="{p}"/></svg>'
    )
    return Markup('<g class="{}">{}{}</g>').format(
        css_class, line.format(h=place.height, p=points), _draw_dots(place, series)
    )


def _draw_dots(place: _Place, series: Series) -> Markup:
    stride = math.ceil(len(series.points) / MAX_HOVER_POINTS)
    dot = Markup('<circle class="{}" cx="{}%" cy="{}" r="{}"><title>{}</title></circle>')
    kind, radius = ("dot", 3.5) if series.dots else ("hover", 6)
    shown = series.points[::stride]
    return Markup("").join(
        dot.format(kind, place.x(step.value), place.y(item.value), radius, _point_title(series, step, item))
        for step, item in shown
    )


def _point_title(series: Series, step: Figure, figure: Figure) -> str:
    return f"step {format_count(step.value)}: {series.name} {format_number(figure.value)} ({figure.origin})"


def _thin(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    if len(points) <= MAX_POINTS:
        return points
    size = math.ceil(len(points) / (MAX_POINTS // 2))
    thinned: list[tuple[float, float]] = []
    for start in range(0, len(points), size):
        stretch = points[start : start + size]
        thinned += sorted({min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])})
    return thinned
