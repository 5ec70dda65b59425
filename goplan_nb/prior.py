"A policy that keeps all modes of the data and prefers the good ones: advantage-weighted conditional GAN and its value."
from __future__ import annotations
from dataclasses import dataclass
import torch
from torch import Tensor, nn
from goplan_nb.core import Batch, Rngs
from goplan_nb.losses import advantage, discriminator_loss, exp_weight, generator_loss, td_target, value_loss
from goplan_nb.nets import descend, frozen, mlp, optimiser, polyak

@dataclass(frozen=True)
class PriorConfig:
    gamma:float=.98         # discount; Table 3
    beta:float=60.          # sharpness of the advantage weight; Table 3
    weight_cap:float=10.    # greatest weight; Table 3 ("range of the exponential weight")
    noise_dim:int=64        # width of z; Table 3
    hidden:int=512          # units per hidden layer; appendix C
    policy_lr:float=1e-4    # Adam, generator and discriminator; appendix C
    value_lr:float=1e-3     # Adam; released code (appendix C says 1e-4 for all)
    polyak_rate:float=.005  # of the target value; released code
    polyak_every:int=2      # updates; released code
    average_decay:float=.998# of the averaged generator that acts and plans; ours, 0 acts with the raw one
    saturating:bool=True    # Eq. 8; False: non-saturating generator loss
    weighted:bool=True      # False: plain conditional GAN, the CGAN of Table 2

class Prior(nn.Module):
    "Generator, discriminator, value and their slow copies; all inputs in standardised units."
    def __init__(self,
        rngs:Rngs,          # one per seed
        d_s:int,            # width of an observation
        d_a:int,            # width of an action
        d_g:int,            # width of a goal
        config:PriorConfig=PriorConfig(),
    ):
        super().__init__()
        c, self.config, self.d_z = config, config, config.noise_dim
        self.generator = mlp(rngs, (d_s+d_g+c.noise_dim, c.hidden, c.hidden, d_a), norm=True)
        self.discriminator = mlp(rngs, (d_s+d_g+d_a, c.hidden, c.hidden, 1), nn.LeakyReLU)
        self.value = mlp(rngs, (d_s+d_g, c.hidden, c.hidden, 1))
        self.average, self.target = frozen(self.generator), frozen(self.value)
        self.optimisers = dict(generator=optimiser(self.generator, c.policy_lr),
            discriminator=optimiser(self.discriminator, c.policy_lr), value=optimiser(self.value, c.value_lr))

    def act(self,
        observations:Tensor,  # standardised, (S, B, d_s)
        goals:Tensor,         # standardised, (S, B, d_g)
        noise:Tensor|None=None, # z, (S, B, d_z); `None`: z = 0, the released code's way of acting
    )->Tensor:                # (S, B, d_a), in (-1, 1)
        "Actions of the averaged generator, in evaluation mode."
        if noise is None: noise = observations.new_zeros(*observations.shape[:-1], self.d_z)
        return self.average(torch.cat([observations, goals, noise], -1)).tanh()

    def values(self, observations:Tensor, goals:Tensor)->Tensor: # (S, B)
        "V(s, g), about gamma to the power of the steps still needed less one."
        return self.value(torch.cat([observations, goals], -1)).squeeze(-1)

    def update(self,
        batch:Batch,  # standardised, (S, B, ...)
        rngs:Rngs,    # draws z
        step:int,     # updates done so far
    )->dict[str,Tensor]: # metrics, (S,)
        "One step each of discriminator, generator and value on the same batch."
        c, (s, a, s2, g, r) = self.config, batch
        sg = torch.cat([s, g], -1)
        s2g = torch.cat([s2, g], -1)
        values = self.value(sg).squeeze(-1)
        with torch.no_grad():
            A = advantage(r, values, self.value(s2g).squeeze(-1), c.gamma)
            w = exp_weight(A, c.beta, c.weight_cap) if c.weighted else torch.ones_like(A)
            targets = td_target(r, self.target(s2g).squeeze(-1), c.gamma)
        z1, z2 = rngs.normal(2, *r.shape[1:], self.d_z).unbind(1)
        real_logits, fake_logits, d_loss = self._discriminate(sg, a, z1, w)
        g_loss = self._generate(sg, z2)
        v_loss = value_loss(values, targets)
        descend(self.optimisers['value'], v_loss)
        if step%c.polyak_every==0: polyak(self.target, self.value, c.polyak_rate)
        polyak(self.average, self.generator, 1-c.average_decay)
        return {'value/loss': v_loss.detach(), 'value/mean': values.detach().mean(-1), 'weight/mean': w.mean(-1),
            'weight/capped': (w>=c.weight_cap).float().mean(-1), 'weight/tiny': (w<.1).float().mean(-1),
            'gan/real': real_logits.sigmoid().mean(-1), 'gan/fake': fake_logits.sigmoid().mean(-1),
            'gan/discriminator': d_loss.detach(), 'gan/generator': g_loss.detach()}

    def _discriminate(self, sg, a, z, w):
        with torch.no_grad(): fake = self.generator(torch.cat([sg, z], -1)).tanh()
        both = torch.cat([torch.cat([sg, sg], 1), torch.cat([a, fake], 1)], -1)  # (S, 2 B, ...)
        real_logits, fake_logits = self.discriminator(both).squeeze(-1).chunk(2, 1)
        loss = discriminator_loss(real_logits, fake_logits, w)
        descend(self.optimisers['discriminator'], loss)
        return real_logits.detach(), fake_logits.detach(), loss

    def _generate(self, sg, z):
        actions = self.generator(torch.cat([sg, z], -1)).tanh()
        loss = generator_loss(self.discriminator(torch.cat([sg, actions], -1)).squeeze(-1), self.config.saturating)
        descend(self.optimisers['generator'], loss)
        return loss
