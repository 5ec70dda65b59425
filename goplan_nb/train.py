"The loop, evaluation, checkpoints, resume, CSV log."
from __future__ import annotations
import csv, json, os, subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, fields, is_dataclass
from importlib import import_module
from pathlib import Path
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors, save as save_tensors
from torch import Tensor
from tqdm.auto import tqdm
from goplan_nb.core import Agent, BadInput, Episodes, Rngs, Task, nearest, pick_device
from goplan_nb.data import checksum, replacing, versions
from goplan_nb.tasks import get_task, returns, rollout

METHODS = dict(bc='imitation:Imitation', gcsl='imitation:Imitation', goplan='goplan:GOPlan')  # name -> module:class

def method_class(
    name:str, # one of `METHODS`
)->type:      # an `Agent`
    "The class of a method; its module is imported here, so that the loop depends on no agent."
    module, cls = METHODS[nearest(name, list(METHODS), 'method')].split(':')
    return getattr(import_module(f'goplan_nb.{module}'), cls)

def preset(
    method:str,         # one of `METHODS`
    name:str='laptop',  # 'paper' or 'laptop'
):                      # the method's frozen config
    "The configuration of a method under a preset's name."
    presets = method_class(method).presets[method]
    return presets[nearest(name, list(presets), f'preset of {method}')]

def train(
    agent:Agent,
    data:Episodes,      # (N, ...), on the agent's device
    log_every:int=100,  # updates between two yields
)->Iterator[tuple[int,dict[str,list[float]]]]: # step, metrics: one number per seed
    "Learn until `agent.updates`; the caller decides what to do with what it yields: draw, log, save, stop."
    rare = {}
    while agent.step<agent.updates:
        metrics = agent.learn(data)
        rare |= {k: v for k, v in metrics.items() if k.startswith(('case', 'buffer', 'reanalysis'))}
        if agent.step%log_every==0 or agent.step>=agent.updates or agent.step in agent.milestones.values():
            yield agent.step, {k: v.tolist() for k, v in (rare|metrics).items()}
            rare = {}

TEST_SEED = 1_000_000  # episode i of every evaluation starts from the pair (TEST_SEED, i), whatever the method

def evaluate(
    agent:Agent,
    task:Task|None=None,    # `None`: the one it was trained on
    episodes:int=100,       # n, per seed
    kind:str='policy',      # how to act: 'policy', 'sampled' (z ~ N), 'planner' (GOPlan2)
    track:Callable[[Iterable],Iterable]=iter, # wraps the steps: a progress bar
    action_noise:float=0.,  # standard deviation of Gaussian noise added to every action; Figure 5
)->Episodes:                # (S, n, ...)
    "Episodes of the agent in the real world, from the same starts and goals for every method and seed."
    task = task or agent.task
    if not action_noise>=0: raise BadInput(f'action noise {action_noise}; allowed: 0 and more')
    seeds, act = [(TEST_SEED, i) for i in range(episodes)], agent.actor(kind)
    noise = Rngs([TEST_SEED+s for s in agent.seeds], agent.device, agent.dtype)
    noisy = lambda s, g: act(s, g)+action_noise*noise.normal(s.shape[1], task.d_a)
    return rollout(task.make(), noisy if action_noise else act, seeds, len(agent.seeds), task.horizon, agent.device, track)

def summary(
    task:Task,
    episodes:Episodes, # (S, n, ...)
)->dict:               # plain numbers
    "Mean returns over 50 and 49 steps and the success at the last step, as GOPlan's and WGCSL's papers count."
    R = returns(task, episodes)
    last = task.reward(episodes.observations[..., -1, :], episodes.goals)
    return dict(return_mean=R.mean().item(), return_per_seed=R.mean(1).tolist(),
        return49_mean=returns(task, episodes, 49).mean().item(), success_last=last.mean().item())

def flatten(
    nested:dict,     # dictionaries of dictionaries of tensors and plain numbers
    prefix:str='',
)->dict:             # 'a|b|c' -> leaf
    "One level of keys, joined by '|'."
    flat = {}
    for k, v in nested.items(): flat |= flatten(v, f'{prefix}{k}|') if isinstance(v, dict) else {prefix+str(k): v}
    return flat

def nest(
    flat:dict, # from `flatten`
)->dict:       # nested again; empty dictionaries are lost
    "The inverse of `flatten`."
    out = {}
    for name, v in flat.items():
        *path, last = name.split('|')
        here = out
        for k in path: here = here.setdefault(k, {})
        here[last] = v
    return out

