"""The recipe of a training run: one frozen tree, read from TOML, refused whole if a part is wrong.

Fields stand here with their defaults; the recipes that ship beside this file set them.
"""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lamo.policies import Guarantee, PolicyName
from lamo.prompts import LAYOUTS, Layout, PromptLimits, PromptPlan
from lamo.training.fit import FitPlan


class ConfigRefused(Exception):  # noqa: N818 - a situation, named as such
    """The recipe cannot be used; the message lists every bad entry and what is wanted."""


class Section(BaseModel):
    """A part of the recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CohortConfig(Section):
    """Whose visits: synthetic patients, or three files of visits."""

    source: Literal["synthetic", "files"] = "synthetic"
    train_patients: int = Field(default=8000, ge=1)
    validation_patients: int = Field(default=1500, ge=1)
    test_patients: int = Field(default=1500, ge=1)
    train: Path | None = None  # JSON lines of visits, for source = "files"
    validation: Path | None = None
    test: Path | None = None
    most_shared_patients: int = Field(default=0, ge=0)  # LAMO's own split cuts one at each border

    @model_validator(mode="after")
    def _has_files(self) -> "CohortConfig":
        if self.source == "files" and None in (self.train, self.validation, self.test):
            raise ValueError(
                'source = "files" needs the paths train, validation and test: give the files that '
                "the cohort readers wrote"
            )
        return self


class NotesConfig(Section):
    """How a visit becomes a prompt."""

    diagnoses: int = Field(default=40, ge=1)  # items of each list that a prompt holds
    procedures: int = Field(default=20, ge=1)
    medications: int = Field(default=40, ge=1)
    hidden_settings: float = Field(default=0.0, ge=0, le=1)  # share of training visits without one
    variants: bool = True  # also test prompts with the notes shuffled, and without notes

    @property
    def limits(self) -> PromptLimits:
        """The limits as the renderer takes them."""
        return PromptLimits(
            diagnoses=self.diagnoses, procedures=self.procedures, medications=self.medications
        )


class ExamplesConfig(Section):
    """How prompts become tokens, and which medications are candidates."""

    bpe_tokens: int = Field(default=2000, ge=300)  # of a tokenizer of our own
    tokenizer_visits: int = Field(default=4000, ge=1)  # prompts that it learns from
    least_visits: int = Field(default=0, ge=0)  # of the training visits that a candidate is in
    most_tokens: int = Field(default=3900, ge=64)  # longer prompts are left out, and counted


class GroupsConfig(Section):
    """Which medications share an adapter."""

    by: Literal["class", "popularity", "co-prescription", "one", "each"] = "class"
    count: int = Field(default=8, ge=1)
    held_out: tuple[str, ...] = ()  # drug classes that are scored but never trained on


class BaseConfig(Section):
    """The base model: a folder that is there already, or a small Llama from nothing."""

    model: Path | None = None  # Hugging Face folder of a causal LM; None: from nothing
    dtype: Literal["float32", "bfloat16"] = "float32"
    hidden_size: int = 192
    layers: int = 4
    heads: int = 4
    intermediate_size: int = 512
    initializer_range: float = 0.02
    matched_queries: float = Field(default=0.0, ge=0)  # keys start as so many times the queries
    most_positions: int = 4096
    fit: FitPlan | None = None  # None: the model is taken as it is

    @model_validator(mode="after")
    def _is_trained(self) -> "BaseConfig":
        if self.model is None and self.fit is None:
            raise ValueError(
                "neither model nor fit is given: name a folder as model, or say in [base.fit] how "
                "to train one from nothing"
            )
        return self


class AdaptersConfig(Section):
    """LoRA as PEFT names it, and how each group's adapter is trained."""

    kind: Literal["lora", "alora"] = "lora"  # alora: acts from the candidate heading on only
    r: int = Field(default=8, ge=1)
    lora_alpha: int = Field(default=16, ge=1)
    lora_dropout: float = Field(default=0.05, ge=0, lt=1)
    target_modules: tuple[str, ...] = ("q_proj", "v_proj")
    stop_visits: int = Field(default=200, ge=0)  # first validation visits, for early stopping
    warm_start: Path | None = None  # folder of earlier adapters, by group name
    # also trained for the report, with as many steps in all: other groups, one adapter for all (of
    # as many parameters), and the same groups with activated LoRA
    compare: tuple[
        Literal["one", "class", "popularity", "co-prescription", "each", "activated"], ...
    ] = ()
    fit: FitPlan

    @model_validator(mode="after")
    def _has_something_to_compare(self) -> "AdaptersConfig":
        if self.kind == "alora" and "activated" in self.compare:
            raise ValueError(
                'compare names "activated", but kind = "alora" is activated already: leave it out'
            )
        return self


