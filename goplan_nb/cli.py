"The `goplan` command: one dataclass per command, every field an option."
from __future__ import annotations
import contextlib, io, json, re, sys, tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass, make_dataclass, replace
from pathlib import Path
import pandas as pd
import torch
import tyro
from tqdm.auto import tqdm
from tyro.conf import OmitArgPrefixes, Positional
from goplan_nb.core import BadInput, Episodes, combine, nearest
from goplan_nb.data import check_task, load_episodes, load_published, replacing, save_episodes
from goplan_nb.experts import collect
from goplan_nb.report import fan_figure, make_film, png_bytes, published, return_rows, table, table_text, write_report
from goplan_nb.tasks import get_task, returns, task_names
from goplan_nb.train import METHODS, commit, config_dict, describe, evaluate, load_agent, make_agent, method_class, preset, read_run, summary, train_run

def progress(what:str):
    "A `track` for `rollout`: a bar that shows the time left."
    return lambda steps: tqdm(steps, desc=what, unit='step', leave=False, dynamic_ncols=True)

def check_writable(
    path:Path, # a file that is to be written later
)->None:
    "Find out before the work, not after it, whether a file can be written."
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=Path(path).parent): pass
    except OSError as e: raise BadInput(f'cannot write in {Path(path).parent}: {e.strerror}') from None

@dataclass
class Tasks:
    "List the tasks: widths, tolerance, horizon, the paper's return."
    def run(self):
        print(f'{"task":<12} {"d_s":>4} {"d_a":>4} {"d_g":>4} {"tolerance":>10} {"horizon":>8} {"paper (GOPlan)":>15}')
        for t in map(get_task, task_names()):
            print(f'{t.name:<12} {t.d_s:4d} {t.d_a:4d} {t.d_g:4d} {t.tolerance:10g} {t.horizon:8d} {published("goplan", t.name):15.2f}')

@dataclass
class Collect:
    "Record episodes of a behaviour in a real task; same seed and versions, same bytes, whatever the workers."
    task:Positional[str]       # name of the task
    out:Path                   # .npz file to write
    episodes:int=2000          # number of episodes
    behaviour:str='expert'     # 'expert' (scripted) or 'random' (uniform actions)
    noise:float=.2             # standard deviation of the Gaussian added to the expert's action
    random_eps:float=.3        # chance per step that the whole action is uniform instead
    seed:int=0                 # of the dataset
    workers:int|None=None      # threads for MuJoCo; default: one per core
    force:bool=False           # overwrite an existing file

    def run(self):
        task = get_task(self.task)
        if self.out.suffix!='.npz': raise BadInput(f'--out {self.out}: allowed are names that end in .npz')
        if self.out.exists() and not self.force: raise BadInput(f'{self.out} exists; use another --out, or --force to overwrite it')
        check_writable(self.out)
        how = dict(behaviour=self.behaviour, noise=self.noise, random_eps=self.random_eps, seed=self.seed)
        blocks = []
        with tqdm(total=self.episodes, desc=f'collecting {task.name}', unit='episode', dynamic_ncols=True) as bar:
            for block in collect(task, self.episodes, workers=self.workers, **how):
                blocks.append(block)
                bar.update(len(block))
        data = combine(lambda *x: torch.cat(x), *blocks)
        card = save_episodes(self.out, data, dict(task=task.name, **how, return_mean=round(returns(task, data).mean().item(), 4)))
        print(f'{self.out}: {len(data)} episodes, mean return {card["return_mean"]:.2f}, sha256 {card["sha256"][:12]}')

@dataclass
class Info:
    "Show a dataset: its card, shapes, mean return over 50 steps, checksum."
    file:Positional[Path] # .npz written by `goplan collect` or `goplan convert`
    def run(self):
        data, card = load_episodes(self.file)
        task = get_task(card['task'])
        check_task(data, task, str(self.file))
        for k, v in card.items(): print(f'{k:<12} {" ".join(f"{n}={x}" for n, x in v.items()) if isinstance(v, dict) else v}')
        for name, x in vars(data).items(): print(f'{name:<12} {tuple(x.shape)} {str(x.dtype).removeprefix("torch.")}')
        print(f'mean return  {returns(task, data).mean():.2f} over {data.horizon} steps')

@dataclass
class Convert:
    "Turn a published buffer (.pkl with o, u, g, ag) into our .npz; only NumPy arrays are ever unpickled."
    src:Positional[Path]  # published .pkl
    dst:Positional[Path]  # .npz to write
    task:str              # name of the task that it was recorded in
    force:bool=False      # overwrite an existing file
    def run(self):
        task = get_task(self.task)
        if self.src.suffix!='.pkl' or self.dst.suffix!='.npz': raise BadInput(f'{self.src} -> {self.dst}: allowed is .pkl -> .npz')
        if self.dst.exists() and not self.force: raise BadInput(f'{self.dst} exists; use another name, or --force to overwrite it')
        data = load_published(self.src)
        check_task(data, task, str(self.src))
        card = save_episodes(self.dst, data, dict(task=task.name, behaviour='published', source=self.src.name, return_mean=round(returns(task, data).mean().item(), 4)))
        print(f'{self.dst}: {len(data)} episodes of {data.horizon} steps, mean return {card["return_mean"]:.2f}')