def save_checkpoint(
    path:Path,   # .safetensors
    state:dict,  # nested; tensors and plain numbers
)->None:
    "Write a state as safetensors, plain numbers in its JSON header; the old file stays until the new one is whole."
    flat = flatten(state)
    tensors = {k: v.contiguous().cpu() for k, v in flat.items() if isinstance(v, Tensor)}
    plain = {k: v for k, v in flat.items() if not isinstance(v, Tensor)}
    with replacing(path) as temporary: temporary.write_bytes(save_tensors(tensors, {'plain': json.dumps(plain)}))

def load_checkpoint(
    path:Path,     # written by `save_checkpoint`
    device='cpu',  # where the tensors go; generators' states stay on the CPU
)->dict:           # nested
    "A stored state, or one clear line if the file is missing or cut short."
    path = Path(path)
    if not path.exists(): raise BadInput(f'no checkpoint {path}; train first: goplan train METHOD TASK --data FILE --out {path.parent}')
    try:
        raw = path.read_bytes()
        tensors = load_tensors(raw)
        header = json.loads(raw[8:8+int.from_bytes(raw[:8], 'little')])
        plain = json.loads(header['__metadata__']['plain'])
    except (SafetensorError, ValueError, KeyError) as e:
        raise BadInput(f'{path} is cut short or damaged ({type(e).__name__}, {path.stat().st_size} bytes); begin anew with --restart') from None
    return nest({k: v.to(device) for k, v in tensors.items()} | plain)

def config_dict(config)->dict:
    "A frozen config as nested plain dictionaries."
    return asdict(config)

def config_from(
    example,     # a config of the wanted class
    stored:dict, # from `config_dict`
):               # a config with the stored numbers
    "The inverse of `config_dict`."
    value = lambda f: config_from(getattr(example, f.name), stored[f.name]) if is_dataclass(getattr(example, f.name)) else stored[f.name]
    return type(example)(**{f.name: value(f) for f in fields(example)})

def make_agent(
    run:dict,       # what `config.json` holds
    device='auto',  # see `pick_device`
)->Agent:           # untrained
    "The agent that a run describes."
    try:
        cls, task = method_class(run['method']), get_task(run['task'])
        config = config_from(next(iter(cls.presets[run['method']].values())), run['config'])
    except (KeyError, TypeError) as e: raise BadInput(f'config.json lacks {e}; it was not written by this version') from None
    return cls(task, config, run['seeds'], pick_device(device))

def read_run(
    folder:str|Path, # what `train` of the command line left
)->dict:             # method, task, seeds, config, ...
    "The description of a run."
    path = Path(folder)/'config.json'
    if not path.exists(): raise BadInput(f'{folder} holds no run: {path.name} is missing')
    try: return json.loads(path.read_text())
    except ValueError: raise BadInput(f'{path} is not JSON') from None

def load_agent(
    folder:str|Path, # of a run
    device='auto',   # see `pick_device`
    checkpoint:str='checkpoint', # or 'pretrained'
)->Agent:
    "The trained agent of a run."
    agent = make_agent(read_run(folder), device)
    state = load_checkpoint(Path(folder)/f'{checkpoint}.safetensors', agent.device)
    try: agent.load_state_dict(state)
    except (KeyError, RuntimeError) as e: raise BadInput(f'{folder}: the checkpoint does not fit config.json ({type(e).__name__})') from None
    return agent

COLUMNS = ('method', 'task', 'data', 'preset', 'seed', 'step', 'metric', 'value', 'commit', 'versions')

def commit()->str:
    "The commit of the checkout that this package runs from, or 'released'."
    here = Path(__file__).parent
    if not (here.parent/'.git').exists(): return 'released'
    try: return subprocess.run(['git', 'describe', '--always', '--dirty'], cwd=here, capture_output=True, text=True, timeout=10).stdout.strip() or 'unknown'
    except (OSError, subprocess.SubprocessError): return 'unknown'

class Log:
    "A tidy CSV, one row per seed and metric; rows wait in memory until `flush`."
    def __init__(self,
        path:Path,
        constant:dict,  # the columns that never change
    ):
        self.path, self.constant, self.rows = Path(path), constant, []

    def add(self, step:int, metrics:dict[str,Sequence[float]], seeds:Sequence[int])->None:
        "Note every metric of every seed."
        self.rows += [dict(self.constant, seed=s, step=step, metric=k, value=repr(x)) for k, v in metrics.items() for s, x in zip(seeds, v)]

    def flush(self)->None:
        "Append the waiting rows and push them to the disk."
        new = not self.path.exists()
        try:
            with open(self.path, 'a', newline='') as f:
                writer = csv.DictWriter(f, COLUMNS)
                if new: writer.writeheader()
                writer.writerows(self.rows)
                f.flush()
                os.fsync(f.fileno())
        except OSError as e: raise BadInput(f'cannot write {self.path}: {e.strerror}; the last checkpoint is unchanged') from None
        self.rows = []

    def rewind(self, step:int)->None:
        "Forget what came after `step`, a half-written last line too: a resumed run writes it again."
        if not self.path.exists(): return
        with open(self.path, newline='') as f: kept = [r for r in csv.DictReader(f) if None not in r.values() and int(r['step'])<=step]
        with replacing(self.path) as temporary, open(temporary, 'w', newline='') as f:
            writer = csv.DictWriter(f, COLUMNS)
            writer.writeheader()
            writer.writerows(kept)

