"""The shape of the settings. Knows no file, no environment and no process.

A field that is None where a room has a default of its own means that default: it is written down once, there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from store.vocabulary import Task

LOOPBACK = "127.0.0.1"
LITELLM = "litellm"
KINDS = frozenset({"openai", "anthropic", "azure", LITELLM})
LEAST_JOURNAL = 256 << 10  # bytes


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a number is needed, not yes or no")  # noqa: TRY004 - pydantic translates ValueError only
    return value


def _off(value: object) -> object:
    """Read YAML's `off`, which is false there, as the word that was meant."""
    return "off" if value is False else value


def _roomy(size: int) -> int:
    if size < LEAST_JOURNAL:
        raise ValueError(
            f"{size} bytes are too few: the outcomes of calls under way have the last eighth to themselves; "
            f"give {LEAST_JOURNAL} at least"
        )
    return size


Whole = Annotated[int, BeforeValidator(_number)]
Real = Annotated[float, BeforeValidator(_number)]
Port = Annotated[Whole, Field(ge=0, le=65535)]
Share = Annotated[Real, Field(ge=0, le=1)]
Positive = Annotated[Whole, Field(ge=1)]
Seconds = Annotated[Real, Field(gt=0)]
Margin = Annotated[Real, Field(gt=0, lt=1)]
Usd = Annotated[Real, Field(ge=0)]
Signal = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
Step = Literal["shadow", "canary_1", "canary_5", "canary_25", "canary_50"]
_SIZE = r"^\d+(\.\d+)?\s?([KMGT]i?)?B$"
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Branch(BaseModel):
    """A part of the tree: immutable, and deaf to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_the_default(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {
            key: value for key, value in values.items() if value is not None or key not in cls.model_fields
        }

    def given(self) -> dict[str, Any]:
        """Give the fields that hold a value, by name."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}


class Timeouts(Branch):
    """Of one upstream, in seconds."""

    connect: Seconds | None = None
    first_byte: Seconds | None = None
    idle: Seconds | None = None
    total: Seconds | None = None


class Upstream(Branch):
    """One server that answers as the teacher. `api_key` is filled in by `load`, never read from the file."""

    name: Name
    base_url: str | None = None  # of every kind but litellm
    kind: Literal["openai", "anthropic", "azure", "litellm"] | None = None
    params: dict[str, Any] = Field(
        default_factory=dict
    )  # of litellm: `model`, with its provider, and what it needs
    api_key_env: Name | None = None
    api_key_file: Path | None = None
    models: tuple[str, ...] = ("*",)
    timeouts: Timeouts = Timeouts()
    priority: Whole | None = None  # None: its place in the list
    weight: Annotated[Real, Field(gt=0)] | None = None
    concurrency: Positive | None = None
    cooldown_after: Positive | None = None
    cooldown_s: Seconds | None = None
    inject_usage: bool | None = None
    keepalive_s: Seconds | None = None
    api_version: Name | None = None
    deployment: Name | None = None
    api_key: SecretStr | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _one_source(self) -> Upstream:
        if self.api_key_env and self.api_key_file:
            raise ValueError("give api_key_env or api_key_file, not both")
        if self.kind == LITELLM:
            self._check_params()
        elif self.params:
            raise ValueError("params are of kind litellm only")
        elif self.base_url is None:
            raise ValueError("base_url is missing")
        return self

    @property
    def place(self) -> str:
        """Where its calls go, for a person."""
        return self.base_url or str(self.params.get("api_base") or self.params.get("model"))

    def _check_params(self) -> None:
        if self.base_url is not None:
            raise ValueError("an upstream of kind litellm has no base_url; params may hold an api_base")
        if not isinstance(self.params.get("model"), str):
            text = "an upstream of kind litellm needs params.model, like anthropic/claude-sonnet-4-5"
            raise ValueError(text)  # noqa: TRY004 - pydantic translates ValueError only
        if "api_key" in self.params:
            raise ValueError("a key does not belong into the settings; give api_key_env or api_key_file")


class ClientKey(Branch):
    """A key that apps may present, as its hash (`stillhouse keys` makes one)."""

    name: Name
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]


