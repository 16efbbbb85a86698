"""Newton's method for a handful of log parameters, which always hands back its best point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# Value, gradient and Hessian (or None: differenced) of what is to be made small.
Objective = Callable[[Array], tuple[float, Array, Array | None]]

_MAX_STEP = 1.5
_FLAT = 1e-7  # a slope of the mean log-likelihood that counts as none
_REACH = 18.0  # a parameter e^18 times its start has run away; no need to follow it further


@dataclass(frozen=True)
class Optimum:
    """The lowest point found, with what the flags need to judge it.

    The last, tiny step is not evaluated: value, gradient and Hessian may be those before it.
    """

    at: Array
    value: float
    gradient: Array
    hessian: Array

    @property
    def sharp(self) -> bool:
        """Whether it is an interior minimum: no slope left, curved upwards everywhere."""
        return bool(
            np.abs(self.gradient).max() < _FLAT and np.linalg.eigvalsh(self.hessian)[0] > 1e-7
        )


def minimise(objective: Objective, starts: Sequence[Array]) -> Optimum:
    """Descend from the first start; from the others too where that ends at a doubtful point."""
    best: Optimum | None = None
    for start in starts:
        found = _descend(objective, start)
        twice = best is not None and abs(found.value - best.value) < 1e-8 * (1 + abs(best.value))
        if best is None or found.value < best.value:
            best = found
        # Two ways to the same height are enough, even where the top is flat.
        if best.sharp or twice:
            break
    assert best is not None
    return best


def _descend(objective: Objective, start: Array) -> Optimum:
    at = start.astype("float64")
    value, gradient, hessian = _complete(objective, at)
    if not (np.isfinite(gradient).all() and np.isfinite(hessian).all()):
        return Optimum(at, np.inf, np.zeros(len(at)), np.eye(len(at)))
    idle = 0
    for _ in range(100):
        step = _newton_step(gradient, hessian)
        promise = -float(gradient @ step)
        if promise < 1e-12 * (1 + abs(value)):
            # Too little for the value to show it; one last step makes the slope vanish.
            if np.abs(gradient).max() < _FLAT / 10 and np.abs(step).max() < 1e-4:
                return Optimum(at + step, value, gradient, hessian)
            after, slope, hessian_after = _complete(objective, at + step)
            if np.isfinite(hessian_after).all() and (np.abs(slope).max() < np.abs(gradient).max()):
                at, value, gradient, hessian = at + step, after, slope, hessian_after
            break
        moved = _line_search(objective, at, step, value, promise, start)
        if moved is None:
            break
        # A parameter that runs away wins ever less with every step: three times is enough.
        idle = idle + 1 if value - moved[1] < 1e-9 * (1 + abs(value)) else 0
        at, value, gradient, hessian = moved
        if idle == 3:
            break
    return Optimum(at, value, gradient, hessian)


def _line_search(
    objective: Objective, at: Array, step: Array, value: float, promise: float, start: Array
) -> tuple[Array, float, Array, Array] | None:
    length = 1.0
    for _ in range(16):
        there = np.clip(at + length * step, start - _REACH, start + _REACH)
        after, gradient, hessian = objective(there)
        if after <= value - 1e-4 * length * promise or (length == 1.0 and after < value):
            if hessian is None:
                hessian = _difference(objective, there)
            # Far out the arithmetic may end; a point without slope or curve leads nowhere.
            if np.isfinite(gradient).all() and np.isfinite(hessian).all():
                return there, after, gradient, hessian
        length /= 3
    return None


def _newton_step(gradient: Array, hessian: Array) -> Array:
    """Newton's step, downhill also where the surface curves the wrong way, of bounded length."""
    values, vectors = np.linalg.eigh(hessian)
    curvature = np.maximum(np.abs(values), 1e-9 * np.abs(values).max() + 1e-12)
    step = -(vectors @ ((vectors.T @ gradient) / curvature))
    return np.asarray(step * min(1.0, _MAX_STEP / max(float(np.abs(step).max()), 1e-300)))


def _complete(objective: Objective, at: Array) -> tuple[float, Array, Array]:
    value, gradient, hessian = objective(at)
    if hessian is None and np.isfinite(gradient).all():
        hessian = _difference(objective, at)
    return value, gradient, np.full((len(at), len(at)), np.nan) if hessian is None else hessian


def _difference(objective: Objective, at: Array) -> Array:
    """Central differences of the analytic gradient."""
    width = 1e-5
    rows = [
        (objective(at + e)[1] - objective(at - e)[1]) / (2 * width) for e in np.eye(len(at)) * width
    ]
    hessian = np.array(rows)
    return np.asarray((hessian + hessian.T) / 2)
