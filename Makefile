# make run    the main job: FetchPush from recorded data to a policy and a planner, runs/demo/report.html
# make test   every test, closed by "N passed, N failed"
PYTHON ?= python3
BIN = .venv/bin

.PHONY: run test lab play docs test-browser prepare figures results datasets readme clean

run: .venv/installed
	$(BIN)/goplan demo

test: .venv/installed
	$(BIN)/python tools/test.py

lab: .venv/installed
	$(BIN)/jupyter lab nbs

# the playground as an app without code, in a browser
play: .venv/extra-play
	OMP_NUM_THREADS=1 $(BIN)/voila nbs/library/22_play.ipynb --Voila.ip=127.0.0.1 --template=lab

# the site, built offline into _docs/, every link checked
docs: .venv/extra-docs
	$(BIN)/python tools/docs.py

# every lesson in JupyterLab, driven by a real browser; needs Chromium (Debian: apt-get install chromium). Some lessons: make test-browser NB=nbs/library/22_play.ipynb
test-browser: .venv/extra-browser
	-@[ -n "$$CHROMIUM" ] || command -v chromium >/dev/null || [ "$$(id -u)" != 0 ] || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; }
	$(BIN)/python tools/browser.py --self-test
	$(BIN)/python tools/browser.py $(if $(filter command line,$(origin NB)),$(NB))

# after a change of a notebook: modules, clean metadata, README, house check
prepare: .venv/installed
	$(BIN)/python tools/fold.py
	$(BIN)/nbdev_clean
	$(BIN)/nbdev_export
	$(BIN)/python tools/pages.py
	$(BIN)/python tools/readme.py
	$(BIN)/python tools/house.py

# execute notebooks again and store what they show: make figures, or make figures NB=nbs/course/07_planner.ipynb
figures: .venv/installed
	$(BIN)/python tools/figures.py $(NB)
	$(BIN)/python tools/fold.py
	$(BIN)/nbdev_clean

SEEDS ?= 0 1 2
# the tables of the README: the main job with three seeds, and what is left of the table of all methods (days on two cores; TABLE="--tasks PointRooms --methods wgcsl goplan" for a part, PRESET=plus for one preset)
PRESET ?= laptop plus
results: .venv/installed
	$(BIN)/goplan demo --seeds $(SEEDS) --out runs/demo-FetchPush
	cp runs/demo-FetchPush/returns.csv data/results/demo-FetchPush.csv
	$(BIN)/goplan bench table1 --preset $(PRESET) $(TABLE) --seeds $(SEEDS) --out data/results/table1

SETS ?= easy
# record datasets into data/: make datasets SETS="easy FetchPush-s"; without a name, the list: .venv/bin/python tools/datasets.py
datasets: .venv/installed
	$(BIN)/python tools/datasets.py $(SETS)

readme: .venv/installed
	$(BIN)/python tools/pages.py
	$(BIN)/python tools/readme.py

.venv/installed: settings.ini setup.py constraints.txt
	@$(PYTHON) -c 'import sys; assert sys.version_info>=(3, 11), "Python 3.11 or newer is needed, this is "+sys.version' 
	@echo "installing into .venv (about two minutes, 1.5 GB on disk)"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt torch setuptools wheel
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@

.venv/extra-%: .venv/installed
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[$*]'
	@touch $@

clean:
	rm -rf .venv runs _proc _docs build *.egg-info goplan_nb/__pycache__
