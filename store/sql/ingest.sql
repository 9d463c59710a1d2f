-- name: offsets
SELECT segment, position, records, corrupt, sealed FROM ingest_log;

-- name: positions
SELECT segment, position FROM ingest_log WHERE segment IN (SELECT unnest($segments::VARCHAR[]));

-- name: next_seq
SELECT greatest(
    coalesce((SELECT max(seq) FROM calls), 0),
    coalesce((SELECT max(value) FROM log_meta WHERE key = 'last_seq'), 0)
) + 1;

-- name: insert_calls
INSERT INTO calls BY NAME SELECT * FROM batch;

-- name: insert_attempts
INSERT INTO attempts BY NAME SELECT * FROM batch;

-- name: insert_scores
INSERT INTO scores BY NAME SELECT * FROM batch;

-- name: insert_feedback
INSERT INTO feedback BY NAME SELECT * FROM batch;

-- name: insert_prompts
INSERT INTO prompts BY NAME
SELECT * FROM batch WHERE prompt_hash NOT IN (SELECT prompt_hash FROM prompts);

-- name: forget_offsets
DELETE FROM ingest_log WHERE segment IN (SELECT segment FROM batch);

-- name: insert_ingest_log
INSERT INTO ingest_log BY NAME SELECT * FROM batch;

-- name: surfaces
SELECT call_id, surface FROM calls WHERE call_id IN (SELECT id FROM wanted);

-- name: open_writers
SELECT DISTINCT writer FROM calls AS c
WHERE NOT EXISTS (SELECT 1 FROM attempts AS a WHERE a.call_id = c.call_id AND a.served);

-- name: open_calls
SELECT call_id, ts, chosen, model, student_id FROM calls AS c
WHERE writer IN (SELECT unnest($writers::VARCHAR[]))
    AND NOT EXISTS (SELECT 1 FROM attempts AS a WHERE a.call_id = c.call_id AND a.served);