class Gateway(Branch):
    """The data plane. Sizes are bytes."""

    host: Name = LOOPBACK
    port: Port = 4000
    workers: Annotated[Whole, Field(ge=1, le=256)] | None = None  # None: one per core
    models: tuple[str, ...] = ()
    administration: bool | None = None
    engine: Literal["asgi", "native"] = "asgi"
    ca_file: Path | None = None
    max_body: Positive | None = None
    shadow_concurrency: Positive | None = None
    upstream_wait_s: Annotated[Real, Field(ge=0)] | None = None
    drain_s: Seconds | None = None


class Control(Branch):
    """The admin API and the status page."""

    host: Name = LOOPBACK
    port: Port = 4001
    allowed_hosts: tuple[str, ...] = ()  # names, besides loopback, that a Host header may carry


class Vllm(Branch):
    """A vLLM that serves the students."""

    url: Name
    model: Name  # the base model's name there


class Student(Branch):
    """The base model, and how students are trained and served on this machine."""

    base: Name | None = None
    encoder: Name | None = None
    device: Literal["auto", "cpu", "cuda"] | None = None
    threads: Positive | None = None
    parallel: Positive | None = None
    context: Annotated[Whole, Field(ge=64)] | None = None  # tokens of one request
    usd_per_hour: Annotated[Real, Field(ge=0)] | None = None
    vllm: Vllm | None = None


class Training(Branch):
    """Hyperparameters of the adapter."""

    epochs: Positive | None = None
    lr: Annotated[Real, Field(gt=0, lt=1)] | None = None
    rank: Positive | None = None
    batch: Positive | None = None
    patience: Whole | None = None
    adapt_layers: Whole | None = None
    precision: Literal["auto", "fp32", "bf16"] | None = None
    four_bit: bool | None = None
    max_length: Positive | None = None
    max_rows: Positive | None = None
    seed: Whole | None = None


class Trainset(Branch):
    """What may be in a trainset, and how much of it by whom."""

    feedback_share: Share | None = None
    user_share: Share | None = None
    key_share: Share | None = None
    near_rows: Positive | None = None
    names_model: Name | None = None  # a spaCy model, where redact is names
    names_language: Name | None = None


class Service(Branch):
    """A fine-tuning service, for the rung `service`."""

    kind: Literal["openai", "together", "fireworks"]
    upstream: Name  # of `upstreams`: by whose key it is called
    model: Name
    suffix: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,20}$")] | None = None
    account: Name | None = None
    usd_per_million: Annotated[Real, Field(ge=0)] | None = None
    max_usd: Annotated[Real, Field(ge=0)] | None = None
    max_hours: Annotated[Real, Field(gt=0)] | None = None


class Distiller(Branch):
    """When a task is ready to be distilled, and with what."""

    schedule: str | None = None  # crontab, or "every 30s"
    tick_s: Seconds | None = None
    min_examples: Positive | None = None
    min_passing: Positive | None = None
    min_baseline: Share | None = None
    min_new: Share | None = None
    max_age_days: Annotated[Real, Field(gt=0)] | None = None
    max_usd: Annotated[Real, Field(ge=0)] | None = None
    quiet_hours: str | None = None
    heldout: Share | None = None
    heldout_min: Positive | None = None
    heldout_max: Positive | None = None
    attempts: Positive | None = None
    similarity: Share | None = None
    background_usd_per_day: Annotated[Real, Field(ge=0)] = 5.0  # for all judges together
    usd_per_day: Usd | None = (
        None  # for whatever the house asks models by itself; None: each has its own budget only
    )
    training: Training = Training()
    trainset: Trainset = Trainset()
    service: Service | None = None


class Judge(Branch):
    """A model that scores answers, through a configured upstream."""

    model: Name
    criteria: str | None = None
    timeout_s: Seconds | None = None
    concurrency: Positive | None = None
    sample: Share | None = None
    gold: Share | None = None  # of the judged calls, for a person to label


