-- Rows are named by part, table and row number in the temporary table `marked`; then each file is written
-- anew. The `keep_` statements run with the new file as default database; `memory.main` has the views.

-- name: start
CREATE TEMP TABLE marked (part VARCHAR, name VARCHAR, row BIGINT);

-- name: mark_month_calls
INSERT INTO marked SELECT part, 'calls', row FROM calls WHERE part = 'hot' AND ts < $end_ts;

-- name: mark_month_attempts
INSERT INTO marked
SELECT a.part, 'attempts', a.row
FROM attempts AS a LEFT JOIN (SELECT call_id, min(ts) AS ts FROM calls WHERE part = 'hot' GROUP BY call_id) AS c
    ON c.call_id = a.call_id
WHERE a.part = 'hot' AND coalesce(c.ts, a.ts) < $end_ts;

-- name: mark_month_scores
INSERT INTO marked SELECT part, 'scores', row FROM scores WHERE part = 'hot' AND ts < $end_ts;

-- name: mark_month_feedback
INSERT INTO marked SELECT part, 'feedback', row FROM feedback WHERE part = 'hot' AND ts < $end_ts;

-- name: mark_erased_calls
INSERT INTO marked
SELECT part, 'calls', row FROM calls WHERE call_id IN (SELECT try_cast(id AS UUID) FROM wanted);

-- name: mark_erased_attempts
INSERT INTO marked
SELECT part, 'attempts', row FROM attempts WHERE call_id IN (SELECT try_cast(id AS UUID) FROM wanted);

-- name: mark_erased_scores
INSERT INTO marked
SELECT part, 'scores', row FROM scores WHERE call_id IN (SELECT try_cast(id AS UUID) FROM wanted);

-- A completion id that another call has as well is that call's when the feedback means that one.
-- name: mark_erased_feedback
INSERT INTO marked
WITH gone AS (SELECT try_cast(id AS UUID) AS call_id FROM wanted),
said AS (SELECT DISTINCT completion_id FROM attempts WHERE call_id IN (SELECT call_id FROM gone))
SELECT f.part, 'feedback', f.row
FROM resolved_feedback AS f
WHERE f.call_id IN (SELECT call_id FROM gone)
    OR try_cast(f.target AS UUID) IN (SELECT call_id FROM gone)
    OR (f.call_id IS NULL AND f.target IN (SELECT completion_id FROM said WHERE completion_id IS NOT NULL));

-- A file is due when something in it has been too old for a day, or for a twentieth of its time.
-- name: due
WITH aged AS (
    SELECT c.part, $now - c.ts AS age, coalesce(l.days, $days::DOUBLE) * 86400 AS allowed
    FROM calls AS c LEFT JOIN limits AS l ON l.fingerprint = c.fingerprint
    UNION ALL
    SELECT part, $now - ts, $days::DOUBLE * 86400 FROM feedback
)
SELECT DISTINCT part FROM aged WHERE age - allowed > least(86400, allowed / 20);

-- name: mark_expired_calls
INSERT INTO marked
SELECT c.part, 'calls', c.row
FROM calls AS c LEFT JOIN limits AS l ON l.fingerprint = c.fingerprint
WHERE c.part IN (SELECT unnest($parts::VARCHAR[]))
    AND c.ts < $now - coalesce(l.days, $days::DOUBLE) * 86400;

-- name: expired_calls
CREATE TEMP TABLE expired AS
SELECT c.call_id FROM calls AS c JOIN marked AS m ON m.part = c.part AND m.name = 'calls' AND m.row = c.row;

-- What has no call is as old as its beginning: the `ts` of one that was lost is when that was found out.
-- name: mark_expired_attempts
INSERT INTO marked
SELECT part, 'attempts', row FROM attempts
WHERE call_id IN (SELECT call_id FROM expired)
    OR (part IN (SELECT unnest($parts::VARCHAR[])) AND least(started, ts) < $now - $days::DOUBLE * 86400
        AND call_id NOT IN (SELECT call_id FROM calls));

