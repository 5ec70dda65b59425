"""A seed alone equals the same seed in a stack: quasimetric, values, transformer. And planted leaks are found."""
from dataclasses import replace
from functools import cache
import pytest, torch
from torch import nn
from goplan_nb.core import combine
from goplan_nb.data.collection import collect
from goplan_nb.envs.tasks import get_task
from goplan_nb.learn.quasimetric import QRL, QRLConfig
from goplan_nb.learn.transformer import Transformer, TransformerConfig
from goplan_nb.learn.values import GCIQL, GCIQLConfig, GCIVL, GCIVLConfig

REACH, ROOMS = get_task('PointReach'), get_task('PointRooms')
DISTANCE = dict(hidden=8, layers=1, latent=5, projector_layers=1, components=3, intervals=4, actor_hidden=8,
    actor_layers=1, offset=60., beta=.1, price=1., batch_size=32, lr=1e-3, actor_lr=1e-3)
VALUE = dict(actor_hidden=8, critic_hidden=16, critic_layers=1, actor_layers=1, batch_size=32, lr=1e-3)
TOKENS = TransformerConfig(updates=100, batch_size=16, bins=12, context=3, layers=1, heads=2, width=16, dropout=.1,
    horizon=3, beams=4, rows=64, clip=.3)

@cache
def dataset(task): return combine(lambda *x: torch.cat(x), *collect(task, 100)).to('cpu', torch.float64)

def weights_of(cls, config, seed, seeds):
    "The final weights of `seed`, trained among `seeds`; float64 makes the comparison sharp."
    task = ROOMS if issubclass(cls, Transformer) else REACH
    agent = cls(task, config, seeds, dtype=torch.float64)
    agent.prepare(dataset(task))
    for _ in range(15): agent.learn(dataset(task))
    net, i, S = getattr(agent, 'nets', None) or agent.net, seeds.index(seed), len(seeds)
    return torch.cat([p.detach().unflatten(0, (S, -1))[i].flatten() for p in net.parameters()])

def gap(cls, config):
    "Largest difference between a seed alone and the same seed with neighbours."
    return (weights_of(cls, config, 5, (5,))-weights_of(cls, config, 5, (3, 5, 8))).abs().max().item()

class SharedDistance(QRL):
    "Leaks: observed steps are measured against the mean step of all seeds."
    def between(self, x, y):
        d = super().between(x, y)
        return d/d.detach().mean()

class SharedTarget(GCIVL):
    "Leaks: target values are measured against their mean over all seeds."
    def state_values(self, s, g, net='critic'):
        v = super().state_values(s, g, net)
        return v-v.detach().mean()*(net=='target_critic')

class SharedUnit(GCIQL):
    "Leaks: Q is divided by its mean size over all seeds."
    def values(self, s, a, g, net='critic'):
        q = super().values(s, a, g, net)
        return q/q.detach().abs().mean()

class SharedNorm(Transformer):
    "Leaks: one gradient norm for all seeds."
    def update(self, w):
        weights = self.weights(w.real)
        losses = (self.surprise(w)*weights).sum((1, 2, 3))/weights.sum((1, 2, 3))
        self.optimiser.zero_grad()
        losses.sum().backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), .3)
        self.optimiser.step()
        self.step += 1

CASES = [(QRL, SharedDistance, QRLConfig(**DISTANCE)), (GCIVL, SharedTarget, GCIVLConfig(**VALUE)),
    (GCIQL, SharedUnit, GCIQLConfig(**VALUE)), (Transformer, SharedNorm, TOKENS)]

@pytest.mark.parametrize('cls,config', [(cls, config) for cls, _, config in CASES])
def test_alone_equals_stacked(cls, config): assert gap(cls, config)<1e-9

@pytest.mark.parametrize('leaky,config', [(leaky, config) for _, leaky, config in CASES])
def test_planted_leak_is_found(leaky, config): assert gap(leaky, config)>1e-6
