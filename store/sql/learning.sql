-- name: seen_fingerprints
WITH seen AS (
    SELECT
        fingerprint,
        arg_max(fp_version, seq) AS fp_version,
        arg_max(tenant, seq) AS tenant,
        arg_max(task_name, seq) FILTER (WHERE task_name IS NOT NULL) AS task_name,
        arg_max(model, seq) AS model,
        arg_max(prompt_hash, seq) AS prompt_hash,
        arg_max(part, seq) AS part,
        count(*) AS calls,
        min(ts) AS first_ts,
        max(ts) AS last_ts,
        max(seq) AS last_seq
    FROM calls
    WHERE origin <> 'internal' AND prompt_hash IS NOT NULL AND fingerprint <> '' AND seq > $after_seq
    GROUP BY fingerprint
)
SELECT
    s.fingerprint, s.fp_version, s.tenant, s.task_name, s.model, p.head_hash, s.calls, s.first_ts, s.last_ts, s.last_seq,
    CASE WHEN len(p.pieces) > 0 THEN s.prompt_hash END AS prompt_hash
FROM seen AS s JOIN prompts AS p ON p.part = s.part AND p.prompt_hash = s.prompt_hash
ORDER BY s.last_seq;

-- name: heads
SELECT prompt_hash, any_value(pieces) AS head FROM prompts
WHERE prompt_hash IN (SELECT try_cast(id AS UUID) FROM wanted)
GROUP BY prompt_hash;

-- The latest calls of each fingerprint, in log order.
-- name: openings
SELECT c.fingerprint, c.seq, c.ts, c.tenant, c.task_name, c.surface, c.cuts, c.tail, p.pieces
FROM calls AS c JOIN prompts AS p ON p.part = c.part AND p.prompt_hash = c.prompt_hash
WHERE c.seq > $after_seq AND c.origin <> 'internal' AND c.prompt_hash IS NOT NULL
    AND c.fingerprint IN (SELECT unnest($fingerprints::VARCHAR[]))
QUALIFY row_number() OVER (PARTITION BY c.fingerprint ORDER BY c.seq DESC) <= $each
ORDER BY c.seq;

-- name: counts
WITH asked AS (
    SELECT call_id FROM calls
    WHERE origin <> 'internal' AND prompt_hash IS NOT NULL
        AND fingerprint IN (SELECT unnest($fingerprints::VARCHAR[]))
),
answered AS (
    SELECT a.attempt_id FROM attempts AS a SEMI JOIN asked AS c ON c.call_id = a.call_id
    WHERE a.served AND a.who = 'teacher' AND a.outcome = 'complete'
),
latest AS (
    SELECT s.attempt_id, s.name, arg_max(s.value, s.ts) AS value, arg_max(s.source, s.ts) AS source
    FROM scores AS s SEMI JOIN answered AS a ON a.attempt_id = s.attempt_id
    WHERE len($score_names::VARCHAR[]) = 0 OR list_contains($score_names::VARCHAR[], s.name)
    GROUP BY s.attempt_id, s.name
),
scored AS (
    SELECT attempt_id, arg_min(value, list_position($sources::VARCHAR[], source)) AS value
    FROM latest WHERE list_contains($sources::VARCHAR[], source)
    GROUP BY attempt_id
),
said AS (SELECT f.* FROM latest_feedback AS f SEMI JOIN asked AS c ON c.call_id = f.call_id)
SELECT
    (SELECT count(*) FROM asked) AS calls,
    (SELECT count(*) FROM answered) AS complete,
    (SELECT count(*) FROM scored) AS scored,
    (SELECT count(*) FROM said WHERE score IS NOT NULL) AS feedback,
    (SELECT count(*) FROM said WHERE correction IS NOT NULL) AS corrections,
    (SELECT avg(value) FROM scored) AS mean_score;

