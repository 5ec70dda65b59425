"`goplan speed` and `goplan export` as a user meets them: what they write, what they refuse, and that a slow figure is called short."
import sys
import pandas as pd, pytest, torch
from goplan_nb.lab import speed
from goplan_nb.lab.acting import fast_policy
from conftest import refused
from goplan_nb.lab.cli import main
from goplan_nb.lab.train import load_agent

def test_speed_writes_the_columns_and_judges_a_slow_figure(tmp_path, capsys, monkeypatch):
    slow = speed.Work(lambda: 1e-9, speed.Flops(0.))   # next to nothing gets done
    monkeypatch.setattr(speed, 'sample_work', lambda device: slow)
    monkeypatch.setattr(speed, 'act_work', lambda device: speed.Work(lambda: 1e9, speed.Flops(0.)))
    assert main(['speed', '--device', 'cpu', '--out', str(tmp_path), '--repeats', '2', '--seconds', '.01', '--only',
        'sample', 'act'])==0
    lines = capsys.readouterr().out.splitlines()
    verdicts = {l.split()[0]: l.split()[-1] for l in lines if l.startswith(('sample', 'act'))}
    assert verdicts==dict(sample='short', act='ok')
    table = pd.read_csv(tmp_path/'speed.csv')
    assert list(table.columns)==['figure', 'value', 'unit', 'reference', 'ratio', 'demanded', 'fraction_of_peak']
    assert list(table.figure)==['sample', 'act']

def test_speed_refuses_unknown_figures_and_empty_work(tmp_path, capsys):
    refused(capsys, ['speed', '--only', 'plans', '--out', tmp_path], "unknown figure 'plans'", 'plan-1')
    refused(capsys, ['speed', '--repeats', '0', '--out', tmp_path], '--repeats 0', 'from 1')
    refused(capsys, ['speed', '--seconds', '0', '--out', tmp_path], '--seconds', 'above 0')
    assert not (tmp_path/'speed.csv').exists()

@pytest.fixture(scope='module')
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp('speed')
    assert main(['collect', 'PointReach', '--episodes', '20', '--out', str(folder/'reach.npz')])==0
    assert main(['train', 'gcsl', 'PointReach', '--data', str(folder/'reach.npz'), '--out', str(folder/'run'),
        '--device', 'cpu', '--seeds', '3', '4',
        '--updates', '20', '--hidden', '16', '--evaluate-episodes', '2'])==0
    return folder/'run'

def test_export_gives_the_agents_actions_for_any_batch(run, tmp_path):
    runtime = pytest.importorskip('onnxruntime')
    assert main(['export', str(run), '--out', str(tmp_path/'policy.onnx'), '--seed', '4'])==0
    session, agent = runtime.InferenceSession(tmp_path/'policy.onnx',
        providers=['CPUExecutionProvider']), load_agent(run, 'cpu')
    for n in (1, 5, 64):
        s, g = 3*torch.randn(n, 2), 3*torch.randn(n, 2)
        actions, = session.run(None, dict(observations=s.numpy(), goals=g.numpy()))
        torch.testing.assert_close(torch.from_numpy(actions), agent.act(s.expand(2, -1, -1), g.expand(2, -1, -1))[1],
            atol=1e-5, rtol=0)
    assert fast_policy(agent, 1)(s, g).shape==(64, 2)

def test_export_says_what_is_missing(run, tmp_path, capsys, monkeypatch):
    file = tmp_path/'policy.onnx'
    refused(capsys, ['export', run, '--out', tmp_path/'policy.pt'], 'end in .onnx')
    refused(capsys, ['export', run, '--out', file, '--seed', '0'], '--seed 0', 'allowed are 3 4')
    refused(capsys, ['export', tmp_path, '--out', file], 'holds no run')
    monkeypatch.setitem(sys.modules, 'onnx', None)     # as if it were not installed
    refused(capsys, ['export', run, '--out', file], '[onnx]')
    assert not file.exists()
