-- name: bounds
SELECT min(seq) AS low, max(seq) AS high FROM calls;

-- A window of the log, from `after` (inclusive) to `until` (exclusive), by the calls' own columns.
-- name: pick_calls
SELECT seq FROM calls
WHERE seq >= $after AND seq < $until
    AND (len($fingerprints::VARCHAR[]) = 0 OR list_contains($fingerprints::VARCHAR[], fingerprint))
    AND ($tenant::VARCHAR IS NULL OR tenant = $tenant)
    AND ($key_id::VARCHAR IS NULL OR key_id = $key_id)
    AND ($surface::VARCHAR IS NULL OR surface = $surface)
    AND ($model::VARCHAR IS NULL OR model = $model)
    AND ($origin::VARCHAR IS NULL OR origin = $origin)
    AND ($rollout_id::VARCHAR IS NULL OR rollout_id = $rollout_id)
    AND ($step::VARCHAR IS NULL OR step = $step)
    AND ($reason::VARCHAR IS NULL OR reason = $reason)
    AND ($since_ts::DOUBLE IS NULL OR ts >= $since_ts)
    AND ($until_ts::DOUBLE IS NULL OR ts < $until_ts)
ORDER BY seq DESC
LIMIT $limit;

-- The same, by what belongs to the calls as well. What is not asked for is folded away before anything is read.
-- name: pick_narrowed
WITH asked AS MATERIALIZED (
    SELECT part, row, seq, call_id, prompt_hash FROM calls
    WHERE seq >= $after AND seq < $until
        AND (len($fingerprints::VARCHAR[]) = 0 OR list_contains($fingerprints::VARCHAR[], fingerprint))
        AND ($tenant::VARCHAR IS NULL OR tenant = $tenant)
        AND ($key_id::VARCHAR IS NULL OR key_id = $key_id)
        AND ($surface::VARCHAR IS NULL OR surface = $surface)
        AND ($model::VARCHAR IS NULL OR model = $model)
        AND ($origin::VARCHAR IS NULL OR origin = $origin)
        AND ($rollout_id::VARCHAR IS NULL OR rollout_id = $rollout_id)
        AND ($step::VARCHAR IS NULL OR step = $step)
        AND ($reason::VARCHAR IS NULL OR reason = $reason)
        AND ($since_ts::DOUBLE IS NULL OR ts >= $since_ts)
        AND ($until_ts::DOUBLE IS NULL OR ts < $until_ts)
),
narrowed AS (
    SELECT a.call_id
    FROM attempts AS a SEMI JOIN asked AS c ON c.call_id = a.call_id
    WHERE a.served AND ($who::VARCHAR IS NOT NULL OR $outcome::VARCHAR IS NOT NULL)
        AND ($who::VARCHAR IS NULL OR a.who = $who) AND ($outcome::VARCHAR IS NULL OR a.outcome = $outcome)
),
answered AS (
    SELECT a.call_id
    FROM attempts AS a SEMI JOIN asked AS c ON c.call_id = a.call_id
    WHERE a.served AND $outcome::VARCHAR = 'open'
),
within AS (
    SELECT s.attempt_id, s.name
    FROM scores AS s SEMI JOIN asked AS c ON c.call_id = s.call_id
    WHERE ($score_name::VARCHAR IS NOT NULL OR $score_min::DOUBLE IS NOT NULL OR $score_max::DOUBLE IS NOT NULL)
        AND ($score_name::VARCHAR IS NULL OR s.name = $score_name)
        AND ($score_min::DOUBLE IS NULL OR s.value >= $score_min)
        AND ($score_max::DOUBLE IS NULL OR s.value <= $score_max)
),
latest AS (
    SELECT s.call_id, s.attempt_id, arg_max(s.value, s.ts) AS value
    FROM scores AS s SEMI JOIN within AS w ON w.attempt_id = s.attempt_id AND w.name = s.name
    GROUP BY s.call_id, s.attempt_id, s.name
),
scored AS (
    SELECT s.call_id
    FROM (
        FROM latest
        WHERE ($score_min::DOUBLE IS NULL OR value >= $score_min) AND ($score_max::DOUBLE IS NULL OR value <= $score_max)
    ) AS s JOIN attempts AS a ON a.attempt_id = s.attempt_id
    WHERE a.served
),
saying AS (
    SELECT t.call_id
    FROM calls AS t SEMI JOIN asked AS c ON c.seq = t.seq
    WHERE $text::VARCHAR IS NOT NULL AND t.seq >= $after AND t.seq < $until AND (
        contains(t.tail, $text) OR contains(t.tail, $escaped) OR contains(t.tail, $quoted)
        OR regexp_matches(hex(t.raw), '^(..)*' || hex($text))
    )
    UNION
    SELECT t.call_id
    FROM attempts AS t SEMI JOIN asked AS c ON c.call_id = t.call_id
    WHERE $text::VARCHAR IS NOT NULL AND (
        contains(t.answer, $text) OR contains(t.answer, $escaped) OR contains(t.answer, $quoted)
        OR regexp_matches(hex(t.raw), '^(..)*' || hex($text))
    )
    UNION
    SELECT c.call_id
    FROM asked AS c JOIN (
        SELECT p.part, p.prompt_hash, array_to_string(p.pieces, chr(10)) AS head
        FROM prompts AS p SEMI JOIN asked AS c ON c.prompt_hash = p.prompt_hash
        WHERE $text::VARCHAR IS NOT NULL
    ) AS p ON p.part = c.part AND p.prompt_hash = c.prompt_hash
    WHERE contains(p.head, $text) OR contains(p.head, $escaped) OR contains(p.head, $quoted)
)
SELECT c.seq
FROM asked AS c
WHERE (($who::VARCHAR IS NULL AND coalesce($outcome::VARCHAR, 'open') = 'open') OR c.call_id IN (FROM narrowed))
    AND ($outcome::VARCHAR IS DISTINCT FROM 'open' OR c.call_id NOT IN (FROM answered))
    AND (
        ($score_name::VARCHAR IS NULL AND $score_min::DOUBLE IS NULL AND $score_max::DOUBLE IS NULL)
        OR c.call_id IN (SELECT call_id FROM scored)
    )
    AND ($text::VARCHAR IS NULL OR c.call_id IN (SELECT call_id FROM saying))