def differing(
    old:dict, # a stored description
    new:dict, # the wanted one
)->list[str]: # 'field: old -> new'
    "The fields in which two runs differ."
    a, b = flatten(old), flatten(new)
    return [f'{k.replace("|", ".")}: {a.get(k, "absent")} -> {b.get(k, "absent")}' for k in sorted({*a, *b}) if a.get(k)!=b.get(k)]

FIXED = ('method', 'task', 'preset', 'data', 'seeds', 'config')  # what a resumed run may not change

def describe(
    method:str, task:Task, data:Episodes, config, seeds:Sequence[int], preset:str='', source:str='',
)->dict:
    "What `config.json` holds: enough to make the run again."
    return dict(method=method, task=task.name, preset=preset, seeds=list(seeds), config=config_dict(config),
        data=dict(sha256=checksum(data), episodes=len(data)), source=source, versions=versions(), commit=commit())

def open_run(
    folder:Path,
    run:dict,            # from `describe`
    restart:bool=False,  # throw away what is there
)->bool:                 # whether there is something to resume
    "Make the folder, or check that what it holds is the same run; a different one is refused, its fields named."
    path = Path(folder)/'config.json'
    if restart:
        for name in ('checkpoint.safetensors', 'pretrained.safetensors', 'metrics.csv', 'config.json'): (Path(folder)/name).unlink(missing_ok=True)
    if path.exists():
        fields = differing({k: read_run(folder).get(k) for k in FIXED}, json.loads(json.dumps({k: run[k] for k in FIXED})))
        if fields: raise BadInput(f'{folder} holds a run that differs in {"; ".join(fields)}; use another --out, or --restart to begin anew')
    else:
        with replacing(path) as temporary: temporary.write_text(json.dumps(run, indent=1))
    return (Path(folder)/'checkpoint.safetensors').exists()

def train_run(
    folder:str|Path,
    run:dict,                  # from `describe`
    data:Episodes,             # (N, ...)
    device:str='auto',         # see `pick_device`
    restart:bool=False,        # throw away what is there
    evaluate_every:int=1000,   # updates between two evaluations
    episodes:int=25,           # per evaluation and seed
    checkpoint_every:int=500,  # updates: the most that a kill can lose
    log_every:int=100,         # updates between two rows of metrics
    quiet:bool=False,          # no progress bar
)->Agent:                      # trained
    "Train all seeds together with progress, log and checkpoints; the same call again goes on where the last one stopped."
    folder = Path(folder)
    resume = open_run(folder, run, restart)
    agent = make_agent(run, device)
    task, path = agent.task, folder/'checkpoint.safetensors'
    log = Log(folder/'metrics.csv', dict(method=run['method'], task=task.name, data=run['data']['sha256'][:12], preset=run['preset'],
        commit=run['commit'], versions=' '.join(f'{k}={v}' for k, v in run['versions'].items())))
    data = data.to(agent.device, agent.dtype)
    if resume: agent.load_state_dict(load_checkpoint(path, agent.device))
    else: agent.prepare(data)
    log.rewind(agent.step)

    def save():
        log.flush()
        save_checkpoint(path, agent.state_dict())

    bar = tqdm(total=agent.updates, initial=agent.step, desc=f'{run["method"]} {task.name}', unit='update', disable=quiet, dynamic_ncols=True)
    def tick(finished, total): bar.set_postfix_str(f'reanalysis {finished}/{total}')
    agent.tick = None if quiet else tick
    kinds = ('policy', 'sampled') if 'sampled' in agent.kinds else ('policy',)
    try:
        for step, metrics in train(agent, data, log_every):
            log.add(step, metrics, agent.seeds)
            bar.update(step-bar.n)
            if step%evaluate_every==0 or step>=agent.updates or step in agent.milestones.values():
                for kind in kinds:
                    R = summary(task, evaluate(agent, task, episodes, kind))['return_per_seed']
                    log.add(step, {f'return/{kind}': R}, agent.seeds)
                    if kind=='policy': bar.set_postfix_str('return '+' '.join(f'{r:.1f}' for r in R))
            if step%checkpoint_every==0 or step>=agent.updates: save()
            for name, at in agent.milestones.items():
                if step==at: save_checkpoint(folder/f'{name}.safetensors', agent.state_dict())
    finally: bar.close()
    return agent
