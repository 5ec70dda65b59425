"One palette, one function per recurring figure."
from __future__ import annotations
import io
from collections.abc import Sequence
from pathlib import Path
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from goplan_nb.core import Episodes, Task
from goplan_nb.data import replacing
from goplan_nb.tasks import ARENA, WALLS, make_gym

# one colour per idea, the same in every notebook and report; Okabe and Ito's palette, safe for the colour-blind
COLOURS = dict(data='#7f7f7f', bc='#56B4E9', gcsl='#0072B2', goplan='#D55E00', planner='#009E73', paper='#000000',
    goal='#CC79A7', start='#000000', good='#009E73', bad='#D55E00', value='#E69F00', uncertain='#CC79A7')

def new_figure(
    columns:int=1,      # panels side by side
    width:float=3.4,    # of one panel, inches
    height:float=3.,    # inches
    rows:int=1,         # panels above each other
    **kwargs,           # for `plt.subplots`
)->tuple[Figure,np.ndarray|Axes]:
    "A figure in the project's style, 80 dots per inch, small enough to be stored in a notebook."
    sns.set_theme(style='ticks', context='notebook', font_scale=.8, rc={'axes.spines.top': False, 'axes.spines.right': False, 'figure.dpi': 80})
    return plt.subplots(rows, columns, figsize=(width*columns, height*rows), layout='constrained', **kwargs)

def draw_world(
    ax:Axes,
    task:str='PointRooms', # walls are drawn for PointRooms
)->Axes:
    "The square of the point tasks, with its walls."
    ax.add_patch(Rectangle((-ARENA, -ARENA), 2*ARENA, 2*ARENA, fill=False, color='k', lw=1))
    if task=='PointRooms':
        for x0, x1, y0, y1 in WALLS:
            left, right, low, high = max(x0, -ARENA), min(x1, ARENA), max(y0, -ARENA), min(y1, ARENA)
            ax.add_patch(Rectangle((left, low), right-left, high-low, color='.8', lw=0))
    ax.set(xlim=(-ARENA-.2, ARENA+.2), ylim=(-ARENA-.2, ARENA+.2), aspect='equal', xticks=[-5, 0, 5], yticks=[-5, 0, 5])
    return ax

def draw_goal(
    ax:Axes,
    goal,                # (2,) at least
    tolerance:float=1.,  # radius that counts as success
)->None:
    "A goal and the disc around it that counts as success."
    ax.add_patch(Circle((float(goal[0]), float(goal[1])), tolerance, color=COLOURS['goal'], alpha=.25, lw=0))
    ax.plot(float(goal[0]), float(goal[1]), '*', color=COLOURS['goal'], ms=10)

def draw_paths(
    ax:Axes,
    paths,                  # (N, T+1, at least 2)
    colour:str=COLOURS['data'],
    alpha:float=.5,
    dots:bool=False,        # a dot at every state
)->None:
    "Trajectories in the plane of the first two coordinates."
    for p in np.asarray(paths): ax.plot(p[:, 0], p[:, 1], '.-' if dots else '-', color=colour, alpha=alpha, lw=1, ms=3, rasterized=True)

def draw_fan(
    ax:Axes,
    record:Sequence,  # what `plan` recorded: K+1 tensors (S, P, C, copies, d_s)
    returns,          # (S, P, C)
    start,            # (at least 2,)
    state:int=0,      # which of the P states
    seed:int=0,       # which of the S seeds
    axes:tuple[int,int]=(0, 1), # coordinates to draw
)->None:
    "The planner's imagined futures, coloured by the mean return of the first action that they follow."
    paths = np.stack([r[seed, state].cpu().numpy() for r in record], -2)        # (C, copies, K+1, d_s)
    R = np.asarray(returns[seed, state].cpu())
    norm = plt.Normalize(R.min(), max(R.max(), R.min()+1e-9))
    first = np.broadcast_to(np.asarray(start), paths.shape[:2]+(1, paths.shape[-1]))
    for c in np.argsort(R):
        for p in np.concatenate([first, paths], -2)[c]:
            ax.plot(p[:, axes[0]], p[:, axes[1]], color=plt.cm.viridis(norm(R[c])), alpha=.25, lw=.8, rasterized=True)
    ax.plot(np.asarray(start)[axes[0]], np.asarray(start)[axes[1]], 'o', color=COLOURS['start'], ms=6)
    ax.figure.colorbar(plt.cm.ScalarMappable(norm, 'viridis'), ax=ax, shrink=.7, label='mean imagined return (steps at the goal)')

