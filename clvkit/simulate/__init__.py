"""Customers and businesses with known truth, for tests, exercises, bundled data and benchmarks.

The same seed gives the same customers. What nobody sees in real data is in columns whose names
begin with ``true_``, or in ``attrs["truth"]``.
"""

from clvkit.simulate.business import subscriptions
from clvkit.simulate.experiments import emails
from clvkit.simulate.histories import contracts, purchases, spending
from clvkit.simulate.marketing import spend_history
from clvkit.simulate.service import shop_service
from clvkit.simulate.shop import shop

__all__ = [
    "contracts",
    "emails",
    "purchases",
    "shop",
    "shop_service",
    "spend_history",
    "spending",
    "subscriptions",
]
