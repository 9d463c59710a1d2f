"""The tables of the control state, in SQLAlchemy Core. Knows no rule about what may follow what.

Each column carries the field of the same name of its noun (`store.vocabulary`); nested values are JSON.
"""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, Integer, MetaData, String, Table, UniqueConstraint

metadata = MetaData()

schema_version = Table("schema_version", metadata, Column("version", Integer, nullable=False))

leader = Table(
    "leader",
    metadata,
    Column("id", Integer, primary_key=True),  # always 1
    Column("epoch", Integer, nullable=False),
    Column("holder", String, nullable=False),
    Column("heartbeat", Float, nullable=False),
)

tasks = Table(
    "tasks",
    metadata,
    Column("task_id", String, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("name", String, nullable=False),
    Column("explicit", Boolean, nullable=False),
    Column("called", JSON, nullable=False),
    Column("settings_of", JSON, nullable=False),
    Column("mode", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("trials", Integer, nullable=False),
    Column("last_version", Integer, nullable=False),
    Column("ignored", Boolean, nullable=False),
    Column("merged_into", String, nullable=False),
)

task_versions = Table(
    "task_versions",
    metadata,
    Column("task_id", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("head_hash", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("fingerprints", JSON, nullable=False),
    Column("moved_from", String, nullable=False),
)

fingerprints = Table(
    "fingerprints",
    metadata,
    Column("fingerprint", String, primary_key=True),
    Column("task_id", String, nullable=False),
    Column("version", Integer, nullable=False),
)

templates = Table(
    "templates",
    metadata,
    Column("template_id", String, primary_key=True),
    Column("scope", String, nullable=False),
    Column("runs", JSON, nullable=False),
    Column("open_end", Boolean, nullable=False),
    Column("created", Float, nullable=False),
)

template_set = Table(
    "template_set",
    metadata,
    Column("id", Integer, primary_key=True),  # always 1
    Column("revision", Integer, nullable=False),
)

trainsets = Table(
    "trainsets",
    metadata,
    Column("trainset_id", String, primary_key=True),
    Column("task_id", String, nullable=False, index=True),
    Column("task_version", Integer, nullable=False),
    Column("created", Float, nullable=False),
    Column("train", Integer, nullable=False),
    Column("heldout", Integer, nullable=False),
    Column("path", String, nullable=False),
    Column("card", JSON, nullable=False),
)

students = Table(
    "students",
    metadata,
    Column("student_id", String, primary_key=True),
    Column("task_id", String, nullable=False, index=True),
    Column("task_version", Integer, nullable=False),
    Column("recipe", String, nullable=False),
    Column("base", String, nullable=False),
    Column("trainset_id", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("weights", String),
    Column("weights_sha256", String),
    Column("engine", String, nullable=False),
    Column("model", String, nullable=False),
    Column("base_url", String, nullable=False),
    Column("upstream", String, nullable=False),
    Column("program", JSON, nullable=False),
    Column("capabilities", JSON, nullable=False),
    Column("training", JSON, nullable=False),
    Column("parity", Float),
    Column("calibration", JSON(none_as_null=True)),
    Column("erased", Float),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("evaluation_id", String, primary_key=True),
    Column("student_id", String, nullable=False, index=True),
    Column("task_id", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("n", Integer, nullable=False),
    Column("student_mean", Float),
    Column("teacher_mean", Float),
    Column("delta_mean", Float),
    Column("delta_lower", Float),
    Column("verdict", String, nullable=False),
    Column("why", String, nullable=False),
    Column("detail", JSON, nullable=False),
)

self_agreements = Table(
    "self_agreements",
    metadata,
    Column("task_id", String, primary_key=True),
    Column("task_version", Integer, primary_key=True),
    Column("metric", String, primary_key=True),
    Column("metric_version", String, primary_key=True),
    Column("ts", Float, nullable=False),
    Column("n", Integer, nullable=False),
    Column("mean", Float),
    Column("lower", Float, nullable=False),
    Column("upper", Float, nullable=False),
    Column("why", String, nullable=False),
)

rollouts = Table(
    "rollouts",
    metadata,
    Column("rollout_id", String, primary_key=True),
    Column("task_id", String, nullable=False, index=True),
    Column("task_version", Integer, nullable=False),
    Column("student_id", String, nullable=False),
    Column("trial", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("held_from", String),
    Column("held_for", JSON, nullable=False),
    Column("serving", Boolean, nullable=False),
    Column("voiding", Boolean, nullable=False),
    Column("delta", Float, nullable=False),
    Column("alpha", Float, nullable=False),
    Column("profile", String, nullable=False),
    Column("mode", String, nullable=False),
    Column("salt", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("entered", Float, nullable=False),
    Column("unit", String, nullable=False),
    Column("since", Float, nullable=False),
    Column("since_seq", Integer, nullable=False),
    Column("consumed_seq", Integer, nullable=False),
    Column("counted_seq", JSON, nullable=False),
    Column("listening", JSON, nullable=False),
    Column("waived", JSON, nullable=False),
    Column("terms", JSON, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("reason", String, nullable=False),
    Column("partial", Boolean, nullable=False),
    Column("thresholds", JSON, nullable=False),
    Column("threshold", Float),
    Column("slicers", JSON, nullable=False),
    Column("excluded", JSON, nullable=False),
)

transitions = Table(
    "transitions",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),  # order of writing
    Column("transition_id", String, nullable=False, unique=True),
    Column("rollout_id", String, nullable=False, index=True),
    Column("task_id", String, nullable=False, index=True),
    Column("ts", Float, nullable=False),
    Column("source", String, nullable=False),
    Column("target", String, nullable=False),
    Column("cause", String, nullable=False),
    Column("why", String, nullable=False),
    Column("share", Float, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("inputs", JSON, nullable=False),
    Column("actor", String, nullable=False),
)

observations = Table(
    "observations",
    metadata,
    Column("rollout_id", String, primary_key=True),
    Column("stream", String, primary_key=True),
    Column("seq", Integer, primary_key=True),  # of the call in the log: a pair counts once for each stream
    Column("call_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("d", Float),
    Column("step", String, nullable=False),
    Column("served_by", String, nullable=False),
    Column("propensity", Float, nullable=False),
    Column("ts", Float, nullable=False),
    Column("confidence", Float),
    Column("parts", JSON, nullable=False),
    Column("slices", JSON, nullable=False),
)

watches = Table(
    "watches",
    metadata,
    Column("rollout_id", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("state", JSON, nullable=False),
    Column("updated", Float, nullable=False),
)

routes = Table(
    "routes",
    metadata,
    Column("task_id", String, primary_key=True),
    Column("task_version", Integer, primary_key=True),
    Column("fingerprints", JSON, nullable=False),
    Column("rollout_id", String, nullable=False),
    Column("student_id", String, nullable=False),
    Column("step", String, nullable=False),
    Column("share", Float, nullable=False),
    Column("holdback", Float, nullable=False),
    Column("salt", String, nullable=False),
    Column("shadow", Float, nullable=False),
    Column("reverse_shadow", Float, nullable=False),
    Column("base_url", String, nullable=False),
    Column("model", String, nullable=False),
    Column("timeout_s", Float, nullable=False),
    Column("program", JSON, nullable=False),
    Column("upstream", String, nullable=False),
    Column("release", String, nullable=False),
    Column("capabilities", JSON, nullable=False),
    Column("calibration", JSON(none_as_null=True)),
    Column("threshold", Float),
    Column("unit", String, nullable=False),
    Column("slicers", JSON, nullable=False),
    Column("excluded", JSON, nullable=False),
    Column("unproven", JSON, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("updated", Float, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("ts", Float, nullable=False),
    Column("kind", String, nullable=False),  # transition
    Column("ref", String, nullable=False),  # id of what is announced
    Column("payload", JSON, nullable=False),
    Column("epoch", Integer, nullable=False),
)

outbox_readers = Table(
    "outbox_readers",
    metadata,
    Column("name", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("dropped", Integer, nullable=False),
)

orders = Table(
    "orders",
    metadata,
    Column("order_id", String, primary_key=True),
    Column("rollout_id", String, nullable=False),
    Column("verb", String, nullable=False),
    Column("slice", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("ts", Float, nullable=False),
    Column("outcome", String),  # null while pending
)

task_orders = Table(
    "task_orders",
    metadata,
    Column("order_id", String, primary_key=True),
    Column("verb", String, nullable=False),
    Column("task_id", String, nullable=False),
    Column("other", String, nullable=False),
    Column("versions", JSON, nullable=False),
    Column("name", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("ts", Float, nullable=False),
    Column("outcome", String),  # null while pending
)

jobs = Table(
    "jobs",
    metadata,
    Column("job_id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("task_id", String, nullable=False),
    Column("due", Float, nullable=False),
    Column("state", String, nullable=False),
    Column("phase", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_until", Float, nullable=False),
    Column("lease_epoch", Integer, nullable=False),  # of the leader that leased it, 0 before
    Column("progress", JSON, nullable=False),
    Column("result", JSON, nullable=False),
    Column("error", String),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    UniqueConstraint("kind", "task_id", "due"),
)

erasures = Table(
    "erasures",
    metadata,
    Column("erasure_id", String, primary_key=True),
    Column("asked", Float, nullable=False),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),  # salted hash
    Column("tenant", String),
    Column("phase", String, nullable=False),
    Column("report", JSON, nullable=False),
    Column("finished", Float),  # null while there is something to do
)

copies = Table(
    "copies",
    metadata,
    Column("copy_id", String, primary_key=True),
    Column("kind", String, nullable=False),  # export | backup
    Column("path", String, nullable=False, unique=True),
    Column("made", Float, nullable=False),
)

servers = Table(
    "servers",
    metadata,
    Column("student_id", String, primary_key=True),
    Column("port", Integer, nullable=False),
    Column("weights", String, nullable=False),
    Column("engine", String, nullable=False),
    Column("url", String, nullable=False),
    Column("parallel", Integer, nullable=False),
    Column("context", Integer, nullable=False),
    Column("threads", Integer, nullable=False),
    Column("wanted", Boolean, nullable=False),
    Column("pid", Integer),
)