-- name: mark_expired_scores
INSERT INTO marked
SELECT part, 'scores', row FROM scores
WHERE call_id IN (SELECT call_id FROM expired)
    OR (part IN (SELECT unnest($parts::VARCHAR[])) AND ts < $now - $days::DOUBLE * 86400
        AND call_id NOT IN (SELECT call_id FROM calls));

-- name: mark_expired_feedback
INSERT INTO marked
SELECT part, 'feedback', row FROM resolved_feedback
WHERE call_id IN (SELECT call_id FROM expired)
    OR (part IN (SELECT unnest($parts::VARCHAR[])) AND ts < $now - $days::DOUBLE * 86400);

-- name: marks
SELECT part, name, count(*) AS rows FROM marked GROUP BY part, name;

-- name: rows
SELECT
    (SELECT count(*) FROM calls WHERE part = $part) + (SELECT count(*) FROM attempts WHERE part = $part)
    + (SELECT count(*) FROM scores WHERE part = $part) + (SELECT count(*) FROM feedback WHERE part = $part) AS rows,
    (SELECT count(*) FROM prompts WHERE part = $part) AS prompts;

-- name: keep_calls
INSERT INTO calls
SELECT t.* EXCLUDE (part, row) FROM memory.main.calls AS t
WHERE t.part = $part AND (t.row IN (SELECT row FROM marked WHERE part = $part AND name = 'calls')) = $marked;

-- name: keep_attempts
INSERT INTO attempts
SELECT t.* EXCLUDE (part, row) FROM memory.main.attempts AS t
WHERE t.part = $part AND (t.row IN (SELECT row FROM marked WHERE part = $part AND name = 'attempts')) = $marked;

-- name: keep_scores
INSERT INTO scores
SELECT t.* EXCLUDE (part, row) FROM memory.main.scores AS t
WHERE t.part = $part AND (t.row IN (SELECT row FROM marked WHERE part = $part AND name = 'scores')) = $marked;

-- name: keep_feedback
INSERT INTO feedback
SELECT t.* EXCLUDE (part, row) FROM memory.main.feedback AS t
WHERE t.part = $part AND (t.row IN (SELECT row FROM marked WHERE part = $part AND name = 'feedback')) = $marked;

-- name: keep_prompts
INSERT INTO prompts
SELECT t.* EXCLUDE (part, row) FROM memory.main.prompts AS t
WHERE t.part = $part AND t.prompt_hash IN (SELECT prompt_hash FROM calls);

-- name: count_kept
SELECT (SELECT count(*) FROM calls) AS calls, (SELECT count(*) FROM prompts) AS prompts;

-- name: keep_ingest_log
INSERT INTO ingest_log FROM memory.main.ingest_log;

-- name: keep_tallies
INSERT INTO tallies FROM memory.main.tallies;

-- name: keep_months
INSERT INTO months FROM memory.main.months;

-- name: keep_last_seq
INSERT INTO log_meta VALUES ('last_seq', $last_seq);

-- name: add_month
INSERT INTO months VALUES ($part, $month, $calls, $sealed_ts);

-- name: listed
SELECT part, month FROM months ORDER BY part;

-- Months, by their calls, that may be sealed: later than the last that was.
-- name: endable
SELECT DISTINCT strftime(make_timestamp((ts * 1e6)::BIGINT), '%Y-%m') AS month FROM calls
WHERE part = 'hot' AND ts BETWEEN 0 AND $now
    AND strftime(make_timestamp((ts * 1e6)::BIGINT), '%Y-%m') > coalesce((SELECT max(month) FROM months), '')
ORDER BY month;

-- name: replace_month
UPDATE log.months SET part = $new_part, calls = $calls WHERE part = $part;

-- name: drop_month
DELETE FROM log.months WHERE part = $part;

-- name: forget_last_seq
DELETE FROM log.log_meta WHERE key = 'last_seq';

-- name: note_last_seq
INSERT INTO log.log_meta VALUES ('last_seq', $last_seq);
