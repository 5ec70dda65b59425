"""The drawn pictures of README and lesson map: the method, a film of policy and planner, and one icon per lesson of the course.

python tools/pictures.py     writes nbs/images/method.png, nbs/images/rooms.gif and nbs/images/icons/*.png
"""
import matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt
import numpy as np
import torch
import goplan_nb as gp
from goplan_nb.lab.plots import draw_env, draw_goal, draw_paths, png_bytes, save_gif
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from goplan_nb.lab.plots import COLOURS
from repo import NOTEBOOKS, ROOT

IMAGES = NOTEBOOKS/'images'
INK, PAPER = '#333333', '#f4f2ee'

def box(ax, x, y, title, text, colour, w=2.1, h=1.15):
    "A labelled box with its centre at (x, y)."
    ax.add_patch(FancyBboxPatch((x-w/2, y-h/2), w, h, boxstyle='round,pad=.02,rounding_size=.12', fc='white',
        ec=colour, lw=2))
    ax.text(x, y+.26, title, ha='center', va='center', size=10, weight='bold', color=colour)
    ax.text(x, y-.2, text, ha='center', va='center', size=8, color=INK, linespacing=1.25)

def arrow(ax, a, b, text='', at=(0, .14), bend=0.):
    "An arrow with its word."
    ax.add_patch(FancyArrowPatch(a, b, arrowstyle='-|>', mutation_scale=13, lw=1.4, color=INK,
        connectionstyle=f'arc3,rad={bend}'))
    if text:
        ax.text((a[0]+b[0])/2+at[0], (a[1]+b[1])/2+at[1], text, ha='center', va='center', size=8.2, color=INK,
            style='italic')

def method():
    "GOPlan in one picture: what is learned from the data, how it plans, and what it learns from its plans."
    fig, ax = plt.subplots(figsize=(9.4, 3.4), dpi=160)
    ax.set(xlim=(0, 14.2), ylim=(-.3, 4.6))
    ax.axis('off')
    box(ax, 1.4, 2.2, 'Offline dataset', 'recorded episodes,\nrelabelled goals', COLOURS['data'], w=2.5)
    box(ax, 5.3, 3.75, 'Prior policy', 'several modes, weighted\nby advantage', COLOURS['goplan'], w=3.1)
    box(ax, 5.3, 2.2, 'Value', 'of a state for a goal', COLOURS['value'], w=3.1)
    box(ax, 5.3, .65, 'Dynamics ensemble', 'predicts the next state,\ndisagrees off the data', INK, w=3.1)
    box(ax, 9.2, 2.2, 'Planner', 'candidate actions,\nmodel rollouts, choice', COLOURS['planner'], w=2.8)
    box(ax, 12.7, 3.75, 'Act', 'plan again at every step', COLOURS['planner'], w=2.7)
    box(ax, 12.7, .65, 'Reanalysis', 'keeps rollouts on which\nthe ensemble agrees', COLOURS['goal'], w=2.7)
    for y in (3.75, 2.2, .65): arrow(ax, (2.7, 2.2+.1*(y-2.2)), (3.68, y))
    for y in (3.75, 2.2, .65): arrow(ax, (6.9, y), (7.75, 2.2+.25*(y-2.2)))
    arrow(ax, (10.65, 2.55), (11.3, 3.5))
    arrow(ax, (10.65, 1.85), (11.3, .95))
    ax.plot([12.7, 12.7, 1.4], [.04, -.22, -.22], color=INK, lw=1.4)
    arrow(ax, (1.4, -.22), (1.4, 1.58))
    ax.text(9.2, -.08, 'fine-tuning on imagined trajectories', ha='center', size=8.6, color=INK, style='italic')
    fig.savefig(IMAGES/'method.png', bbox_inches='tight', facecolor='white')
    plt.close(fig)

def rooms(start=(2_000_000, 1), steps=18):
    "Policy and planner of the tour's agent from one initial state; the planner with its imagined trajectories."
    from io import BytesIO
    from PIL import Image
    agent, task = gp.load_agent(ROOT/'data'/'tour'/'PointRooms', 'cpu', 'pretrained'), gp.get_task('PointRooms')
    S, rngs, frames = len(agent.seeds), agent.fresh_rngs(), []
    envs = {kind: task.make() for kind in ('policy', 'planner')}
    seen, goals = {}, None
    for kind, env in envs.items():
        observations, goals = env.reset([start]*S)
        seen[kind] = [observations[:, None]]
    goals = goals[:, None]
    for _ in range(steps+1):
        record = []
        plan = agent.plan(seen['planner'][-1], goals, rngs, record=record)
        fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.8), dpi=80)
        for ax, kind, colour in zip(axes, envs, ('goplan', 'planner')):
            draw_env(ax)
            draw_goal(ax, goals[0, 0])
            if kind=='planner':
                here = seen[kind][-1][0, 0].expand(*record[0][0, 0].flatten(0, 1).shape)
                fan = torch.stack([here, *(x[0, 0].flatten(0, 1) for x in record)], 1)
                shade = plan.returns[0, 0].argsort().argsort().double()/plan.returns.shape[-1]
                for way, a in zip(fan, shade):
                    ax.plot(*way.T, color=COLOURS['planner'], lw=1, alpha=float(.08+.45*a**3))
            draw_paths(ax, torch.stack(seen[kind], 2)[0], COLOURS[colour], 1., dots=True)
            ax.plot(*seen[kind][-1][0, 0], 'o', color=COLOURS[colour], ms=7, mec='white')
            ax.set(title=f'{kind}: {sum(task.success(x[0, 0], goals[0, 0]).item() for x in seen[kind][1:])} steps at '
                f'the goal')
            ax.title.set_size(9)
            ax.set(xticks=[], yticks=[])
        fig.tight_layout()
        frames.append(np.asarray(Image.open(BytesIO(png_bytes(fig))).convert('RGB')))
        plt.close(fig)
        actions = dict(policy=agent.act(seen['policy'][-1], goals), planner=plan.actions)
        for kind, env in envs.items(): seen[kind].append(env.step(actions[kind].flatten(0, 1)).unflatten(0, (S, 1)))
    size = min(f.shape[:2] for f in frames)
    save_gif(IMAGES/'rooms.gif', [f[:size[0], :size[1]] for f in frames], 4)

