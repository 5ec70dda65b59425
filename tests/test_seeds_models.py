"Models of one seed know nothing of another's; the fast ways of asking members agree with the slow ones."
import torch
from torch import nn
from fastcore.test import test_close as close, test_eq as equal
from goplan_nb.core import Rngs
from goplan_nb.plan.dynamics import Dynamics, assign_members

F64 = dict(dtype=torch.float64)

def sampled_slowly(model, s, a, rngs):
    "All members, of which the chosen one is picked."
    S, P, R, d = s.shape
    member = assign_members(rngs, P, R, model.members)//-(-R//model.members)    # (S, P, R)
    every = model.changes(s.flatten(1, 2), a.flatten(1, 2)).detach().unflatten(2, (P, R))
    return s+every.gather(1, member[:, None, ..., None].expand(S, 1, P, R, d)).squeeze(1)

def test_a_seed_alone_starts_and_learns_as_in_a_stack():
    both, second = (Dynamics(Rngs(seeds, **F64), 2, 2, 3, 16) for seeds in ([0, 1], [1]))
    close(both.net[0].weight[3:], second.net[0].weight)
    rngs = Rngs([10, 11], **F64)
    for _ in range(50):
        s, a = rngs.normal(32, 2), rngs.uniform(32, 2)
        loss = both.update(s, a, s+a.sin())
        second.update(s[1:], a[1:], (s+a.sin())[1:])
    equal(loss['dynamics/loss'].shape, (2,))
    close(second.changes(s[1:], a[1:])[0], both.changes(s, a)[1], 1e-9)

def test_sampled_equals_all_members_and_picking():
    for decay in (0., .75):
        model = Dynamics(Rngs([0, 1]), 2, 2, members=3, hidden=8).keep_average(decay)
        model.unit.copy_(torch.tensor([2., .5]))
        for R in (1, 2, 7, 12):
            s, a = Rngs([2, 3]).normal(4, R, 2), Rngs([4, 5]).uniform(4, R, 2)
            close(model.sampled(s, a, Rngs([0, 1])), sampled_slowly(model, s, a, Rngs([0, 1])), 1e-6)
    equal(len(assign_members(Rngs([0]), 1, 7, 3).unique()), 7)      # 7 rows in 9 slots, none shared

def test_a_single_member_has_no_disagreement():
    one = Dynamics(Rngs([0, 1], **F64), 2, 2, members=1, hidden=8)
    s, a = Rngs([5, 6], **F64).normal(7, 2), Rngs([7, 8], **F64).uniform(7, 2)
    equal(one.mean(s, a)[1], torch.zeros(2, 7, **F64))
    close(one.sampled(s[:, :, None], a[:, :, None], Rngs([0, 1]))[:, :, 0], one.mean(s, a)[0], 1e-9)

def test_mean_and_spread():
    model = Dynamics(Rngs([0, 1], **F64), 2, 2, members=3, hidden=8)
    s, a = Rngs([5, 6], **F64).normal(7, 2), Rngs([7, 8], **F64).uniform(7, 2)
    each = s[:, None]+model.changes(s, a).detach()                  # (S, N, B, d_s), next states
    close(model.mean(s, a)[0], each.mean(1), 1e-9)
    close(model.mean(s, a)[1], each.var(1).mean(-1), 1e-9)

def test_padding_touches_nothing():
    model, only = Dynamics(Rngs([0, 1]), 2, 2, 3, 8), Dynamics(Rngs([1]), 2, 2, 3, 8)
    s, a = Rngs([2, 3]).normal(4, 12, 2), Rngs([4, 5]).uniform(4, 12, 2)
    padded = s.clone()
    padded[1, 1:] = torch.nan                                       # seed 1 has one real group of four
    together = model.sampled(padded, a, Rngs([0, 1]), counts=[4, 1])
    close(together[0], model.sampled(s, a, Rngs([0, 1]))[0], 1e-6)
    close(together[1, :1], only.sampled(s[1:, :1], a[1:, :1], Rngs([1]))[0], 1e-6)

def test_a_member_learns_as_plain_pytorch_does():
    model = Dynamics(Rngs([0, 1], **F64), 2, 2, 3, 16)
    layers = []
    for layer in model.net:
        if not hasattr(layer, 'weight'):
            layers.append(nn.ReLU())
            continue
        plain = nn.Linear(*layer.weight.shape[1:], **F64)
        plain.weight.data, plain.bias.data = layer.weight[4].detach().T.clone(), layer.bias[4, 0].detach().clone()
        layers.append(plain)
    alone, rngs = nn.Sequential(*layers), Rngs([10, 11], **F64)    # seed 1, second member
    adam = torch.optim.Adam(alone.parameters(), lr=1e-3)
    for _ in range(50):
        s, a = rngs.normal(32, 2), rngs.uniform(32, 2)
        model.update(s, a, s+a.sin())
        adam.zero_grad()
        (alone(torch.cat([s, a], -1)[1])-a[1].sin()).square().mean().backward()
        adam.step()
    close(model.changes(s, a)[1, 1], alone(torch.cat([s, a], -1)[1]), 1e-9)

def test_units_and_averages():
    plain, counted = (Dynamics(Rngs([0], **F64), 2, 2, 3, 8) for _ in range(2))
    counted.unit.copy_(torch.tensor([2., .5]))
    s, a = Rngs([5], **F64).normal(7, 2), Rngs([7], **F64).uniform(7, 2)
    close(counted.changes(s, a), counted.unit*plain.changes(s, a), 1e-12)
    before = counted.changes(s, a).detach()
    # off by one unit from the members' mean
    loss = counted.update(s, a, s+before.mean(1)+counted.unit)['dynamics/loss']
    wrong = (before.mean(1, keepdim=True)+counted.unit-before)/counted.unit
    close(loss, wrong.square().mean((1, 2, 3)), 1e-9)
    mild = plain.keep_average(.75)
    first = {k: v.clone() for k, v in mild.net.state_dict().items()}
    mild.update(s, a, s+a)
    for k, v in mild.average.state_dict().items(): close(v, .75*first[k]+.25*mild.net.state_dict()[k], 1e-12)
    close(mild.changes(s, a), mild._ask(mild.average, s, a), 1e-12)
