"A seed alone equals the same seed in a stack: random numbers, batches, and an agent; planted leaks are found."
import pytest
import torch
from goplan_nb.core import Episodes, Rngs, Task, fit_scalers
from goplan_nb.data.sampling import _number, _read_rows, sample

TASK = Task('Plane', 2, 2, 2, (0, 2), 1., None, horizon=12)

def plane(n=100, T=12):
    "Episodes on a plane, p + a: halfway to the goal, with action noise."
    draw = torch.Generator().manual_seed(0)
    points, goals = (10*torch.rand(2, n, 2, generator=draw, dtype=torch.float64)-5).unbind(0)
    seen, done = [points], []
    for _ in range(T):
        noise = torch.randn(n, 2, generator=draw, dtype=torch.float64)
        done.append((.5*(goals-seen[-1])+.7*noise).clamp(-1, 1))
        seen.append(seen[-1]+done[-1])
    return Episodes(torch.stack(seen, 1), torch.stack(done, 1), goals, torch.full((n,), T, dtype=torch.int32))

DATA = plane()

class Follower:
    "a = [s, g] W in standardised units, one W per seed."
    def __init__(self, seeds):
        self.seeds, self.rngs = tuple(seeds), Rngs(seeds, dtype=torch.float64)
        self.W, self.scalers = self.rngs.normal(4, 2), fit_scalers(DATA, TASK)
    def learn(self):
        b = sample(DATA, TASK, self.rngs, 64, relabel=0.)
        x = torch.cat([self.scalers[0](b.observations), self.scalers[1](b.goals)], -1)
        self.W = self.W-.1*x.mT@(x@self.W-b.actions)/x.shape[1]

class OneGenerator(Follower):
    "The first leak: all draw from the first seed's generator."
    def __init__(self, seeds):
        super().__init__(seeds)
        self.rngs.generators = [self.rngs.generators[0]]*len(seeds)

class MeanOverSeeds(Follower):
    "The second leak: a mean over seeds where a sum belongs, so every step is too short."
    def learn(self):
        before = self.W
        super().learn()
        self.W = before+(self.W-before)/len(self.seeds)

def gap(cls, updates=80):
    "Largest difference between seed 7 alone and seed 7 first in a stack."
    alone, stacked = cls([7]), cls([7, 0, 1])
    for _ in range(updates):
        alone.learn()
        stacked.learn()
    return (alone.W[0]-stacked.W[0]).abs().max().item()

def test_an_agent_alone_equals_the_agent_in_a_stack(): assert gap(Follower)<1e-12

@pytest.mark.parametrize('cls', [OneGenerator, MeanOverSeeds])
def test_planted_leaks_are_found(cls): assert gap(cls)>1e-3

def test_draws_do_not_depend_on_neighbours():
    assert torch.equal(Rngs([7]).normal(5)[0], Rngs([1, 2, 7]).normal(5)[2])
    assert torch.equal(Rngs([7, 7]).uniform(3)[0], Rngs([7, 7]).uniform(3)[1])

@pytest.mark.parametrize('careful', [False, True])
def test_counts_keep_the_next_draw(careful):
    "A neighbour that needs 40 rows disturbs the second draw, unless `counts` says how many each needs."
    def second(seeds, counts):
        rngs = Rngs(seeds)
        first = rngs.normal(max(counts), 2, counts=counts if careful else None)
        return first[0, :counts[0]], rngs.normal(2)[0]
    alone, stacked = second([0], [3]), second([0, 1], [3, 40])
    assert torch.equal(alone[1], stacked[1])==careful

def test_batches_do_not_depend_on_neighbours():
    stacked, alone = sample(DATA, TASK, Rngs([4, 8])), sample(DATA, TASK, Rngs([8]))
    copied = sample(DATA.map(lambda x: torch.stack([x, x])), TASK, Rngs([4, 8]))    # a dataset for each seed
    for a, b, c in zip(stacked, alone, copied):
        assert torch.equal(a[1:], b)
        assert torch.equal(a, c)

def test_rows_of_shared_and_of_own_datasets():
    x = torch.arange(12.).view(2, 3, 2)                                             # S = 2, N = 3, d = 2
    many = Episodes(torch.zeros(2, 3, 6, 1), torch.zeros(2, 3, 5, 1), x, torch.ones(2, 3))
    e = torch.tensor([[0, 2], [1, 1]])
    assert _read_rows(x[0], e).tolist()==[[[0, 1], [4, 5]], [[2, 3], [2, 3]]]
    assert _read_rows(x, _number(many, e)).tolist()==[[[0, 1], [4, 5]], [[8, 9], [8, 9]]]
