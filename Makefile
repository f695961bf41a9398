# Two commands do everything, each with its own set-up: `make serve` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 8080
SANDBOX_PORT ?= 8081
VAR_DIR ?= var
READY := $(VENV)/.ready

.PHONY: serve sandbox demo test check format bench docs demo-model lock release wheelhouse clean

$(READY): setup.cfg pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		torch==2.13.0 --editable '.[dev,postgresql,model]'
	touch $@

serve: $(READY)
	HOST=$(HOST) PORT=$(PORT) VAR_DIR=$(VAR_DIR) $(BIN)/lamo-cds serve

sandbox: $(READY)
	$(BIN)/lamo-cds sandbox serve --port $(SANDBOX_PORT) --service-port $(PORT)

demo: $(READY)
	$(BIN)/lamo-cds demo --url http://$(HOST):$(PORT) examples/order-sign.json

test: $(READY)
	sh scripts/install-test-servers.sh
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2 --dist loadfile

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/python -m benchmarks.order_sign

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --clean --config-file docs/site/mkdocs.yml

demo-model: $(READY)
	$(BIN)/lamo-cds train all --config demo --work training --out lamo/demo_artifact

# What is deployed, by hash: docs/deploying.md
lock:
	PYTHON=$(PYTHON) sh scripts/lock.sh

release:
	PYTHON=$(PYTHON) sh scripts/release.sh

wheelhouse: release
	PYTHON=$(PYTHON) sh scripts/wheelhouse.sh

clean:
	rm -rf $(VENV) build dist *.egg-info