class Finetune(Branch):
    """The parameters of DSPy's BootstrapFinetune, for one task or for all."""

    metric: Name | None = None
    multitask: bool | None = None
    train_with: tuple[Name, ...] | None = None
    exclude_demos: bool | None = None
    num_threads: Positive | None = None
    adapter: Name | None = None
    teacher: Name | None = None
    train_kwargs: Training | None = None


class Drift(Branch):
    """How a live rollout's inputs, answers and teacher are watched."""

    enabled: bool | None = None
    tolerance: Annotated[Real, Field(gt=0, lt=1)] | None = None
    probes: Annotated[Whole, Field(ge=0, le=1000)] | None = (
        None  # requests that the teacher is asked again a day
    )
    probe_usd_per_day: Usd | None = None  # for each rollout


class Policy(Branch):
    """How far Stillhouse may go with a task, and on what evidence. `policy` is for all tasks, `tasks` for one."""

    mode: Literal["auto", "approve", "observe"] | None = None
    metric: Name | None = None
    judge: Judge | None = None
    threshold: Annotated[Real, Field(gt=0, le=1)] | None = None
    ladder: tuple[Name, ...] | None = None
    optimizer_model: Name | None = None
    redact: Annotated[Literal["off", "secrets", "personal", "names"], BeforeValidator(_off)] | None = None
    optimizer_usd: Annotated[Real, Field(ge=0)] | None = None
    finetune: Finetune | None = None
    timeout_s: Seconds | None = None
    self_agreement: Annotated[Whole, Field(ge=0, le=1000)] | None = (
        None  # calls that the teacher is asked again
    )
    self_agreement_usd: Usd | None = None
    signals: dict[Signal, Share] | None = None  # by what an app tells of an answer's fate
    drift: Drift | None = None
    delta: Annotated[Real, Field(gt=0, lt=1)] | None = None
    slices: tuple[Name, ...] | None = None  # dimensions, and declared slices `dimension:value`
    delta_slice: Margin | None = None
    alpha: Annotated[Real, Field(gt=0, lt=1)] | None = None
    profile: Literal["standard", "replay"] | None = None
    holdback: Annotated[Real, Field(ge=0, le=0.5)] | None = None
    shadow_usd_per_day: Annotated[Real, Field(ge=0)] | None = None
    unknown_usd_per_call: Annotated[Real, Field(ge=0)] | None = None
    shadow: Share | None = None
    ramp_shadow: Share | None = None  # None: as shadow
    shadow_per_served: dict[Step, Annotated[Real, Field(ge=0)]] | None = None  # by step
    minima: dict[Step, Positive] | None = None  # pairs, by step
    caps: dict[Step, Positive] | None = None  # pairs, by step
    dwell_s: Annotated[Real, Field(ge=0)] | None = None
    score_timeout_s: Seconds | None = None
    conversation_s: Annotated[Real, Field(ge=0)] | None = None
    hold_limit_s: Seconds | None = None
    gone_s: Seconds | None = None
    partial: bool | None = None  # where the whole task is refused, the calls that a student is sure of
    unit: Literal["conversation", "user"] | None = None  # what is assigned as a whole
    error_delta: Margin | None = None
    format_delta: Margin | None = None
    latency_delta: Margin | None = None
    feedback_delta: Margin | None = None
    latency_slo_s: Seconds | None = None  # None: the teacher's own
    feedback_window_s: Seconds | None = None
    gold_audit: Annotated[Real, Field(gt=0.01, lt=1)] | None = None  # None: no label corrects the judge
    label_timeout_s: Seconds | None = None
    release: Literal["whole", "first_token"] | None = None
    stored: bool | None = None
    retention_days: Annotated[Real, Field(gt=0)] | None = None  # None: as retention.days

    def under(self, own: Policy) -> Policy:
        """Give this policy with another's own keys laid over it."""
        return self.model_copy(update=own.given())


NoticeKind = Literal["promotion", "hold", "rollback", "drift", "refusal", "slice"]
Address = Annotated[str, Field(pattern=r"^[^@\s,<>\x00-\x1f]+@[^@\s,<>\x00-\x1f]+$", max_length=254)]


