"""All demonstrations by name."""

from .collisions import COLLISIONS
from .crash import CRASH
from .other_process import OTHER_PROCESS

SCENARIOS = {scenario.name: scenario for scenario in (*COLLISIONS, *OTHER_PROCESS, CRASH)}