# ---------------------------------------------------------------- icons: one idea, no axes, no words

def icon(draw):
    "A square picture in the middle of which `draw(ax)` puts one idea."
    fig, ax = plt.subplots(figsize=(1, 1), dpi=96)
    ax.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), aspect='equal')
    ax.axis('off')
    ax.add_patch(FancyBboxPatch((-1, -1), 2, 2, boxstyle='round,pad=.05,rounding_size=.2', fc=PAPER, ec='none'))
    draw(ax)
    fig.savefig(IMAGES/'icons'/f'{draw.__name__}.png', bbox_inches='tight', pad_inches=.02, transparent=True)
    plt.close(fig)

def path(ax, xs, ys, colour, **kwargs):
    ax.plot(xs, ys, color=colour, lw=kwargs.pop('lw', 2.4), solid_capstyle='round', **kwargs)
def goal(ax, x=.6, y=.6): ax.plot(x, y, '*', color=COLOURS['goal'], ms=13)
def start(ax, x=-.65, y=-.65): ax.plot(x, y, 'o', color=INK, ms=6)

def tour(ax):
    start(ax), goal(ax)
    path(ax, [-.05, -.05], [-1, .25], INK, lw=4)
    path(ax, [-.65, -.15, -.15], [-.65, -.3, -.28], COLOURS['goplan'])
    path(ax, [-.65, -.5, -.05, .6], [-.65, .3, .55, .6], COLOURS['planner'])

def problem(ax):
    start(ax), goal(ax)
    ax.text(.0, -.05, '?', ha='center', va='center', size=26, weight='bold', color=INK)

def relabelling(ax):
    t = np.linspace(0, 1, 40)
    path(ax, -.7+1.3*t, -.6+.5*np.sin(4*t)+.5*t, COLOURS['data'])
    goal(ax, .6, -.55+.5*np.sin(4)+.45), ax.plot(.55, .7, '*', mfc='none', mec=COLOURS['data'], ms=13)
    ax.annotate('', (.6, .02), (.56, .55), arrowprops=dict(arrowstyle='->', color=INK, lw=1.5))

def imitation(ax):
    start(ax, 0, -.75), ax.add_patch(Circle((0, 0), .28, color=INK))
    for side in (-1, 1): path(ax, side*np.array([0, .45, .5, .1]), [-.75, -.25, .25, .75], COLOURS['bc'])
    path(ax, [0, 0], [-.75, -.32], COLOURS['bad'], ls=':')

def value(ax):
    for r, a in ((.9, .25), (.62, .5), (.34, .8)):
        ax.add_patch(Circle((0, 0), r, fc='none', ec=COLOURS['value'], lw=2.6, alpha=a))
    goal(ax, 0, 0)

def prior(ax):
    x = np.linspace(-.9, .9, 200)
    y = lambda c, w, h: h*np.exp(-((x-c)/w)**2)
    path(ax, x, -.7+y(-.45, .16, .6)+y(.4, .14, 1.3), COLOURS['goplan'])
    path(ax, x, -.7+y(-.02, .5, .7), COLOURS['data'], ls=':')

def models(ax):
    t = np.linspace(0, 1, 30)
    for bend in (-.75, -.1, .5): path(ax, -.75+1.5*t, -.1+bend*np.clip(t-.45, 0, 1)**1.5*2.2, COLOURS['value'], lw=2)
    ax.add_patch(Circle((-.45, -.1), .38, fc=COLOURS['data'], alpha=.25))

def planner(ax):
    start(ax, -.75, -.1), goal(ax, .75, .55)
    for dy, c in ((-.75, 'data'), (-.4, 'data'), (.05, 'data'), (.6, 'planner')):
        path(ax, [-.75, -.1, .7], [-.1, .5*dy, dy], COLOURS[c], lw=3 if c=='planner' else 1.6)

def reanalysis(ax):
    path(ax, [-.75, -.4, .5, .7], [-.6, .5, .6, -.3], COLOURS['data'])
    path(ax, [-.75, 0, .7], [-.6, -.35, -.3], COLOURS['planner'], ls='--')
    goal(ax, .7, -.3)

def goplan(ax):
    for a, c in ((0, 'goplan'), (120, 'value'), (240, 'planner')):
        t = np.radians(np.linspace(a+12, a+100, 30))
        path(ax, .68*np.cos(t), .68*np.sin(t), COLOURS[c], lw=3.5)
    goal(ax, 0, 0)

ICONS = (tour, problem, relabelling, imitation, value, prior, models, planner, reanalysis, goplan)

if __name__=='__main__':
    (IMAGES/'icons').mkdir(parents=True, exist_ok=True)
    method()
    rooms()
    for draw in ICONS: icon(draw)
    print(f'written: {len(ICONS)} icons, the method, and the film, in {IMAGES.relative_to(NOTEBOOKS.parent)}/')