class Webhook(Branch):
    """Who is posted notices."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")]
    secret_file: Path | None = None  # signs them; None: unsigned
    timeout_s: Seconds = 10.0


class Email(Branch):
    """Who is mailed notices, and by which server."""

    host: Name
    port: Annotated[Whole, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: Name | None = None
    password_file: Path | None = None
    sender: Address
    receivers: Annotated[tuple[Address, ...], Field(min_length=1, max_length=50)]
    timeout_s: Seconds = 20.0

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> Email:
        if (self.user is None) != (self.password_file is None):
            raise ValueError("user and password_file belong together")
        if self.security == "none" and self.user is not None:
            raise ValueError("a password is not sent in the clear; give security: starttls or tls")
        return self


class Notices(Branch):
    """What people are told of rollouts, beside the log."""

    kinds: tuple[NoticeKind, ...] = ("promotion", "hold", "rollback", "drift", "refusal", "slice")
    webhook: Webhook | None = None
    email: Email | None = None


class Retention(Branch):
    """How long bodies of calls are kept; None is for ever."""

    days: Annotated[Real, Field(gt=0)] | None = None


class Journal(Branch):
    """The records that are not yet in the log. Sizes are bytes."""

    max_bytes: Annotated[Whole, AfterValidator(_roomy)] | None = None
    on_full: Literal["serve", "refuse"] | None = None
    segment_bytes: Positive | None = None
    sync_interval_s: Seconds | None = None
    durability: Literal["group-sync", "reply-after-sync"] | None = None
    max_unsynced: Positive | None = None
    roll_s: Seconds | None = None
    tally_s: Seconds | None = None


class Log(Branch):
    """DuckDB's memory for the log, and when its write-ahead log is folded in. Sizes as DuckDB reads them."""

    memory: Annotated[str, Field(pattern=_SIZE)] = "1GB"
    checkpoint: Annotated[str, Field(pattern=_SIZE)] = "128MB"


OPENAI = Upstream(name="openai", base_url="https://api.openai.com/v1")
ANTHROPIC = Upstream(name="anthropic", base_url="https://api.anthropic.com/v1", kind="anthropic")


class Price(Branch):
    """What a model's tokens cost, in US dollars for a million, or which model of the table it costs as much as."""

    like: Name | None = None
    input: Usd | None = None
    output: Usd | None = None
    cached: Usd | None = None  # of the prompt, read from the provider's cache; None: as input
    cache_write: Usd | None = None  # of the prompt, written to it; None: as input
    cache_write_1h: Usd | None = None  # for an hour; None: as cache_write

    @model_validator(mode="after")
    def _one_way(self) -> Price:
        named = self.given().keys() - {"like"}
        if self.like is not None and named:
            raise ValueError("give like, or prices, not both")
        if self.like is None and self.input is None:
            raise ValueError("give like, or input and output")
        return self


class Settings(Branch):
    """The whole tree. With nothing set: OpenAI and Anthropic with the caller's own key, ./stillhouse-data, loopback."""

    data: Path = Path("stillhouse-data")
    upstreams: Annotated[tuple[Upstream, ...], Field(min_length=1)] = (OPENAI, ANTHROPIC)
    client_keys: tuple[ClientKey, ...] = ()
    gateway: Gateway = Gateway()
    control: Control = Control()
    student: Student = Student()
    distiller: Distiller = Distiller()
    policy: Policy = Policy()
    tasks: dict[str, Policy] = Field(default_factory=dict)
    prices: dict[str, Price] = Field(default_factory=dict)  # by the model's name, as it is sent
    notices: Notices = Notices()
    retention: Retention = Retention()
    journal: Journal = Journal()
    log: Log = Log()
    source: Path | None = Field(default=None, repr=False)  # the file they came from, for the doctor

    def task_policy(self, task: Task) -> Policy:
        """Give the policy of one task: its own keys, laid over those for all tasks."""
        return self.policy.under(self.own_policy(task))

    def own_policy(self, task: Task) -> Policy:
        """Give the keys under the nearest of a task's names."""
        return next((self.tasks[name] for name in task.names if name in self.tasks), Policy())
