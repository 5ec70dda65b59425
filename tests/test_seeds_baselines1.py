"""A seed alone equals the same seed in a stack: imitation, weights, critics. And planted leaks are found."""
from functools import cache
from dataclasses import replace
import pytest, torch
from goplan_nb.core import combine
from goplan_nb.data.collection import collect
from goplan_nb.envs.tasks import get_task
from goplan_nb.learn.critics import AM, AMConfig, CRL, CRLConfig, TD3BC, TD3BCConfig
from goplan_nb.learn.imitation import Imitation, ImitationConfig
from goplan_nb.learn.losses import imitation_loss
from goplan_nb.learn.weighted import GOAT, Queue, Weighted, uncertainty_weight

REACH = get_task('PointReach')
GOAT_SMALL = replace(GOAT, hidden=16, critics=2, batch_size=32, queue=200, percentile_step=5.)
SMALL = dict(actor_hidden=16, critic_hidden=16, batch_size=32, lr=1e-3)

@cache
def dataset(): return combine(lambda *x: torch.cat(x), *collect(REACH, 100)).to('cpu', torch.float64)

def nets(agent):
    "All networks of an agent that learn."
    if hasattr(agent, 'nets'): return [agent.nets]
    return [getattr(agent, n) for n in ('net', 'critic') if hasattr(agent, n)]

def weights_of(cls, config, seed, seeds, updates=25):
    "The final weights of `seed`, trained among `seeds`; float64 makes the comparison sharp."
    agent = cls(REACH, config, seeds, dtype=torch.float64)
    agent.prepare(dataset())
    for _ in range(updates): agent.learn(dataset())
    i, S = seeds.index(seed), len(seeds)
    return torch.cat([p.detach().unflatten(0, (S, -1))[i].flatten() for net in nets(agent) for p in net.parameters()])

def gap(cls, config):
    "Largest difference between a seed alone and the same seed with neighbours."
    return (weights_of(cls, config, 5, (5,))-weights_of(cls, config, 5, (3, 5, 8))).abs().max().item()

class Clipped(Imitation):
    "Leaks: one gradient norm for all seeds."
    def update(self, batch):
        losses = imitation_loss(self.policy(batch.observations, batch.goals), batch.actions)
        self.optimiser.zero_grad()
        losses.sum().backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), .1)
        self.optimiser.step()
        return {'policy/loss': losses.detach()}

class OneQueue(Weighted):
    "Leaks: the threshold is taken over all seeds, as with a queue that is a global of a module."
    def weights(self, advantages, spread, delays):
        queue = self.queues['advantage']
        queue.percentile = lambda p: Queue.percentile(type('All', (), dict(seen=queue.seen.reshape(1, -1)))(), p)
        return Weighted.weights(self, advantages, spread, delays)

class OneRange(Weighted):
    "Leaks: smallest and largest disagreement are taken over all seeds."
    def weights(self, advantages, spread, delays):
        of_all = spread.reshape(1, -1).expand(len(spread), -1)
        w = Weighted.weights(self, advantages, spread, delays)
        return w*uncertainty_weight(spread, of_all)/uncertainty_weight(spread, spread)

class SharedUnit(TD3BC):
    "Leaks: TD3+BC's mean size of the values, taken over all seeds."
    def actor_loss(self, b):
        a = self.actions(b.observations, b.goals)
        q = self.values(b.observations, a, b.goals)[:, 0]
        return imitation_loss(a, b.actions)-2.5*q.mean(-1)/q.detach().abs().mean(), {}

class SharedTemperature(CRL):
    "Leaks: the codes are scaled by the standard deviation over all seeds."
    def codes(self, encoder, *xs):
        code = super().codes(encoder, *xs)
        return code/code.detach().std()

class SharedActions(AM):
    "Leaks: all seeds test the random actions of the first."
    def tempting(self, s, g): return super().tempting(s, g)[:1].expand(len(s), -1, -1)

CASES = [(Imitation, (Clipped,), ImitationConfig(hidden=32)), (Weighted, (OneQueue, OneRange), GOAT_SMALL),
    (TD3BC, (SharedUnit,), TD3BCConfig(**SMALL)), (CRL, (SharedTemperature,), CRLConfig(**SMALL)),
    (AM, (SharedActions,), AMConfig(**SMALL, candidates=5))]

@pytest.mark.parametrize('cls,config', [(cls, config) for cls, _, config in CASES])
def test_alone_equals_stacked(cls, config): assert gap(cls, config)<1e-9

@pytest.mark.parametrize('leaky,config', [(leaky, config) for _, leaks, config in CASES for leaky in leaks])
def test_planted_leak_is_found(leaky, config): assert gap(leaky, config)>1e-5
