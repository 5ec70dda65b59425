"Reanalysis of a seed knows nothing of its neighbours; jobs are drawn as the formulas say."
from dataclasses import replace
import torch
from fastcore.test import test_close as close, test_eq as equal
from goplan_nb.core import Episodes, Rngs
from goplan_nb.envs.experts import straight
from goplan_nb.envs.points import free_step
from goplan_nb.envs.tasks import get_task
from goplan_nb.plan.reanalysis import CASES, Reanalysis, ReanalysisConfig, intra_jobs, inter_jobs, original

TOY = replace(get_task('PointReach'), tolerance=.5, horizon=6)

def foggy(s, a):
    s2 = free_step(s, a)
    return s2, ((s2[..., 0].abs()<1)&(s2[..., 1].abs()<1.5)).to(s.dtype)

def walks(dtype=torch.float32):
    start, step = torch.tensor([(-4., -4.), (-4.5, 4.), (3.5, -4.), (4.5, -1.)]), torch.tensor([(.8, .3), (1., 0.),
        (-.5, 0.), (0., .8)])
    observations = (start[:, None]+torch.arange(7.)[None, :, None]*step[:, None]).to(dtype)
    return Episodes(observations, observations.diff(dim=1), observations[:, -1], torch.full((4,), 6))

def test_a_seed_alone_equals_the_seed_in_a_stack():
    data = walks(torch.float64)
    def run(seeds, told=True):
        rngs, log = Rngs(seeds, dtype=torch.float64), []
        def act(s, g, counts):
            log.append(counts)
            noise = rngs.normal(*s.shape[1:], counts=counts if told else None)
            return (straight(s, g)+.5*noise).clamp(-1, 1)
        return Reanalysis(data, TOY, act, foggy).rollout(intra_jobs(data, TOY, rngs, 12)), log
    both, log = run([0, 1])
    gap = lambda both: max((run([s])[0].episodes.observations[0]-both.episodes.observations[s]).abs().max().item()
        for s in (0, 1))
    assert any(a!=b for a, b in log)          # the numbers of running jobs did differ
    close(gap(both), 0, eps=1e-9)
    assert gap(run([0, 1], told=False)[0])>.01

def test_intra_jobs_have_the_probabilities_of_the_formula():
    line = torch.stack([torch.arange(-3., 4.), torch.zeros(7)], -1)
    one = Episodes(line[None], line.diff(dim=0)[None], line[None, -1], torch.tensor([6], dtype=torch.int32))
    jobs = intra_jobs(one, replace(TOY, tolerance=1e-3), Rngs([0]), 20_000, attempts=1)
    seen = torch.zeros(5, 7).index_put((jobs.t[0], jobs.steps[0]), torch.tensor(1/20_000), accumulate=True)
    close(seen, torch.tensor([[1/5/(5-t) if 2<=k<=6-t else 0. for k in range(7)] for t in range(5)]), eps=.01)
    assert jobs.valid.all() and (jobs.limit==jobs.steps-1).all()

def test_no_job_where_nothing_moves_or_one_step_is_all():
    still = Episodes(torch.zeros(1, 7, 2), torch.zeros(1, 6, 2), torch.ones(1, 2), torch.tensor([6]))
    short = Episodes(torch.tensor([[[0., 0.], [1., 0.]]]), torch.ones(1, 1, 2), torch.ones(1, 2), torch.tensor([1]))
    for nothing in (still, short):
        jobs = intra_jobs(nothing, TOY, Rngs([0]), 4)
        equal((jobs.valid.any().item(), jobs.limit.sum().item()), (False, 0))

def test_goals_of_inter_jobs_belong_to_other_episodes():
    data = walks()
    for goal, where in (('desired', data.goals[:, None]), ('achieved', data.observations)):
        jobs = inter_jobs(data, TOY, Rngs([0, 1]), 300, goal=goal)
        assert jobs.valid.all() and not TOY.success(jobs.start, jobs.goals).any()
        own = (jobs.goals[:, :, None, None]==where).all(-1).any(-1)      # (S, J, N)
        assert own.any(-1).all() and not own.gather(2, jobs.episode[..., None]).any()

def test_a_segment_ends_at_its_goal_and_holds_its_reward():
    data, tight = walks(), replace(TOY, tolerance=.05)
    jobs = intra_jobs(data, tight, Rngs([0, 1]), 50)
    e = original(data, jobs)
    equal(e.observations.gather(2, jobs.steps[..., None, None].expand(-1, -1, 1, 2)).squeeze(2), jobs.goals)
    equal((e.observations[:, :, 0], e.lengths), (jobs.start, jobs.steps.int()))
    real = torch.arange(6)<e.lengths[..., None]
    close(free_step(e.observations[:, :, :-1], e.actions)[real], e.observations[:, :, 1:][real], 1e-5)
    reward = tight.reward(e.observations[:, :, 1:], e.goals[:, :, None])
    equal(int(reward[real].sum()), 100)
    equal(int(reward[torch.arange(6)<(e.lengths-1)[..., None]].sum()), 0)  # without the last transition

def test_rewards_of_what_is_stored_and_empty_halves():
    stroll = lambda s, g, counts=None: .7*straight(s, g)
    new = Reanalysis(walks(), TOY, stroll, foggy, ReanalysisConfig(intra=200, inter=200)).run(Rngs([0, 1]))
    e = new.episodes
    r = TOY.reward(e.observations[:, :, 1:], e.goals[:, :, None])*(torch.arange(6)<e.lengths[..., None])
    final = r.gather(2, (e.lengths.long()-1).clamp(min=0)[..., None]).squeeze(2)
    assert (final[new.stored]==1).all()
    assert (r.sum(-1)[new.stored & ((new.case==0)|(new.case==3))]==1).all()
    assert not new.stored[new.case==CASES.index('b-3')].any()
    for a, b in ((7, 0), (0, 7)):
        equal(Reanalysis(walks(), TOY, stroll, foggy, ReanalysisConfig(intra=a, inter=b)).run(Rngs([0])).case.shape,
            (1, 7))
    lazy = Reanalysis(walks(), TOY, lambda s, g, c: 0*s, foggy, ReanalysisConfig(intra=0, inter=9)).run(Rngs([0]))
    assert not lazy.stored.any()               # what went nowhere is not kept
