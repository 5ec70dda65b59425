"The datasets that come with the repository: whole, described, and the ones that today's code records."
import csv
from pathlib import Path
import pytest, torch
from goplan_nb.data.collection import collect
from goplan_nb.data.files import load_episodes
from goplan_nb.envs.tasks import get_task, returns, task_names

DATA = Path(__file__).resolve().parent.parent/'data'

@pytest.mark.parametrize('name', task_names())
def test_sample_is_what_the_code_records(name):
    task = get_task(name)
    stored, metadata = load_episodes(DATA/'samples'/f'{name}.npz', task)
    assert len(stored)==200 and metadata['behaviour']=='expert' and (metadata['noise'], metadata['random_eps'])==(.2,
        .3)
    assert abs(returns(task, stored).mean().item()-metadata['return_mean'])<1e-3
    again = next(collect(task, 2, workers=1))
    # starts and goals: to the bit
    assert (again.observations[:, 0]==stored.observations[:2, 0]).all() and (again.goals==stored.goals[:2]).all()
    # ten steps: another processor may round otherwise, and contacts magnify it later
    torch.testing.assert_close(again.observations[:, :10], stored.observations[:2, :10], atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(again.actions[:, :10], stored.actions[:2, :10], atol=2e-2, rtol=1e-2)

def test_samples_are_small_and_in_the_table():
    files = sorted((DATA/'samples').glob('*.npz'))
    assert sum(f.stat().st_size for f in files)<25e6
    with open(DATA/'datasets.csv', newline='') as f: listed = {r['file']: r for r in csv.DictReader(f)}
    for f in files:
        row = listed[f'samples/{f.name}']
        assert int(row['episodes'])==200 and f'| samples/{f.name} |' in (DATA/'README.md').read_text()
