"""The plain way, which the engine is held to: one full prompt through transformers and peft."""

import torch

from lamo.artifact import Artifact
from lamo.prompts import Prompt, candidate_suffix
from lamo.scoring.local import LocalScorer
from lamo.scoring.stock import load_model


def plain_log_odds(scorer: LocalScorer, artifact: Artifact, prompt: Prompt, label: str) -> float:
    """Log-odds of Yes against No of one candidate."""
    model = load_model(artifact)
    model.set_adapter(artifact.by_label[label].group)
    ids = scorer.tokens.encode(prompt.text + candidate_suffix(label, artifact.layout))
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([ids])).logits[0, -1]
    yes, no = (artifact.answer_token_ids[word] for word in ("Yes", "No"))
    return float(logits[yes] - logits[no])
