"""The generated pages: results, deviations from the paper, equations, the map of the lessons, and the table of the README.

python tools/pages.py           writes docs/results.md, docs/deviations.md, docs/equations.md and nbs/README.md
python tools/pages.py --check   exit status 1 if one of them is not what the repository says
"""
import sys
import pandas as pd
import equations, lessons
from goplan_nb.lab.report import bench_table, deviations, read_results
from goplan_nb.lab.statistics import paired_difference
from repo import ROOT

RESULTS = ROOT/'data'/'results'
MAIN = ('PointReach, benchmark', 'PointRooms, benchmark', 'Reacher, benchmark', 'SawyerReach, benchmark',
    'SawyerDoor, benchmark', 'FetchReach, benchmark', 'FetchPush-s', 'FetchPick-s')
# folder -> heading, what it asks, the command that made it
BENCHES = dict(
    table1=('All methods, all tasks', 'Every method sees the same data, the same 5,000 updates of 256 transitions and '
    'the same 100 test episodes.', 'goplan bench table1 --preset laptop plus --out data/results/table1'),
    fresh=('A second look',
    'The same from initial states 1000-1099 and with seeds 5 6 7, on which no choice was made.',
    'goplan bench fresh --preset laptop plus --seeds 5 6 7 --out data/results/fresh'),
    table5=('Out of distribution', 'Trained where the objects stay in one region, evaluated in all tasks of the group; '
    '200 episodes.', 'goplan bench table5 --preset laptop plus --methods goat goplan --out data/results/table5'),
    table2=('Planning with other priors', 'Priors that are only pretrained; GOPlan2 plans after fine-tuning.',
    'goplan bench table2 --out data/results/table2'),
    fig5=('Action noise', 'Trained without noise, evaluated with Gaussian noise on every action.',
    'goplan bench fig5 --data benchmark --out data/results/fig5'),
    fig6=('Advantage weights and kinds of reanalysis', 'Without weights, and reanalysis of one kind or of both.',
    'goplan bench fig6 --preset plus --out data/results/fig6'),
    fig7=('Ensemble size', 'One, two, five and ten dynamics models.', 'goplan bench fig7 --preset plus --out '
    'data/results/fig7'),
    plus=('From GOPlan to GOPlan+', 'Each of the changes alone.', 'goplan bench plus --out data/results/plus'),
    planners=('One agent, many planners', 'The same trained agent of GOPlan+ plans in different ways.',
    'goplan bench planners --out data/results/planners'),
    attribution=('Was it the model or the value?', 'The planner with its learned models, and with the simulator in '
    'their place; 30 episodes.', 'goplan bench attribution --out data/results/attribution'),
    walls=('PointRooms, with its walls and without', 'Trained among walls, evaluated with them, without them, and in '
    'the square that the official code builds.', 'goplan bench walls --preset laptop plus --out data/results/walls'),
    weights=('Weight clip', 'GOPlan+ with larger clips of the advantage weight.',
    'goplan bench weights --out data/results/weights'),
    goals=('Relabelled goals only', 'GOPlan+ keeps half of the goals of the dataset; here all goals are relabelled.',
    'goplan bench goals --out data/results/goals'),
    samples=('Shares of the mixture', 'GOPlan+ samples components with the cubes of their probabilities; here with the '
    'plain ones.', 'goplan bench samples --out data/results/samples'))

def loaded(name):
    "The table of a benchmark, its columns named as in the text."
    return bench_table(*read_results(RESULTS/name)[:2])

def shown(column):
    "The name of a column as the text has it."
    if not column.endswith(' plus'): return column
    return {'GOPlan': 'GOPlan+ policy', 'GOPlan2': 'GOPlan+ planner'}.get(column.removesuffix(' plus'),
        column.removesuffix(' plus').replace('GOPlan', 'GOPlan+', 1))

def value(r): return f'{r["mean"]:.1f} ± {(r.high-r.low)/2:.1f}'

def main_table(t=None):
    "Eight rows, five columns: what a visitor wants to know first, as Markdown."
    t = loaded('table1') if t is None else t
    lines = ['| task | data | best baseline | GOPlan: policy, planner | GOPlan+ policy | GOPlan+ planner |',
        '|---|---|---|---|---|---|']
    for name in MAIN:
        part = t[t.row==name]
        ours = lambda preset, actor: part[(part.method=='goplan')&(part.preset==preset)&(part.actor==actor)].iloc[0]
        others = part[part.method!='goplan']
        best = others.loc[others['mean'].idxmax()]
        paper, paper2 = ours('laptop', 'policy'), ours('laptop', 'planner')
        policy, planner = ours('plus', 'policy'), ours('plus', 'planner')
        top = max((best, paper, paper2, policy, planner), key=lambda r: r['mean'])
        def bold(r):
            "Bold where the 95 % interval of the paired difference to the best of the row contains 0."
            if r.name==top.name: return True
            k = min(len(r.returns), len(top.returns))
            return paired_difference(pd.DataFrame(top.returns[:k]).to_numpy(),
                pd.DataFrame(r.returns[:k]).to_numpy())[1]<=0
        show = lambda r, note='': (f'**{value(r)}**' if bold(r) else value(r))+note
        lines.append(f'| {name.removesuffix(", benchmark")} | {part.behaviour.iloc[0]:.1f} | '
            f'{show(best, f" ({best.column})")} | {show(paper)}, {show(paper2)} | {show(policy)} | {show(planner)} |')
    return '\n'.join(lines)

