"Files that were written before the renaming: a run, its checkpoint and data, and results of a benchmark."
import json, shutil
from pathlib import Path
import pandas as pd, pytest, torch
from goplan_nb.data.files import load_episodes
from goplan_nb.envs.tasks import get_task
from goplan_nb.lab.cli import main
from goplan_nb.lab.report import bench_table, read_results, write_report
from goplan_nb.lab.train import load_agent, read_run

OLD = Path(__file__).parent/'old_run'
RESULTS = Path(__file__).parent.parent/'data'/'results'
WANTED = json.loads((OLD/'expected.json').read_text())   # what the code of that time did with these states
STATES, GOALS = (torch.tensor(WANTED[n]) for n in ('observations', 'goals'))

# the options of the run in their names of today; it was stopped after 80 of 100 updates
ARGS = ['train', 'goplan', 'PointRooms', '--preset', 'plus', '--device', 'cpu', '--seeds', '0', '1', '--hidden', '16',
    '--dynamics-hidden', '16', '--batch-size', '32', '--pretrain-updates', '60',
    '--iterations', '2', '--finetune-updates', '20', '--candidates', '3', '--n-perturbed', '4', '--elite', '2',
    '--lookahead', '2', '--inter', '6', '--buffer-transitions', '200',
    '--checkpoint-every', '20', '--evaluate-every', '60', '--evaluate-episodes', '2', '--data',
    str(OLD/'PointRooms.npz')]

@pytest.fixture
def old(tmp_path):
    "A copy of the run, as it was left."
    return Path(shutil.copytree(OLD, tmp_path/'old'))

def acts_as(agent, wanted, tolerance):
    assert agent.step==wanted['step']
    for name, got in (('act', agent.act(STATES, GOALS)), ('values', agent.values(STATES, GOALS)),
        ('plan', agent.plan(STATES, GOALS, agent.fresh_rngs()).actions)):
        torch.testing.assert_close(got, torch.tensor(wanted[name]), atol=tolerance, rtol=0, msg=name)

def test_an_old_description_has_the_names_of_today(old):
    run = read_run(old)
    plan = run['config']['plan']
    assert run['preset']=='plus' and plan['n_perturbed']==4 and plan['perturb_std']==.4 and plan['single_margin']==12
    # the file is untouched
    assert run['config']['normalize_deltas'] is True and 'shaken' in (old/'config.json').read_text()

def test_an_old_dataset_is_read():
    data, metadata = load_episodes(OLD/'PointRooms.npz', get_task('PointRooms'))
    assert len(data)==40 and metadata['task']=='PointRooms' and metadata['sha256']==read_run(OLD)['data']['sha256']

def test_an_old_checkpoint_acts_as_it_did(old): acts_as(load_agent(old, 'cpu'), WANTED['old_run'], 1e-5)

def test_an_old_run_is_evaluated_and_reported(old, capsys):
    assert main(['evaluate', str(old), '--planner', '--episodes', '2', '--json', '--device', 'cpu'])==0
    assert json.loads(capsys.readouterr().out.strip().splitlines()[-1])['seeds']==[0, 1]
    assert main(['report', str(old)])==0 and 'GOPlan+ on PointRooms' in (old/'report.html').read_text()

def test_returns_of_an_old_run_are_reported(old):
    "returns.csv had a column `arm`."
    rows = [dict(method='goplan', task='PointRooms', data='x', preset='ours', arm=a, seed=s, episode=i, metric=m,
        value=30.+i+5*k, commit='c', versions='v')
        for k, a in enumerate(('data', 'pretrained', 'policy', 'planner')) for s in (0, 1) for i in range(3)
        for m in ('return', 'return49', 'success_last')]
    pd.DataFrame(rows).to_csv(old/'returns.csv', index=False)
    page = write_report(old).read_text()
    assert 'planner (GOPlan2)' in page and '46.00' in page

def test_an_old_training_goes_on_to_the_same_end(old):
    "The stamp in the checkpoint is that of the old names; twenty more updates give what the old code had."
    before = (old/'config.json').read_text()
    assert main([*ARGS, '--out', str(old)])==0
    acts_as(load_agent(old, 'cpu'), WANTED['whole'], 1e-3)   # another processor rounds otherwise
    assert (old/'config.json').read_text()==before and pd.read_csv(old/'metrics.csv').step.max()==100
    # and once more, with both stamps allowed
    assert main(['evaluate', str(old), '--episodes', '1', '--device', 'cpu'])==0

def test_another_config_is_refused_in_the_names_of_today(old, capsys):
    assert main([*ARGS, '--out', str(old), '--perturb-std', '.5'])==2
    assert 'config.plan.perturb_std: 0.4 -> 0.5' in capsys.readouterr().err

@pytest.mark.parametrize('bench', ['planners', 'attribution'])
def test_old_results_are_read(bench, tmp_path):
    "Experiments lay in `cells/`; their columns and keys had other names."
    csv = min((RESULTS/bench/'experiments').glob('*.csv'), key=lambda p: p.stat().st_size)
    (tmp_path/'cells').mkdir()
    for p in (csv, csv.with_suffix('.json')): shutil.copy(p, tmp_path/'cells')
    assert {'arm', 'world'} <= {*pd.read_csv(csv, nrows=1).columns} and {'arms',
        'worlds'} <= {*json.loads(csv.with_suffix('.json').read_text())['cell']}
    rows, metadata, failed = read_results(tmp_path)
    assert not failed and {'actor', 'eval_task', 'bench', 'experiment'} <= {*rows.columns} and not {'arm',
        'world'} & {*rows.columns}
    description = metadata[csv.stem]['experiment']
    assert {'actors', 'eval_tasks'} <= {*description} and 'ours' not in {*rows.preset} | {description['preset']}
    assert len(bench_table(rows, metadata))
    assert main(['report', str(tmp_path)])==0 and (tmp_path/'report.html').exists()
