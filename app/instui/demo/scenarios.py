"""All demonstrations by name."""

from .collisions import COLLISIONS
from .company import COMPANY
from .crash import CRASH

SCENARIOS = {scenario.name: scenario for scenario in (*COLLISIONS, *COMPANY, CRASH)}
