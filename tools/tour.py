"""Shrink a finished GOPlan run to what acting needs: the checkpoint that nbs/tour.ipynb loads.

    goplan collect PointRooms --behaviour benchmark --out data/PointRooms-benchmark.npz
    goplan train goplan PointRooms --preset plus --data data/PointRooms-benchmark.npz --out runs/tour \
        --seeds 0 1 --batch-size 256 --hidden 96 --dynamics-hidden 96
    python tools/tour.py runs/tour

Left out: the moments of the optimisers and the reanalysis buffer.
`goplan_nb.load_agent` reads the rest, so such a run can act but not go on learning.
"""
import json, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import torch
import goplan_nb as gp
from goplan_nb.lab.train import load_checkpoint, save_checkpoint

ONLY_LEARNING = ('optimisers', 'buffer')
MOST = 2_000_000   # bytes of all files together

def shrink(run, out):
    "Copy config.json and both checkpoints, the latter without what only learning needs."
    out.mkdir(parents=True, exist_ok=True)
    config = json.loads((run/'config.json').read_text())
    note = 'for acting only: made by tools/tour.py without optimisers and buffer'
    (out/'config.json').write_text(json.dumps(config|dict(note=note), indent=1)+'\n')
    for name in ('pretrained', 'checkpoint'):
        state = load_checkpoint(run/f'{name}.safetensors')
        save_checkpoint(out/f'{name}.safetensors', {k: v for k, v in state.items() if k not in ONLY_LEARNING})

def same_actions(run, out):
    "Whether both folders hold agents that act alike, in every way of acting."
    task = gp.get_task(json.loads((run/'config.json').read_text())['task'])
    s, g = task.make().reset(range(8))
    for name in ('pretrained', 'checkpoint'):
        a, b = (gp.load_agent(folder, device='cpu', checkpoint=name) for folder in (run, out))
        wide = lambda x: x.expand(len(a.seeds), *x.shape)
        for kind in a.kinds:
            if not torch.equal(*(x.actor(kind)(wide(s), wide(g)) for x in (a, b))): return False
    return True

def main(args):
    if len(args)!=1: sys.exit(__doc__)
    run = Path(args[0])
    out = ROOT/'data'/'tour'/json.loads((run/'config.json').read_text())['task']
    shrink(run, out)
    size = sum(f.stat().st_size for f in out.iterdir())
    if size>MOST: sys.exit(f'{out} has {size:,} bytes; allowed: {MOST:,}')
    if not same_actions(run, out): sys.exit(f'{out} does not act like {run}')
    print(f'{out}: {size:,} bytes, acts like {run}')

if __name__=='__main__': main(sys.argv[1:])