@dataclass
class Train:
    "Train all seeds of a method together; the same command again resumes an interrupted run."
    method:Positional[str]        # bc, gcsl, goplan
    task:Positional[str]          # name of the task
    out:Path                      # folder of the run
    data:Path|None=None           # .npz of the task; default data/TASK.npz
    preset:str='laptop'           # 'laptop' (two cores, minutes) or 'paper' (the published numbers)
    seeds:tuple[int,...]=(0,)     # trained side by side
    updates:int|None=None         # shorten or lengthen the whole training to this many updates
    device:str='auto'             # auto, cpu, cuda, cuda:N
    restart:bool=False            # throw away what --out holds
    evaluate_every:int=1000       # updates between two evaluations
    evaluate_episodes:int=25      # per evaluation and seed
    checkpoint_every:int=500      # updates; a kill loses at most so many

    def run(self):
        task = get_task(self.task)
        if len(set(self.seeds))<len(self.seeds) or min(self.seeds, default=-1)<0: raise BadInput(f'--seeds {self.seeds}: allowed are different numbers from 0')
        for name in ('evaluate_every', 'evaluate_episodes', 'checkpoint_every'):
            if getattr(self, name)<1: raise BadInput(f'--{name.replace("_", "-")} {getattr(self, name)}: allowed are numbers from 1')
        path = self.data or Path('data')/f'{task.name}.npz'
        data, _ = load_episodes(path, task)
        config = self.config if self.updates is None else self.config.shortened(self.updates)
        check_writable(self.out/'config.json')
        run = describe(self.method, task, data, config, self.seeds, self.preset, path.name)
        train_run(self.out, run, data, self.device, self.restart, self.evaluate_every, self.evaluate_episodes, self.checkpoint_every)
        print(f'{self.out}: trained; look at it with: goplan evaluate {self.out}; goplan report {self.out}')

@dataclass
class Evaluate:
    "Run a trained policy, or its planner, in the real task."
    folder:Positional[Path]   # of a run
    episodes:int=100          # per seed; the same starts and goals for every method
    planner:bool=False        # plan at every step (GOPlan2) instead of asking the policy
    task:str|None=None        # another task of the same widths; default: the one of the run
    action_noise:float=0.     # standard deviation of Gaussian noise added to every action (Figure 5)
    video:Path|None=None      # .gif of the first three episodes
    device:str='auto'         # auto, cpu, cuda, cuda:N
    json:bool=False           # print one JSON object as the last line

    def run(self):
        if self.episodes<1: raise BadInput(f'--episodes {self.episodes}: allowed are numbers from 1')
        agent = load_agent(self.folder, self.device)
        task = get_task(self.task) if self.task else agent.task
        if (task.d_s, task.d_a, task.d_g)!=(agent.task.d_s, agent.task.d_a, agent.task.d_g):
            raise BadInput(f'--task {task.name} has other widths than {agent.task.name}, on which {self.folder} was trained')
        kind = 'planner' if self.planner else 'policy'
        episodes = evaluate(agent, task, self.episodes, kind, progress(f'{kind} in {task.name}'), self.action_noise)
        result = dict(task=task.name, method=read_run(self.folder)['method'], seeds=list(agent.seeds), episodes=self.episodes, **summary(task, episodes))
        print(f'{kind} in {task.name}: return {result["return_mean"]:.2f} (per seed {" ".join(f"{r:.2f}" for r in result["return_per_seed"])}), '
              f'49 steps {result["return49_mean"]:.2f}, at the goal at the end {result["success_last"]:.0%}')
        if self.video:
            if self.video.suffix!='.gif': raise BadInput(f'--video {self.video}: allowed are names that end in .gif')
            note = make_film(self.video, task, episodes)
            print(note or f'film: {self.video}')
        if self.json: print(json.dumps(result))

@dataclass
class Report:
    "Write report.html from what a run left."
    folder:Positional[Path] # of a run
    def run(self): print(f'report: {write_report(self.folder)}')

