"What a run shows for itself: returns with intervals beside the published ones, curves, pictures, one page."
from __future__ import annotations
import base64, html, json
from collections.abc import Sequence
from pathlib import Path
import numpy as np
import pandas as pd
import torch
from goplan_nb.core import Agent, BadInput, Episodes, Task
from goplan_nb.data import replacing
from goplan_nb.plots import COLOURS, draw_curves, draw_fan, drawn_film, film, new_figure, png_bytes, save_gif
from goplan_nb.tasks import get_task, returns
from goplan_nb.train import TEST_SEED, read_run

_TABLE1 = '''task goplan bc gcsl wgcsl geaw am crl td3bc tt
PointReach 46.09 39.36 39.27 44.40 42.95 43.56 44.53 43.69 45.39
PointRooms 43.57 33.17 33.05 36.15 36.02 33.45 40.12 42.32 42.46
Reacher 40.67 35.72 36.42 40.57 38.89 37.48 37.79 37.39 38.79
SawyerReach 40.43 32.91 33.65 40.12 37.42 40.91 36.73 30.96 40.25
SawyerDoor 44.42 35.03 35.67 42.81 40.03 42.49 38.58 35.90 44.32
FetchReach 47.33 42.03 41.72 46.33 45.01 46.50 46.10 45.51 47.15
FetchPush 39.15 31.56 28.56 39.11 37.42 30.49 36.52 30.83 38.90
FetchPick 37.01 31.75 25.22 34.37 34.56 34.07 35.77 36.51 36.65
FetchSlide 10.08 0.84 3.05 10.73 4.55 6.92 9.91 5.88 9.61
HandReach 28.28 0.06 0.57 26.73 0.81 0.02 6.46 5.21 24.12'''

def published(
    method:str, # 'goplan', 'bc', ...
    task:str,   # as in the paper
)->float|None:  # `None`: the paper does not say
    "The mean return of a method in the paper's Table 1."
    head, *rows = (line.split() for line in _TABLE1.splitlines())
    return next((float(r[head.index(method)]) for r in rows if r[0]==task and method in head), None)

def return_rows(
    run:dict,          # from `describe`
    arm:str,           # what acted: 'data', 'pretrained', 'policy', 'planner'
    task:Task,
    episodes:Episodes, # (S, n, ...)
    seeds:Sequence[int],
)->pd.DataFrame:       # tidy, one row per episode and metric
    "The returns of an evaluation, one row per episode: 50 and 49 steps, and success at the last step."
    last = task.reward(episodes.observations[..., -1, :], episodes.goals)
    values = {'return': returns(task, episodes), 'return49': returns(task, episodes, 49), 'success_last': last}
    rows = [dict(method=run['method'], task=task.name, data=run['data']['sha256'][:12], preset=run['preset'], arm=arm, seed=s, episode=i, metric=m,
                 value=float(v[k, i]), commit=run['commit'], versions=' '.join(f'{n}={x}' for n, x in run['versions'].items()))
            for m, v in values.items() for k, s in enumerate(seeds) for i in range(v.shape[1])]
    return pd.DataFrame(rows)

def interval(
    values,           # of single episodes, (S, n)
    reps:int=2000,    # resamples
    level:float=.95,  # share of them inside
)->tuple[float,float]:# low, high
    "Bootstrap interval of the mean: seeds are resampled, and episodes inside each seed."
    values, rng = np.asarray(values), np.random.default_rng(0)
    S, n = values.shape
    seeds = rng.integers(S, size=(reps, S))
    means = values[seeds[..., None], rng.integers(n, size=(reps, S, n))].mean((1, 2))
    return tuple(np.quantile(means, [(1-level)/2, (1+level)/2]))

ARMS = dict(data='behaviour data', pretrained='policy, pretrained', policy='policy, fine-tuned', planner='planner (GOPlan2)')

