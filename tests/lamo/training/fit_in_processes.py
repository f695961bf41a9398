"""What each process of the test of shared training runs; the first writes the losses."""

import json
import sys
from pathlib import Path

from lamo.training.fit import fit, open_accelerator
from tests.lamo.training.test_fit import TEXT, plan, question, tiny_examples, tiny_model

if __name__ == "__main__":
    report = fit(tiny_model(), tiny_examples(12), [question()], plan(objective=TEXT))
    accelerator = open_accelerator()
    if accelerator.is_main_process:
        found = {"processes": accelerator.num_processes, "losses": report.losses}
        Path(sys.argv[1]).write_text(json.dumps(found))
    accelerator.end_training()
