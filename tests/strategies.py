"""Every strategy, factor and case that the playbook was commissioned to cover.

Each line: what it is, and a pattern that finds it in the words of a chapter or, with tags taken
off and white space as it comes, in a built page. ``CHAPTERS`` says where each group belongs.
"""

import re

DEFINITIONS = {
    "CLV as revenue": r"revenue",
    "CLV as margin": r"margin",
    "account versus customer": r"account",
    "worth a million to one firm and nothing to another": r"worth (a )?million|million to one",
    "CLV never alone": r"(stands? beside|beside) other|never alone|next to other",
    "why firms use it: segments": r"segment",
    "why firms use it: allocation": r"allocat|where to spend|money goes",
    "why firms use it: budgets": r"budget",
    "why firms use it: forecasts": r"forecast",
    "a sign of product-market fit": r"product-market fit",
    "a sign of loyalty": r"loyal",
    "the business model that is broken": r"broken|nobody notic|without (anyone|anybody) noticing",
}
FORMULAS = {
    "order value x frequency x lifespan": r"(order value|orders?).{0,60}(frequency|lifespan|years)",
    "customer value x expected lifetime": r"expected lifetime",
    "all costs of serving": r"cost(s)? of serving|cost to serve|serving",
    "margin x retention / (1 + discount - retention)": r"1 \+ d - r|1\+d-r",
    "the discount rate is no price discount": r"discount rate",
    "rabattsatser": r"rabattsats",
    "diskonteringsränta": r"diskonteringsränta",
    "折扣率": "折扣率",
    "折現率": "折現率",
    "frequency": r"frequency",
    "order value": r"order value",
    "lifespan": r"lifespan|lifetime",
    "profitability": r"profitab",
    "acquisition cost": r"acquisition cost|cost of acquisition",
    "retention": r"retention",
    "loyalty": r"loyal",
    "satisfaction": r"satisf",
    "referral": r"referral|refer",
    "cross-selling": r"cross-sell",
}
MODELS = {
    "the historical model": r"historical",
    "an active customer may stop": r"active one may stop",
    "a silent one may come back": r"silent one may come back",
    "regression": r"regression|logistic",
    "machine learning": r"machine learning|learner",
    "statistics": r"probability model|statistic",
    "demographics": r"demographic",
    "product preferences": r"preference|product",
    "engagement": r"engagement|newsletter",
    "propensity to churn": r"propensity",
}
BASE = {
    "segments by purchase history": r"purchase history|RFM",
    "segments by demographics": r"demographic|attribute",
    "high-value customers": r"high-value",
    "the ideal customer": r"ideal customer",
    "trends by month and year": r"trend",
}
CHURN = {
    "churn rate": r"churn rate",
    "lifetime = 1/churn": r"1/churn|one over churn",
    "churn unstable over time": r"unstable|over time|not stable|with (age|tenure)",
    "the rate alone explains nothing": r"reason",
    "early warning": r"early warning",
    "the website builder whose webinar users have higher CLV": r"webinar",
}
RECURRING = {"ARPU": r"ARPU|ARPA", "churned MRR": r"churned MRR|churned (mrr|recurring)"}
ACQUISITION = {
    "acquisition cost": r"CAC",
    "CLV:CAC": r"CLV:CAC",
    "how much to spend on acquisition": r"how much",
    "acquisition versus retention": r"retention",
    "cut weak channels": r"channel",
    "freemium": r"freemium",
    "product-led growth": r"product-led",
    "easy sign-up": r"sign-up|sign up",
    "brand": r"brand",
    "referrals": r"referral",
}
PLAYS = {
    "onboarding": r"onboarding",
    "guides": r"guide",
    "video": r"video",
    "personas": r"persona\b|personas\b",
    "value message": r"value message",
    "health score": r"health score",
    "cross-sell": r"cross-sell",
    "upsell": r"upsell",
    "bundles": r"bundle",
    "bought together": r"bought together",
    "gift thresholds": r"gift\*? from",
    "free-shipping thresholds": r"free shipping",
    "buy-one-get-one": r"buy-one-get-one",
    "limited offers": r"limited offers",
    "social proof": r"social proof",
    "loyalty programmes": r"loyalty programme",
    "word of mouth": r"word of mouth",
    "customer success": r"customer success",
    "community": r"community",
    "surveys": r"survey",
    "key accounts": r"key account",
    "business reviews": r"business review",
    "support": r"support",
    "knowledge base": r"knowledge base",
    "academy": r"academy",
    "partners": r"partners",
    "usage-based": r"usage-based",
    "tiered": r"tiered",
    "trial": r"trial",
    "limited-time": r"limited-time",
    "annual discount": r"annual discount",
    "price-page transparency": r"price-page transparency",
    "value framing": r"value framing",
    "price versus perceived value": r"price versus perceived value",
    "adding features": r"adding features",
    "renewals": r"renewals",
    "longer contracts": r"longer contracts",
    "personalised offers": r"personal(ised)? offer",
    "the claim: retain instead of acquire": r"retain instead of acquire",
    "the claim: acquiring costs more than retaining": r"acquiring costs more than retaining",
    "Sarah, the regular customer": r"Sarah",
    "the online retailer that recommends related items": r"retailer that recommends related items",
    "the tool that halved churn with a discounted annual plan": r"plan that halved churn",
    "the CRM vendor whose partners and academy lower the cost to serve": r"CRM vendor",
}
TESTS = {
    "A/B tests over segments": r"segment",
    "adjust a programme that does not lift": r"adjust|stop",
}
REVIEW = {
    "monitor and review": r"review",
    "tools: CRM": r"CRM",
    "tools: web analytics": r"web analytics",
    "tools: surveys": r"survey",
    "tools: finance dashboards": r"dashboard",
}

CHAPTERS: list[tuple[tuple[str, ...], dict[str, str]]] = [
    (("what-is-clv",), DEFINITIONS),
    (("clv-formulas", "what-is-clv", "glossary"), FORMULAS),
    (("historical-clv", "predicting-purchases", "machine-learning", "customer-base"), MODELS),
    (("customer-base",), BASE),
    (("churn",), CHURN),
    (("recurring-revenue",), RECURRING),
    (("clv-to-cac",), ACQUISITION),
    (("retention-plays",), PLAYS),
    (("retention-experiments",), TESTS),
    (("monitoring", "retention-experiments"), REVIEW),
]
"""Chapters, any of which may hold the items of a group, and the items."""


def missing(words: dict[str, str], chapters: tuple[str, ...], items: dict[str, str]) -> list[str]:
    """Items that none of ``chapters`` mentions; ``words`` are the chapters that there are."""
    text = " ".join(re.sub(r"\s+", " ", words.get(name, "")) for name in chapters)
    return [item for item, pattern in items.items() if not re.search(pattern, text, re.I)]