def table(
    rows:pd.DataFrame, # from `return_rows`, several arms
)->pd.DataFrame:       # one row per arm
    "Mean return of each arm with its interval, beside the published value."
    out = []
    for arm in [a for a in ARMS if a in set(rows.arm)]:
        part = rows[rows.arm==arm]
        wide = part[part.metric=='return'].pivot(index='seed', columns='episode', values='value')
        low, high = interval(wide)
        mean = lambda m: part[part.metric==m].value.mean()
        method, task = part.method.iloc[0], part.task.iloc[0]
        paper = published(method, task) if arm=='policy' else None
        out.append({'acts': ARMS[arm] if method=='goplan' or arm=='data' else f'policy ({method})', 'return': mean('return'), 'low': low, 'high': high,
            'return, 49 steps': mean('return49'), 'at goal at the end': mean('success_last'), 'paper': paper, 'seeds': wide.shape[0], 'episodes': wide.shape[1]})
    return pd.DataFrame(out)

def table_text(
    t:pd.DataFrame, # from `table`
)->str:
    "The table for a terminal."
    head = f'{"acts":<22} {"return":>7}  {"95 % interval":^15}  {"49 steps":>8}  {"at goal at end":>14}  {"paper":>6}'
    lines = [f'{r.acts:<22} {r["return"]:7.2f}  [{r.low:5.2f}, {r.high:5.2f}]  {r["return, 49 steps"]:8.2f}  {r["at goal at the end"]:14.0%}  '
             + (f'{r.paper:6.2f}' if pd.notna(r.paper) else '     -') for _, r in t.iterrows()]
    return '\n'.join([head, '-'*len(head), *lines])

def make_film(
    path:Path,
    task:Task,
    episodes:Episodes, # (S, n, ...), from `evaluate`
    which:Sequence[int]=(0, 1, 2), # episodes, joined one after the other
)->str:                # empty, or why the film is drawn instead of rendered
    "Film some episodes of the first seed; without any GL driver their paths are drawn instead."
    gym_id, note, frames = getattr(task.make, 'keywords', {}).get('gym_id'), '', []
    for i in [i for i in which if i<len(episodes)]:
        try: shots = film(task, gym_id, episodes.actions[0, i], (TEST_SEED, i)) if gym_id else None
        except Exception as e: shots, gym_id, note = None, None, f'no GL driver for MuJoCo here ({type(e).__name__}): the film shows drawn paths'
        frames += shots or drawn_film(task, episodes.observations[0, i], episodes.goals[0, i])
    save_gif(path, frames)
    return note

def fan_figure(
    agent:Agent,       # one that plans
    episodes:Episodes, # (S, n, ...): the starts are taken from here
    which:Sequence[int]=(0, 1), # episodes to show
):
    "The planner's imagined futures at the start of some episodes, and the action that it chose."
    task, record = agent.task, []
    s = episodes.observations[:, list(which), 0].to(agent.device, agent.dtype)
    g = episodes.goals[:, list(which)].to(agent.device, agent.dtype)
    plan = agent.plan(s, g, agent.fresh_rngs(), record=record)
    fig, axs = new_figure(len(which), width=4.6, height=3.4, squeeze=False)
    first = task.goal_index[0]
    for k, ax in enumerate(axs[0]):
        draw_fan(ax, record, plan.returns, s[0, k].cpu(), state=k, axes=(first, first+1))
        ax.plot(*g[0, k, :2].tolist(), '*', color=COLOURS['goal'], ms=12)
        ax.set(xlabel='x', ylabel='y', title=f'episode {which[k]}: best first action reaches the goal {plan.returns[0, k].max():.0f} times', aspect='equal')
        ax.title.set_fontsize(9)
    return fig

_STYLE = '''body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:.3rem .8rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}.wide{overflow-x:auto}img{max-width:100%;height:auto}code,pre{background:#f5f5f5;padding:.1rem .3rem}
pre{padding:.8rem;overflow-x:auto;font-size:13px}figcaption{color:#555;font-size:.9rem}figure{margin:1.5rem 0}'''

