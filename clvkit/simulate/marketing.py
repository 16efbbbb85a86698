"""What firms spent on winning customers, and how many came, with known marginal effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from clvkit.arguments import floats
from clvkit.models.base import Array


@dataclass(frozen=True)
class Channel:
    """A way to win customers, described in a usual month.

    ``spend`` is money a month and ``customers`` how many come of it. ``anyway`` is the share of
    them who would come without the spend, ``saturation`` the share of the rest's ceiling that is
    reached. A share of ``carry`` of what spend does comes in a later month than its own, the
    same share of that a month later still, and so on.
    """

    spend: float
    customers: float
    saturation: float
    anyway: float = 0.0
    carry: float = 0.5

    def expected(self, spend: Array | float) -> Array:
        """Customers a month, in a month without season, from ``spend`` a month kept up."""
        x = floats(spend, "spend") / self.spend
        won = x / (self.saturation * x + 1 - self.saturation)
        answer: Array = self.customers * (self.anyway + (1 - self.anyway) * won)
        return answer

    def marginal_cac(self, spend: float) -> float:
        """What the next customer a month costs, in a month without season."""
        x = spend / self.spend
        slope = (1 - self.saturation) / (self.saturation * x + 1 - self.saturation) ** 2
        return float(self.spend / (self.customers * (1 - self.anyway) * slope))


@dataclass(frozen=True)
class Market:
    """Channels, the months watched, and the season: its height and the month of its peak."""

    start: str
    months: int
    season: float
    peak: int
    channels: Mapping[str, Channel]


# Brand search and coupon sites look cheapest: most of whom they send would have come anyway.
MARKETS: dict[str, Market] = {
    "saas": Market(
        "2021-01", 48, 0.15, 3,
        {
            "search": Channel(4400, 21, saturation=0.65, anyway=0.60),
            "social": Channel(5000, 12, saturation=0.45),
            "partner": Channel(4000, 9, saturation=0.30),
            "referral": Channel(1500, 5, saturation=0.45),
            "content": Channel(3000, 8, saturation=0.35),
            "events": Channel(4000, 6, saturation=0.40),
        },
    ),
    "shop": Market(
        "2023-01", 24, 0.25, 12,
        {
            "search": Channel(1200, 52, saturation=0.45, carry=0.2),
            "social": Channel(900, 32, saturation=0.40, carry=0.3),
            "email": Channel(300, 18, saturation=0.50, carry=0.1),
            "affiliate": Channel(500, 38, saturation=0.60, anyway=0.65, carry=0.2),
            "marketplace": Channel(800, 26, saturation=0.25, carry=0.2),
        },
    ),
}  # fmt: skip

LAGS = 12


def spend_history(market: str | Market = "saas", *, seed: int = 1) -> pd.DataFrame:
    """Monthly spend by channel and who came: a saturating response, a sales cycle and a season.

    The plan of each channel moves to another level twice a year, follows half of the season and
    has pulses and pauses: real variation, from which a response can be learned. Who comes is
    Poisson around ``Channel.expected`` of what was spent in this month and in those before.

    Parameters
    ----------
    market
        ``"saas"``, ``"shop"`` or a ``Market`` of one's own.

    Returns
    -------
    One row a month and channel, by month: ``month`` (``2021-01``), ``channel``, ``spend`` (whole
    units of money), ``new_customers``. ``attrs["truth"]`` holds, by channel, the fields of
    :class:`Channel`, the mean spend of the last twelve months (``recent_spend``) and there
    ``average_cac`` and ``marginal_cac``, in a month without season and with spend kept up.
    """
    world = MARKETS[market] if isinstance(market, str) else market
    random = np.random.default_rng(seed)
    months = pd.period_range(world.start, periods=world.months, freq="M")
    # A year of spend from before the first month, which still brings customers in it.
    when = np.arange(-LAGS, world.months) + months[0].month
    season = 1 + world.season * np.cos(2 * np.pi * (when - world.peak) / 12)
    columns, truth = [], {}
    for name, channel in world.channels.items():
        levels = np.exp(random.normal(-0.1, 0.45, len(when) // 6 + 1)).repeat(6)[: len(when)]
        pulses = random.choice([1.0, 0.3, 2.0], len(when), p=[0.7, 0.15, 0.15])
        spend = np.round(channel.spend * levels * pulses * season**0.5)
        weights = (1 - channel.carry) * channel.carry ** np.arange(LAGS)
        works = np.convolve(spend, weights / weights.sum())[LAGS : len(when)]
        came = random.poisson(channel.expected(works) * season[LAGS:])
        recent = float(spend[-12:].mean())
        truth[name] = asdict(channel) | {
            "recent_spend": recent,
            "average_cac": recent / float(channel.expected(recent)),
            "marginal_cac": channel.marginal_cac(recent),
        }
        column = {
            "month": months.astype(str),
            "channel": name,
            "spend": spend[LAGS:].astype("int64"),
        }
        columns.append(pd.DataFrame(column | {"new_customers": came}))
    frame = pd.concat(columns).sort_values("month", kind="stable", ignore_index=True)
    frame.attrs |= {"period": "M", "truth": truth}
    return frame
