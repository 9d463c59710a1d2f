-- One file of the log, hot or a sealed month. No keys, no indexes; every column is described in docs/data-model.md.
-- What belongs to a call is found by passing over the ids of a group of rows. Left to itself DuckDB packs them: that
-- takes seven times as long, and saves two bytes an id.

CREATE TABLE log_meta (key VARCHAR, value BIGINT);

CREATE TABLE prompts (prompt_hash UUID, head_hash VARCHAR, pieces VARCHAR[]);

CREATE TABLE calls (
    seq BIGINT, call_id UUID USING COMPRESSION uncompressed, writer VARCHAR, ts DOUBLE, origin VARCHAR,
    surface VARCHAR, method VARCHAR, path VARCHAR, tenant VARCHAR, key_id VARCHAR, task_name VARCHAR,
    fingerprint VARCHAR, fp_version INTEGER, model VARCHAR, stream BOOLEAN, unit VARCHAR, conversation VARCHAR,
    user_id VARCHAR, retry_count INTEGER, headers VARCHAR, prompt_hash UUID, input_hash BLOB, cuts INTEGER[], tail VARCHAR USING COMPRESSION zstd,
    raw BLOB, chosen VARCHAR, reason VARCHAR, task VARCHAR, task_version INTEGER, rollout_id VARCHAR,
    student_id VARCHAR, step VARCHAR, share DOUBLE, pairing VARCHAR, propensity DOUBLE,
    slices VARCHAR[]
);

CREATE TABLE attempts (
    attempt_id UUID, call_id UUID USING COMPRESSION uncompressed, ts DOUBLE, role VARCHAR, who VARCHAR,
    served BOOLEAN, model VARCHAR, upstream VARCHAR, surface VARCHAR, student_id VARCHAR, outcome VARCHAR,
    status INTEGER, started DOUBLE, first_byte_ms DOUBLE, duration_ms DOUBLE, content_type VARCHAR, headers VARCHAR,
    answer VARCHAR USING COMPRESSION zstd, raw BLOB, error VARCHAR, completion_id VARCHAR, finish_reason VARCHAR,
    prompt_tokens BIGINT, completion_tokens BIGINT, cached_tokens BIGINT, cost_usd DOUBLE, confidence DOUBLE,
    label VARCHAR
);

CREATE TABLE scores (
    attempt_id UUID, call_id UUID USING COMPRESSION uncompressed, name VARCHAR, version VARCHAR, value DOUBLE,
    source VARCHAR, ts DOUBLE, reason VARCHAR, position DOUBLE, propensity DOUBLE, drawn BOOLEAN
);

CREATE TABLE feedback (
    seq BIGINT, feedback_id UUID, ts DOUBLE, target VARCHAR, tenant VARCHAR, key_id VARCHAR, score DOUBLE, signal VARCHAR, label VARCHAR,
    comment VARCHAR, correction VARCHAR
);

CREATE TABLE ingest_log (
    segment VARCHAR, position BIGINT, calls BIGINT, attempts BIGINT, feedback BIGINT, tallies BIGINT, corrupt BIGINT,
    sealed BOOLEAN, ts DOUBLE
);

CREATE TABLE tallies (
    tally_id UUID, ts DOUBLE, writer VARCHAR, calls_kept BIGINT, calls_lost BIGINT, attempts_kept BIGINT,
    attempts_lost BIGINT, feedback_kept BIGINT, feedback_lost BIGINT
);

CREATE TABLE months (part VARCHAR, month VARCHAR, calls BIGINT, sealed_ts DOUBLE);
