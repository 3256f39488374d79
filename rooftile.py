"""`import rooftile` is `import simulator`: the same package, and the same modules, under the name it is installed by."""

import importlib
import importlib.abc
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import simulator


class _Same(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `rooftile.x` as the module `simulator.x` itself, never as a second one."""

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Claims what lies below this name."""
        return importlib.util.spec_from_loader(name, self) if name.startswith(f"{__name__}.") else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module that is there already."""
        module = importlib.import_module(simulator.__name__ + spec.name.removeprefix(__name__))
        self._own = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It has run; it keeps its own name."""
        module.__spec__ = self._own


sys.meta_path.insert(0, _Same())
sys.modules[__name__] = simulator
