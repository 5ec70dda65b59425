"""Names that are loaded on use, for the `__init__` of each sub-package."""
from importlib import import_module
from importlib.util import find_spec

def names(
    package:str, # 'goplan_nb.learn'
)->dict[str,str]: # public function or class -> the module that defines it
    "What the modules of a sub-package offer, read from the index that nbdev writes; nothing is imported."
    from ._modidx import d
    found = {}
    for module, symbols in d['syms'].items():
        if module.startswith(package+'.'):
            own = (s.removeprefix(module+'.') for s in symbols)
            found |= {s: module for s in own if '.' not in s and not s.startswith('_')}
    return found

def lazy(
    package:str, # its `__name__`
):               # `__getattr__` and `__dir__` of the package
    "Every public function and class of a sub-package under the package's own name, and its modules."
    def load(name):
        if module := names(package).get(name): return getattr(import_module(module), name)
        if not name.startswith('_') and find_spec(f'{package}.{name}'): return import_module(f'{package}.{name}')
        raise AttributeError(f'module {package!r} has no attribute {name!r}')
    return load, lambda: sorted(names(package))