ORDER BY c.seq DESC
LIMIT $limit;

-- name: calls
WITH asked AS MATERIALIZED (
    SELECT * EXCLUDE (tail, raw, headers, cuts) FROM calls
    WHERE seq BETWEEN $low AND $high AND seq IN (SELECT unnest($seqs::BIGINT[]))
),
made AS MATERIALIZED (
    SELECT a.* EXCLUDE (answer, raw, headers) FROM attempts AS a SEMI JOIN asked AS c ON c.call_id = a.call_id
),
spent AS (SELECT call_id, count(*) AS attempts, sum(cost_usd) AS cost_usd FROM made GROUP BY call_id)
SELECT
    c.seq, c.call_id, c.ts, c.origin, c.surface, c.tenant, c.fingerprint, coalesce(c.task, c.task_name) AS task,
    c.model, c.stream, c.chosen, c.reason, c.step, c.pairing, a.who, a.role, a.outcome, a.status,
    a.first_byte_ms, a.duration_ms, a.prompt_tokens, a.completion_tokens, m.cost_usd,
    coalesce(m.attempts, 0) AS attempts
FROM asked AS c
LEFT JOIN made AS a ON a.call_id = c.call_id AND a.served
LEFT JOIN spent AS m ON m.call_id = c.call_id
ORDER BY c.seq DESC;

-- name: place_of
SELECT part, seq FROM calls WHERE call_id = try_cast($call_id AS UUID) LIMIT 1;