-- A window of the log, from `after` (inclusive) to `until` (exclusive).
-- name: pick_exchanges
SELECT a.attempt_id, c.seq
FROM calls AS c JOIN attempts AS a ON a.call_id = c.call_id
WHERE c.seq >= $after AND c.seq < $until AND c.origin <> 'internal' AND c.prompt_hash IS NOT NULL
    AND c.fingerprint IN (SELECT unnest($fingerprints::VARCHAR[]))
    AND ($before_ts::DOUBLE IS NULL OR c.ts < $before_ts)
    AND ($after_ts::DOUBLE IS NULL OR c.ts > $after_ts)
    AND a.served AND a.who = 'teacher'
ORDER BY c.seq * $direction::INTEGER
LIMIT $limit;

-- Calls that drew a pair come first: the router waits for their scores. What is not asked for counts as scored.
-- name: pick_unscored
WITH asked AS MATERIALIZED (
    SELECT seq, call_id, pairing FROM calls
    WHERE origin <> 'internal' AND prompt_hash IS NOT NULL AND seq > $after_seq
        AND fingerprint IN (SELECT unnest($fingerprints::VARCHAR[]))
        AND ($drawn::BOOLEAN IS NULL OR (pairing <> 'none') = $drawn)
),
made AS MATERIALIZED (
    SELECT a.attempt_id, a.call_id, a.who
    FROM attempts AS a SEMI JOIN asked AS c ON c.call_id = a.call_id
    WHERE a.outcome IN ('complete', 'deferred')
),
scored AS (
    SELECT attempt_id FROM scores WHERE name = $score_name AND version = $version AND call_id IN (SELECT call_id FROM asked)
    UNION ALL
    SELECT id::UUID FROM wanted
)
SELECT a.attempt_id, c.seq
FROM asked AS c JOIN made AS a ON a.call_id = c.call_id
WHERE a.attempt_id NOT IN (SELECT attempt_id FROM scored)
    AND (NOT $referenced::BOOLEAN OR a.call_id IN (SELECT call_id FROM made WHERE who = 'teacher'))
ORDER BY c.pairing = 'none', c.seq, a.attempt_id
LIMIT $limit;

-- What users said since a mark, each with the answer that they saw, where the log has it by now, and which of it is a
-- score already.
-- name: said
WITH given AS MATERIALIZED (
    (SELECT * FROM feedback WHERE seq > $after ORDER BY seq LIMIT $limit)
    UNION ALL
    SELECT * FROM feedback WHERE seq <= $after AND seq IN (SELECT unnest($waiting::BIGINT[]))
),
direct AS (
    SELECT f.seq, c.call_id FROM given AS f JOIN calls AS c ON c.call_id = try_cast(f.target AS UUID) AND c.tenant = f.tenant
),
named AS (
    SELECT a.completion_id, c.tenant, arg_max(c.call_id, c.seq) AS call_id
    FROM attempts AS a JOIN calls AS c ON c.call_id = a.call_id
    WHERE a.served AND a.completion_id IN (SELECT target FROM given WHERE seq NOT IN (SELECT seq FROM direct))
    GROUP BY a.completion_id, c.tenant
),
meant AS MATERIALIZED (
    SELECT f.seq, coalesce(d.call_id, n.call_id) AS call_id
    FROM given AS f
    LEFT JOIN direct AS d ON d.seq = f.seq
    LEFT JOIN named AS n ON n.completion_id = f.target AND n.tenant = f.tenant
),
found AS (
    SELECT m.seq, c.call_id, c.fingerprint, a.attempt_id
    FROM meant AS m
    JOIN calls AS c ON c.call_id = m.call_id
    JOIN attempts AS a ON a.call_id = m.call_id AND a.served
),
made AS (
    SELECT
        f.seq,
        bool_or(s.name = 'feedback' AND s.ts = g.ts AND s.value = g.score) AS counted,
        arg_max(s.version, s.ts) FILTER (WHERE s.name = 'signal' AND s.reason = g.signal) AS worth,
        max(s.ts) FILTER (WHERE s.name = 'signal' AND s.reason = g.signal) AS worth_ts
    FROM found AS f
    JOIN given AS g ON g.seq = f.seq
    JOIN scores AS s ON s.attempt_id = f.attempt_id AND s.ts >= g.ts AND s.ts < g.ts + 0.001
    GROUP BY f.seq
)
SELECT
    g.seq, g.ts, g.score, g.signal, g.correction IS NOT NULL AS corrected, f.call_id, f.attempt_id, f.fingerprint,
    coalesce(m.counted, false) AS counted, m.worth, m.worth_ts
