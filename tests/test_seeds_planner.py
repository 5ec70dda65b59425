"""Planner and GOPlan: a seed alone is a seed in a stack; blocks, padding and the order of candidates change nothing."""
from dataclasses import replace
import pytest, torch
from fastcore.test import test_close as close, test_eq as equal
from goplan_nb.core import Rngs, combine
from goplan_nb.data.collection import collect
from goplan_nb.data.sampling import pick
from goplan_nb.envs.experts import chebyshev, straight
from goplan_nb.envs.points import free_step
from goplan_nb.envs.tasks import get_task
from goplan_nb.goplan import GOPlan, GOPlanConfig
from goplan_nb.learn.prior import PriorConfig
from goplan_nb.plan.dynamics import Dynamics
from goplan_nb.plan.planner import PlanConfig, Planner
from goplan_nb.plan.reanalysis import ReanalysisConfig
from goplan_nb.plan.value_planner import ValuePlanner, WidePlanner

F64, REACH = dict(dtype=torch.float64), get_task('PointReach')
policy = lambda s, g, z: straight(s, g) if z is None else 2*torch.special.ndtr(z)-1
value = lambda s, g: .9**((chebyshev(s, g)-1).clamp(min=0).ceil()-1).clamp(min=0)
SHORT = PlanConfig(4, 1, 2, bootstrap=True, n_perturbed=5, perturb_std=.3, margin=1.)
KINDS = dict(long=(Planner, PlanConfig(5, 4, 6)), wide=(WidePlanner, PlanConfig(4, 2, 3, n_perturbed=5)),
    short=(ValuePlanner, SHORT),
    elites=(ValuePlanner, replace(SHORT, elite=3, single_margin=1.)))

def planned(kind, seeds, s, g, rows=16384, counts=None, error=(.01, .1)):
    "A plan with a random ensemble as the model, which draws random members."
    cls, config = KINDS[kind]
    model = Dynamics(Rngs(seeds, **F64), 2, 2, members=3, hidden=16).sampled
    more = dict(value=value, error=torch.tensor(error)) if cls is ValuePlanner else {}
    return cls(policy, model, REACH, 2, Rngs(seeds, **F64), replace(config, rows=rows), **more).plan(s, g, counts)

@pytest.mark.parametrize('kind', KINDS)
def test_alone_blocks_padding(kind):
    s, g = (Rngs(seeds, **F64).uniform(9, 2)*8-4 for seeds in ([3, 4], [5, 6]))
    whole = planned(kind, [0, 1], s, g)
    assert whole.returns.std()>0                                           # not a test of zeros
    for x, y in zip(whole, planned(kind, [1], s[1:], g[1:], error=(.1,))): close(x[1], y[0], 1e-9)
    for rows in (20, 40):
        for x, y in zip(whole, planned(kind, [0, 1], s, g, rows)): close(x, y, 1e-9)
    padded = s.clone()
    padded[1, 4:] = torch.nan                                              # seed 1 has four real states of nine
    for rows in (16384, 20, 40):
        together, only = planned(kind, [0, 1], padded, g, rows, [9, 4]), planned(kind, [1], s[1:, :4], g[1:, :4],
            error=(.1,))
        for x, y, z in zip(together, only, whole):
            close(x[1, :4], y[0], 1e-9)                                    # as if the padding did not exist
            close(x[0], z[0], 1e-9)

def test_order_of_candidates():
    s, g = (Rngs(seeds, **F64).uniform(9, 2)*8-4 for seeds in ([3], [5]))
    first, order, record = Rngs([0], **F64).uniform(9, 5, 2)*2-1, torch.tensor([3, 0, 4, 1, 2]), []
    exact = lambda s, a, rngs, counts: free_step(s, a)
    score = lambda first, record=None: Planner(policy, exact, REACH, 2, Rngs([9], **F64), PlanConfig(5, 4, 6)).score(s,
        g, first, None, record)
    R = score(first, record)
    equal(score(first[:, :, order]), R[..., order])
    equal((len(record), record[0].shape), (7, (1, 9, 5, 4, 2)))
    close(sum(REACH.reward(x, g[:, :, None, None]) for x in record).mean(-1), R, 1e-12)

def test_error_alone():
    data = combine(lambda *x: torch.cat(x), *collect(REACH, 10))
    half = lambda s, a, rngs, counts: s+.5*a
    error = lambda seeds: ValuePlanner(policy, half, REACH, 2, Rngs(seeds), SHORT, value=value).rollout_error(data,
        pick(data, Rngs(seeds), 64))
    equal(error([1])[0], error([0, 1])[1])

TINY = GOPlanConfig(prior=PriorConfig(hidden=16, noise_dim=4), plan=PlanConfig(4, 2, 3, rows=40), batch_size=32,
    pretrain_updates=10,
    iterations=2, finetune_updates=4, members=3, dynamics_hidden=16, reanalysis=ReanalysisConfig(6, 6, uncertainty=.01))
MARGINS = PlanConfig(3, 1, 2, rows=40, bootstrap=True, n_perturbed=3, margin=2., elite=2, single_margin=1.)
UNITS = dict(normalize_deltas=True, dynamics_average=.9)                   # models in their own units, averaged
PLUS = dict(family='mixture', plan=MARGINS, offline=.5, relabel_imagined=.5, **UNITS)

def trained(data, seeds, changes):
    agent = GOPlan(REACH, replace(TINY, **changes), seeds, **F64)
    agent.prepare(data)
    while agent.step<agent.updates: agent.learn(data)
    return agent

def gap(one, both, i):
    "Largest difference of an agent of one seed from seed i of a stack: weights, models and buffer."
    held, stacked = ([x[j:j+1, :one.buffer.counts[0]] for x in vars(a.buffer.episodes).values()]
        for a, j in ((one, 0), (both, i)))
    pairs = [(x, both.prior.state_dict()[k][i:i+1]) for k, x in one.prior.state_dict().items()]+list(zip(held, stacked))
    pairs += [(x, both.dynamics.state_dict()[k].unflatten(0, (2, 3))[i]) for k, x in one.dynamics.state_dict().items()
        if k!='unit']
    pairs.append((one.dynamics.unit, both.dynamics.unit))
    return max((a.double()-b).abs().max().item() for a, b in pairs)

@pytest.mark.parametrize('changes', [{}, UNITS, PLUS])
def test_training_alone(changes):
    data = combine(lambda *x: torch.cat(x), *collect(REACH, 30, noise=.4, random_eps=.6)).to('cpu', torch.float64)
    both = trained(data, (3, 4), changes)
    for i in (0, 1):
        one = trained(data, [3+i], changes)
        equal(one.buffer.counts[0], both.buffer.counts[i])
        close(gap(one, both, i), 0, eps=1e-9)
        close(one.error[0], both.error[i], eps=1e-9)
        if not changes: assert gap(one, both, 1-i)>1                       # against the wrong seed nothing agrees
    if changes: assert len(both.dynamics.unit.unique())>1