-- By `seq`: it tells which block of each wide column to read.
-- name: call
SELECT * EXCLUDE (input_hash), lower(hex(input_hash)) AS input_hash FROM calls
WHERE part = $part AND seq = $seq;

-- name: prompt_of
SELECT head_hash, pieces FROM prompts WHERE part = $part AND prompt_hash = try_cast($prompt_hash AS UUID) LIMIT 1;

-- name: attempts_of
SELECT * FROM attempts WHERE call_id = try_cast($call_id AS UUID);

-- name: scores_of
SELECT * FROM scores WHERE call_id = try_cast($call_id AS UUID);

-- name: score_names
SELECT DISTINCT name FROM scores ORDER BY name;

-- name: feedback_of
SELECT * FROM feedback WHERE tenant = $tenant AND list_contains($names::VARCHAR[], target);

-- name: completed
SELECT c.call_id FROM attempts AS a JOIN calls AS c ON c.call_id = a.call_id
WHERE a.served AND a.completion_id = $completion_id
ORDER BY c.seq;

-- Of equal completion ids of a tenant the latest call is meant.
-- name: meant
WITH said AS (
    SELECT call_id, completion_id FROM attempts
    WHERE served AND completion_id IN (SELECT unnest($names::VARCHAR[]))
)
SELECT a.completion_id, arg_max(c.call_id, c.seq) AS call_id
FROM said AS a JOIN calls AS c ON c.call_id = a.call_id
WHERE c.tenant = $tenant
GROUP BY a.completion_id;

-- A call has one served attempt at most.
-- name: by_task
WITH asked AS MATERIALIZED (
    SELECT seq, call_id, ts, tenant, fingerprint, coalesce(task, task_name) AS task, model FROM calls
    WHERE origin = 'app' AND ts >= $since_ts
),
asking AS (
    SELECT
        fingerprint, arg_max(tenant, seq) AS tenant, arg_max(task, seq) FILTER (WHERE task IS NOT NULL) AS task,
        arg_max(model, seq) AS model, count(*) AS calls, min(ts) AS first_ts, max(ts) AS last_ts
    FROM asked GROUP BY fingerprint
),
made AS (
    SELECT
        c.fingerprint,
        count(*) FILTER (WHERE a.served AND a.who = 'student') AS student_served,
        count(*) FILTER (WHERE a.served AND a.outcome NOT IN ('complete', 'length', 'refused')) AS failed,
        count(*) FILTER (WHERE a.role = 'fallback') - count(*) FILTER (WHERE a.outcome = 'deferred') AS fallbacks,
        count(*) FILTER (WHERE a.outcome = 'deferred') AS deferred,
        count(*) FILTER (WHERE a.role IN ('shadow', 'reverse_shadow')) AS pairs,
        sum(a.cost_usd) AS cost_usd,
        median(a.duration_ms) FILTER (WHERE a.served AND a.outcome = 'complete' AND a.who = 'student') AS student_p50_ms,
        median(a.duration_ms) FILTER (WHERE a.served AND a.outcome = 'complete' AND a.who = 'teacher') AS teacher_p50_ms
    FROM attempts AS a JOIN asked AS c ON c.call_id = a.call_id
    GROUP BY c.fingerprint
)
SELECT
    c.*, coalesce(m.student_served, 0) AS student_served, coalesce(m.failed, 0) AS failed,
    coalesce(m.fallbacks, 0) AS fallbacks, coalesce(m.deferred, 0) AS deferred, coalesce(m.pairs, 0) AS pairs, coalesce(m.cost_usd, 0) AS cost_usd,
    m.student_p50_ms, m.teacher_p50_ms
FROM asking AS c LEFT JOIN made AS m ON m.fingerprint = c.fingerprint
ORDER BY c.calls DESC, c.fingerprint;

