-- A student's failure that the teacher rescued: the student's attempt is the serve, the teacher's the
-- fallback. Of several attempts of the teacher the complete one is meant, of the student the first.
-- name: drawn
WITH asked AS (
    SELECT seq, call_id, ts, step, chosen, propensity, lower(hex(input_hash)) AS input_hash, unit, slices
    FROM calls
    WHERE rollout_id = $rollout_id AND seq > $after_seq AND pairing <> 'none'
    ORDER BY seq
    LIMIT $limit
),
made AS (SELECT a.* FROM attempts AS a SEMI JOIN asked AS c ON c.call_id = a.call_id),
student AS (
    SELECT
        call_id, arg_min(attempt_id, started) AS attempt_id, arg_min(outcome, started) AS outcome,
        arg_min_null(confidence, started) AS confidence, arg_min_null(label, started) AS label,
        arg_min(status, started) AS status, arg_min(duration_ms, started) AS ms
    FROM made WHERE who = 'student' GROUP BY call_id
),
teacher AS (
    SELECT
        call_id,
        arg_max(attempt_id, 2 * (outcome = 'complete')::INTEGER + served::INTEGER) AS attempt_id,
        arg_max(outcome, 2 * (outcome = 'complete')::INTEGER + served::INTEGER) AS outcome,
        arg_max(status, 2 * (outcome = 'complete')::INTEGER + served::INTEGER) AS status,
        arg_max(duration_ms, 2 * (outcome = 'complete')::INTEGER + served::INTEGER) AS ms
    FROM made WHERE who = 'teacher' GROUP BY call_id
),
scored AS (
    SELECT
        s.attempt_id, arg_max(s.value, s.ts) FILTER (WHERE s.name = $score_name) AS value,
        arg_max(s.source, s.ts) FILTER (WHERE s.name = $score_name) AS source,
        arg_max_null(s.propensity, s.ts) FILTER (WHERE s.name = $score_name) AS propensity,
        arg_max_null(s.drawn, s.ts) FILTER (WHERE s.name = $score_name) AS drawn,
        arg_max(s.value, s.ts) FILTER (WHERE s.name = 'gold') AS gold
    FROM scores AS s SEMI JOIN made AS a ON a.attempt_id = s.attempt_id
    WHERE s.name IN ($score_name, 'gold')
    GROUP BY s.attempt_id
)
SELECT
    c.seq, c.call_id, c.ts, coalesce(c.step, '') AS step, c.chosen AS served_by, c.propensity, c.input_hash,
    c.unit, s.attempt_id AS student_attempt, t.attempt_id AS teacher_attempt, s.outcome AS student_outcome,
    t.outcome AS teacher_outcome, x.value AS student_score, y.value AS teacher_score, s.status AS student_status,
    t.status AS teacher_status, s.ms AS student_ms, t.ms AS teacher_ms,
    coalesce(y.source = 'agreement', false) AS teacher_itself, coalesce(x.propensity, y.propensity) AS gold_propensity,
    coalesce(x.drawn, y.drawn, false) AS gold_drawn, x.gold AS student_gold, y.gold AS teacher_gold, s.confidence,
    CASE WHEN s.label IS NULL THEN c.slices ELSE list_append(c.slices, 'label:' || s.label) END AS slices
FROM asked AS c
LEFT JOIN student AS s ON s.call_id = c.call_id
LEFT JOIN teacher AS t ON t.call_id = c.call_id
LEFT JOIN scored AS x ON x.attempt_id = s.attempt_id
LEFT JOIN scored AS y ON y.attempt_id = t.attempt_id
ORDER BY c.seq;

-- name: student_outcomes
SELECT outcome FROM attempts
WHERE student_id = $student_id AND who = 'student' AND role = 'serve' AND ts > $after_ts
ORDER BY ts DESC
LIMIT $limit;

-- name: exposure
SELECT count(*) AS calls, coalesce(max(seq), $after_seq::BIGINT) AS seq FROM calls
WHERE rollout_id = $rollout_id AND seq > $after_seq AND chosen = 'student' AND step = $step;

-- What apps waited for, and what was paid, where a student's answer was given up for the teacher's.
-- name: deferred
WITH asked AS MATERIALIZED (
    SELECT call_id, chosen FROM calls WHERE rollout_id = $rollout_id AND seq > $after_seq
),
made AS (
    SELECT
        any_value(c.chosen) AS chosen,
        coalesce(bool_or(a.outcome = 'deferred'), false) AS deferred,
        max(a.duration_ms) FILTER (WHERE a.outcome = 'deferred') AS vain_ms,
        max(a.cost_usd) FILTER (WHERE a.outcome = 'deferred') AS vain_usd,
        max(a.duration_ms) FILTER (WHERE a.served AND a.who = 'teacher' AND a.outcome = 'complete') AS teacher_ms
    FROM asked AS c JOIN attempts AS a ON a.call_id = c.call_id
    GROUP BY a.call_id
)
SELECT
    count(*) FILTER (WHERE deferred) AS calls, median(vain_ms) AS vain_ms,
    median(vain_ms + teacher_ms) AS whole_ms, median(teacher_ms) FILTER (WHERE chosen = 'teacher') AS direct_ms,
    coalesce(sum(vain_usd), 0) AS usd, count(*) FILTER (WHERE deferred AND vain_usd IS NULL) AS unpriced
FROM made;

-- name: latest
SELECT coalesce(max(ts), 0) AS ts FROM calls
WHERE origin = 'app' AND fingerprint IN (SELECT unnest($fingerprints::VARCHAR[]));

-- name: users
SELECT count(DISTINCT user_id) AS users FROM calls
WHERE origin = 'app' AND fingerprint IN (SELECT unnest($fingerprints::VARCHAR[]));

