-- The control state. Portable: no autoincrement, no dialect's own types.

CREATE TABLE schema_version (
    version INTEGER NOT NULL
);

CREATE TABLE leader (
    id INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    holder VARCHAR NOT NULL,
    heartbeat FLOAT NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE tasks (
    task_id VARCHAR NOT NULL,
    tenant VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    explicit BOOLEAN NOT NULL,
    called JSON NOT NULL,
    settings_of JSON NOT NULL,
    mode VARCHAR NOT NULL,
    created FLOAT NOT NULL,
    trials INTEGER NOT NULL,
    last_version INTEGER NOT NULL,
    ignored BOOLEAN NOT NULL,
    merged_into VARCHAR NOT NULL,
    PRIMARY KEY (task_id)
);

CREATE TABLE task_versions (
    task_id VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    head_hash VARCHAR NOT NULL,
    created FLOAT NOT NULL,
    fingerprints JSON NOT NULL,
    moved_from VARCHAR NOT NULL,
    PRIMARY KEY (task_id, version)
);

CREATE TABLE fingerprints (
    fingerprint VARCHAR NOT NULL,
    task_id VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (fingerprint)
);

CREATE TABLE templates (
    template_id VARCHAR NOT NULL,
    scope VARCHAR NOT NULL,
    runs JSON NOT NULL,
    open_end BOOLEAN NOT NULL,
    created FLOAT NOT NULL,
    PRIMARY KEY (template_id)
);

CREATE TABLE template_set (
    id INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE trainsets (
    trainset_id VARCHAR NOT NULL,
    task_id VARCHAR NOT NULL,
    task_version INTEGER NOT NULL,
    created FLOAT NOT NULL,
    train INTEGER NOT NULL,
    heldout INTEGER NOT NULL,
    path VARCHAR NOT NULL,
    card JSON NOT NULL,
    PRIMARY KEY (trainset_id)
);

CREATE INDEX ix_trainsets_task_id ON trainsets (task_id);

CREATE TABLE students (
    student_id VARCHAR NOT NULL,
    task_id VARCHAR NOT NULL,
    task_version INTEGER NOT NULL,
    recipe VARCHAR NOT NULL,
    base VARCHAR NOT NULL,
    trainset_id VARCHAR NOT NULL,
    created FLOAT NOT NULL,
    weights VARCHAR,
    weights_sha256 VARCHAR,
    engine VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    base_url VARCHAR NOT NULL,
    upstream VARCHAR NOT NULL,
    program JSON NOT NULL,
    capabilities JSON NOT NULL,
    training JSON NOT NULL,
    parity FLOAT,
    calibration JSON,
    erased FLOAT,
    PRIMARY KEY (student_id)
);

CREATE INDEX ix_students_task_id ON students (task_id);

CREATE TABLE evaluations (
    evaluation_id VARCHAR NOT NULL,
    student_id VARCHAR NOT NULL,
    task_id VARCHAR NOT NULL,
    created FLOAT NOT NULL,
    n INTEGER NOT NULL,
    student_mean FLOAT,
    teacher_mean FLOAT,
    delta_mean FLOAT,
    delta_lower FLOAT,
    verdict VARCHAR NOT NULL,
    why VARCHAR NOT NULL,
    detail JSON NOT NULL,
    PRIMARY KEY (evaluation_id)
);

CREATE INDEX ix_evaluations_student_id ON evaluations (student_id);

CREATE TABLE self_agreements (
    task_id VARCHAR NOT NULL,
    task_version INTEGER NOT NULL,
    metric VARCHAR NOT NULL,
    metric_version VARCHAR NOT NULL,
    ts FLOAT NOT NULL,
    n INTEGER NOT NULL,
    mean FLOAT,
    lower FLOAT NOT NULL,
    upper FLOAT NOT NULL,
    why VARCHAR NOT NULL,
    PRIMARY KEY (task_id, task_version, metric, metric_version)
);

CREATE TABLE rollouts (
    rollout_id VARCHAR NOT NULL,
    task_id VARCHAR NOT NULL,
    task_version INTEGER NOT NULL,
    student_id VARCHAR NOT NULL,
    trial INTEGER NOT NULL,
    state VARCHAR NOT NULL,
    held_from VARCHAR,
    held_for JSON NOT NULL,
    serving BOOLEAN NOT NULL,
    voiding BOOLEAN NOT NULL,
    delta FLOAT NOT NULL,
    alpha FLOAT NOT NULL,
    profile VARCHAR NOT NULL,
    mode VARCHAR NOT NULL,
    salt VARCHAR NOT NULL,
    created FLOAT NOT NULL,
    entered FLOAT NOT NULL,
    unit VARCHAR NOT NULL,
    since FLOAT NOT NULL,
    since_seq INTEGER NOT NULL,
    consumed_seq INTEGER NOT NULL,
    counted_seq JSON NOT NULL,
    listening JSON NOT NULL,
    waived JSON NOT NULL,
    terms JSON NOT NULL,
    evidence JSON NOT NULL,
    reason VARCHAR NOT NULL,
    partial BOOLEAN NOT NULL,
    thresholds JSON NOT NULL,
    threshold FLOAT,
    slicers JSON NOT NULL,
    excluded JSON NOT NULL,
    PRIMARY KEY (rollout_id)
);

CREATE INDEX ix_rollouts_task_id ON rollouts (task_id);

CREATE TABLE transitions (
    position INTEGER NOT NULL,
    transition_id VARCHAR NOT NULL,
    rollout_id VARCHAR NOT NULL,
    task_id VARCHAR NOT NULL,
    ts FLOAT NOT NULL,
    source VARCHAR NOT NULL,
    target VARCHAR NOT NULL,
    cause VARCHAR NOT NULL,
    why VARCHAR NOT NULL,
    share FLOAT NOT NULL,
    epoch INTEGER NOT NULL,
    inputs JSON NOT NULL,
    actor VARCHAR NOT NULL,
    PRIMARY KEY (position),
    UNIQUE (transition_id)
);

CREATE INDEX ix_transitions_task_id ON transitions (task_id);

CREATE INDEX ix_transitions_rollout_id ON transitions (rollout_id);

CREATE TABLE observations (
    rollout_id VARCHAR NOT NULL,
    stream VARCHAR NOT NULL,
    seq INTEGER NOT NULL,
    call_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    d FLOAT,
    step VARCHAR NOT NULL,
    served_by VARCHAR NOT NULL,
    propensity FLOAT NOT NULL,
    ts FLOAT NOT NULL,
    confidence FLOAT,
    parts JSON NOT NULL,
    slices JSON NOT NULL,
    PRIMARY KEY (rollout_id, stream, seq)
);

CREATE TABLE watches (
    rollout_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    seq INTEGER NOT NULL,
    state JSON NOT NULL,
    updated FLOAT NOT NULL,
    PRIMARY KEY (rollout_id, kind)
);

CREATE TABLE routes (
    task_id VARCHAR NOT NULL,
    task_version INTEGER NOT NULL,
    fingerprints JSON NOT NULL,
    rollout_id VARCHAR NOT NULL,
    student_id VARCHAR NOT NULL,
    step VARCHAR NOT NULL,
    share FLOAT NOT NULL,
    holdback FLOAT NOT NULL,
    salt VARCHAR NOT NULL,
    shadow FLOAT NOT NULL,
    reverse_shadow FLOAT NOT NULL,
    base_url VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    timeout_s FLOAT NOT NULL,
    program JSON NOT NULL,
    upstream VARCHAR NOT NULL,
    release VARCHAR NOT NULL,
    capabilities JSON NOT NULL,
    calibration JSON,
    threshold FLOAT,
    unit VARCHAR NOT NULL,
    slicers JSON NOT NULL,
    excluded JSON NOT NULL,
    unproven JSON NOT NULL,
    epoch INTEGER NOT NULL,
    updated FLOAT NOT NULL,
    PRIMARY KEY (task_id, task_version)
);

CREATE TABLE outbox (
    position INTEGER NOT NULL,
    ts FLOAT NOT NULL,
    kind VARCHAR NOT NULL,
    ref VARCHAR NOT NULL,
    payload JSON NOT NULL,
    epoch INTEGER NOT NULL,
    PRIMARY KEY (position)
);

CREATE TABLE outbox_readers (
    name VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE orders (
    order_id VARCHAR NOT NULL,
    rollout_id VARCHAR NOT NULL,
    verb VARCHAR NOT NULL,
    slice VARCHAR NOT NULL,
    actor VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    ts FLOAT NOT NULL,
    outcome VARCHAR,
    PRIMARY KEY (order_id)
);

CREATE TABLE task_orders (
    order_id VARCHAR NOT NULL,
    verb VARCHAR NOT NULL,
    task_id VARCHAR NOT NULL,
    other VARCHAR NOT NULL,
    versions JSON NOT NULL,
    name VARCHAR NOT NULL,
    actor VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    ts FLOAT NOT NULL,
    outcome VARCHAR,
    PRIMARY KEY (order_id)
);

CREATE TABLE jobs (
    job_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    task_id VARCHAR NOT NULL,
    due FLOAT NOT NULL,
    state VARCHAR NOT NULL,
    phase VARCHAR NOT NULL,
    attempts INTEGER NOT NULL,
    lease_until FLOAT NOT NULL,
    lease_epoch INTEGER NOT NULL,
    progress JSON NOT NULL,
    result JSON NOT NULL,
    error VARCHAR,
    created FLOAT NOT NULL,
    updated FLOAT NOT NULL,
    PRIMARY KEY (job_id),
    UNIQUE (kind, task_id, due)
);

CREATE TABLE erasures (
    erasure_id VARCHAR NOT NULL,
    asked FLOAT NOT NULL,
    kind VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    tenant VARCHAR,
    phase VARCHAR NOT NULL,
    report JSON NOT NULL,
    finished FLOAT,
    PRIMARY KEY (erasure_id)
);

CREATE TABLE copies (
    copy_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    made FLOAT NOT NULL,
    PRIMARY KEY (copy_id),
    UNIQUE (path)
);

CREATE TABLE servers (
    student_id VARCHAR NOT NULL,
    port INTEGER NOT NULL,
    weights VARCHAR NOT NULL,
    engine VARCHAR NOT NULL,
    url VARCHAR NOT NULL,
    parallel INTEGER NOT NULL,
    context INTEGER NOT NULL,
    threads INTEGER NOT NULL,
    wanted BOOLEAN NOT NULL,
    pid INTEGER,
    PRIMARY KEY (student_id)
);