def draw_curves(
    ax:Axes,
    metrics:pd.DataFrame,  # tidy: seed, step, metric, value
    names:Sequence[str],   # metrics to draw, one line each; mean over seeds with its range
    colours:Sequence[str]|None=None,
)->Axes:
    "Learning curves: the mean over the seeds and their whole range."
    for name, colour in zip(names, colours or sns.color_palette('colorblind', len(names))):
        wide = metrics[metrics.metric==name].pivot_table(index='step', columns='seed', values='value')
        ax.plot(wide.index, wide.mean(axis=1), color=colour, label=name, lw=1.5)
        ax.fill_between(wide.index, wide.min(axis=1), wide.max(axis=1), color=colour, alpha=.2, lw=0)
    ax.set(xlabel='updates')
    ax.legend(frameon=False, fontsize=8)
    return ax

def film(
    task:Task,
    gym_id:str,                     # which Gymnasium environment draws it
    actions,                        # of one episode, (T, d_a)
    seed,                           # its start and goal, as given to `Env.reset`
    size:int=240,                   # pixels
)->list[np.ndarray]:                # T+1 pictures
    "Replay an episode in its simulator and draw every step; needs a GL driver, a screen it needs not."
    env = make_gym(gym_id, render_mode='rgb_array', width=size, height=size)
    env._np_random = np.random.default_rng(seed)
    env._reset_sim()
    env.goal = env._sample_goal().copy()
    frames = [env.render()]
    for a in np.asarray(actions, dtype=np.float32):
        env.step(a)
        frames.append(env.render())
    env.close()
    return frames

def drawn_film(
    task:Task,
    observations,  # of one episode, (T+1, d_s)
    goal,          # (d_g,)
    size:int=240,  # pixels
)->list[np.ndarray]: # T+1 pictures
    "The same without any GL: the achieved goal's path in the plane of its first two coordinates."
    import torch
    path = task.achieved_goal(torch.as_tensor(observations)).numpy()
    fig, ax = plt.subplots(figsize=(size/80, size/80), dpi=80)
    if task.name.startswith('Point'): draw_world(ax, task.name)
    else:
        both = np.vstack([path, np.asarray(goal)[None]])
        ax.set(xlim=(both[:, 0].min()-.05, both[:, 0].max()+.05), ylim=(both[:, 1].min()-.05, both[:, 1].max()+.05), aspect='equal')
    draw_goal(ax, goal, task.tolerance)
    line, = ax.plot([], [], '.-', color=COLOURS['goplan'], lw=1)
    frames = []
    for t in range(len(path)):
        line.set_data(path[:t+1, 0], path[:t+1, 1])
        fig.canvas.draw()
        frames.append(np.asarray(fig.canvas.buffer_rgba())[..., :3].copy())
    plt.close(fig)
    return frames

def save_gif(
    path:str|Path,
    frames:Sequence[np.ndarray], # (height, width, 3) uint8 each
    fps:int=12,                  # pictures per second
)->Path:
    "Write a looping GIF with one palette of 64 colours: small enough for a README."
    from PIL import Image
    images = [Image.fromarray(f) for f in frames]
    palette = images[len(images)//2].quantize(64)
    small = [i.quantize(palette=palette, dither=Image.Dither.NONE) for i in images]
    with replacing(path) as temporary: small[0].save(temporary, format='GIF', save_all=True, append_images=small[1:], duration=1000//fps, loop=0)
    return Path(path)

def png_bytes(
    fig:Figure, # closed afterwards
)->bytes:
    "A figure as PNG, for a self-contained page."
    out = io.BytesIO()
    fig.savefig(out, format='png', dpi=100)
    plt.close(fig)
    return out.getvalue()