@dataclass
class Demo:
    "The main job: FetchReach from logged data to a policy improved by planning, with a report."
    out:Path=Path('runs/demo')        # folder of the run
    data:Path=Path('data/FetchReach.npz') # read if it is there, else collected: 2,000 episodes
    task:str='FetchReach'             # name of the task
    seeds:tuple[int,...]=(0,)         # trained side by side
    episodes:int=100                  # per evaluation
    updates:int|None=None             # shorten the training, to try things out
    device:str='auto'                 # auto, cpu, cuda, cuda:N
    restart:bool=False                # throw away what --out holds

    def run(self):
        task = get_task(self.task)
        if not self.data.exists(): Collect(task.name, self.data).run()
        Train('goplan', task.name, self.out, self.data, seeds=self.seeds, updates=self.updates, device=self.device, restart=self.restart).run()
        rows = evaluate_arms(self.out, self.data, self.episodes, self.device)
        print(f'\n{task.name}, {len(self.seeds)} seed(s), {self.episodes} test episodes each; published: GOPlan, Table 1 (5 seeds)\n\n{table_text(table(rows))}\n')
        print(f'report: {write_report(self.out)}')

def evaluate_arms(
    folder:Path,       # of a finished run of GOPlan
    data_path:Path,    # what it learned from
    episodes:int=100,  # per arm and seed
    device:str='auto',
)->pd.DataFrame:       # also written to returns.csv
    "Data, policy before and after fine-tuning, and planner, in the real task; leaves returns.csv, fan.png and rollout.gif in the folder."
    run = read_run(folder)
    task, seeds = get_task(run['task']), run['seeds']
    data, _ = load_episodes(data_path, task)
    parts = [return_rows(run, 'data', task, data.map(lambda x: x[None]), [-1])]
    for arm, checkpoint, kind in (('pretrained', 'pretrained', 'policy'), ('policy', 'checkpoint', 'policy'), ('planner', 'checkpoint', 'planner')):
        agent = load_agent(folder, device, checkpoint)
        seen = evaluate(agent, task, episodes, kind, progress(f'evaluating: {arm}'))
        parts.append(return_rows(run, arm, task, seen, seeds))
        if arm=='policy':
            note = make_film(folder/'rollout.gif', task, seen)
            if note: print(note)
    with replacing(folder/'fan.png') as temporary: temporary.write_bytes(png_bytes(fan_figure(agent, seen)))
    rows = pd.concat(parts)
    with replacing(folder/'returns.csv') as temporary: rows.to_csv(temporary, index=False)
    return rows

COMMANDS = dict(tasks=Tasks, collect=Collect, info=Info, convert=Convert, train=Train, evaluate=Evaluate, report=Report, demo=Demo)

def with_config(
    args:Sequence[str], # what follows `goplan train`
)->type:
    "`Train` with one more field: the config of the method and preset that the arguments name, so that every number of it is an option."
    words = [a for a in args if not a.startswith('-')]
    chosen = next((b for a, b in zip(args, args[1:]) if a=='--preset'), next((a.split('=')[1] for a in args if a.startswith('--preset=')), 'laptop'))
    config = preset(nearest(words[0], list(METHODS), 'method') if words else 'goplan', chosen)
    return make_dataclass('Train', [('config', type(config), field(default_factory=lambda: config))], bases=(Train,), namespace={'__doc__': Train.__doc__})

def _one_line(text):
    "A box of error messages as one line."
    words = re.sub(r'[╭╮╰╯│─]+', ' ', text)
    return re.sub(r'\s+', ' ', words).strip()

def parse(
    cls:type,           # a command
    args:Sequence[str], # its arguments
    name:str,           # for the messages
):                      # an instance
    "Arguments to a dataclass; a mistake becomes one line."
    noise = io.StringIO()
    try:
        with contextlib.redirect_stderr(noise): return tyro.cli(cls, prog=f'goplan {name}', args=list(args), config=(OmitArgPrefixes,))
    except SystemExit as e:
        if e.code==0: raise
        raise BadInput(_one_line(noise.getvalue())) from None

def usage()->str:
    "What `goplan --help` prints."
    lines = [f'  {n:<10} {c.__doc__}' for n, c in COMMANDS.items()]
    return '\n'.join(['usage: goplan COMMAND ...', '', 'Offline goal-conditioned reinforcement learning by planning with learned models.', '', *lines, '', 'goplan COMMAND --help explains every option.'])

def main(
    args:Sequence[str]|None=None, # `None`: those of the command line
)->int:                           # 0 done, 2 wrong use or bad input, 130 interrupted
    "Run one command; a mistake of the user costs one line on stderr, never a traceback."
    args = list(sys.argv[1:] if args is None else args)
    if not args or args[0] in ('-h', '--help'):
        print(usage())
        return 0 if args else 2
    try:
        name = nearest(args[0], list(COMMANDS), 'command')
        cls = with_config(args[1:]) if name=='train' else COMMANDS[name]
        parse(cls, args[1:], name).run()
    except BadInput as e:
        print(f'goplan: {e}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('\ngoplan: interrupted; the same command again goes on from the last checkpoint', file=sys.stderr)
        return 130
    return 0
