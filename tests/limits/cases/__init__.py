"""Cases are functions marked with `@case`, one module for each kind of limit."""

import importlib
import os
import pkgutil

from bucket import moto
from server import faketime

CASES = []


class Case:
    def __init__(self, function, needs):
        self.function, self.needs = function, needs
        module = function.__module__.rsplit(".", 1)[-1]
        self.name = f"{module}.{function.__name__}"

    def missing(self):
        """Why it can't run here; empty when it can."""
        if "disk" in self.needs and os.environ.get("LIMITS_NAMESPACE") != "1":
            return "no file systems can be mounted here"
        if "faketime" in self.needs and not faketime():
            return "there is no faketime"
        if "moto" in self.needs and not moto():
            return "there is no moto (tests/s3/run installs it)"
        return ""

    def run(self, binary):
        return self.function(binary)


def case(*needs):
    """Marks a function of the binary's path as a case; needs are `disk` and `faketime`."""

    def mark(function):
        CASES.append(Case(function, needs))
        return function

    return mark


def every():
    for module in sorted(one.name for one in pkgutil.iter_modules(__path__)):
        importlib.import_module(f"{__name__}.{module}")
    return CASES