def _figure(data, kind, caption):
    return f'<figure><img alt="{html.escape(caption)}" src="data:image/{kind};base64,{base64.b64encode(data).decode()}"><figcaption>{html.escape(caption)}</figcaption></figure>'

def _html_table(t):
    cell = lambda x: '' if pd.isna(x) else f'{x:.2f}'
    rows = ''.join(f'<tr><td>{html.escape(r.acts)}</td><td>{cell(r["return"])}</td><td>[{cell(r.low)}, {cell(r.high)}]</td><td>{cell(r["return, 49 steps"])}</td>'
        f'<td>{r["at goal at the end"]:.0%}</td><td>{cell(r.paper) or "–"}</td><td>{r.seeds} × {r.episodes}</td></tr>' for _, r in t.iterrows())
    return ('<div class="wide"><table><tr><th>acts</th><th>return, 50 steps</th><th>95 % interval</th><th>49 steps</th><th>at goal at the end</th>'
            f'<th>paper</th><th>seeds × episodes</th></tr>{rows}</table></div>')

def curves_figure(
    metrics:pd.DataFrame, # `metrics.csv`
):
    "Returns while learning, and what the networks and the reanalysis report."
    panels = [[n for n in group if n in set(metrics.metric)] for group in (('return/policy', 'return/sampled'),
        ('value/loss', 'dynamics/loss', 'policy/loss'), ('gan/real', 'gan/fake'), ('case/a-1', 'case/a-2', 'case/a-3', 'case/b-1', 'case/b-2', 'case/b-3'))]
    titles = ['return of the policy', 'losses', 'the discriminator thinks: real', 'reanalysis: share of each case']
    shown = [(p, t) for p, t in zip(panels, titles) if p]
    fig, axs = new_figure(len(shown), width=3.6, height=2.8, squeeze=False)
    for ax, (names, title) in zip(axs[0], shown):
        draw_curves(ax, metrics, names).set(title=title)
        if title=='losses': ax.set_yscale('log')
    return fig

def write_report(
    folder:str|Path, # of a run: config.json and metrics.csv, and what else it left
)->Path:             # report.html
    "One self-contained page of a run: table, curves, planner fan, film, and how to make it again."
    folder = Path(folder)
    run = read_run(folder)
    parts = [f'<h1>{html.escape(run["method"])} on {html.escape(run["task"])}</h1><p>preset <code>{html.escape(run["preset"] or "custom")}</code>, seeds '
             f'{", ".join(map(str, run["seeds"]))}, {run["data"]["episodes"]} episodes of data, commit <code>{html.escape(run["commit"])}</code></p>']
    if (folder/'returns.csv').exists():
        t = table(pd.read_csv(folder/'returns.csv'))
        parts += ['<h2>Returns</h2>', _html_table(t), '<p>A return counts the states of an episode that lie at the goal, 50 at most. The interval covers the mean over '
                  'seeds and test episodes (bootstrap). The paper gives the mean of five seeds after 500,000 updates and ten rounds of reanalysis (Table 1).</p>']
    if (folder/'metrics.csv').exists():
        metrics = pd.read_csv(folder/'metrics.csv')
        if len(metrics): parts += ['<h2>Learning</h2>', _figure(png_bytes(curves_figure(metrics)), 'png', 'Mean over the seeds and their range.')]
    for name, kind, title, caption in (('fan.png', 'png', 'The planner looks ahead', 'Imagined futures from the start of two test episodes, coloured by the return of their first action; the star is the goal.'),
                                       ('rollout.gif', 'gif', 'Rollouts', 'Test episodes of the fine-tuned policy.')):
        if (folder/name).exists(): parts += [f'<h2>{title}</h2>', _figure((folder/name).read_bytes(), kind, caption)]
    parts += ['<h2>How it was made</h2>', f'<pre>{html.escape(json.dumps(run, indent=1))}</pre>']
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>goplan report</title><style>{_STYLE}</style><body>{"".join(parts)}</body></html>'
    with replacing(folder/'report.html') as temporary: temporary.write_text(page, encoding='utf-8')
    return folder/'report.html'
