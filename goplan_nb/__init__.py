"""Offline goal-conditioned reinforcement learning by planning with learned models.

What a user needs is offered here and loaded on use: `import goplan_nb as gp` imports neither torch nor MuJoCo.
"""
import sys
from importlib import import_module

__version__ = "0.1.0"

_OFFERED = dict(
    task_names='envs.tasks', get_task='envs.tasks', returns='envs.tasks', rollout='envs.tasks',
    load_episodes='data.files', save_episodes='data.files', episodes_from='data.files', collect='data.collection',
    preset='lab.train', describe='lab.train', train_run='lab.train', load_agent='lab.train', evaluate='lab.train')
_PACKAGES = ('core', 'envs', 'data', 'learn', 'plan', 'goplan', 'lab')

__all__ = list(_OFFERED)

def __getattr__(name):
    "Load a name on its first use."
    if name in _OFFERED: value = getattr(import_module(f'.{_OFFERED[name]}', __name__), name)
    elif name in _PACKAGES: value = import_module(f'.{name}', __name__)
    else: raise AttributeError(f'module {__name__!r} has no attribute {name!r}; it offers: {", ".join(__all__)}')
    globals()[name] = value
    return value

def __dir__(): return sorted({*globals(), *__all__, *_PACKAGES})

# gymnasium.make('goplan_nb:goplan_nb/PointReach-v0') imports this package for its environments
if 'gymnasium' in sys.modules:
    from .envs.names import register_all
    register_all()
