"""Short films of what a run learned: data, policy before and after fine-tuning, and planner, from the same start to the same goal.

python tools/films.py runs/push runs/pick ...    writes nbs/images/films/TASK.gif, each below 1 MB
python tools/films.py --episode 7 runs/push      another start and goal: episode 7 of the data
"""
import argparse, sys
from pathlib import Path
import numpy as np
from PIL import Image, ImageDraw
from goplan_nb.core import BadInput
from goplan_nb.data.files import load_episodes
from goplan_nb.lab.plots import film, save_gif
from goplan_nb.envs.tasks import rollout
from goplan_nb.lab.train import load_agent

ROOT = Path(__file__).resolve().parent.parent
OUT, LIMIT = ROOT/'nbs'/'images'/'films', 1_000_000
WAYS = (('pretrained policy', 'pretrained', 'policy'), ('fine-tuned policy', 'checkpoint', 'policy'),
    ('planner', 'checkpoint', 'planner'))

def ways(folder, i):
    "The task, and what each way of acting does from start i of the data: title -> actions (T, d_a)."
    done = {}
    for title, checkpoint, kind in WAYS:
        agent = load_agent(folder, 'cpu', checkpoint)
        done[title] = rollout(agent.task.make(1), agent.actor(kind), [(0, i)], len(agent.seeds),
            agent.task.horizon).actions[0, 0]
    # its episode i began from the pair (0, i), too
    data, _ = load_episodes(ROOT/'data'/'samples'/f'{agent.task.name}.npz', agent.task)
    return agent.task, {'data': data.actions[i], **done}

def beside(films, height=14):
    "Films of equal length next to each other, with their titles."
    for shots in zip(*films.values()):
        sheet = Image.new('RGB', (sum(s.shape[1] for s in shots), shots[0].shape[0]+height), 'white')
        for k, (title, s) in enumerate(zip(films, shots)):
            sheet.paste(Image.fromarray(s), (k*s.shape[1], height))
            ImageDraw.Draw(sheet).text((k*s.shape[1]+4, 1), title, fill='black')
        yield np.asarray(sheet)

def make(folder, i=0):
    "The film of one run, smaller until it stays below the limit."
    task, acted = ways(folder, i)
    path = OUT/f'{task.name}.gif'
    path.parent.mkdir(parents=True, exist_ok=True)
    for size, every in ((180, 1), (150, 1), (150, 2), (120, 2), (90, 2)):
        films = {title: film(task, actions, (0, i), size)[::every] for title, actions in acted.items()}
        save_gif(path, list(beside(films)), 12//every)
        if path.stat().st_size<LIMIT: return path
    raise BadInput(f'{path} has {path.stat().st_size} bytes; allowed: less than {LIMIT}')

if __name__=='__main__':
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('runs', nargs='+', type=Path, help='folders of finished runs of GOPlan')
    parser.add_argument('--episode', type=int, default=0, help='of the data: its start and its goal, 0 to 199')
    args = parser.parse_args()
    for folder in args.runs:
        try: path = make(folder, args.episode)
        except BadInput as e: sys.exit(f'films: {e}')
        print(f'{path.relative_to(ROOT)}: {path.stat().st_size//1000} KB', flush=True)