-- name: export
WITH asked AS MATERIALIZED (
    SELECT * FROM calls
    WHERE origin <> 'internal' AND seq > $after_seq
        AND (len($fingerprints::VARCHAR[]) = 0 OR list_contains($fingerprints::VARCHAR[], fingerprint))
        AND seq <= (
            SELECT max(seq) FROM (
                SELECT seq FROM calls
                WHERE origin <> 'internal' AND seq > $after_seq
                    AND (len($fingerprints::VARCHAR[]) = 0 OR list_contains($fingerprints::VARCHAR[], fingerprint))
                ORDER BY seq
                LIMIT $limit
            )
        )
),
served AS MATERIALIZED (
    SELECT a.call_id, a.attempt_id, a.who, a.role, a.outcome, a.answer
    FROM attempts AS a SEMI JOIN asked AS c ON c.call_id = a.call_id
    WHERE a.served
),
latest AS (
    SELECT s.attempt_id, s.name, arg_max(s.value, s.ts) AS value
    FROM scores AS s SEMI JOIN served AS a ON a.attempt_id = s.attempt_id
    GROUP BY s.attempt_id, s.name
),
scored AS (
    SELECT attempt_id, map_from_entries(list(struct_pack(k := name, v := value) ORDER BY name)) AS scores
    FROM latest GROUP BY attempt_id
)
SELECT
    c.seq, c.call_id, c.ts, c.surface, c.tenant, c.fingerprint, c.task, c.task_name, c.model, c.unit,
    c.user_id, c.cuts, c.tail, c.raw, p.pieces, a.attempt_id, a.who, a.role, a.outcome, a.answer, f.score AS feedback,
    f.correction, s.scores
FROM asked AS c
LEFT JOIN prompts AS p ON p.part = c.part AND p.prompt_hash = c.prompt_hash
LEFT JOIN served AS a ON a.call_id = c.call_id
LEFT JOIN scored AS s ON s.attempt_id = a.attempt_id
LEFT JOIN latest_feedback AS f ON f.call_id = c.call_id
ORDER BY c.seq;

-- name: subject
SELECT call_id FROM calls
WHERE CASE $kind
        WHEN 'user' THEN user_id = $value
        WHEN 'conversation' THEN conversation = $value
        ELSE call_id = try_cast($value AS UUID)
    END
    AND ($tenant::VARCHAR IS NULL OR tenant = $tenant)
ORDER BY seq;

-- Calls that the house made itself, with words of some calls in them; their header names those.
-- name: about
SELECT call_id FROM calls
WHERE origin = 'internal'
    AND list_has_any(
        string_split(coalesce(json_extract_string(headers, '$."x-stillhouse-calls"'), ''), ','), $calls::VARCHAR[]
    )
ORDER BY seq;

-- name: named
SELECT DISTINCT CASE $kind WHEN 'user' THEN user_id WHEN 'conversation' THEN conversation ELSE call_id::VARCHAR END AS name
FROM calls
WHERE name IS NOT NULL;

-- What attempts on the calls of some fingerprints cost, by role and kind of model.
-- name: costs
SELECT
    CASE WHEN a.outcome = 'deferred' THEN 'deferred' ELSE a.role END AS role, a.who, count(*) AS attempts, count(a.cost_usd) AS priced, coalesce(sum(a.cost_usd), 0) AS usd,
    count(*) FILTER (WHERE c.ts >= $recent_ts) AS recent
FROM calls AS c JOIN attempts AS a ON a.call_id = c.call_id
WHERE c.origin = 'app' AND c.fingerprint IN (SELECT unnest($fingerprints::VARCHAR[]))
GROUP BY ALL
ORDER BY ALL;

-- What the house's own calls cost, by what they were made for.
-- name: internal_costs
SELECT c.tenant AS name, coalesce(sum(a.cost_usd), 0) AS usd
FROM calls AS c JOIN attempts AS a ON a.call_id = c.call_id
WHERE c.origin = 'internal' AND c.ts >= $since_ts
GROUP BY c.tenant;