-- name: spend
SELECT coalesce(sum(coalesce(cost_usd, CASE WHEN outcome = 'error' THEN 0 ELSE $unknown_usd::DOUBLE END)), 0)
FROM attempts
WHERE ts >= $since_ts AND role IN (SELECT unnest($roles::VARCHAR[]));

-- The newest requests of a task version in a part of the log, in its order.
-- name: inputs
SELECT * FROM (
    SELECT c.seq, c.call_id, c.ts, c.unit, c.tenant, c.surface, c.cuts, c.tail, p.pieces
    FROM calls AS c JOIN prompts AS p ON p.part = c.part AND p.prompt_hash = c.prompt_hash
    WHERE c.seq > $after_seq AND c.origin <> 'internal' AND c.prompt_hash IS NOT NULL
        AND c.fingerprint IN (SELECT unnest($fingerprints::VARCHAR[]))
        AND ($before_ts::DOUBLE IS NULL OR c.ts < $before_ts)
    ORDER BY c.seq DESC
    LIMIT $limit
)
ORDER BY seq;

-- What answered the newest calls of a task version in a part of the log, in its order.
-- name: replies
WITH asked AS (
    SELECT seq, call_id, ts, unit, reason FROM calls
    WHERE seq > $after_seq AND origin <> 'internal' AND prompt_hash IS NOT NULL
        AND fingerprint IN (SELECT unnest($fingerprints::VARCHAR[]))
        AND ($before_ts::DOUBLE IS NULL OR ts < $before_ts)
    ORDER BY seq DESC
    LIMIT $limit
)
SELECT
    c.seq, c.call_id, c.ts, c.unit, c.reason, a.attempt_id, a.who, a.role, a.upstream, a.student_id, a.outcome,
    a.surface AS answer_surface, a.answer
FROM asked AS c JOIN attempts AS a ON a.call_id = c.call_id
ORDER BY c.seq, a.attempt_id;

-- How many units fell to whom where the draw decided: each by its first call at a step and share.
-- name: assignments
WITH drawn AS (
    SELECT coalesce(step, '') AS step, share, arg_min(chosen, seq) AS chosen
    FROM calls
    WHERE rollout_id = $rollout_id AND seq > $after_seq AND share > 0 AND reason IN ('share', 'ramp', 'holdback')
    GROUP BY step, share, coalesce(CASE WHEN $by_user::BOOLEAN THEN user_id END, nullif(unit, ''), call_id::VARCHAR)
)
SELECT
    step, share, count(*) FILTER (WHERE chosen = 'student') AS student,
    count(*) FILTER (WHERE chosen = 'teacher') AS teacher
FROM drawn
GROUP BY step, share
ORDER BY step, share;

-- name: newest_seq
SELECT coalesce(max(seq), 0) AS seq FROM calls;

-- What was said of the calls between two places in time, by number, by what was done with the answer or by a
-- correction: who corrects, corrects what was wrong.
-- name: heard
WITH asked AS MATERIALIZED (
    SELECT seq, call_id, ts, coalesce(step, '') AS step, chosen, unit, tenant FROM calls
    WHERE rollout_id = $rollout_id AND seq > $after_seq AND seq <= $until_seq AND share > 0
        AND reason IN ('share', 'ramp', 'holdback')
),
begun AS (
    SELECT unit FROM calls
    WHERE rollout_id = $rollout_id AND seq > $since_seq AND seq <= $after_seq AND unit <> ''
),
scored AS (
    SELECT s.call_id FROM scores AS s JOIN asked AS c ON c.call_id = s.call_id
    WHERE s.name IN ('feedback', 'signal') AND s.value < 0.5 AND s.ts <= c.ts + $window_s
),
corrected AS (
    SELECT c.call_id FROM feedback AS f JOIN asked AS c ON c.call_id = try_cast(f.target AS UUID) AND c.tenant = f.tenant
    WHERE f.correction IS NOT NULL AND f.ts <= c.ts + $window_s
    UNION ALL
    SELECT c.call_id
    FROM asked AS c
    JOIN attempts AS a ON a.call_id = c.call_id AND a.served
    JOIN feedback AS f ON f.target = a.completion_id AND f.tenant = c.tenant
    WHERE f.correction IS NOT NULL AND f.ts <= c.ts + $window_s
)
SELECT
    c.seq, c.call_id, c.ts, c.step, c.chosen AS served_by, c.unit,
    c.call_id IN (SELECT call_id FROM scored UNION ALL SELECT call_id FROM corrected) AS bad
FROM asked AS c
WHERE c.unit NOT IN (SELECT unit FROM begun)
ORDER BY c.seq;

-- name: speaks
SELECT count(*) AS said FROM (
    SELECT 1 FROM scores AS s JOIN calls AS c ON c.call_id = s.call_id
    WHERE s.name IN ('feedback', 'signal') AND c.fingerprint IN (SELECT unnest($fingerprints::VARCHAR[]))
    LIMIT 1
);

-- Within what 95% of the teacher's latest answers came, in milliseconds, and how many they are.
-- name: teacher_ms
SELECT quantile_cont(duration_ms, 0.95) AS ms, count(*) AS n
FROM (
    SELECT a.duration_ms
    FROM attempts AS a JOIN calls AS c ON c.call_id = a.call_id
    WHERE c.origin = 'app' AND c.fingerprint IN (SELECT unnest($fingerprints::VARCHAR[]))
        AND a.who = 'teacher' AND a.role = 'serve' AND a.outcome = 'complete'
    ORDER BY c.seq DESC
    LIMIT $limit
);