def leads(name):
    "row -> how far the planner of GOPlan+ is ahead of the best baseline, in steps."
    found = {}
    for row, part in loaded(name).groupby('row', sort=False):
        planner = part[(part.preset=='plus')&(part.actor=='planner')]
        others = part[part.method!='goplan']
        if len(planner) and len(others):
            found[row.removesuffix(', benchmark')] = round(float(planner['mean'].iloc[0]-others['mean'].max()), 1)
    return found

def bench_section(name):
    "One benchmark: a small table for each of its rows."
    heading, asks, command = BENCHES[name]
    t = loaded(name)
    t = t[~t.actor.eq('')]
    parts = [f'## {heading}', '', asks, '', f'`{command}`']
    for row, part in t.groupby('row', sort=False):
        parts += ['', f'### {row}' if name=='table1' else f'**{row}** (data {part.behaviour.iloc[0]:.1f})', '']
        if name=='table1': parts += [f'Mean return of the data: {part.behaviour.iloc[0]:.1f}.', '']
        parts += ['| method | return | 95 % interval | 49 steps | paper | seeds x episodes |',
            '|---|---|---|---|---|---|']
        for _, r in part.sort_values('mean', ascending=False).iterrows():
            paper = '' if pd.isna(r.paper) or r.preset=='plus' else f'{r.paper:.1f}'+("′" if r.paper_steps==49 else '')
            parts.append(f'| {shown(r.column)} | {r["mean"]:.1f} | [{r.low:.1f}, {r.high:.1f}] | {r.mean49:.1f} | '
                f'{paper} | {r.seeds} x {r.episodes} |')
    return '\n'.join(parts)

def results_page():
    "Every committed result, one table per question."
    head = f'''# Results

Every number here is read from the tidy CSV files in [data/results](../data/README.md), one file per training, each row with the commit that made it.
A return counts the steps of a 50-step episode that are spent at the goal. Intervals cover the mean over seeds and test episodes (stratified bootstrap, see
[statistics](../nbs/library/16_statistics.ipynb)). The paper's values have 500,000 updates, other datasets and five seeds behind them; ′ means that probably 49 of 50 steps were counted.
Names of rows: `-s` is the first tenth of the episodes (4,000); `benchmark` data are as skilled as the published ones (2,000 episodes).

**What to know before reading.** The budget is one percent of the paper's updates (half a percent of its transitions). The paper's algorithm (preset `laptop`: its networks half as wide, shorter rollouts,
three rounds of reanalysis) does not learn to push or pick within it: 0.7 on FetchPush. Most baselines are far below their published values there, too: these rows rank early learning.
**GOPlan+** (preset `plus`) is another algorithm than the paper's. Some of its numbers, and the regularisation strength of g-TD3-BC, were chosen on these test episodes. "A second look" repeats GOPlan+ and the best
baseline of each row from other initial states and with other seeds.

## The short table

{main_table()}

Bold: the 95 % interval of the paired difference to the best of the row contains 0. Best baseline: the highest mean among twelve baselines.
Six more rows, with four to six baselines each, are below: on FetchSlide GEAW is ahead of GOPlan+, on FetchPick they are tied, on FetchPush and HandReach GOPlan+ leads.
'''
    return head+'\n'+'\n\n'.join(bench_section(n) for n in BENCHES if (RESULTS/n).exists())+'\n'

def deviations_page():
    "Where the library leaves the paper, collected from the comments that say so."
    rows = [f'- `{where}`: {what}' for where, what in deviations()]
    return '\n'.join(['# Where this library leaves the paper', '', 'Each place is marked `# differs:` in the code; '
        'this page is collected from there.', '', *rows])+'\n'

def pages():
    "path -> text of every generated page."
    return {ROOT/'docs'/'results.md': results_page(), ROOT/'docs'/'deviations.md': deviations_page(),
        ROOT/'docs'/'equations.md': equations.page(), ROOT/'nbs'/'README.md': lessons.lesson_map()}

if __name__=='__main__':
    stale = [p for p, text in pages().items() if not p.exists() or p.read_text(encoding='utf-8')!=text]
    if '--check' in sys.argv:
        sys.exit(print('stale: '+', '.join(str(p.relative_to(ROOT)) for p in stale)) or 1 if stale else 0)
    for p, text in pages().items(): p.write_text(text, encoding='utf-8')
    print('written: '+(', '.join(str(p.relative_to(ROOT)) for p in stale) or 'nothing has changed'))
