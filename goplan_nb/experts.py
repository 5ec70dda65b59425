"Who made the data: scripted controllers, exploration noise, collection."
from __future__ import annotations
from collections.abc import Callable, Iterator
from functools import cache
import numpy as np, torch
from torch import Tensor
from goplan_nb.core import BadInput, Episodes, Task, nearest
from goplan_nb.tasks import ARENA, GAP, WALLS, in_wall, rollout

def straight(
    points:Tensor,  # (..., 2)
    goals:Tensor,   # (..., 2)
)->Tensor:          # actions, (..., 2)
    "Along the straight line to the goal, as fast as the slower axis allows."
    delta = goals-points
    return delta/delta.abs().amax(-1, keepdim=True).clamp(min=1.)

def corners(
    walls=WALLS, # (x_min, x_max, y_min, y_max) each
)->Tensor:       # (V, 2)
    "The corners of the walls that a point can stand on, one gap outside."
    all4 = torch.tensor([(x, y) for x0, x1, y0, y1 in walls for x in (x0-GAP, x1+GAP) for y in (y0-GAP, y1+GAP)])
    inside = (all4.abs()<=ARENA).all(-1)
    return all4[inside & ~in_wall(all4)]

def visible(
    a:Tensor, # (..., 2)
    b:Tensor, # (..., 2)
)->Tensor:    # bool, (...)
    "Whether the straight line from `a` to `b` misses every wall."
    a, b = torch.broadcast_tensors(a, b)
    clear = torch.ones(a.shape[:-1], dtype=torch.bool)
    for x0, x1, y0, y1 in WALLS:
        low, high = a.new_tensor([x0, y0]), a.new_tensor([x1, y1])
        d = b-a
        d = torch.where(d.abs()<1e-9, 1e-9, d)
        t0, t1 = (low-a)/d, (high-a)/d
        enter, leave = torch.minimum(t0, t1).amax(-1), torch.maximum(t0, t1).amin(-1)
        clear &= ~((enter<leave) & (leave>0) & (enter<1))
    return clear

def chebyshev(a:Tensor, b:Tensor)->Tensor:
    "How many steps a straight way takes: the larger of the two coordinate distances."
    return (a-b).abs().amax(-1)

@cache
def between_corners()->tuple[Tensor,Tensor]: # (V, 2) and (V, V)
    "The corners and the shortest way between each pair, by Floyd and Warshall."
    nodes = corners()
    ways = torch.where(visible(nodes[:, None], nodes[None]), chebyshev(nodes[:, None], nodes[None]), torch.inf)
    for k in range(len(nodes)): ways = torch.minimum(ways, ways[:, k:k+1]+ways[k:k+1])
    return nodes, ways

def rooms_expert(
    points:Tensor,  # (N, 2)
    goals:Tensor,   # (N, 2)
)->Tensor:          # actions, (N, 2)
    "Straight to the goal if it is in sight, else to the corner that lies on a shortest way round the walls."
    nodes, ways = between_corners()
    first = torch.where(visible(points[:, None], nodes), chebyshev(points[:, None], nodes), torch.inf)  # (N, V)
    last = torch.where(visible(goals[:, None], nodes), chebyshev(goals[:, None], nodes), torch.inf)     # (N, V)
    total = (first[:, :, None]+ways[None]+last[:, None, :]).amin(-1)                                    # (N, V)
    total = torch.where(first<.05, torch.inf, total)  # a corner that is reached already leads nowhere
    via = nodes[total.argmin(-1)]
    return straight(points, torch.where(visible(points, goals)[:, None], goals, via))

def reach_expert(
    observations:Tensor, # (N, 10)
    goals:Tensor,        # (N, 3)
)->Tensor:               # actions, (N, 4)
    "Proportional control of the gripper; one unit of action moves it about 0.03 m per step."
    move = ((goals-observations[:, :3])/.03).clamp(-1, 1)
    return torch.cat([move, torch.zeros_like(move[:, :1])], -1)

EXPERTS = dict(PointReach=straight, PointRooms=rooms_expert, FetchReach=reach_expert)
BEHAVIOURS = ('expert', 'random')

def explore(
    actions:Tensor,     # of the controller, (N, d_a)
    gaussian:Tensor,    # N(0, 1), (N, d_a)
    uniform:Tensor,     # U(-1, 1), (N, d_a)
    coin:Tensor,        # U[0, 1), (N,)
    noise:float=.2,     # standard deviation that is added
    random_eps:float=.3,# chance that the whole action is replaced by the uniform one
)->Tensor:              # (N, d_a)
    "The published exploration: Gaussian noise, then now and then a wholly random action."
    noisy = (actions+noise*gaussian).clamp(-1, 1)
    return torch.where((coin<random_eps)[:, None], uniform, noisy)

def collect(
    task:Task,
    episodes:int,             # N
    behaviour:str='expert',   # or 'random': uniform actions
    noise:float=.2,           # see `explore`
    random_eps:float=.3,      # see `explore`
    seed:int=0,               # episode i uses the pair (seed, i) and nothing else, so the worlds per block do not matter
    block:int=200,            # worlds stepped at once
    workers:int|None=None,    # threads for MuJoCo tasks; `None`: one per core
)->Iterator[Episodes]:        # blocks of (N, ...)
    "Episodes of a behaviour, block by block, so that the caller can show progress and join them."
    nearest(behaviour, BEHAVIOURS, 'behaviour')
    for name, value, high in (('noise', noise, np.inf), ('random_eps', random_eps, 1.)):
        if not 0<=value<=high: raise BadInput(f'{name} is {value}; allowed: 0 to {high}')
    if episodes<1: raise BadInput(f'episodes is {episodes}; allowed: 1 and more')
    env = task.make(workers)
    for start in range(0, episodes, block):
        yield _collect_block(task, env, behaviour, noise, random_eps, seed, range(start, min(start+block, episodes)))

def _collect_block(task, env, behaviour, noise, random_eps, seed, indices):
    T, d_a = task.horizon, task.d_a
    rngs = [np.random.default_rng((seed, i, 1)) for i in indices]
    draw = lambda f: torch.from_numpy(np.array([f(r) for r in rngs], dtype=np.float32))
    gaussian, uniform = draw(lambda r: r.normal(size=(T, d_a))), draw(lambda r: r.uniform(-1, 1, (T, d_a)))
    coin, steps = draw(lambda r: r.random(T)), iter(range(T))
    def act(observations, goals):
        t = next(steps)
        if behaviour=='random': return uniform[None, :, t]
        actions = EXPERTS[task.name](observations[0], goals[0])
        return explore(actions, gaussian[:, t], uniform[:, t], coin[:, t], noise, random_eps)[None]
    return rollout(env, act, [(seed, i) for i in indices], horizon=T).map(lambda x: x[0])
