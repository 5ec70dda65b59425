"What a seed learns alone, it learns in a stack: losses, families, prior, toy."
from dataclasses import replace
import pytest, torch
from goplan_nb.core import Batch, Rngs
from goplan_nb.lab.toy import SHARES, SPLIT, TOY, Fork, even_states, relativistic_loss, scores
from goplan_nb.learn.families import CVAE, Gaussian, Mixture, cvae_loss, gaussian_loss, mixture_loss
from goplan_nb.learn.losses import advantage, exp_weight, imitation_loss, td_target, value_loss
from goplan_nb.learn.prior import GAN, Prior, PriorConfig, discriminator_loss, generator_loss

def arguments():
    "A loss and inputs of four seeds."
    torch.manual_seed(2)
    rand = lambda *shape: torch.randn(4, *shape, dtype=torch.float64)
    return {td_target: (rand(6), rand(6)), value_loss: (rand(6), rand(6)),
        advantage: (rand(6), rand(6), rand(6)), exp_weight: (rand(6)/60,),
        discriminator_loss: (rand(6), rand(6), rand(6).exp()), generator_loss: (rand(6),),
        relativistic_loss: (rand(6), rand(6), rand(6).exp()),
        imitation_loss: (rand(6, 2), rand(6, 2), rand(6).exp()),
        gaussian_loss: (rand(6, 2), rand(1, 2), rand(6, 2), rand(6).exp()),
        cvae_loss: (rand(6, 2), rand(6, 2), rand(6, 3), rand(6, 3), rand(6).exp()),
        mixture_loss: (rand(6, 3).log_softmax(-1), rand(6, 3, 2), rand(6, 2), rand(6).exp())}

@pytest.mark.parametrize('loss', arguments(), ids=lambda f: f.__name__)
def test_losses(loss):
    xs = arguments()[loss]
    stacked, alone = loss(*xs), loss(*(x[2:3] for x in xs))
    assert stacked.shape[0]==4 and torch.allclose(stacked[2], alone[0], rtol=0, atol=1e-12)

def first_losses(seeds, reduce, steps=40, lr=2.):
    "Loss of the first seed while all are trained by one optimiser."
    aim = torch.stack([torch.rand(8, generator=torch.Generator().manual_seed(s)) for s in seeds])
    values = torch.zeros(len(seeds), 8, requires_grad=True)
    sgd, curve = torch.optim.SGD([values], lr=lr), []
    for _ in range(steps):
        losses = value_loss(values, aim)
        curve.append(losses[0].item())
        sgd.zero_grad()
        reduce(losses).backward()
        sgd.step()
    return curve

def test_losses_are_summed_over_seeds():
    "With the mean a seed among four takes steps of a quarter of the size."
    alone = first_losses([0], torch.sum)
    assert alone==first_losses([0, 1, 2, 3], torch.sum)
    assert first_losses([0, 1, 2, 3], torch.mean)[20]>2*alone[20]

def actions(family, seeds, config):
    "Of a family after five updates in double precision, without and with noise."
    rngs = Rngs(seeds, dtype=torch.float64)
    model = family(rngs, 1, 1, 0, config)
    for _ in range(5):
        x = 2*rngs.uniform(32, 1)-1
        a, way = Fork().choose(x, SHARES, rngs)
        model.learn(x, x[..., :0], a, Fork().weights(x, way), rngs)
    x = even_states(len(seeds), 16).double()
    return torch.cat([model.act(x, x[..., :0], z) for z in (None, rngs.normal(16, model.d_z))], 1).detach()

@pytest.mark.parametrize('family,config', [(Gaussian, TOY), (CVAE, TOY), (Mixture, TOY), (GAN, TOY), (GAN, SPLIT)])
def test_families(family, config):
    config = replace(config, hidden=16)
    stack, alone = actions(family, (3, 5, 8), config), actions(family, (5,), config)
    assert stack.shape==(3, 32, 1) and stack.abs().max()<=1
    assert (stack[1]-alone[0]).abs().max()<1e-9

def test_prior():
    "Batch normalisation, three optimisers and two target networks."
    def everything(seeds):
        rngs = Rngs(seeds, dtype=torch.float64)
        p = Prior(rngs, 2, 2, 2, PriorConfig(hidden=24, noise_dim=4))
        for step in range(8):
            s, s2, g = rngs.normal(3, 32, 2).unbind(1)
            p.update(Batch(s, rngs.uniform(32, 2)-.5, s2, g, (rngs.uniform(32)<.2).double()), rngs, step)
        return torch.cat([x[seeds.index(5)].flatten() for x in p.state_dict().values()])
    assert (everything((5,))-everything((3, 5, 8))).abs().max()<1e-9

def test_scores():
    a = Fork().choose(even_states(2), SHARES, Rngs([1, 2]))[0]
    both, alone = scores(Fork(), even_states(2), a, Rngs([5, 5])), scores(Fork(), even_states(1), a[1:], Rngs([5]))
    for k in both: assert torch.allclose(both[k][1:], alone[k], atol=1e-6)
