"""A sync: exactly one set is installed afterwards. What is missing comes and what is not listed goes, as one plan.

It is an install whose plan begins with removals (`Pipeline`). Nothing is removed before all wheels are fetched,
checked, planned and staged. Each removal is a transaction of its own, like each wheel.
"""

from instui_engine.resolve.request import Request
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.target.environment import Environment

from .command import Outcome, Recording
from .install import install


def sync(
    request: Request,
    environment: Environment,
    options: Options | None = None,
    control: Control | None = None,
    recording: Recording | None = None,
) -> Outcome:
    """Install exactly what `request` lists, without dependencies, and remove everything else.

    As in `uv pip sync`, pip, setuptools, wheel and uv stay unlisted, except where uv has made the environment without
    them. A request that lists nothing is refused unless it has `allow_empty`. Everything else is as in `install`.
    """
    return install(request._replace(exact=True), environment, options, control, recording)
