"""All demonstrations by name."""

from .collisions import COLLISIONS
from .company import COMPANY

SCENARIOS = {scenario.name: scenario for scenario in (*COLLISIONS, *COMPANY)}
