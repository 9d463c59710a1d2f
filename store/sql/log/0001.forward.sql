-- The log. No keys, no indexes; every column is described in docs/data-model.md.

CREATE TABLE log_meta (key VARCHAR, value BIGINT);

CREATE TABLE prompts (prompt_hash VARCHAR, head_hash VARCHAR, pieces VARCHAR[]);

CREATE TABLE calls (
    seq BIGINT, call_id VARCHAR, writer VARCHAR, ts DOUBLE, origin VARCHAR, surface VARCHAR, method VARCHAR,
    path VARCHAR, tenant VARCHAR, key_id VARCHAR, task_name VARCHAR, fingerprint VARCHAR, fp_version INTEGER,
    model VARCHAR, stream BOOLEAN, unit VARCHAR, conversation VARCHAR, user_id VARCHAR, retry_count INTEGER,
    headers VARCHAR, prompt_hash VARCHAR, head_hash VARCHAR, input_hash VARCHAR, cuts INTEGER[], tail VARCHAR,
    raw BLOB, chosen VARCHAR, reason VARCHAR, task VARCHAR, task_version INTEGER, rollout_id VARCHAR,
    student_id VARCHAR, step VARCHAR, share DOUBLE, pairing VARCHAR, propensity DOUBLE
);

CREATE TABLE attempts (
    attempt_id VARCHAR, call_id VARCHAR, ts DOUBLE, role VARCHAR, who VARCHAR, served BOOLEAN, model VARCHAR,
    upstream VARCHAR, student_id VARCHAR, outcome VARCHAR, status INTEGER, started DOUBLE, first_byte_ms DOUBLE,
    duration_ms DOUBLE, content_type VARCHAR, headers VARCHAR, answer VARCHAR, raw BLOB, error VARCHAR,
    completion_id VARCHAR, finish_reason VARCHAR, prompt_tokens BIGINT, completion_tokens BIGINT,
    cached_tokens BIGINT, cost_usd DOUBLE
);

CREATE TABLE scores (
    attempt_id VARCHAR, call_id VARCHAR, name VARCHAR, version VARCHAR, value DOUBLE, source VARCHAR, ts DOUBLE,
    reason VARCHAR
);

CREATE TABLE feedback (
    feedback_id VARCHAR, ts DOUBLE, target VARCHAR, tenant VARCHAR, key_id VARCHAR, score DOUBLE, label VARCHAR,
    comment VARCHAR, correction VARCHAR
);

CREATE TABLE ingest_log (
    segment VARCHAR, position BIGINT, records BIGINT, corrupt BIGINT, sealed BOOLEAN, ts DOUBLE
);

-- A target is our call's id or the id of a completion that the app received; of equal completion ids the
-- latest call of the tenant is meant.
CREATE VIEW resolved_feedback AS
WITH named AS (
    SELECT a.completion_id, c.tenant, arg_max(c.call_id, c.seq) AS call_id
    FROM attempts AS a JOIN calls AS c ON c.call_id = a.call_id
    WHERE a.served AND a.completion_id IN (SELECT target FROM feedback)
    GROUP BY a.completion_id, c.tenant
)
SELECT f.*, coalesce(c.call_id, n.call_id) AS call_id
FROM feedback AS f
LEFT JOIN calls AS c ON c.call_id = f.target AND c.tenant = f.tenant
LEFT JOIN named AS n ON n.completion_id = f.target AND n.tenant = f.tenant;

CREATE VIEW latest_feedback AS
SELECT
    call_id,
    arg_max(score, ts) FILTER (WHERE score IS NOT NULL) AS score,
    arg_max(correction, ts) FILTER (WHERE correction IS NOT NULL) AS correction
FROM resolved_feedback
WHERE call_id IS NOT NULL
GROUP BY call_id;
