"""Record the datasets, one file after the other; what is there is left alone, an interrupted file goes on where it stopped.

python tools/datasets.py samples FetchPush-s      the named groups and sets; no name: the list of all sets and what each would hold
python tools/datasets.py --table                 write data/README.md from data/datasets.csv

samples   200 episodes of each of the ten tasks, stored in the repository          easy     2,000 episodes each, expert and benchmark behaviour
hard-s    4,000 episodes of the four hard tasks, one tenth of `hard`               random   uniform actions
ood       5,000 episodes that stay in the region of their group                    noise    FetchReach with action noise, uniform actions
hard      40,000 episodes of the four hard tasks, hours
"""
import csv, sys
from pathlib import Path
from tqdm.auto import tqdm
from goplan_nb.data.collection import CATALOGUE, SETS, add_row, dataset_row, record
from goplan_nb.data.files import load_episodes
from goplan_nb.envs.tasks import get_task

DATA = Path(__file__).resolve().parent.parent/'data'
TABLE = DATA/'datasets.csv'

def make(name):
    "Record one dataset and put its line into the table."
    path, task = DATA/f'{name}.npz', get_task(CATALOGUE[name].task)
    if path.exists(): return print(f'{path.name}: is there')
    with tqdm(total=CATALOGUE[name].episodes, desc=name, unit='episode', dynamic_ncols=True, mininterval=5) as bar:
        _, seconds = record(name, DATA, progress=bar.update)
    row = dataset_row(path, task, *load_episodes(path, task), seconds)
    add_row(TABLE, dict(row, file=f'{name}.npz'))
    print(f'{name}: {row["episodes"]} episodes, return {row["return_mean"]}, {row["seconds"]} s of recording',
        flush=True)

HEAD = '''# data

Datasets are made, not downloaded: `goplan collect FetchReach --out data/FetchReach.npz` writes the same bytes on every machine with the same versions.
An `.npz` holds `observations (N, T+1, d_s)`, `actions (N, T, d_a)`, `goals (N, d_g)`, `lengths (N)` and JSON metadata with behaviour, noise, seed, versions and checksum;
`goplan info FILE` shows it. Nothing in it is a pickle.

## What is here

- `samples/`: 200 episodes of every task, in the repository. They are the first 200 episodes of the full set of that task; the `-s` sets are its first tenth.
- `results/`: the numbers that notebooks and README show, one tidy CSV per training (`results/*/experiments/`), each row with the commit that made it. Read as tables: [docs/results.md](../docs/results.md).
- `tour/`: the trained agent that the [tour](../nbs/tour.ipynb) loads.
- All other datasets are recorded by `python tools/datasets.py GROUP ...`, which resumes where it was interrupted. Expert and benchmark data have the published exploration:
  Gaussian noise of standard deviation 0.2, and with probability 0.3 a uniform action.

GOPlan multiplies in bfloat16 where the processor has instructions for it (`--precision auto`): so did the experiments of commit bc1bf1c, while all older ones are in float32.
Later ones say it in their column `versions`. Experiments marked 632fe60-dirty or c01590a-dirty ran with the code of those commits; only files in this folder differed.
Files written before the renaming of options (columns `arm`, `world`; preset `ours`) are read as they are.

## Recorded datasets

| file | task | behaviour | episodes | return, 50 steps | 49 steps, before the action | actions, mean | std | recorded in | MB |
|---|---|---|---|---|---|---|---|---|---|
'''

def write_table():
    "data/README.md from the list of what was recorded."
    with open(TABLE, newline='') as f: rows = list(csv.DictReader(f))
    line = lambda r: f'| {r["file"]} | {r["task"]} | {r["behaviour"]} | {int(r["episodes"]):,} | {r["return_mean"]} | {r["return49_mean"]} | {r["action_mean"]} | {r["action_std"]} | {r["seconds"]} s | {r["megabytes"]} |'
    missing = sorted({f'{name}.npz' for name in CATALOGUE}-{r['file'] for r in rows})
    note = f'\nSeconds are of one machine with two cores, not always idle. Not recorded here: {", ".join(missing)}.\n' if missing else ''
    (DATA/'README.md').write_text(HEAD+'\n'.join(map(line, rows))+'\n'+note)

if __name__=='__main__':
    names = sys.argv[1:]
    unknown = sorted({*names}-{*SETS}-{*CATALOGUE}-{'--table'})
    if unknown:
        sys.exit(f'unknown: {", ".join(unknown)}; allowed: {", ".join(SETS)}, or a set of the list that is printed '
            f'without any name')
    if not names:
        for group, sets in SETS.items():
            for name, r in sets.items():
                print(f'{group:8} {name:30} {r.task:24} {r.episodes:6,} episodes, {r.behaviour}')
    for name in names:
        for one in SETS.get(name, [name] if name in CATALOGUE else []): make(one)
    if names: write_table()
