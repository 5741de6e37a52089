"""Three little sites to be taught on, served from this process and generated from a seed.

base.py      a site, its server, variations of its task, and what a person does on it
words.py     values: those of demonstrations and those of held-out variations have none in common
account.py   a log-in with settings
shop.py      a shop with search, cart and check-out over several pages
tickets.py   a ticket tool: one page with table, filter, modal and date
person.py    real input, recorded; and the policy that replays the nearest demonstration
"""

from tests.sites.account import Account
from tests.sites.base import Served, Site, Variation
from tests.sites.shop import Shop
from tests.sites.tickets import Tickets

SITES: dict[str, Site] = {site.name: site for site in (Account(), Shop(), Tickets())}

__all__ = ["SITES", "Served", "Site", "Variation"]