FROM given AS g LEFT JOIN found AS f ON f.seq = g.seq LEFT JOIN made AS m ON m.seq = g.seq
ORDER BY g.seq;

-- The complete answers to calls that were corrected at these times, but those that were scored since then.
-- name: pick_corrected
WITH said AS MATERIALIZED (
    SELECT unnest($call_ids::VARCHAR[])::UUID AS call_id, unnest($times::DOUBLE[]) AS ts
)
SELECT a.attempt_id, c.seq
FROM said AS f JOIN calls AS c ON c.call_id = f.call_id JOIN attempts AS a ON a.call_id = f.call_id
WHERE c.prompt_hash IS NOT NULL AND a.outcome = 'complete'
    AND NOT EXISTS (
        SELECT 1 FROM scores AS s
        WHERE s.attempt_id = a.attempt_id AND s.name = $score_name AND s.version = $version AND s.ts >= f.ts
    )
ORDER BY c.seq, a.attempt_id;

-- What a judge gave the answers that were drawn for a person, by its latest version, beside the person's label.
-- name: audited
WITH asked AS (
    SELECT s.* FROM scores AS s SEMI JOIN (
        SELECT call_id FROM calls WHERE fingerprint IN (SELECT unnest($fingerprints::VARCHAR[]))
    ) AS c ON c.call_id = s.call_id
),
drawn AS (
    SELECT
        attempt_id, any_value(call_id) AS call_id, arg_max(value, ts) AS judge, arg_max(propensity, ts) AS propensity,
        arg_max(version, ts) AS version
    FROM asked
    WHERE source = 'judge' AND drawn AND version = (SELECT arg_max(version, ts) FROM asked WHERE source = 'judge')
    GROUP BY attempt_id
),
labelled AS (SELECT attempt_id, arg_max(value, ts) AS gold FROM asked WHERE name = 'gold' GROUP BY attempt_id)
SELECT d.*, l.gold FROM drawn AS d LEFT JOIN labelled AS l ON l.attempt_id = d.attempt_id
ORDER BY d.call_id, d.attempt_id;

-- What standing first was worth to a judge, by its latest version.
-- name: position
WITH asked AS (
    SELECT s.version, s.ts, s.call_id, s.position FROM scores AS s SEMI JOIN (
        SELECT call_id FROM calls WHERE fingerprint IN (SELECT unnest($fingerprints::VARCHAR[]))
    ) AS c ON c.call_id = s.call_id
    WHERE s.source = 'judge'
)
SELECT avg(position) AS mean, count(DISTINCT call_id) AS calls FROM asked
WHERE position IS NOT NULL AND version = (SELECT arg_max(version, ts) FROM asked);

-- The answers behind ids of attempts, in log order.
-- name: pick_answers
SELECT a.attempt_id, c.seq
FROM attempts AS a JOIN calls AS c ON c.call_id = a.call_id
WHERE a.attempt_id IN (SELECT id::UUID FROM wanted) AND c.prompt_hash IS NOT NULL
ORDER BY c.seq, a.attempt_id;

-- The complete answers that an id means: that of an answer, or of its call.
-- name: answers_of
SELECT a.attempt_id, a.call_id, c.fingerprint
FROM attempts AS a JOIN calls AS c ON c.call_id = a.call_id
WHERE a.outcome = 'complete' AND (a.attempt_id = try_cast($target AS UUID) OR a.call_id = try_cast($target AS UUID));