class CalibrateConfig(Section):
    """The selection policy that the artifact names, as `lamo.policies` describes them."""

    policy: PolicyName = "thresholds"
    count_ratio: float | None = None  # at most so many times the expected count; None: no cap
    interaction_cost: float = Field(default=0.0, ge=0)
    duplicate_cost: float = Field(default=0.0, ge=0)
    curves: bool = True  # try isotonic curves, held out by patient
    risk: float = Field(default=0.2, gt=0, lt=1)  # for risk-control
    guarantee: Guarantee = "expected"


class EvaluateConfig(Section):
    """What the report rests on."""

    resamples: int = Field(default=1000, ge=10)  # of patients, for the intervals
    card_texts: Path | None = None  # JSON: what only the author can say in the model card


class ArtifactConfig(Section):
    """What the packed artifact says of itself."""

    name: str
    version: str = "1"
    is_demonstration: bool
    notice: str  # printed wherever the model speaks


class TrainConfig(Section):
    """The whole recipe."""

    seed: int = 2023
    prompt_version: Literal["lamo-1", "lamo-1-compact"] = "lamo-1"  # as `lamo.prompts` lays it out
    cohort: CohortConfig = CohortConfig()
    notes: NotesConfig = NotesConfig()
    examples: ExamplesConfig = ExamplesConfig()
    groups: GroupsConfig = GroupsConfig()
    base: BaseConfig
    adapters: AdaptersConfig
    calibrate: CalibrateConfig = CalibrateConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    artifact: ArtifactConfig

    @property
    def layout(self) -> Layout:
        """Where the fixed words of the prompts stand."""
        return LAYOUTS[self.prompt_version]

    @property
    def prompt_plan(self) -> PromptPlan:
        """How prompts are rendered, of any length: too long ones are left out and counted."""
        return PromptPlan(layout=self.layout, limits=self.notes.limits)


def read_config(path: Path) -> TrainConfig:
    """Read a recipe; it may extend one that ships and say only what differs.

    Raises:
        ConfigRefused: not TOML, or an entry that is missing, unknown or out of range.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        if "extends" in raw:
            raw = _merged(_shipped(path, raw.pop("extends")), raw)
        return TrainConfig.model_validate(raw)
    except tomllib.TOMLDecodeError as error:
        raise ConfigRefused(f"{path} is not TOML: {error}") from None
    except ValidationError as error:
        raise ConfigRefused(f"{path} is refused:\n{_listed(error)}") from None


def recipe_path(name: str) -> Path:
    """A recipe that ships with the package, for example "demo" or "tiny"."""
    return Path(str(resources.files("lamo.training.stages") / "recipes" / f"{name}.toml"))


def _shipped(path: Path, name: object) -> dict[str, Any]:
    shipped = recipe_path(str(name))
    if not shipped.is_file():
        known = sorted(recipe.stem for recipe in shipped.parent.glob("*.toml"))
        raise ConfigRefused(f"{path} extends {name!r}: name one of {', '.join(known)}")
    return tomllib.loads(shipped.read_text(encoding="utf-8"))


def _merged(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Tables are merged entry by entry, every other value is replaced."""
    both = {name: whole[name] for name in part if isinstance(whole.get(name), dict)}
    merged = {
        name: _merged(table, part[name]) if isinstance(part[name], dict) else part[name]
        for name, table in both.items()
    }
    return whole | part | merged


def plain(value: BaseModel) -> dict[str, Any]:
    """A part of the recipe as JSON, for manifests."""
    plainly: dict[str, Any] = value.model_dump(mode="json")
    return plainly


def _listed(error: ValidationError) -> str:
    return "\n".join(
        f"  {'.'.join(str(part) for part in item['loc']) or 'recipe'}: {item['msg']}"
        + ("" if isinstance(item["input"], dict) else f", found {item['input']!r}")
        for item in error.errors(include_url=False)
    )
