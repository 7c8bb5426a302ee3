# From raw behaviour events to one profile row per user. `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
TORCH := torch==2.15.0 numpy==2.4.6

# What a user may set, as in: make run SOURCE=demo_shop USERS=20000
SOURCE ?= complete_journey
JOBS := run ingest_events refine_events embed_items build_features update_features backfill check_tables build_training_set audit_features \
	select_features train_model pretrain_model finetune_model evaluate_model report_scaling leaderboard promote_model rollback_model infer_profiles \
	segment_users build_report build_card explain_score explain_images compare_runs build_catalogue build_tag_catalogue ask_profiles check_profiles \
	export_audience replay_quarantine maintain_tables show_status rerun pseudonym generate_demo_shop

# The one mapping of variables to command-line flags. Values hold no spaces; INPUT, CONF and SET take several.
# A login shell sets USER: it only counts where make's own command line names it.
one = $(if $($(1)),--$(2) '$($(1))')
each = $(foreach word,$($(1)),--$(2) '$(word)')
switch = $(if $(filter-out 0,$($(1))),--$(2))
flags = $(strip $(call one,SOURCE,source) \
	$(foreach word,$(INPUT),$(foreach file,$(or $(wildcard $(word)),$(word)),--input '$(file)')) \
	$(call one,AS_OF,as-of) $(call one,DATE,as-of) $(call one,FROM,from) $(call one,TO,to) $(call one,MASTER,master) \
	$(call one,DATA,data) $(if $(DATA),,$(call one,PROTOCOL,data)) \
	$(call one,USERS,users) $(call one,DAYS,days) $(call one,SEED,seed) \
	$(call one,RUN,run) $(call one,A,a) $(call one,B,b) $(call one,PSEUDONYM,pseudonym) \
	$(if $(filter command,$(origin USER)),--pseudonym '$(USER)') \
	$(call one,WAREHOUSE,warehouse) $(call each,CONF,conf) $(call each,SET,set) \
	$(if $(Q),--question '$(subst ','\'',$(Q))') $(call one,AUDIENCE,audience) \
	$(call one,PURPOSE,purpose) $(call one,FORMAT,format) \
	$(if $(NP),--set train_model.processes=$(NP)) $(if $(TASK),--set finetune_model.task=$(TASK)) \
	$(if $(MODEL),--set promote_model.model=$(MODEL) rollback_model.model=$(MODEL)) \
	$(if $(SCORE),--set explain_score.score=$(SCORE)) $(if $(METHOD),--set explain_score.method=$(METHOD)) \
	$(call switch,VERBOSE,verbose) $(call switch,FORCE,force))

.PHONY: help install doctor test lint lock audit-packages screenshots tensorboard cluster-up cluster-down airflow-demo bench-path bench-features bench-training bench-model bench-pretraining bench-reasons bench-report bench-startup chaos-training clean environment-archive chaos $(JOBS)

help: ## list targets and variables
	@echo "make <target> [VARIABLE=value ...]"
	@echo
	@awk -F ':.*## ' '/^[a-z_-]+:.*## / {printf "  %-20s %s\n", $$1, $$2} \
		/^#@ / {sub("#@ ", ""); print "  " $$0} /^#@$$/ {print ""}' $(MAKEFILE_LIST)

#@
#@ Jobs, each also `.venv/bin/python jobs/<job>.py --help`. make itself ends with 2 whatever went wrong; where the
#@ exit code matters (0 done, 1 defect, 2 usage, 3 data, 4 environment, 5 conflict, 6 interrupted), call
#@ `.venv/bin/python jobs/run.py` and the like.
#@
run: ## the whole path: raw log to profiles and the page
ingest_events: ## raw files to bronze
refine_events: ## bronze to silver; what is refused goes to quarantine
embed_items: ## texts and images of items to vectors, by networks that packages carry
build_features: ## silver to features and sequences per user, as of one date or several
update_features: ## the same as of one DATE, out of an earlier date's and of what came since
backfill: ## the same as of every day of a span; begun again, it goes on where it stopped
check_tables: ## what is expected of events and features, check_tables.tables; exit code 3 where it does not hold
build_training_set: ## features and labels of several as-of dates
audit_features: ## a report on leaks and drift of the training set; exit code 3 where a feature leaks
select_features: ## the features worth training on; SET=train_model.features=selected trains on them
train_model: ## train on a pinned version of the training set
pretrain_model: ## the model's body from behaviour without labels; SET=train_model.start=pretrained begins with it
finetune_model: ## one score, TASK=churn, from the pre-trained body
evaluate_model: ## a page of how good every score is, beside simpler models, with intervals and calibration
report_scaling: ## a page of throughput and efficiency over numbers of ranks, and where the seconds of a step go
leaderboard: SOURCE =
leaderboard: ## our row beside published ones: DATA=online_retail; of any log: PROTOCOL=temporal SOURCE=... INPUT=...
promote_model: ## the last trained model serves where it is not worse than the one that does; MODEL=<model_version>: by hand
rollback_model: ## back to the model that served before MODEL=<model_version>
infer_profiles: ## features to profiles, as of a date
segment_users: ## users who behave alike, by their embeddings
build_report: ## the HTML page
build_card: ## the page of one user, PSEUDONYM=...
explain_score: ## why one SCORE of one user is what it is, PSEUDONYM=...; METHOD=shap, METHOD=lime: by other methods
explain_images: ## where in the pictures of items lies what a user, PSEUDONYM=..., has met
compare_runs: ## what differs between two runs, A=<run_id> B=<run_id>
build_catalogue: ## a page of all features: meaning, share of nulls, histogram
build_tag_catalogue: ## a page of all tags: rule, owner, share of users, what came true
ask_profiles: ## whom a question means, Q="weekly shoppers who use coupons", saved as an AUDIENCE
check_profiles: ## what tags and affinities of an earlier date foretold, and what came true
export_audience: ## a saved AUDIENCE as a file of who consented to a PURPOSE, FORMAT=csv or parquet
maintain_tables: ## put small files together, remove what no version needs
show_status: ## what runs, what ran and how it ended, what serves, and how to go on
rerun: ## a job again as an earlier RUN of it was started
replay_quarantine: ## refine quarantined rows again, after a mapping was mended
pseudonym: ## raw user ids on standard input to pseudonyms
generate_demo_shop: SOURCE = demo_shop
generate_demo_shop: ## write the log of a synthetic shop
$(JOBS): install
	@$(PYTHON) jobs/$@.py $(flags)

#@
#@ Around them
#@
install: .venv/.installed ## make .venv with all dependencies (every target does, where needed)
.venv/.installed: setup.cfg pyproject.toml $(wildcard jobs/setup/*.sh jobs/setup/locks/*.txt)
	@bash jobs/setup/install.sh

# Without install: it is what tells why an install fails.
doctor: ## check Python, Java, Spark, Delta Lake, TensorFlow and Horovod
	@PYTHONPATH=lib $(if $(wildcard $(PYTHON)),$(PYTHON),python3) jobs/doctor.py

test: install ## run the whole suite; USERPROFILE_DATA names the folder of the real logs
	@env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS $(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -ra --durations=25 # tests start makes

lint: install ## style, format, types, layers
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo

lock: install .venv/.lock ## pin all packages of an installation, after a change of setup.cfg
	@bash jobs/setup/lock.sh .venv/bin

audit-packages: install .venv/.lock ## ask PyPI whether a package that is installed has a known weakness
	@.venv/bin/pip-audit --strict --disable-pip --require-hashes $(foreach lock,$(wildcard jobs/setup/locks/*.txt),-r $(lock))

screenshots: install ## pictures of a SOURCE's pages, made by Chromium, to be looked at
	@$(PYTHON) tests/report/screenshots.py --source $(SOURCE)

tensorboard: install .venv/.tensorboard ## learning curves, weights and users in space, of every model that evaluate_model saw
	@.venv/bin/tensorboard --logdir report $(call one,PORT,port)

cluster-up: install ## start a standalone Spark cluster here; then make run MASTER=spark://127.0.0.1:7077
	@bash jobs/launchers/cluster.sh up

cluster-down: ## stop it
	@bash jobs/launchers/cluster.sh down

airflow-demo: install ## a day and a week of a demo shop by a real Airflow, on a cluster here; KEEP=1 leaves both up
	@bash jobs/launchers/airflow_demo.sh

environment-archive: install ## pack .venv for executors that have none: ENVIRONMENT=build/environment.tar.gz submit.sh ...
	@bash jobs/setup/environment.sh

bench-path: install ## measure ingest to profiles on the demo shop at two sizes
	@$(PYTHON) tests/bench/path.py

bench-features: install .venv/.bench ## measure the feature engine against DuckDB and PySpark SQL; an hour, SMALL=1 minutes
	@$(PYTHON) tests/bench/features.py

bench-training: install ## measure training: ranks, feed, disturbances, checkpoints, precision; SMALL=1 for a quick run
	@$(PYTHON) tests/bench/training_precision.py
	@$(PYTHON) tests/bench/training.py

bench-model: install build/bench-venv/.installed ## measure training of next items against two peers in PyTorch; 6 minutes, INPUT=log.csv
	@INPUT='$(INPUT)' $(PYTHON) tests/bench/model.py

bench-pretraining: install ## measure what pre-training brings to 1, 10 and 100 % of the labels; half an hour, SMALL=1 minutes
	@$(PYTHON) tests/bench/pretraining.py

bench-reasons: install ## measure what reasons cost beside scores, and whether they are those of the slow way; 6 minutes
	@$(PYTHON) tests/bench/reasons.py

bench-report: install ## measure how long the page of a million users takes to make, and its size; 6 minutes, SMALL=1 for a quick run
	@$(PYTHON) tests/bench/report.py

bench-startup: install ## measure how long a job takes to start, and the whole path with nothing to do; 5 minutes
	@$(PYTHON) tests/bench/startup.py

# PyTorch's own index has it without CUDA. Where that index is out of reach, PyPI's comes with CUDA: 5.4 GB on the disk.
build/bench-venv/.installed: .venv/.installed
	@rm -rf $(@D) && $(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install -q --disable-pip-version-check --retries 0 --timeout 15 $(TORCH) \
		--index-url https://download.pytorch.org/whl/cpu 2>/dev/null \
		|| $(@D)/bin/pip install -q --disable-pip-version-check $(TORCH)
	@touch $@

chaos: install ## kill KILLS=5 processes of three nights at random, and end in the tables of undisturbed ones; SEED=11
	@KILLS=$(or $(KILLS),5) SEED=$(or $(SEED),11) $(PYTHON) tests/chaos/chaos.py

chaos-training: install ## lose RUNS=30 ranks at random, and end in the weights of an undisturbed training
	@RUNS=$(or $(RUNS),30) $(PYTHON) -m pytest -q tests/training/test_chaos.py

# No job needs it.
.venv/.tensorboard: .venv/.installed
	@$(PYTHON) -m pip install -q --disable-pip-version-check --no-build-isolation -e ".[tensorboard]"
	@touch $@

# Whoever only installs needs neither.
.venv/.lock: .venv/.installed
	@$(PYTHON) -m pip install -q --disable-pip-version-check uv==0.13.9 pip-audit==2.10.1
	@touch $@

# What benchmarks compare with is no part of an installation.
.venv/.bench: .venv/.installed
	@$(PYTHON) -m pip install -q --disable-pip-version-check --no-build-isolation -e ".[bench]"
	@touch $@

clean: ## remove what can be made again, .venv included; tables, models and keys stay
	rm -rf .venv build report lib/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find lib jobs tests -name __pycache__ -type d -exec rm -rf {} +

#@
#@ Variables
#@   SOURCE=name|file.yaml   the log and its mapping: a name in conf/sources, or a file; default complete_journey
#@   INPUT="file ..."        the log's files, where the mapping does not name them
#@   AS_OF=2017-11-01        the date profiles speak of; default: the mapping's, else the end of the log;
#@                           of build_features also several: AS_OF=2017-12-01,2017-11-01
#@   DATE=2017-12-02         the same, of update_features
#@   FROM= TO=               the span of a backfill, both dates included
#@   DATA=online_retail      of leaderboard: a name in conf/leaderboard, or a file
#@   PROTOCOL=temporal       the same for a log that SOURCE names
#@   TASK=churn              of finetune_model: the score
#@   Q="..." AUDIENCE=name   of ask_profiles: a question in words, and what to call those it finds
#@   PSEUDONYM=215a204a...   of build_card, explain_score, explain_images: the user; also USER=...
#@   SCORE=churn METHOD=own  of explain_score: the score, and own (of the model that serves it), shap or lime
#@   MODEL=<model_version>   of promote_model: the one to serve; of rollback_model: the one to leave
#@   A= B=                  of compare_runs: two runs
#@   RUN=e177608a797e        of build_report: the page of an earlier run; of rerun: the run; make show_status names them
#@   PURPOSE=marketing       of export_audience; also FORMAT=csv|parquet and AUDIENCE
#@   PORT=6006               of tensorboard: where it listens
#@   NP=1                    ranks of a training, on this machine or on executors of MASTER
#@   MASTER=spark://...      where Spark runs; default local[*]
#@   USERS= DAYS= SEED=      size and seed of the demo shop
#@   WAREHOUSE=folder        where tables are kept
#@   CONF="file.yaml ..."    overlays of conf/base.yaml, later ones win
#@   SET="key=value ..."     single keys, win over everything
#@   VERBOSE=1               show what Spark says, and stack traces
#@   FORCE=1                 do a step although its result is there
