# The two commands: `make demo` and `make test`. Both set up .venv by themselves.
PYTHON_FILES = *.py core comparing checkpoints guarding quality hub schemes corpora engines measures studies running compressing grid inspection reporting \
    scripts demo/tasks tests
RUN = .venv/bin/python

.PHONY: demo test test-fast test-gpu fuzz bundle mutants lint format setup lock example demo-model docs walk

demo: setup
	$(RUN) pipeline.py --model_id demo --schemes all --enforce_eager \
	    --num_calibration_samples 128 --max_sequence_length 512 \
	    --batch_sizes 8,32 --max_new_tokens 64 --max_model_len 1024 \
	    --limit 200 --perplexity_tokens 32768 --prompts_file demo/data/prompts.json

test: test-fast
	$(RUN) -m pytest -m "real and not gpu"

test-fast: setup
	$(RUN) -m pytest -m "not gpu and not real" --numprocesses auto --dist loadfile

fuzz: setup
	FUZZ_EXAMPLES=10000 $(RUN) -m pytest tests/inspection/test_fuzz.py
	FUZZ_EXAMPLES=1000 $(RUN) -m pytest tests/reporting/test_record_fuzz.py

# how many of 300 small changes to statistics, decision, verification and figures the tests notice
mutants: setup
	$(RUN) scripts/mutants.py

# every test a machine with an NVIDIA GPU can run in addition; without one they skip
test-gpu: setup
	$(RUN) -m pytest -m gpu tests/gpu

# what a host without network needs; BUNDLE="--torch host --host_torch 2.11.0 --part_size 60M"
bundle: setup
	$(RUN) scripts/bundle.py build/bundle $(BUNDLE)

lint: setup
	$(RUN) -m ruff format --check $(PYTHON_FILES)
	$(RUN) -m ruff check $(PYTHON_FILES)
	$(RUN) -m mypy *.py core comparing checkpoints guarding quality hub schemes corpora engines measures studies running compressing grid inspection reporting scripts demo/tasks

format: setup
	$(RUN) -m ruff format $(PYTHON_FILES)
	$(RUN) -m ruff check --fix $(PYTHON_FILES)

setup:
	@scripts/setup.sh

lock:
	scripts/lock.sh

# Pictures and page of the records in perf_results/example/ and eval_results/example/. Those of the
# README are renewed by `make example EXAMPLE=docs/example ANALYSES=eval_results/example`.
EXAMPLE = build/example
ANALYSES = build/example/analyses
RECORDS = --results_dir perf_results/example $(patsubst %,--results_dir %,\
    $(sort eval_results/example $(ANALYSES)))
example: setup
	$(RUN) analyze.py $(wildcard demo-*) --base demo --save --results_dir $(ANALYSES)
	mkdir -p $(EXAMPLE)
	$(RUN) report.py $(RECORDS) --output_file $(EXAMPLE)/report.md
	$(RUN) report.py $(RECORDS) --output_file $(EXAMPLE)/report.html
	for metric in tradeoff speed memory quality latency; do \
	    $(RUN) report.py $(RECORDS) --metric $$metric \
	        --output_file $(EXAMPLE)/$$metric.png || exit 1; done
	chromium --headless --no-sandbox --hide-scrollbars --window-size=1280,1150 \
	    --virtual-time-budget=3000 --screenshot=$(EXAMPLE)/page.png $(EXAMPLE)/report.html

demo-model: setup
	$(RUN) -m scripts.demo_corpus --seed 0 --output_dir demo/data
	$(RUN) scripts/train_demo_model.py --seed 0 --output_dir demo/model

docs: setup
	$(RUN) scripts/make_docs.py

# every command that README and docs show, in a fresh clone; WALK="--all --install" as printed
walk: setup
	$(RUN) scripts/walk_docs.py $(WALK)
