"""`NamedTuple`, as in `typing`, but defined in a seventh of the time.

A command defines more than a hundred of them before it does anything. In `typing` each is checked, and made from source
code that is compiled. Here the classes of one size share a constructor, and all share the getters of their fields.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from collections import namedtuple
    from functools import cache
    from types import FunctionType

    @cache
    def _constructor(size):
        """The constructor of a named tuple with `size` fields."""
        fields = "".join(f"f{place}, " for place in range(size))
        return eval(f"lambda _cls, {fields}: new(_cls, ({fields}))", {"new": tuple.__new__})  # noqa: S307 - ours

    @cache
    def _getters(blocks):
        """The getters of so many times 32 fields."""
        names = [f"f{place}" for place in range(32 * blocks)]
        made = namedtuple("_", names)  # the garbage collector empties a class that nobody has
        return [vars(made)[name] for name in names]

    class _Definition(type):
        """Makes a class with annotated fields a named tuple."""

        def __new__(mcs, name, bases, namespace):
            namespace.setdefault("__slots__", ())
            made = super().__new__(mcs, name, bases, namespace)
            fields = tuple(made.__annotations__)
            new, getters = _constructor(len(fields)), _getters((len(fields) + 31) // 32)
            defaults = {field: namespace[field] for field in fields if field in namespace}
            if tuple(defaults) != fields[len(fields) - len(defaults) :]:
                raise TypeError(f"{name}: a field without a default follows one with a default")
            code = new.__code__.replace(co_varnames=("_cls", *fields))
            made.__new__ = staticmethod(FunctionType(code, new.__globals__, "__new__", tuple(defaults.values())))
            made._fields = made.__match_args__ = fields
            made._field_defaults = defaults
            for field, getter in zip(fields, getters, strict=False):
                setattr(made, field, getter)
            return made

    class NamedTuple(tuple, metaclass=_Definition):
        """The base of all classes of values."""

        @classmethod
        def _make(cls, values):
            made = tuple.__new__(cls, values)
            if len(made) != len(cls._fields):
                raise TypeError(f"{cls.__name__} has {len(cls._fields)} fields, not {len(made)}")
            return made

        def _replace(self, /, **changes):
            made = self._make(map(changes.pop, self._fields, self))
            if changes:
                raise ValueError(f"{type(self).__name__} has no fields {list(changes)}")
            return made

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self):
            fields = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
            return f"{type(self).__name__}({fields})"

        def __getnewargs__(self):
            return tuple(self)
