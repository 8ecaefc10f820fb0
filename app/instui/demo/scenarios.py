"""All demonstrations by name."""

from .collisions import COLLISIONS
from .crash import CRASH
from .other_process import COMPANY

SCENARIOS = {scenario.name: scenario for scenario in (*COLLISIONS, *COMPANY, CRASH)}