-- How often each word was said of a task's answers.
-- name: signals
SELECT f.signal, count(*) AS calls
FROM resolved_feedback AS f SEMI JOIN (
    SELECT call_id FROM calls WHERE fingerprint IN (SELECT unnest($fingerprints::VARCHAR[]))
) AS c ON c.call_id = f.call_id
WHERE f.signal IS NOT NULL
GROUP BY f.signal
ORDER BY calls DESC, f.signal;

-- A teacher answers on the surface of the call, a student that nobody saw in chat.
-- The teacher's complete answer that was served is its own reference; for the others it is looked up.
-- name: picked
WITH made AS MATERIALIZED (
    SELECT
        attempt_id, call_id, outcome, who, role, served, surface, answer,
        who = 'teacher' AND outcome = 'complete' AND served AS own_reference
    FROM attempts WHERE attempt_id IN (SELECT id::UUID FROM wanted)
),
teacher AS (
    SELECT call_id, arg_max(answer, served) AS answer FROM attempts
    WHERE who = 'teacher' AND outcome = 'complete'
        AND call_id IN (SELECT call_id FROM made WHERE NOT own_reference)
    GROUP BY call_id
),
scored AS (
    SELECT
        attempt_id,
        arg_max(value, ts) FILTER (WHERE name = $score_name) AS score,
        arg_max(source, ts) FILTER (WHERE name = $score_name) AS source,
        arg_max(value, ts) FILTER (WHERE name = 'signal') AS signal,
        arg_max(value, ts) FILTER (WHERE name = 'gold') AS gold
    FROM scores
    WHERE name IN ($score_name, 'signal', 'gold') AND attempt_id IN (SELECT attempt_id FROM made)
    GROUP BY attempt_id
)
SELECT
    a.attempt_id, c.call_id, c.seq, c.ts, c.tenant, c.key_id, c.fingerprint, c.model, c.unit, c.user_id, p.head_hash,
    lower(hex(c.input_hash)) AS input_hash, c.surface, c.cuts, c.tail, p.pieces, a.surface AS answer_surface, a.answer,
    a.outcome, a.who, a.role, c.retry_count, a.own_reference, t.answer AS reference, f.correction,
    f.correction_key, CASE WHEN a.served THEN f.score END AS feedback, f.score_key AS feedback_key, s.score, s.source,
    s.signal, f.signal_key, s.gold
FROM made AS a
JOIN calls AS c ON c.call_id = a.call_id AND c.seq BETWEEN $low AND $high
JOIN prompts AS p ON p.part = c.part AND p.prompt_hash = c.prompt_hash
LEFT JOIN teacher AS t ON t.call_id = a.call_id
LEFT JOIN scored AS s ON s.attempt_id = a.attempt_id
LEFT JOIN latest_feedback AS f ON f.call_id = a.call_id;

-- The calls whose served answers have these ids, to find what was said before others; of equal ids of a tenant the
-- latest is meant.
-- name: earlier
WITH said AS MATERIALIZED (
    SELECT a.completion_id, c.tenant, c.surface, max(c.seq) AS seq, arg_max(a.attempt_id, c.seq) AS attempt_id
    FROM attempts AS a JOIN calls AS c ON c.call_id = a.call_id
    WHERE a.served AND a.surface = c.surface AND a.answer IS NOT NULL AND c.prompt_hash IS NOT NULL
        AND a.completion_id IN (SELECT id FROM wanted)
    GROUP BY a.completion_id, c.tenant, c.surface
)
SELECT s.completion_id, s.tenant, s.surface, c.call_id, c.unit, c.cuts, c.tail, p.pieces, a.answer
FROM said AS s
JOIN calls AS c ON c.seq = s.seq
JOIN prompts AS p ON p.part = c.part AND p.prompt_hash = c.prompt_hash
JOIN attempts AS a ON a.attempt_id = s.attempt_id;
