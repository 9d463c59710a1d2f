-- name: offsets
SELECT segment, position, calls, attempts, feedback, tallies, corrupt, sealed FROM log.ingest_log;

-- name: positions
SELECT segment, position FROM log.ingest_log WHERE segment IN (SELECT unnest($segments::VARCHAR[]));

-- name: next_seq
SELECT greatest(
    coalesce((SELECT max(seq) FROM calls), 0),
    coalesce((SELECT max(value) FROM log_meta WHERE key = 'last_seq'), 0)
) + 1 AS next_seq;

-- name: next_feedback
SELECT coalesce(max(seq), 0) + 1 AS next_seq FROM feedback;

-- name: insert_calls
INSERT INTO log.calls BY NAME SELECT * FROM batch;

-- name: insert_attempts
INSERT INTO log.attempts BY NAME SELECT * FROM batch;

-- name: insert_scores
INSERT INTO log.scores BY NAME SELECT * FROM batch;

-- name: insert_feedback
INSERT INTO log.feedback BY NAME SELECT * FROM batch;

-- name: insert_prompts
INSERT INTO log.prompts BY NAME
SELECT * FROM batch WHERE prompt_hash::UUID NOT IN (SELECT prompt_hash FROM log.prompts);

-- name: forget_offsets
DELETE FROM log.ingest_log WHERE segment IN (SELECT segment FROM batch);

-- name: insert_ingest_log
INSERT INTO log.ingest_log BY NAME SELECT * FROM batch;

-- name: forget_tallies
DELETE FROM log.tallies WHERE writer IN (SELECT writer FROM batch);

-- name: insert_tallies
INSERT INTO log.tallies BY NAME SELECT * FROM batch;

-- name: known
SELECT call_id AS id FROM calls WHERE call_id IN (SELECT try_cast(id AS UUID) FROM wanted)
UNION ALL
SELECT attempt_id FROM attempts WHERE attempt_id IN (SELECT try_cast(id AS UUID) FROM wanted)
UNION ALL
SELECT feedback_id FROM feedback WHERE feedback_id IN (SELECT try_cast(id AS UUID) FROM wanted);

-- name: open_writers
SELECT DISTINCT writer FROM calls AS c
WHERE NOT EXISTS (SELECT 1 FROM attempts AS a WHERE a.call_id = c.call_id AND a.served);

-- name: open_calls
SELECT call_id, ts, surface, chosen, model, student_id FROM calls AS c
WHERE writer IN (SELECT unnest($writers::VARCHAR[]))
    AND NOT EXISTS (SELECT 1 FROM attempts AS a WHERE a.call_id = c.call_id AND a.served);

-- A student's failure that the teacher rescued needs no other half.
-- name: open_pairs
SELECT call_id, ts, surface, pairing, model, student_id FROM calls AS c
WHERE writer IN (SELECT unnest($writers::VARCHAR[])) AND pairing <> 'none'
    AND NOT EXISTS (
        SELECT 1 FROM attempts AS a WHERE a.call_id = c.call_id AND a.role IN (c.pairing, 'fallback')
    );

-- A writer's segments are named after it and numbered; one with no unsealed segment is gone.
-- name: accounts
WITH loaded AS (
    SELECT
        regexp_replace(segment, '-[0-9]+\.seg$', '') AS writer, sum(calls)::BIGINT AS calls_loaded,
        sum(attempts)::BIGINT AS attempts_loaded, sum(feedback)::BIGINT AS feedback_loaded,
        sum(corrupt)::BIGINT AS corrupt, bool_and(sealed) AS sealed
    FROM ingest_log GROUP BY ALL
)
SELECT
    t.* EXCLUDE (writer), coalesce(l.writer, t.writer) AS writer, coalesce(l.calls_loaded, 0) AS calls_loaded,
    coalesce(l.attempts_loaded, 0) AS attempts_loaded, coalesce(l.feedback_loaded, 0) AS feedback_loaded,
    coalesce(l.corrupt, 0) AS corrupt, coalesce(l.sealed, false) AS sealed
FROM loaded AS l FULL JOIN tallies AS t ON t.writer = l.writer
ORDER BY writer;
